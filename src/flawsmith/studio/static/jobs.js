// The page of jobs: their states, kept up to date.
import { ask, doing, duration, given, make, post, repeat } from "./api.js";

const WORDS = { queued: "waits", running: "runs", done: "done", stopped: "stopped", failed: "failed", died: "died" };
const body = document.querySelector("[data-jobs]");

function row(job) {
  const open = ["queued", "running"].includes(job.state);
  const far = job.progress
    ? make("div", {}, job.progress.total ? make("progress", { max: job.progress.total, value: job.progress.done, "aria-label": job.title }) : null, job.progress.text)
    : job.error ? make("details", {}, make("summary", {}, job.error.split("\n").pop()), make("pre", {}, job.error)) : "";
  const stop = make("button", { class: "small", type: "button", onclick: () => doing(stop, () => post(`jobs/${job.id}/stop`).then(look)) }, "Stop");
  return make("tr", {},
    make("th", { scope: "row" }, job.title),
    make("td", { class: `state-${job.state}` }, WORDS[job.state]),
    make("td", {}, far),
    make("td", { class: "n" }, duration(job.seconds)),
    make("td", {}, open ? stop : ""));
}

let shown = "";
function show(jobs) {
  const said = JSON.stringify(jobs);
  if (said === shown) return; // an open <details> stays open
  shown = said;
  body.replaceChildren(...jobs.map(row));
  document.querySelector("[data-none]").hidden = jobs.length > 0;
}

const look = async () => show(await ask("jobs"));
show(given("jobs"));
repeat(1, look);
