// The head of each project's page: how many jobs run or wait.
import { ask, base, repeat } from "./api.js";

const badge = document.querySelector("[data-running]");
if (base && badge) {
  repeat(3, async () => {
    const open = (await ask("jobs")).filter((job) => ["running", "queued"].includes(job.state)).length;
    badge.hidden = !open;
    badge.textContent = open;
    badge.setAttribute("aria-label", `${open} running or waiting`);
  });
}
