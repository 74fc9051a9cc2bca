// The keys of the room for labels, in words.
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
