// What can be done in a review, in words, and by which keys as long as nobody changes them; reasons: those of rejections, by number.
import { shown } from "./keys.js";

const REPEATED = ["next", "previous", "closer", "farther", "fainter", "stronger"]; // by a key that is held; what it decides, once

export const actions = (reasons) => ({
  accept: { words: "Accept, and go on", keys: ["a"] },
  reject: { words: "Reject, and go on", keys: ["x"] },
  skip: { words: "Skip, and go on", keys: ["s"] },
  ...Object.fromEntries(reasons.map((reason, at) => [`reason${at + 1}`, { words: `Reject: ${reason}`, keys: [`${at + 1}`] }])),
  next: { words: "Next", keys: ["j", "ArrowRight", "ArrowDown"] },
  previous: { words: "Previous", keys: ["k", "ArrowLeft", "ArrowUp"] },
  undo: { words: "Undo your last", keys: ["z"] },
  redo: { words: "Redo", keys: ["Shift+z"] },
  overlay: { words: "Overlay on or off", keys: ["o"] },
  fainter: { words: "Overlay fainter", keys: ["["] },
  stronger: { words: "Overlay stronger", keys: ["]"] },
  bare: { words: "The bare picture, while held", keys: ["Space"] },
  blink: { words: "Blink with the normal", keys: ["b"] },
  closer: { words: "Zoom in", keys: ["+", "="] },
  farther: { words: "Zoom out", keys: ["-"] },
  native: { words: "Native pixels", keys: ["0"] },
  fit: { words: "The whole picture", keys: ["f"] },
  defect: { words: "To the defect", keys: ["d"] },
  correct: { words: "Correct the mask", keys: ["e"] },
  grid: { words: "Grid, and back", keys: ["g"] },
  help: { words: "This list", keys: ["?"] },
});

/** Do what keys ask for: does, by action; gridded(): whether the grid is shown. */
export function listen(keys, look, gridded, does) {
  document.addEventListener("keydown", (event) => {
    if (isTheirs(event, gridded)) return;
    const whole = event.ctrlKey || event.metaKey;
    let action = keys.action(event);
    if (whole && event.key.toLowerCase() === "z") action = event.shiftKey ? "redo" : "undo";
    if (!action && event.shiftKey && !whole) { // a reason, to be marked only
      action = keys.action({ key: event.key, code: event.code, shiftKey: false });
      if (!action?.startsWith("reason")) return;
    }
    if (!action) return;
    event.preventDefault();
    if (action === "bare") look.bare = true;
    else if (!event.repeat || REPEATED.includes(action)) does[action](event);
  });
  document.addEventListener("keyup", (event) => { if (look.bare && keys.action(event) === "bare") look.bare = false; });
  window.addEventListener("blur", () => { look.bare = false; });
}

/** Whether a key is for what has the focus: a text, a control, or the grid. */
function isTheirs(event, gridded) {
  const { target, key } = event, whole = event.ctrlKey || event.metaKey;
  if (document.querySelector("dialog[open]") || target.closest("input:not([type=range], [type=checkbox]), select, textarea")) return true;
  if ([" ", "Enter"].includes(key) && target.closest("button, a, summary, input")) return true;
  if (key.startsWith("Arrow") && target.closest("input, [data-side]")) return true;
  return gridded() && target.closest("[data-many]") !== null && (/^(Arrow|Home|End|Page|Enter| |Escape)/.test(key) || (key === "a" && whole));
}

/** Write the keys onto the buttons. */
export function label(keys, buttons) {
  for (const button of buttons) {
    const action = button.dataset.do || "correct", found = keys.actions[action] ? keys.of(action) : [], sign = button.querySelector("kbd");
    if (sign) sign.textContent = found.length ? shown(found[0]) : "";
    if (found.length) button.setAttribute("aria-keyshortcuts", found.join(" ")); else button.removeAttribute("aria-keyshortcuts");
  }
}
