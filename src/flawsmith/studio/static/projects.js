// The first page: opening a project.
import { doing, post } from "./api.js";

const form = document.querySelector("[data-open]");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(form.querySelector("button"), async () => {
    const { address } = await post("/api/projects", { path: form.elements.path.value });
    location.assign(address);
  });
});
