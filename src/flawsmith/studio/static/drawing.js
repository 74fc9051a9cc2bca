// Drawing on masks: tools, their size, and what is taken back. A room gives it a view and the mask to draw on.
//
//   const drawing = new Drawing(view);
//   drawing.reset(mask);          // another picture: what was drawn can no longer be taken back
//   drawing.mask = other;         // another layer of the same picture
//   drawing.use("brush");         // of TOOLS, or "" for none: then the pointer moves the picture
//   drawing.size = 12; drawing.resize(+1);  drawing.tolerance = 16;
//   drawing.edit([mask, other], () => { ...mask.merge(...) });  // what the room itself does to masks, as one step
//   drawing.note({ undo() {}, redo() {} });                     // anything else that is taken back with the rest
//   drawing.undo(); drawing.redo(); drawing.back; drawing.forth // how many steps there are
//   drawing.key(event)            // its keys, see KEYS; returns whether it took it
//   drawing.addEventListener("change" | "tool" | "told", ...)   // masks changed; tool, size or mask chosen; event.detail: words for the user

import { flood, polygon, snapped, stroke } from "./raster.js";

export const TOOLS = {
  brush: { key: "b", name: "Brush", hint: "Drag to mark. Shift: clear." },
  eraser: { key: "e", name: "Eraser", hint: "Drag to clear." },
  line: { key: "l", name: "Line", hint: "Drag a straight line, or click its points; double click or Enter twice ends it. Shift: clear." },
  polygon: { key: "p", name: "Polygon", hint: "Click its corners or drag around; double click or Enter twice fills it. Shift: clear." },
  fill: { key: "g", name: "Fill", hint: "Click inside a closed outline to fill it. Shift: clear what hangs together." },
  tones: { key: "t", name: "Similar", hint: "Click to mark what hangs together and has similar tones. Shift: clear." },
};
export const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256];
export const KEYS = [
  ...Object.values(TOOLS).map(({ key, name }) => [key.toUpperCase(), name]),
  ["[  ]", "Size of brush, eraser and line"],
  ["Z or Ctrl Z", "Undo"],
  ["Shift Z or Ctrl Y", "Redo"],
  ["Backspace", "Remove the last point of a line or polygon"],
  ["Esc", "Leave what is being drawn"],
];
const AROUND = 1024; // pixels to each side in which similar tones are looked for
const CLOSE = 8; // pixels of the page within which a click is on a point

export class Drawing extends EventTarget {
  constructor(view) {
    super();
    this.view = view;
    this.chosen = "";
    this.state = { size: 12, tolerance: 16, mask: null };
    this.done = [];
    this.undone = [];
    this.points = null; // of a line or polygon that is being drawn, the last one moving with the pointer
    this.hovered = null;
    this.own = {}; // tools of the room
    this.wrap = null; // step => step: what else the room changes with each
    view.host.addEventListener("busy", () => this.dispatchEvent(new CustomEvent("tool")));
    view.host.addEventListener("early", () => this.early());
  }

  get size() { return this.state.size; }
  set size(size) { this.choose("size", Math.min(SIZES.at(-1), Math.max(1, Math.round(size)))); }
  get tolerance() { return this.state.tolerance; }
  set tolerance(value) { this.choose("tolerance", value); }
  get mask() { return this.state.mask; }
  set mask(mask) { this.view.cancel(); this.leave(); this.choose("mask", mask); }
  get back() { return this.done.length; }
  get forth() { return this.undone.length; }

  choose(name, value) {
    this.state[name] = value;
    this.view.redraw();
    this.dispatchEvent(new CustomEvent("tool"));
  }

  reset(mask) {
    this.done = [];
    this.undone = [];
    this.mask = mask;
  }

  resize(direction) {
    const found = direction > 0 ? SIZES.find((size) => size > this.size) : SIZES.findLast((size) => size < this.size);
    if (found) this.size = found;
  }

  use(name) {
    this.leave();
    this.chosen = name;
    this.view.tool = name ? this.tool(name) : null;
    this.dispatchEvent(new CustomEvent("tool"));
  }

  // ---- what is taken back

  begin(masks = [this.mask]) {
    this.open = masks.map((mask) => (mask.begin(), mask));
  }

  /** Note what was done to masks since begin(); keep = false takes it back instead. Returns whether there was anything. */
  end(keep = true) {
    const changes = this.open.map((mask) => [mask, mask.end()]).filter(([, change]) => change);
    const turn = () => changes.forEach(([mask, change]) => mask.apply(change));
    this.open = null;
    if (!keep) turn();
    else if (changes.length) this.note({ undo: turn, redo: turn });
    this.view.redraw();
    return changes.length > 0;
  }

  edit(masks, work) {
    this.view.cancel();
    this.leave();
    this.begin(masks);
    work();
    return this.end();
  }

  note(step) {
    this.done.push(this.wrap ? this.wrap(step) : step);
    this.undone = [];
    this.dispatchEvent(new CustomEvent("change"));
  }

  undo() { this.turn(this.done, this.undone, "undo"); }
  redo() { this.turn(this.undone, this.done, "redo"); }

  turn(from, to, what) {
    if (this.view.busy) { this.early(); return; }
    this.view.cancel();
    if (what === "undo" && this.points) { this.leave(); return; } // what is being drawn is the last that was done
    const step = from.pop();
    if (!step) return;
    step[what]();
    to.push(step);
    this.view.redraw();
    this.dispatchEvent(new CustomEvent("change"));
  }

  // ---- tools

  /** Add a tool of the room's own: make() returns it, as View.tool takes it. */
  add(name, make) {
    this.own[name] = make;
  }

  tool(name) {
    if (this.own[name]) return this.own[name]();
    if (name === "brush" || name === "eraser") return this.brush(name === "brush");
    if (name === "line" || name === "polygon") return this.outline(name === "polygon");
    return { clicks: true, down: (point, event) => this.pour(name, point, event.shiftKey), move() {}, up() {}, cancel() {} };
  }

  brush(marks) {
    let last = null, on = 1;
    const to = (point) => {
      const next = snapped(point, this.size);
      stroke(last || next, next, this.size, (row, from, end) => this.mask.span(row, from, end, on));
      last = next;
      this.view.redraw();
    };
    return {
      down: (point, event) => {
        last = null;
        on = marks && !event.shiftKey && !((event.buttons ?? 0) & 32) ? 1 : 0; // 32: the other end of a pen
        this.begin();
        to(point);
      },
      move: to,
      up: () => this.end(),
      cancel: () => this.end(false),
      hover: (point) => { this.hovered = point; },
      paint: (board) => this.paintSize(board),
    };
  }

  /** Lines and polygons: points by clicks, or by dragging; a line's drag is one straight line, a polygon's goes around. */
  outline(closed) {
    let pressed = null, dragged = false;
    const apart = (a, b) => (Math.hypot(a.x - b.x, a.y - b.y) * this.view.scale) / this.view.ratio;
    return {
      down: (point, event) => {
        const points = this.points || [];
        const again = points.length > 1 && apart(points.at(-2), point) < (event.pointerType ? CLOSE / 2 : 0.5);
        const around = closed && points.length > 3 && apart(points[0], point) < CLOSE;
        pressed = point;
        dragged = false;
        if (again || around) {
          points.pop();
          this.finish(closed, event.shiftKey);
          pressed = null;
          return;
        }
        if (!points.length) points.push(point);
        else points[points.length - 1] = point;
        points.push(point);
        this.points = points;
        this.view.redraw();
      },
      move: (point) => {
        if (!pressed) return;
        if (apart(pressed, point) > CLOSE / 2) dragged = true;
        if (!dragged) return;
        if (closed && apart(this.points.at(-2), point) > 3) this.points.push(point);
        this.points[this.points.length - 1] = point;
        this.view.redraw();
      },
      up: (point, event) => {
        const ends = pressed && dragged;
        pressed = null;
        if (!ends) return;
        if (!closed && this.points.length === 2) this.finish(closed, event.shiftKey);
        else if (closed && apart(this.points[0], point) < 2 * CLOSE) this.finish(closed, event.shiftKey);
        else this.points.push(point);
      },
      cancel: () => this.leave(),
      hover: (point) => {
        this.hovered = point;
        if (point && this.points && !pressed) this.points[this.points.length - 1] = point;
      },
      paint: (board) => {
        if (!closed) this.paintSize(board);
        this.paintPoints(board, closed);
      },
      clicks: true,
    };
  }

  finish(closed, clears) {
    const points = this.points;
    this.points = null;
    const put = (row, from, to) => this.mask.span(row, from, to, clears ? 0 : 1);
    this.begin();
    if (closed) polygon(points, put);
    else points.forEach((point, i) => stroke(snapped(points[Math.max(0, i - 1)], this.size), snapped(point, this.size), this.size, put));
    this.end();
  }

  /** Leave a line or polygon that is being drawn. */
  leave() {
    this.points = null;
    this.view.redraw();
  }

  /** Fill: up to what is marked. Similar tones: up to where the picture's values are further away than the tolerance. */
  pour(name, point, clears) {
    const { mask } = this, x = Math.floor(point.x), y = Math.floor(point.y);
    if (x < 0 || y < 0 || x >= mask.width || y >= mask.height) return;
    const found = name === "tones" ? this.similar(x, y) : flood(x, y, mask.width, mask.height, (column, row) => mask.at(column, row) === (clears ? 1 : 0));
    if (name === "fill" && !clears && found.area > (mask.width * mask.height) / 2) {
      this.tell("That would fill more than half of the picture: the outline has a gap, or the click was outside of it.");
      return;
    }
    this.begin();
    for (const [row, from, to] of found.spans) mask.span(row, from, to, clears ? 0 : 1);
    if (!this.end()) this.tell(clears ? "Nothing is marked there." : "That is marked already.");
  }

  similar(x, y) {
    const [picture] = this.view.picture.levels;
    const left = Math.max(0, x - AROUND), top = Math.max(0, y - AROUND);
    const width = Math.min(picture.width, x + AROUND) - left, height = Math.min(picture.height, y + AROUND) - top;
    const board = new OffscreenCanvas(width, height).getContext("2d");
    board.drawImage(picture, left, top, width, height, 0, 0, width, height);
    const values = board.getImageData(0, 0, width, height).data;
    const at = 4 * ((y - top) * width + (x - left));
    const [red, green, blue] = values.subarray(at, at + 3);
    const inside = (column, row) => {
      const i = 4 * (row * width + column);
      return Math.max(Math.abs(values[i] - red), Math.abs(values[i + 1] - green), Math.abs(values[i + 2] - blue)) <= this.tolerance;
    };
    const found = flood(x - left, y - top, width, height, inside);
    return { ...found, spans: found.spans.map(([row, from, to]) => [row + top, from + left, to + left]) };
  }

  early() {
    this.tell("The picture is still loading: nothing was changed.");
  }

  tell(words) {
    this.dispatchEvent(new CustomEvent("told", { detail: words }));
  }

  // ---- what is seen of them

  paintSize(board) {
    if (!this.hovered) return;
    const { view } = this;
    const { x, y } = view.toScreen(snapped(this.hovered, this.size));
    this.twice(board, () => board.arc(x, y, Math.max(1.5, (this.size / 2) * view.scale), 0, 2 * Math.PI));
  }

  paintPoints(board, closed) {
    if (!this.points) return;
    const points = this.points.map((point) => this.view.toScreen(point));
    this.twice(board, () => {
      points.forEach(({ x, y }, i) => (i ? board.lineTo(x, y) : board.moveTo(x, y)));
      if (closed) board.closePath();
      for (const { x, y } of points.length < 40 ? points : points.slice(0, 1)) board.rect(x - 3, y - 3, 6, 6);
    });
  }

  /** Stroke a path so that it is seen on dark and on bright. */
  twice(board, path) {
    for (const [style, width] of [["#000", 3], ["#fff", 1]]) {
      board.strokeStyle = style;
      board.lineWidth = width * this.view.ratio;
      board.beginPath();
      path();
      board.stroke();
    }
  }

  // ---- keys

  key(event) {
    const letter = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      if (letter === "z") { if (event.shiftKey) this.redo(); else this.undo(); } else if (letter === "y") this.redo(); else return false;
      return true;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const tool = Object.keys(TOOLS).find((name) => TOOLS[name].key === letter);
    if (letter === "z") { if (event.shiftKey) this.redo(); else this.undo(); }
    else if (event.key === "[" || event.key === "]") this.resize(event.key === "]" ? 1 : -1);
    else if (event.key === "Backspace" && this.points) { if (this.points.length > 2) this.points.splice(-2, 1); else this.leave(); this.view.redraw(); }
    else if (event.key === "Escape" && this.points) this.leave();
    else if (tool && !event.shiftKey) this.use(tool);
    else return false;
    return true;
  }
}
