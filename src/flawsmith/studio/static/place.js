// Where a picture is on a canvas, and how large: its zoom and place, in pixels of the screen. What draws it extends this (canvas.js).

const MOST = 64; // pixels of the screen for one of the picture
const STEPS = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

export class Place {
  constructor() {
    this.scale = 1;
    this.left = this.top = 0; // where the picture's corner is, in pixels of the screen
    this.width = this.height = 0; // of the canvas, in pixels of the screen
    this.ratio = 1; // of those to pixels of the page
    this.fitted = true; // stays fitted when the page changes
    this.cursor = null; // of the keys
  }

  /** The picture, with its width and height; null for none. */
  get picture() { return null; }

  /** Zoom or place has changed. */
  placed() {}

  get least() {
    return this.picture ? Math.min(1, this.whole()) / 2 : 1 / 64;
  }

  whole() {
    return Math.min(this.width / this.picture.width, this.height / this.picture.height);
  }

  /** Show all of the picture; a small one is enlarged by a whole number. */
  fit() {
    this.fitted = true;
    if (!this.picture || !this.width) return;
    const scale = this.whole();
    this.scale = scale > 1 ? Math.min(MOST, Math.floor(scale)) : scale;
    this.left = Math.round((this.width - this.picture.width * this.scale) / 2);
    this.top = Math.round((this.height - this.picture.height * this.scale) / 2);
    this.moved();
  }

  /** Show one pixel of the picture as one of the screen, around a point of the canvas (screen pixels; null: its middle, or the cursor). */
  native(at = null) {
    this.zoom(1 / this.scale, at);
  }

  zoom(factor, at = null) {
    if (!this.picture) return;
    const around = at || this.middle();
    const scale = Math.min(MOST, Math.max(this.least, this.scale * factor));
    this.left = around.x - ((around.x - this.left) * scale) / this.scale;
    this.top = around.y - ((around.y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.moved();
  }

  /** Zoom to the next (direction 1) or last (-1) of the usual steps. */
  step(direction, at = null) {
    const found = direction > 0 ? STEPS.find((step) => step > this.scale * 1.01) : STEPS.findLast((step) => step < this.scale * 0.99);
    if (found) this.zoom(found / this.scale, at);
  }

  /** Move the picture by pixels of the screen. */
  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.fitted = false;
    this.moved();
  }

  /** Bring a point of the picture to the middle. */
  centre(x, y) {
    this.pan(this.width / 2 - (this.left + x * this.scale), this.height / 2 - (this.top + y * this.scale));
  }

  middle() {
    return this.cursor ? this.toScreen(this.cursor) : { x: this.width / 2, y: this.height / 2 };
  }

  toScreen({ x, y }) {
    return { x: this.left + x * this.scale, y: this.top + y * this.scale };
  }

  toPicture({ x, y }) {
    return { x: (x - this.left) / this.scale, y: (y - this.top) / this.scale };
  }

  moved() {
    if (!this.picture) return;
    // some of the picture always stays in sight, and on whole pixels of the screen it is crisp
    const room = (place, size, all) => Math.round(Math.min(all - Math.min(40, all / 2), Math.max(Math.min(40, all / 2) - size, place)));
    this.left = room(this.left, this.picture.width * this.scale, this.width);
    this.top = room(this.top, this.picture.height * this.scale, this.height);
    this.placed();
  }

  /** Return which pixels are seen; null for none. */
  seen(picture = this.picture) {
    const left = Math.max(0, Math.floor(-this.left / this.scale)), top = Math.max(0, Math.floor(-this.top / this.scale));
    const right = Math.min(picture.width, Math.ceil((this.width - this.left) / this.scale));
    const bottom = Math.min(picture.height, Math.ceil((this.height - this.top) / this.scale));
    return left < right && top < bottom ? { left, top, right, bottom } : null;
  }
}
