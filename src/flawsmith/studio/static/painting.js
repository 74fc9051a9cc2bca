// Painting the region of a normal, in a dialog over the page.
import { base, tell } from "./api.js";
import { Mask, Picture, View } from "./canvas.js";
import { Drawing } from "./drawing.js";
import { toolbar } from "./toolbar.js";

const COLOUR = "#2ea3ff", TOOLS = ["brush", "eraser", "polygon", "line", "fill"];

export class Painting {
  /** dialog: with data-painting-name, data-tools, data-view, data-clear, data-leave and data-keep in it. */
  constructor(dialog) {
    const at = (name) => dialog.querySelector(`[data-${name}]`);
    Object.assign(this, { dialog, heading: at("painting-name"), keep: at("keep"), view: null, mask: null });
    at("clear").addEventListener("click", () => this.drawing.edit([this.mask], () => this.mask.clear()));
    at("leave").addEventListener("click", () => dialog.close());
    this.keep.addEventListener("click", async () => { this.result = await this.mask.pack(); dialog.close(); });
    dialog.addEventListener("cancel", (event) => { if (this.drawing.points) { event.preventDefault(); this.drawing.leave(); } });
    dialog.addEventListener("close", () => this.closed());
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest("input") || (event.key === "Escape" && !this.drawing.points)) return;
      if (this.drawing.key(event) || (event.target.closest(".view") && this.view.key(event))) event.preventDefault();
    });
    this.host = at("view");
    this.tools = at("tools");
  }

  /** Let a region be painted on a picture; painted: it has one already. A promise of the mask, packed; null where it is left as it was. */
  async open(name, painted) {
    this.heading.textContent = `Region on ${name.split("/").pop()}`;
    this.result = null;
    this.dialog.showModal();
    if (!this.view) {
      this.view = new View(this.host, { keys: false });
      this.drawing = new Drawing(this.view);
      this.drawing.size = 40;
      this.drawing.addEventListener("told", (event) => tell(event.detail));
      toolbar(this.tools, this.drawing, TOOLS);
    }
    this.view.label = `${name}: where defects may be`;
    this.keep.disabled = true;
    const waiting = new Promise((done) => { this.done = done; });
    try {
      const query = `picture=${encodeURIComponent(name)}`;
      const picture = await Picture.load(`${base}/api/picture?${query}`);
      this.view.picture?.close();
      this.mask = painted ? await Mask.from(`${base}/api/regions/mask?${query}`) : new Mask(picture.width, picture.height);
      this.view.layers = [{ mask: this.mask, colour: COLOUR }];
      this.view.show(picture, { fit: true });
      this.drawing.reset(this.mask);
      this.drawing.use("brush");
      this.keep.disabled = false;
      this.view.over.focus();
    } catch (error) {
      tell(error.message, true);
      this.dialog.close();
    }
    return waiting;
  }

  closed() {
    this.drawing.use("");
    this.done(this.result);
  }
}
