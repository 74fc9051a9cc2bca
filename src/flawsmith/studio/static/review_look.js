// The picture of the pair that is shown: where it is looked at and how, its mask over it, the normal beside it, the whole of it in a corner.
import { tell } from "./api.js";
import { View } from "./canvas.js";
import { drawInset } from "./review_panel.js";

const BLINK = 300; // milliseconds: less than three flashes a second
const MASK = "#ff6369";
const ROOM = 1.2; // times its box that a defect larger than the view is shown with
const KEPT = "flawsmith-review-opacity";
const PLAIN = { opacity: 0.35, brightness: 1, contrast: 1 };
const TOLD = { opacity: (value) => `${Math.round(100 * value)} %`, brightness: (value) => `×${value.toFixed(2)}`, contrast: (value) => `×${value.toFixed(2)}` };

export class Look {
  /** one(name): an element of the page by its data-name; press(name, on): shows whether a button's thing is on. */
  constructor(one, press) {
    this.one = one;
    this.press = press;
    this.view = new View(one("canvas"), { label: "Picture", keys: false });
    this.view.over.tabIndex = -1;
    this.item = null;
    this.zoom = null; // null: as is best for each picture; else "fit", or the scale that was chosen
    this.overlaid = true;
    this.blinking = 0;
    this.drawing = 0;
    let sized = false;
    this.view.host.addEventListener("view", () => this.inset());
    this.view.over.addEventListener("wheel", () => this.chose());
    new ResizeObserver(() => {
      if (!sized && this.view.width) { sized = true; this.centre(); }
      this.inset();
    }).observe(this.view.host);
    for (const name of Object.keys(PLAIN)) one(name).addEventListener("input", () => this.slid(name));
    one("opacity").value = localStorage.getItem(KEPT) ?? PLAIN.opacity;
    for (const name of Object.keys(PLAIN)) this.slid(name);
  }

  get mask() { return this.view.layers[0]?.mask; }
  get bare() { return this.view.bare; }
  set bare(on) { this.view.bare = on; }
  /** Whether a picture is shown, so that it can be decided on. */
  get there() { return Boolean(this.view.picture); }

  /** Show words in the place of a picture, or over it; "" for none. */
  say(words) {
    this.one("over").textContent = words;
    this.one("over").hidden = !words;
  }

  clear(words = "") {
    this.item = null;
    this.blink(false);
    this.view.show(null);
    this.say(words);
    this.inset();
  }

  /** Show a picture, its defect in the middle: in native pixels first, where the picture is larger than the place for it. */
  show(item, { picture, mask }) {
    this.blink(false);
    this.item = item;
    this.say("");
    this.view.second = null;
    this.view.label = `Picture of pair ${item.id}, ${item.kind}`;
    this.view.layers = [{ mask, colour: MASK, opacity: Number(this.one("opacity").value), outline: true, visible: this.overlaid }];
    this.view.show(picture);
    this.centre();
  }

  centre() {
    const { view } = this, { picture } = view;
    if (!picture || !this.item) return;
    const [top, left, height, width] = this.boxes().reduce((most, box) => (box[2] * box[3] > most[2] * most[3] ? box : most), [0, 0, 0, 0]);
    if (this.zoom === "fit") view.fit();
    else if (this.zoom !== null) view.zoom(this.zoom / view.scale);
    else if (picture.width <= view.width && picture.height <= view.height) view.fit();
    else {
      view.native();
      const share = Math.min(view.width / (ROOM * width), view.height / (ROOM * height));
      if (share < 1) view.zoom(share);
    }
    if (!view.fitted && height) view.centre(left + width / 2, top + height / 2);
    this.inset();
  }

  /** Return the boxes around the defects as the row says, or around the mask where it does not or was corrected. */
  boxes() {
    if (this.item.boxes.length && !this.item.corrected) return this.item.boxes;
    const found = this.mask?.bounds();
    return found ? [[found.top, found.left, found.bottom - found.top, found.right - found.left]] : [];
  }

  inset() {
    cancelAnimationFrame(this.drawing);
    this.drawing = requestAnimationFrame(() => drawInset(this.one("inset"), this.view, this.item ? this.boxes() : []));
  }

  // ---- what a user changes

  /** Zoom, and keep that for the pictures that follow. */
  zoomed(change) {
    change(this.view);
    this.chose();
  }

  chose() {
    this.zoom = this.view.fitted ? "fit" : this.view.scale;
  }

  /** Zoom to native pixels; from the whole picture, to the defect. */
  native() {
    const { fitted } = this.view;
    this.zoomed((view) => view.native());
    if (fitted) this.centre();
  }

  /** Go to the defect, as it was shown first. */
  defect() {
    this.zoom = null;
    this.centre();
  }

  overlay(on = !this.overlaid) {
    this.overlaid = on;
    this.press("overlay", on);
    const [layer] = this.view.layers;
    if (layer) { layer.visible = on; this.view.redraw(); }
  }

  fade(step) {
    this.one("opacity").value = Number(this.one("opacity").value) + step;
    this.slid("opacity");
  }

  plain() {
    for (const [name, value] of Object.entries(PLAIN)) { this.one(name).value = value; this.slid(name); }
    this.overlay(true);
  }

  slid(name) {
    const slider = this.one(name), value = Number(slider.value), words = TOLD[name](value);
    slider.nextElementSibling.value = words;
    slider.setAttribute("aria-valuetext", words);
    if (name !== "opacity") { this.view.adjust({ brightness: Number(this.one("brightness").value), contrast: Number(this.one("contrast").value) }); return; }
    localStorage.setItem(KEPT, slider.value);
    const [layer] = this.view.layers;
    if (layer) { layer.opacity = value; this.view.redraw(); }
  }

  /** Blink with the normal, or stop. normal(): a promise of it, null where there is none. */
  async blink(on = !this.blinking, normal = null) {
    clearInterval(this.blinking);
    this.blinking = 0;
    this.view.blink = false;
    if (this.one("over").textContent === "The normal") this.say("");
    this.press("blink", false);
    if (!on || !this.there) return;
    const { item } = this;
    if (!this.view.second) {
      this.say("The normal is loading …");
      const picture = await normal();
      if (item !== this.item) return;
      this.say("");
      if (!picture) { tell("The normal that this pair was made on is not there."); return; }
      this.view.second = picture;
    }
    const swap = () => { this.view.blink = !this.view.blink; this.say(this.view.blink ? "The normal" : ""); };
    clearInterval(this.blinking); // of another press while it was loaded
    this.press("blink", true);
    swap();
    this.blinking = matchMedia("(prefers-reduced-motion: reduce)").matches ? -1 : setInterval(swap, BLINK);
  }
}
