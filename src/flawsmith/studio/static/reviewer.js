// Who reviews: a name that is asked once, and kept by this browser for all pages of the studio.
import { make } from "./api.js";

const COOKIE = "flawsmith-reviewer";
const LONGEST = 40;

/** Return the name; "" while it was not asked. */
export function reviewer() {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${COOKIE}=`));
  return found ? decodeURIComponent(found.slice(COOKIE.length + 1)) : "";
}

/** Ask for the name; returns it, "" where it was not given. */
export function askReviewer() {
  const name = make("input", { required: true, maxlength: LONGEST, autocomplete: "name", value: reviewer(), spellcheck: "false", id: "reviewer" });
  const form = make("form", { method: "dialog" },
    make("h2", { id: "reviewer-asked" }, "Who reviews?"),
    make("p", {}, "Decisions are kept with the name of whoever made them, so that several people can review the same pairs."),
    make("label", { class: "field" }, make("span", {}, "Name"), name),
    make("div", { class: "actions" }, make("button", { class: "main" }, "Go on"), make("button", { type: "button", onclick: () => dialog.close() }, "Not now")));
  const dialog = make("dialog", { "aria-labelledby": "reviewer-asked" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    form.addEventListener("submit", () => {
      const given = name.value.split(/\s+/).filter(Boolean).join(" ");
      if (given) document.cookie = `${COOKIE}=${encodeURIComponent(given)}; path=/; max-age=31536000; samesite=strict`;
    });
    dialog.addEventListener("close", () => { dialog.remove(); done(reviewer()); });
  });
}
