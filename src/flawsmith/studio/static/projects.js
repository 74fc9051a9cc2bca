// The first page: opening a project by its path or by looking for the folder, and forgetting one.
import { ask, doing, make, post, tell } from "./api.js";

const form = document.querySelector("[data-open]");

async function open(path) {
  const { address } = await post("/api/projects", { path });
  location.assign(address);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(form.querySelector("[data-go]"), () => open(form.elements.path.value));
});

// ---- looking for a folder

const browser = document.querySelector("[data-browser]");
const part = (name) => browser.querySelector(`[data-${name}]`);
let here = { path: "", above: "", folders: [] };

async function look(path) {
  try {
    here = await ask(`/api/folders?path=${encodeURIComponent(path)}`);
  } catch (error) {
    tell(error.message, true);
    return;
  }
  const slash = here.path.includes("\\") ? "\\" : "/";
  const into = (name) => look(`${here.path.replace(/[\\/]$/, "")}${slash}${name}`);
  part("here").textContent = here.path;
  part("above").disabled = !here.above;
  const rows = here.folders.map((name) => make("li", {}, make("button", { type: "button", onclick: () => into(name) }, name)));
  part("folders").replaceChildren(...(rows.length ? rows : [make("li", { class: "hint" }, "There are no folders in it.")]));
  (part("folders").querySelector("button") ?? part("choose")).focus();
}

document.querySelector("[data-browse]").addEventListener("click", async () => {
  browser.showModal();
  await look(form.elements.path.value);
  if (!here.path) await look("");
});
part("above").addEventListener("click", () => look(here.above));
part("close").addEventListener("click", () => browser.close());
part("choose").addEventListener("click", () => doing(part("choose"), () => open(here.path)));
part("folders").addEventListener("keydown", (event) => {
  const rows = [...part("folders").querySelectorAll("button")], at = rows.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (event.key === "Backspace" && here.above) look(here.above);
  else if (to !== undefined) rows[Math.max(0, Math.min(rows.length - 1, to))]?.focus();
  else return;
  event.preventDefault();
});

// ---- forgetting

for (const button of document.querySelectorAll("[data-forget]")) {
  button.addEventListener("click", () => {
    if (!confirm(`Take ${button.dataset.name} from this list? Its folder stays as it is, and can be opened again.`)) return;
    doing(button, async () => {
      const { folder } = await post(`/p/${button.dataset.forget}/api/forget`);
      document.querySelector(`[data-card="${CSS.escape(button.dataset.forget)}"]`).remove();
      tell(`Forgotten. Its folder stays: ${folder}`);
    });
  });
}
for (const image of document.querySelectorAll(".cover img")) image.addEventListener("error", () => image.remove());
