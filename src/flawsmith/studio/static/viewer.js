// A picture of a grid at native size with its labels, and the next and the one before by a key.
import { ask, base, make, tell } from "./api.js";
import { Mask, Picture, View } from "./canvas.js";

const COLOURS = ["#ff40a0", "#ffb000", "#00c8a0", "#4aa8ff", "#c78bff", "#ff7a50"]; // of kinds, in their order
const AHEAD = 1; // pictures that are loaded before they are asked for

export class Viewer {
  /** dialog: of data.html.j2; grid: whose items are shown; about: returns an item in words; labelled: what the grid shows, as a query. */
  constructor(dialog, { grid, about, labelled }) {
    Object.assign(this, { dialog, grid, about, labelled });
    this.view = new View(dialog.querySelector("[data-view]"), { keys: false });
    this.at = 0;
    this.turn = 0;
    this.overlay = true;
    this.loading = new Map(); // by name: promises of pictures, a few
    this.view.host.addEventListener("view", () => { this.element("[data-zoom]").textContent = `${Math.round(this.view.scale * 100)} %`; });
    dialog.addEventListener("click", (event) => { const name = event.target.closest("[data-do]")?.dataset.do; if (name) this.does(name); });
    dialog.addEventListener("keydown", (event) => { if (this.key(event)) event.preventDefault(); });
    dialog.addEventListener("close", () => { this.turn += 1; this.grid.current = this.at; this.grid.host.focus(); });
  }

  element(selector) { return this.dialog.querySelector(selector); }

  /** Show the picture of a name, which need not be among those that the grid shows. */
  async find(name) {
    try {
      const item = await ask(`pictures/one?${new URLSearchParams([...this.labelled(), ["picture", name]])}`);
      await this.grid.page(Math.floor(item.place / 100));
      if (this.grid.item(item.place)?.name === name) await this.open(item.place); else await this.show(item);
    } catch (error) {
      tell(error.message, true);
    }
  }

  async open(index) {
    if (index < 0 || index >= this.grid.total) return;
    this.at = index;
    await this.grid.page(Math.floor(index / 100));
    const item = this.grid.item(index);
    if (item) await this.show(item);
  }

  async show(item) {
    const turn = this.turn += 1;
    if (!this.dialog.open) this.dialog.showModal();
    this.item = item;
    this.view.label = `Picture ${item.name}`;
    this.element("[data-name]").textContent = item.name;
    const size = item.size ? `${item.size[1]} × ${item.size[0]} px` : "";
    this.element("[data-about]").textContent = [this.about(item), size, item.group ? `specimen ${item.group}` : ""].filter(Boolean).join(" · ");
    this.element("[data-label]").href = `${base}/label?picture=${encodeURIComponent(item.name)}`;
    this.element("[data-do=previous]").disabled = this.at <= 0;
    this.element("[data-do=next]").disabled = this.at >= this.grid.total - 1;
    this.foot(item, item.kinds.map((kind, at) => ({ kind, colour: COLOURS[at % COLOURS.length] })));
    this.view.layers = [];
    this.view.busy = true;
    if (!item.shown) { this.view.show(null); return; }
    try {
      const picture = await this.picture(item);
      if (turn !== this.turn) return;
      this.view.show(picture);
      await this.labels(item, turn);
    } catch (error) {
      if (turn !== this.turn) return;
      this.view.show(null);
      tell(error.message, true);
    }
    if (turn === this.turn) this.ahead();
  }

  /** Load masks; one that cannot be read is told below, and the others are shown. */
  async labels(item, turn) {
    const layers = await Promise.all(item.kinds.map(async (kind, at) => {
      const said = new URLSearchParams({ picture: item.name, kind });
      try {
        return { mask: await Mask.from(`${base}/api/mask?${said}`), colour: COLOURS[at % COLOURS.length], opacity: 0.25, outline: true, visible: this.overlay };
      } catch (error) {
        if (turn === this.turn) this.element("[data-foot]").append(make("span", { class: "error" }, `${kind}: ${error.message}`));
        return null;
      }
    }));
    if (turn === this.turn) this.view.layers = layers.filter(Boolean);
  }

  async foot(item, kinds) {
    const foot = this.element("[data-foot]");
    foot.replaceChildren(...kinds.map(({ kind, colour }) => {
      const mark = make("i", {});
      mark.style.background = colour;
      return make("span", { class: "chip" }, mark, kind);
    }));
    if (!kinds.length) foot.append(make("span", { class: "hint" }, item.role === "unlabelled" ? "Nothing is labelled in it yet." : "Nothing is labelled in it."));
    if (!item.shown) foot.append(make("span", { class: "error" }, "A link leads to it out of the data folder: it is used, and not shown here."));
    if (!item.bad && !item.findings) return;
    const said = item.findings ?? (await ask(`pictures/one?picture=${encodeURIComponent(item.name)}`)).findings;
    if (this.item === item) foot.append(...[...said.problem, ...said.warning].map((words) => make("span", { class: "error" }, words)));
  }

  picture(item) {
    if (!this.loading.has(item.name)) {
      this.loading.set(item.name, Picture.load(`${base}/api/picture?picture=${encodeURIComponent(item.name)}`));
      while (this.loading.size > 2 + 2 * AHEAD) {
        const [oldest, promise] = this.loading.entries().next().value;
        this.loading.delete(oldest);
        promise.then((picture) => { if (picture !== this.view.picture) picture.close(); }, () => {});
      }
    }
    const found = this.loading.get(item.name);
    found.catch(() => this.loading.delete(item.name));
    return found;
  }

  ahead() {
    for (let step = 1; step <= AHEAD; step++) {
      const item = this.grid.item(this.at + step);
      if (item?.shown) this.picture(item).catch(() => {});
    }
  }

  does(name) {
    if (name === "next") this.open(this.at + 1);
    if (name === "previous") this.open(this.at - 1);
    if (name === "larger") this.view.step(1);
    if (name === "smaller") this.view.step(-1);
    if (name === "native") this.view.native();
    if (name === "fit") this.view.fit();
    if (name === "close") this.dialog.close();
    if (name === "overlay") {
      this.overlay = !this.overlay;
      this.element("[data-do=overlay]").setAttribute("aria-pressed", this.overlay);
      this.view.layers = this.view.layers.map((layer) => ({ ...layer, visible: this.overlay }));
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const names = { j: "next", ArrowRight: "next", k: "previous", ArrowLeft: "previous", o: "overlay", Escape: "close" };
    if (names[key] && !event.shiftKey) this.does(names[key]);
    else if (key === "l") location.assign(this.element("[data-label]").href);
    else if (event.target.closest("button, a") && [" ", "Enter"].includes(key)) return false;
    else return this.view.key(event);
    return true;
  }
}
