// A picture on a canvas: native pixels, zoom and pan, masks over it, a second picture to compare with. Only what is seen is drawn.
//
//   const view = new View(host, { label: "Picture 0001.png" });   // host: an element whose size the page's style sets, class "view"
//   view.busy = true;                             // another picture is loading: no input counts, and the canvas says so; show() ends it
//   view.show(await Picture.load(url));           // keeps zoom and place where the size stays; show(picture, { fit: true }) does not
//   view.second = await Picture.load(other);      // drawn instead while view.blink is true; null for none
//   view.layers = [{ mask: await Mask.from(url), colour: "#e5484d", opacity: 0.4, outline: true, visible: true }];
//   view.bare = true;                             // the picture without layers
//   view.adjust({ brightness: 1.2, contrast: 1 }) // of the picture alone
//   view.fit()  view.native()  view.zoom(factor)  view.step(+1 | -1)  view.pan(dx, dy)  view.centre(x, y)
//   view.paint = (board, view) => {};             // draws more above the layers, in pixels of the screen: view.toScreen({ x, y })
//   view.redraw()                                 // after a layer's mask or fields were changed; setting a property does it by itself
//   view.tool = { down(point, event), move(point, event), up(point, event), cancel(), hover(point), paint(board, view), clicks: false }
//   host.addEventListener("view", ...)            // zoom or place changed; view.scale: pixels of the screen for one of the picture
//   host.addEventListener("point", ...)           // event.detail: { x, y } under the pointer or the keys' cursor, null where it left
//   host.addEventListener("busy", ...)            // view.busy changed
//   host.addEventListener("early", ...)           // somebody meant to draw while it was busy
//
// Points are in pixels of the picture: (0, 0) is the upper left corner of the first one, (0.5, 0.5) its middle.
// Mouse: wheel zooms, drag with the middle button, or with space held, moves; without a tool the left one does, too. Fingers: two zoom and
// move; one moves, or draws with a tool. Keys, when the canvas has the focus (or by view.key(event), which says whether it took the key):
// + - 0 (native pixels) F (fit); arrows move the picture, or with a tool its cursor (shift: ten at once), and Enter puts the tool down and up.
// new View(host, { keys: false }) listens to no keys: the page passes on to view.key those that it has no other use for.

import { drawCursor, drawLayer } from "./layers.js";
import { Place } from "./place.js";

export { Mask } from "./mask.js";
export { Picture } from "./picture.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class View extends Place {
  constructor(host, { label = "Picture", keys = true } = {}) {
    super();
    this.host = host;
    host.classList.add("view");
    this.under = document.createElement("canvas"); // the picture
    this.over = document.createElement("canvas"); // masks, the tool, the cursor
    this.over.tabIndex = 0;
    this.under.setAttribute("aria-hidden", "true");
    this.loading = document.createElement("p");
    this.loading.className = "view-loading";
    this.loading.textContent = "The picture is loading …";
    this.loading.hidden = true;
    host.replaceChildren(this.under, this.over, this.loading);
    this.pointers = new Map();
    this.drag = null; // "pan", "pinch", "tool" or "keys"
    this.space = false;
    this.asked = this.stale = false; // whether drawing is due, and whether of the picture, too
    this.state = { picture: null, second: null, blink: false, bare: false, layers: [], tool: null };
    this.label = label;
    this.paint = null;
    this.tool = null;
    this.listen(keys);
    const observer = new ResizeObserver((found) => this.resize(found[0]));
    try {
      observer.observe(this.over, { box: "device-pixel-content-box" });
    } catch { // a browser that does not know the pixels of its screen
      observer.observe(this.over);
    }
  }

  get label() { return this.over.getAttribute("aria-label"); }
  set label(words) { this.over.setAttribute("aria-label", words); }
  get picture() { return this.state.picture; }
  get second() { return this.state.second; }
  set second(picture) { this.change("second", picture); picture?.ready.then(() => this.redraw(true)); }
  get blink() { return this.state.blink; }
  set blink(on) { this.change("blink", on); }
  get bare() { return this.state.bare; }
  set bare(on) { this.change("bare", on); }
  get layers() { return this.state.layers; }
  set layers(layers) { this.change("layers", layers); }
  get busy() { return !this.loading.hidden; }
  set busy(on) {
    if (on) this.cancel();
    this.loading.hidden = !on;
    this.host.setAttribute("aria-busy", on);
    this.host.dispatchEvent(new CustomEvent("busy"));
  }
  get tool() { return this.state.tool; }
  set tool(tool) {
    if (this.drag === "tool" || this.drag === "keys") this.cancel();
    this.over.setAttribute("role", tool ? "application" : "img");
    this.over.classList.toggle("draws", Boolean(tool));
    this.change("tool", tool);
  }

  change(name, value) {
    this.state[name] = value;
    this.redraw(true);
  }

  show(picture, { fit = false } = {}) {
    const same = this.picture && picture && this.picture.width === picture.width && this.picture.height === picture.height;
    this.cancel();
    this.state.picture = picture;
    this.cursor = same ? this.cursor : null;
    this.stale = true;
    picture?.ready.then(() => this.redraw(true));
    if (picture && (fit || !same)) this.fit();
    this.busy = false;
    this.redraw();
  }

  adjust({ brightness = 1, contrast = 1 }) {
    this.under.style.filter = brightness === 1 && contrast === 1 ? "" : `brightness(${brightness}) contrast(${contrast})`;
  }

  placed() {
    this.host.dispatchEvent(new CustomEvent("view"));
    this.redraw(true);
  }

  resize(entry) {
    this.ratio = window.devicePixelRatio || 1;
    const exact = entry.devicePixelContentBoxSize?.[0];
    const width = exact ? exact.inlineSize : Math.round(entry.contentRect.width * this.ratio);
    const height = exact ? exact.blockSize : Math.round(entry.contentRect.height * this.ratio);
    if (!width || !height) return;
    const middle = this.width ? this.toPicture({ x: this.width / 2, y: this.height / 2 }) : null;
    this.width = width;
    this.height = height;
    for (const canvas of [this.under, this.over]) {
      canvas.width = width;
      canvas.height = height;
    }
    if (this.fitted || !middle) this.fit(); else this.centre(middle.x, middle.y);
    this.stale = true;
    this.draw(); // at once: a canvas is empty after its size changed
  }

  // ---- drawing

  redraw(picture = false) {
    this.stale ||= picture;
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(); });
  }

  draw() {
    const compared = this.blink && this.second;
    if (this.stale) {
      const board = this.under.getContext("2d");
      board.clearRect(0, 0, this.width, this.height);
      if (this.picture && this.width) this.put(compared || this.picture, board);
      this.stale = false;
    }
    const over = this.over.getContext("2d");
    over.clearRect(0, 0, this.width, this.height);
    if (!this.picture || !this.width || this.bare) return;
    if (!compared) for (const layer of this.layers) if (layer.visible !== false) drawLayer(over, this, layer);
    this.paint?.(over, this);
    this.tool?.paint?.(over, this);
    if (this.cursor && this.tool) drawCursor(over, this);
  }

  put(picture, board) {
    const part = this.seen(picture);
    if (!part) return;
    const from = this.toScreen({ x: part.left, y: part.top });
    picture.draw(board, part, from.x, from.y, (part.right - part.left) * this.scale, (part.bottom - part.top) * this.scale);
  }

  // ---- mouse, pen and fingers

  listen(keys) {
    const canvas = this.over;
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointermove", (event) => this.dragged(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.released(event));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("auxclick", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      this.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), this.at(event)); // ctrl: a pinch on a touchpad
    }, { passive: false });
    if (keys) canvas.addEventListener("keydown", (event) => { if (this.key(event)) event.preventDefault(); });
    canvas.addEventListener("keyup", (event) => { if (event.key === " ") this.hold(false); });
    canvas.addEventListener("blur", () => this.hold(false));
  }

  at(event) {
    const box = this.over.getBoundingClientRect();
    return { x: (event.clientX - box.left) * (this.width / box.width), y: (event.clientY - box.top) * (this.height / box.height) };
  }

  hold(on) {
    this.space = on;
    this.over.classList.toggle("held", on);
  }

  pressed(event) {
    if (this.busy && event.button === 0) this.host.dispatchEvent(new CustomEvent("early"));
    if (!this.picture || this.busy) return;
    this.over.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    if (this.cursor) { this.cancel(); this.cursor = null; }
    if (event.pointerType === "touch" && this.pointers.size === 2) {
      this.cancel(); // the first finger began to draw
      this.drag = "pinch";
    } else if (this.pointers.size > 1) {
      return;
    } else if (event.button === 1 || this.space || (event.button === 0 && !this.tool)) {
      if (event.button === 1) event.preventDefault(); // no scrolling by the middle button
      this.drag = "pan";
    } else if (event.button === 0 || event.button === 5) {
      this.drag = "tool";
      this.tool.down(this.toPicture(this.at(event)), event);
    }
    this.over.classList.toggle("moves", this.drag === "pan");
  }

  dragged(event) {
    if (!this.picture || this.busy) return;
    const at = this.at(event), last = this.pointers.get(event.pointerId);
    if (!this.drag || !last) {
      if (event.pointerType !== "touch") this.point(this.toPicture(at));
      return;
    }
    if (this.drag === "pinch") {
      const before = this.spread();
      this.pointers.set(event.pointerId, at);
      const after = this.spread();
      this.left += after.x - before.x;
      this.top += after.y - before.y;
      this.zoom(after.size / before.size, after);
      return;
    }
    this.pointers.set(event.pointerId, at);
    if (this.drag === "pan") this.pan(at.x - last.x, at.y - last.y);
    if (this.drag === "tool") {
      const all = event.getCoalescedEvents?.() ?? [];
      for (const each of all.length ? all : [event]) this.tool.move(this.toPicture(this.at(each)), event);
      this.point(this.toPicture(at));
    }
  }

  released(event) {
    if (!this.pointers.delete(event.pointerId) && !this.drag) return;
    if (this.drag === "tool") {
      this.drag = null;
      if (event.type === "pointercancel") this.tool.cancel(); else this.tool.up(this.toPicture(this.at(event)), event);
    }
    if (!this.pointers.size || this.drag !== "pinch") this.drag = null;
    this.over.classList.remove("moves");
  }

  /** Return the middle of two fingers and how far they are apart. */
  spread() {
    const [a, b] = [...this.pointers.values()];
    if (!b) return { ...a, size: 1 };
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, size: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
  }

  /** Take back what the tool began. */
  cancel() {
    if (this.drag === "tool" || this.drag === "keys") this.tool.cancel();
    this.drag = null;
  }

  point(place) {
    this.tool?.hover?.(place);
    this.host.dispatchEvent(new CustomEvent("point", { detail: place }));
    if (this.tool) this.redraw();
  }

  // ---- keys

  /** Do what a key asks; returns whether it was one of the view's. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (this.busy && event.key === "Enter" && this.tool) { this.host.dispatchEvent(new CustomEvent("early")); return true; }
    if (!this.picture || this.busy) return false;
    if (event.key === "+" || event.key === "=") this.step(1);
    else if (event.key === "-") this.step(-1);
    else if (event.key === "0") this.native();
    else if (event.key.toLowerCase() === "f") this.fit();
    else if (event.key === " ") this.hold(true);
    else if (ARROWS[event.key]) this.arrow(event);
    else if (event.key === "Enter" && this.tool) this.press(event);
    else if (event.key === "Escape" && (this.drag === "keys" || this.drag === "tool")) this.cancel();
    else return false;
    return true;
  }

  arrow(event) {
    const [dx, dy] = ARROWS[event.key];
    if (!this.tool) {
      this.pan(-dx * 64 * this.ratio, -dy * 64 * this.ratio);
      return;
    }
    const { width, height } = this.picture;
    const whole = (value, most) => Math.min(most - 1, Math.max(0, Math.floor(value))) + 0.5; // the middle of a pixel
    const began = this.cursor || this.toPicture({ x: this.width / 2, y: this.height / 2 });
    const step = (event.shiftKey ? 10 : 1) * Math.max(1, Math.round(1 / this.scale)) * (this.cursor ? 1 : 0); // the first shows it
    this.cursor = { x: whole(began.x + dx * step, width), y: whole(began.y + dy * step, height) };
    const { x, y } = this.toScreen(this.cursor), room = Math.min(40, this.width / 4, this.height / 4);
    const out = (place, all) => Math.min(0, place - room) + Math.max(0, place - (all - room));
    if (out(x, this.width) || out(y, this.height)) this.pan(-out(x, this.width), -out(y, this.height));
    if (this.drag === "keys") this.tool.move(this.cursor, event);
    this.point(this.cursor);
  }

  press(event) {
    if (!this.cursor) {
      this.cursor = this.toPicture({ x: this.width / 2, y: this.height / 2 });
      this.cursor = { x: Math.floor(this.cursor.x) + 0.5, y: Math.floor(this.cursor.y) + 0.5 };
    }
    if (this.drag === "keys") {
      this.drag = null;
      this.tool.up(this.cursor, event);
    } else if (!this.drag) {
      this.tool.down(this.cursor, event);
      if (this.tool.clicks) this.tool.up(this.cursor, event); else this.drag = "keys";
    }
    this.point(this.cursor);
  }
}
