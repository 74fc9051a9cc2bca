// Painting the region of a normal, in a dialog over the page.
import { base, doing, tell } from "./api.js";
import { Mask, Picture, View } from "./canvas.js";
import { Drawing } from "./drawing.js";
import { toolbar } from "./toolbar.js";

const COLOUR = "#2ea3ff", TOOLS = ["brush", "eraser", "polygon", "line", "fill"];

export class Painting {
  /** dialog: with data-painting-name, data-tools, data-view, data-clear, data-leave and data-keep in it. */
  constructor(dialog) {
    const at = (name) => dialog.querySelector(`[data-${name}]`);
    Object.assign(this, { dialog, heading: at("painting-name"), clear: at("clear"), keep: at("keep"), host: at("view"), tools: at("tools"), view: null, turn: 0 });
    this.clear.addEventListener("click", () => this.drawing.edit([this.mask], () => this.mask.clear()));
    at("leave").addEventListener("click", () => dialog.close());
    this.keep.addEventListener("click", () => this.kept());
    dialog.addEventListener("cancel", (event) => { if (this.drawing.points) { event.preventDefault(); this.drawing.leave(); } });
    dialog.addEventListener("close", () => { this.turn += 1; this.drawing.use(""); });
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest("input") || (event.key === "Escape" && !this.drawing.points)) return;
      if (this.drawing.key(event) || (event.target.closest(".view") && this.view.key(event))) event.preventDefault();
    });
  }

  /** Let a region be painted on a picture; painted: it has one already; save(mask) keeps it, packed, and returns what is told then; the dialog is open until it is kept. */
  async open(name, painted, save) {
    const turn = this.turn += 1;
    Object.assign(this, { painted, save });
    this.heading.textContent = `Region on ${name.split("/").pop()}`;
    this.dialog.showModal();
    this.begin();
    this.view.label = `${name}: where defects may be`;
    this.view.busy = true;
    this.view.over.focus();
    try {
      const query = `picture=${encodeURIComponent(name)}`;
      const picture = await Picture.load(`${base}/api/picture?${query}`);
      const mask = painted ? await Mask.from(`${base}/api/regions/mask?${query}`) : new Mask(picture.width, picture.height);
      if (turn !== this.turn) { picture.close(); return; }
      this.view.picture?.close();
      this.mask = mask;
      this.view.layers = [{ mask, colour: COLOUR }];
      this.drawing.reset(mask);
      this.drawing.use("brush");
      this.view.show(picture, { fit: true });
    } catch (error) {
      if (turn !== this.turn) return;
      tell(error.message, true);
      this.dialog.close();
    }
  }

  /** Make what is drawn with, once there is a place for it. */
  begin() {
    if (this.view) return;
    this.view = new View(this.host, { keys: false });
    this.view.host.addEventListener("busy", () => { this.clear.disabled = this.keep.disabled = this.view.busy; });
    this.drawing = new Drawing(this.view);
    this.drawing.size = 40;
    this.drawing.addEventListener("told", (event) => tell(event.detail, true));
    toolbar(this.tools, this.drawing, TOOLS);
  }

  async kept() {
    if (this.drawing.points) { tell("A line or polygon is not ended: Enter twice ends it, Escape leaves it.", true); return; }
    if (!this.mask.area() && !this.painted) { tell("Nothing is painted. Mark where defects may be, or cancel.", true); return; }
    const { turn } = this;
    await doing(this.keep, async () => {
      tell(await this.save(await this.mask.pack()));
      if (turn === this.turn) this.dialog.close();
    });
  }
}
