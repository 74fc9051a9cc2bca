// A grid of very many pictures: only those in sight are elements, and only pages of items near them are asked for.
//
//   const grid = new Grid(host, {                 // host: an element whose size the page's style sets, class "grid"
//     label: "Pictures",                          // what screen readers call it
//     load: (offset, count) => ask(`...`),        // a promise of { total, items } of the API
//     show: (item) => ({ src, label, caption, state }),   // an item's thumbnail; its name; text or elements below it; a class
//     open: (item, index) => ...,                 // Enter, or a click (a double click where clicks select); may be left out
//     select: true,                               // items can be chosen: Space, Shift with arrows or a click, Ctrl-A, the tick in the corner
//     click: "open",                              // what a click does: "open", "select" or "current"
//     cell: 170, foot: 46,                        // least width of a cell, and height of what is below its thumbnail, in pixels
//   });
//   await grid.reload({ current: 0 })             // other items: from the start, nothing chosen
//   await grid.refresh()                          // the same items with other content: place, current and chosen stay
//   grid.update(index, item)                      // one item with other content
//   grid.current = 7                              // is brought into sight; grid.item(7): the item, undefined while it is not loaded
//   grid.chosen                                   // a Set of indices;  await grid.selected(): their items, in order;  grid.choose(indices)
//   grid.total  grid.size = 240                   // how many items there are; another width of cells
//   host.addEventListener("current" | "chosen" | "total", ...)
//
// It is a listbox for screen readers: the focus stays on the host, the current item is its active descendant. Keys: arrows, Home, End,
// Page up and down; grid.key(event) takes them from elsewhere and says whether it took the key. Nothing moves when pictures arrive.

import { make, tell } from "./api.js";

const PAGE = 100; // items asked for at once
const KEPT = 40; // pages that are kept
const GAP = 10; // pixels between cells
const BEYOND = 1; // rows that are made above and below those in sight
const SETTLED = 90; // milliseconds without a scroll after which pictures are asked for: none are while it flies by

let made = 0; // grids on this page, for ids

export class Grid {
  constructor(host, { label, load, show, open = null, select = false, click = open ? "open" : "current", cell = 170, foot = 46 }) {
    Object.assign(this, { host, load, show, open, select, click, foot });
    this.id = `grid-${made++}`;
    this.cell = cell;
    this.total = 0;
    this.at = 0; // the current item
    this.anchor = 0; // where a choice by shift begins
    this.chosen = new Set();
    this.pages = new Map(); // by number: { items } or { promise }; the last used at the end
    this.cells = new Map(); // elements by index
    this.turn = 0; // counts reloads: an answer to an earlier question is dropped
    this.columns = 1;
    this.settling = 0;
    this.inner = make("div", { class: "grid-inner", role: "presentation" });
    host.classList.add("grid");
    host.tabIndex = 0;
    host.setAttribute("role", "listbox");
    host.setAttribute("aria-label", label);
    if (select) host.setAttribute("aria-multiselectable", "true");
    host.replaceChildren(this.inner);
    host.addEventListener("scroll", () => this.scrolled(), { passive: true });
    host.addEventListener("keydown", (event) => { if (this.key(event)) event.preventDefault(); });
    host.addEventListener("focus", () => { if (host.matches(":focus-visible")) this.reveal(this.at); });
    host.style.setProperty("--foot", `${foot}px`);
    new ResizeObserver(() => this.resize()).observe(host);
  }

  get current() { return this.at; }
  set current(index) { this.go(index); }
  get size() { return this.cell; }
  set size(pixels) { this.cell = pixels; this.resize(); }

  item(index) {
    return this.pages.get(Math.floor(index / PAGE))?.items?.[index % PAGE];
  }

  /** Show other items, from the start or with a current one. */
  async reload({ current = 0 } = {}) {
    this.turn += 1;
    this.pages.clear();
    this.chosen.clear();
    await this.page(Math.floor(current / PAGE));
    this.at = this.anchor = Math.max(0, Math.min(current, this.total - 1));
    this.clear();
    this.reveal(this.at, true);
    this.draw();
    this.say("chosen");
    this.say("current");
  }

  /** Ask again for what is shown: it may have changed. */
  async refresh() {
    this.turn += 1;
    const shown = [...new Set([...this.cells.keys()].map((index) => Math.floor(index / PAGE)))];
    this.pages.clear();
    await Promise.all((shown.length ? shown : [0]).map((number) => this.page(number)));
    for (const index of this.chosen) if (index >= this.total) this.chosen.delete(index);
    this.at = Math.max(0, Math.min(this.at, this.total - 1));
    this.draw();
    for (const [index, cell] of this.cells) this.fill(cell, index);
    this.pictures();
    this.say("current");
  }

  update(index, item) {
    const page = this.pages.get(Math.floor(index / PAGE));
    if (page?.items) page.items[index % PAGE] = item;
    const cell = this.cells.get(index);
    if (cell) { this.fill(cell, index); this.pictures(); }
  }

  /** Return the items that are chosen, in order; those not loaded are asked for. */
  async selected() {
    const indices = [...this.chosen].sort((a, b) => a - b);
    const found = [];
    for (const index of indices) {
      await this.page(Math.floor(index / PAGE));
      found.push(this.item(index));
    }
    return found.filter(Boolean);
  }

  choose(indices) {
    this.chosen = new Set(indices);
    this.mark();
    this.say("chosen");
  }

  // ---- pages of items

  async page(number) {
    const known = this.pages.get(number);
    if (known?.items) {
      this.pages.delete(number);
      this.pages.set(number, known);
      return;
    }
    if (known) { await known.promise; return; }
    const turn = this.turn;
    const promise = this.load(number * PAGE, PAGE).then(({ total, items }) => {
      if (turn !== this.turn) return;
      this.pages.set(number, { items });
      while (this.pages.size > KEPT) this.pages.delete(this.pages.keys().next().value);
      if (total !== this.total) {
        this.total = total;
        this.measure();
        this.say("total");
      }
    }, (error) => {
      if (turn === this.turn) this.pages.delete(number);
      tell(error.message, true);
    });
    this.pages.set(number, { promise });
    await promise;
  }

  // ---- place and size

  get row() { return this.width + this.foot + GAP; } // height of a row with its gap
  get rows() { return Math.ceil(this.total / this.columns); }
  get inSight() { return Math.max(1, Math.floor((this.host.clientHeight + GAP) / this.row)); }

  resize() {
    const width = this.inner.clientWidth;
    if (!width) return;
    const first = Math.round(this.host.scrollTop / (this.row || 1)) * this.columns;
    const columns = Math.max(1, Math.floor((width + GAP) / (this.cell + GAP)));
    const side = Math.floor((width - GAP * (columns - 1)) / columns);
    const other = columns !== this.columns || side !== this.width;
    this.columns = columns;
    this.width = side; // of a cell, and height of its thumbnail
    if (other) {
      this.clear();
      this.measure();
      this.host.scrollTop = Math.floor(first / columns) * this.row;
    }
    this.draw();
  }

  measure() {
    if (this.width) this.inner.style.height = `${Math.max(0, this.rows * this.row - GAP)}px`;
  }

  /** Bring an item into sight; at the top of it where asked. */
  reveal(index, top = false) {
    if (!this.width) return;
    const start = Math.floor(index / this.columns) * this.row, end = start + this.row - GAP;
    const { scrollTop, clientHeight } = this.host;
    if (top) this.host.scrollTop = Math.max(0, start - (clientHeight - this.row) / 2);
    else if (start < scrollTop) this.host.scrollTop = start;
    else if (end > scrollTop + clientHeight) this.host.scrollTop = end - clientHeight;
  }

  scrolled() {
    if (!this.asked) this.asked = requestAnimationFrame(() => { this.asked = 0; this.draw(); });
  }

  // ---- elements

  clear() {
    for (const cell of this.cells.values()) this.drop(cell);
    this.cells.clear();
  }

  drop(cell) {
    cell.picture.removeAttribute("src"); // what was asked for and is not there yet is asked for no more
    cell.remove();
  }

  draw() {
    if (!this.width) return;
    const { scrollTop, clientHeight } = this.host;
    const first = Math.max(0, Math.floor(scrollTop / this.row) - BEYOND) * this.columns;
    const end = Math.min(this.total, (Math.floor((scrollTop + clientHeight) / this.row) + 1 + BEYOND) * this.columns);
    for (const [index, cell] of this.cells) {
      if (index < first || index >= end) { this.drop(cell); this.cells.delete(index); }
    }
    for (let index = first; index < end; index++) {
      if (!this.cells.has(index)) {
        const cell = this.make(index);
        this.cells.set(index, cell);
        this.fill(cell, index);
        this.inner.append(cell);
      }
    }
    this.mark();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(first, end), SETTLED);
  }

  async settle(first, end) {
    const wanted = [];
    for (let number = Math.floor(first / PAGE); number * PAGE < end; number++) if (!this.pages.get(number)?.items) wanted.push(number);
    this.pictures();
    if (!wanted.length) return;
    await Promise.all(wanted.map((number) => this.page(number)));
    for (const [index, cell] of this.cells) if (!cell.filled) this.fill(cell, index);
    this.pictures();
    this.mark();
  }

  make(index) {
    const picture = make("img", { alt: "", width: this.width, height: this.width, decoding: "async", draggable: "false" });
    const caption = make("span", { class: "caption" });
    const tick = this.select ? make("span", { class: "tick", "aria-hidden": "true" }) : null;
    const cell = make("div", { class: "cell", role: "option", id: `${this.id}-${index}` }, picture, tick, caption);
    Object.assign(cell, { picture, caption, filled: false, wanted: "" });
    cell.style.width = `${this.width}px`;
    cell.style.height = `${this.row - GAP}px`;
    cell.style.transform = `translate(${(index % this.columns) * (this.width + GAP)}px, ${Math.floor(index / this.columns) * this.row}px)`;
    cell.setAttribute("aria-posinset", index + 1);
    picture.addEventListener("error", () => { if (picture.hasAttribute("src")) cell.classList.add("broken"); });
    cell.addEventListener("click", (event) => this.clicked(event, index, tick));
    cell.addEventListener("dblclick", () => { if (this.click !== "open") this.opened(index); });
    return cell;
  }

  fill(cell, index) {
    const item = this.item(index);
    cell.filled = item !== undefined;
    if (!cell.filled) { cell.setAttribute("aria-label", `${index + 1}: is loaded`); return; }
    const { src, label, caption = "", state = "" } = this.show(item, index);
    cell.className = `cell ${state}`;
    cell.setAttribute("aria-label", label);
    cell.caption.replaceChildren(...[caption].flat().filter((each) => each !== null && each !== undefined));
    cell.wanted = src;
  }

  /** Ask for the thumbnails of what is in sight. */
  pictures() {
    for (const cell of this.cells.values()) {
      if (!cell.filled || cell.picture.getAttribute("src") === cell.wanted) continue;
      cell.classList.remove("broken");
      cell.picture.src = cell.wanted;
    }
  }

  /** Show which item is current, and which are chosen. */
  mark() {
    for (const [index, cell] of this.cells) {
      cell.classList.toggle("current", index === this.at);
      cell.setAttribute("aria-setsize", this.total);
      if (this.select) cell.setAttribute("aria-selected", this.chosen.has(index));
    }
    const active = this.cells.get(this.at);
    if (active) this.host.setAttribute("aria-activedescendant", active.id); else this.host.removeAttribute("aria-activedescendant");
  }

  say(what) {
    this.host.dispatchEvent(new CustomEvent(what));
  }

  // ---- what a user does

  go(index, extend = false) {
    if (!this.total) return;
    const before = this.at;
    this.at = Math.max(0, Math.min(this.total - 1, index));
    if (extend && this.select) this.range(this.anchor, this.at); else this.anchor = this.at;
    this.reveal(this.at);
    this.draw();
    if (this.at !== before) this.say("current");
  }

  range(from, to) {
    const [first, last] = from < to ? [from, to] : [to, from];
    this.choose(Array.from({ length: last - first + 1 }, (_, i) => first + i));
  }

  toggle(index) {
    this.anchor = index;
    if (!this.chosen.delete(index)) this.chosen.add(index);
    this.mark();
    this.say("chosen");
  }

  opened(index) {
    const item = this.item(index);
    if (this.open && item !== undefined) this.open(item, index);
  }

  clicked(event, index, tick) {
    const several = event.ctrlKey || event.metaKey || event.target === tick;
    this.host.focus({ preventScroll: true });
    if (this.select && event.shiftKey) { this.go(index, true); return; }
    this.go(index);
    if (this.select && (several || this.click === "select")) this.toggle(index);
    else if (this.click === "open") this.opened(index);
  }

  key(event) {
    if (event.altKey || !this.total) return false;
    const whole = event.ctrlKey || event.metaKey, page = this.inSight * this.columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -page, PageDown: page };
    if (event.key in steps && !whole) {
      const to = this.at + steps[event.key];
      const stays = ["ArrowUp", "ArrowDown"].includes(event.key) && (to < 0 || Math.floor(to / this.columns) >= this.rows);
      if (!stays) this.go(to, event.shiftKey);
    } else if (event.key === "Home") this.go(0, event.shiftKey);
    else if (event.key === "End") this.go(this.total - 1, event.shiftKey);
    else if (event.key === "Enter" && this.open && !whole) this.opened(this.at);
    else if (event.key === " " && this.select && !whole) this.toggle(this.at);
    else if (event.key === "a" && this.select && whole) this.range(0, this.total - 1);
    else if (event.key === "Escape" && this.select && this.chosen.size) this.choose([]);
    else return false;
    return true;
  }
}
