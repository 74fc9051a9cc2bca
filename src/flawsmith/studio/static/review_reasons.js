// The reasons for rejections: those of the project, changed in a dialog.
import { doing, post } from "./api.js";

/** Have them changed by the button for it; before(): is called before the page is loaded again. */
export function changeReasons(before) {
  const dialog = document.querySelector("[data-reasons]"), form = dialog.querySelector("form");
  document.querySelector("[data-change-reasons]").addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[data-leave]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    doing(event.submitter, async () => {
      await post("reasons", { reasons: form.elements.reasons.value.split("\n").filter((line) => line.trim()) });
      before();
      location.reload();
    });
  });
}
