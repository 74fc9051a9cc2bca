// The tools of a drawing as buttons, with their size, and undo and redo.
import { make } from "./api.js";
import { SIZES, TOOLS } from "./drawing.js";

/** Fill an element with the controls of a drawing; tools: which of TOOLS; more: tools of the room's own, as TOOLS has them. */
export function toolbar(host, drawing, tools = Object.keys(TOOLS), more = {}) {
  const known = { ...TOOLS, ...more };
  const buttons = [...tools, ...Object.keys(more)].map((name) => {
    const { key, name: words, hint } = known[name];
    return make("button", { type: "button", class: "small", "data-tool": name, title: hint, "aria-keyshortcuts": key, onclick: () => drawing.use(drawing.chosen === name ? "" : name) },
      words, make("kbd", { "aria-hidden": "true" }, key.toUpperCase()));
  });
  const size = make("input", { type: "range", min: 0, max: SIZES.length - 1, "aria-label": "Size", oninput: () => { drawing.size = SIZES[size.value]; } });
  const sized = make("output", {});
  const tolerance = make("input", { type: "range", min: 1, max: 96, "aria-label": "Tolerance", oninput: () => { drawing.tolerance = Number(tolerance.value); } });
  const tolerated = make("output", {});
  const undo = make("button", { type: "button", class: "small", onclick: () => drawing.undo(), "aria-keyshortcuts": "z" }, "Undo");
  const redo = make("button", { type: "button", class: "small", onclick: () => drawing.redo(), "aria-keyshortcuts": "Shift+z" }, "Redo");
  const sizes = make("label", { class: "slide" }, "Size ", size, sized);
  const tolerances = make("label", { class: "slide" }, "Tolerance ", tolerance, tolerated);
  const hint = make("p", { class: "hint" });
  host.classList.add("tools");
  host.setAttribute("role", "toolbar");
  host.setAttribute("aria-label", "Drawing");
  host.replaceChildren(make("div", { class: "buttons" }, ...buttons), sizes, ...(tools.includes("tones") ? [tolerances] : []), make("div", { class: "buttons" }, undo, redo), hint);

  const show = () => {
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.tool === drawing.chosen);
    const nearest = SIZES.findIndex((each) => each >= drawing.size);
    size.value = nearest;
    size.setAttribute("aria-valuetext", `${drawing.size} pixels`);
    sized.value = `${drawing.size} px`;
    tolerance.value = drawing.tolerance;
    tolerated.value = drawing.tolerance;
    sizes.hidden = !["", "brush", "eraser", "line"].includes(drawing.chosen) && tools.includes("tones");
    tolerances.hidden = drawing.chosen !== "tones";
    undo.disabled = drawing.view.busy || (!drawing.back && !drawing.points);
    redo.disabled = drawing.view.busy || !drawing.forth;
    hint.textContent = drawing.chosen ? known[drawing.chosen].hint : "Drag moves the picture. Choose a tool to draw.";
  };
  drawing.addEventListener("change", show);
  drawing.addEventListener("tool", show);
  show();
}
