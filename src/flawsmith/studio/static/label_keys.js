// The keys of the room for labels: in words, and what they do.
import { make } from "./api.js";
import { KEYS } from "./drawing.js";

const TEXTS = [
  ...KEYS,
  ["R", "Box: what stands out inside is marked"],
  ["1 ... 9", "Kind that is drawn"],
  ["M", "No defect here: the picture is a normal"],
  ["D, A", "Propose; take the proposal"],
  [",  .", "Threshold of the proposal"],
  ["I", "Fill the boxes of the data"],
  ["C", "Compare with the nearest normal"],
  ["J  K", "Next and previous picture"],
  ["N  Shift N", "Next and previous picture without a label"],
  ["O", "Masks on and off"],
  ["{  }", "Opacity of the masks"],
  ["+  -  0  F", "Zoom; native pixels; fit"],
  ["Space", "Held: drag moves the picture"],
  ["Arrows, Enter", "In the picture: move the cursor (Shift: ten at once); put the tool down and up"],
  ["S", "Save now"],
];

/** Write them as rows of a table. */
export function writeKeys(table) {
  table.replaceChildren(...TEXTS.map(([keys, what]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, keys)), make("td", {}, what))));
}

const BUTTONS = {
  j: "next", k: "previous", n: "nextOpen", N: "previousOpen", d: "propose", a: "take", c: "compare", i: "boxes", m: "normal", "?": "help",
};
const ZOOM = ["+", "=", "-", "0", "f", "F"];

/**
 * Do what keys are for, as long as ready(). press(name): what the button of this name does; choose(number): of the kind to be drawn; save():
 * saves now; does: what other keys do, by key.
 */
export function listen(ready, { drawing, view, press, choose, save, does }) {
  const done = (event) => {
    if (drawing.key(event)) return true;
    const { key } = event, whole = event.ctrlKey || event.metaKey;
    if (event.altKey || (whole && key.toLowerCase() !== "s")) return false;
    if (whole || key === "s") save();
    else if (key >= "1" && key <= "9") choose(Number(key));
    else if (BUTTONS[key]) press(BUTTONS[key]);
    else if (does[key]) does[key]();
    else return ZOOM.includes(key) && view.key(event);
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !ready() || document.querySelector("dialog[open]") || event.target.closest("input:not([type=range], [type=checkbox], [type=radio]), textarea, select")) return;
    if (done(event)) event.preventDefault();
  });
}
