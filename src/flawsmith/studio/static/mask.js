// A mask of any size in tiles: only those that hold marked pixels take memory, and a change is the bits that it turned.
//
//   const mask = new Mask(width, height);  await Mask.from(url)  await Mask.unpack(text, width, height)
//   mask.at(x, y)  mask.span(y, from, to, on)  mask.merge(other, on)  mask.clear()  mask.area()  mask.bounds()
//   mask.begin(); ...marking...; const change = mask.end(); mask.apply(change) takes it back, and does it again
//   await mask.pack() is what the server reads: rows of bits, deflated, in base64

import { bitmapOf } from "./picture.js";

export const TILE = 256; // pixels of a tile's side; a multiple of 8
const BYTES = (TILE * TILE) / 8;

class Tile {
  constructor(cells = new Uint8Array(TILE * TILE)) {
    this.cells = cells; // 0 or 1 by pixel
    this.drawn = null; // a canvas of it in one colour
    this.colour = "";
    this.outline = null; // a Path2D
  }
}

export class Mask {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.across = Math.ceil(width / TILE);
    this.down = Math.ceil(height / TILE);
    this.tiles = new Map(); // by row * across + column
    this.before = null; // cells of the tiles that were changed since begin()
  }

  /** Return the mask that a picture shows: pixels above the middle grey are marked. source: an address or an ImageBitmap. */
  static async from(source) {
    const bitmap = typeof source === "string" ? await bitmapOf(source, { colorSpaceConversion: "none" }) : source;
    const mask = new Mask(bitmap.width, bitmap.height);
    const board = new OffscreenCanvas(TILE, TILE).getContext("2d", { willReadFrequently: true });
    for (const { index, left, top } of mask.places()) {
      board.clearRect(0, 0, TILE, TILE);
      board.drawImage(bitmap, left, top, TILE, TILE, 0, 0, TILE, TILE);
      const values = board.getImageData(0, 0, TILE, TILE).data;
      const cells = new Uint8Array(TILE * TILE);
      let any = 0;
      for (let i = 0; i < cells.length; i++) any |= cells[i] = values[4 * i] > 127 && values[4 * i + 3] > 127 ? 1 : 0;
      if (any) mask.tiles.set(index, new Tile(cells));
    }
    if (bitmap !== source) bitmap.close();
    return mask;
  }

  /** Return the mask that pack() or the server wrote. */
  static async unpack(text, width, height) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const rows = new Uint8Array(await new Response(stream).arrayBuffer());
    const mask = new Mask(width, height);
    const stride = Math.ceil(width / 8);
    for (const { index, left, top } of mask.places()) {
      const cells = new Uint8Array(TILE * TILE);
      let any = 0;
      for (let y = 0; y < Math.min(TILE, height - top); y++) {
        for (let x = 0; x < Math.min(TILE, width - left); x++) {
          const bit = (rows[(top + y) * stride + ((left + x) >> 3)] >> (7 - (x & 7))) & 1;
          any |= cells[y * TILE + x] = bit;
        }
      }
      if (any) mask.tiles.set(index, new Tile(cells));
    }
    return mask;
  }

  async pack() {
    const stride = Math.ceil(this.width / 8);
    const rows = new Uint8Array(stride * this.height);
    for (const [index, tile] of this.tiles) {
      const { left, top } = this.place(index);
      const bits = packed(tile.cells);
      const bytes = Math.min(TILE / 8, stride - left / 8);
      for (let y = 0; y < Math.min(TILE, this.height - top); y++) {
        rows.set(bits.subarray((y * TILE) / 8, (y * TILE) / 8 + bytes), (top + y) * stride + left / 8);
      }
    }
    const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
    const found = new Uint8Array(await new Response(stream).arrayBuffer());
    let text = "";
    for (let i = 0; i < found.length; i += 8192) text += String.fromCharCode(...found.subarray(i, i + 8192));
    return btoa(text);
  }

  place(index) {
    return { index, left: (index % this.across) * TILE, top: Math.floor(index / this.across) * TILE };
  }

  * places() {
    for (let index = 0; index < this.across * this.down; index++) yield this.place(index);
  }

  at(x, y) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return 0;
    const tile = this.tiles.get(Math.floor(y / TILE) * this.across + Math.floor(x / TILE));
    return tile ? tile.cells[(y % TILE) * TILE + (x % TILE)] : 0;
  }

  /** Mark, or with on = 0 clear, the pixels from, from + 1, ..., to - 1 of row y; what lies outside is left out. */
  span(y, from, to, on = 1) {
    if (y < 0 || y >= this.height) return;
    const end = Math.min(to, this.width);
    for (let x = Math.max(0, from); x < end;) {
      const stop = Math.min(end, (Math.floor(x / TILE) + 1) * TILE);
      const tile = this.writable(Math.floor(y / TILE) * this.across + Math.floor(x / TILE), on);
      if (tile) tile.cells.fill(on, (y % TILE) * TILE + (x % TILE), (y % TILE) * TILE + (x % TILE) + stop - x);
      x = stop;
    }
  }

  /** Mark, or with on = 0 clear, what another mask of the same size marks. */
  merge(other, on = 1) {
    for (const [index, tile] of other.tiles) {
      const own = this.writable(index, on);
      if (own) for (let i = 0; i < tile.cells.length; i++) if (tile.cells[i]) own.cells[i] = on;
    }
  }

  clear() {
    for (const index of [...this.tiles.keys()]) this.writable(index, 0).cells.fill(0);
  }

  /** Note from now on what changes. */
  begin() {
    this.before = new Map();
  }

  /** Return the change since begin(): the bits that were turned, by tile; null where none was. */
  end() {
    const change = [];
    for (const [index, cells] of this.before) {
      const tile = this.tiles.get(index);
      const turned = packed(tile.cells, cells);
      if (turned.some((byte) => byte)) change.push([index, turned]);
      if (!tile.cells.some((cell) => cell)) this.tiles.delete(index);
    }
    this.before = null;
    return change.length ? change : null;
  }

  apply(change) {
    for (const [index, turned] of change) {
      const tile = this.writable(index, 1);
      for (let i = 0; i < BYTES; i++) {
        if (turned[i]) for (let bit = 0; bit < 8; bit++) tile.cells[8 * i + bit] ^= (turned[i] >> (7 - bit)) & 1;
      }
      if (!tile.cells.some((cell) => cell)) this.tiles.delete(index);
    }
  }

  /** How many pixels are marked. */
  area() {
    let found = 0;
    for (const { cells } of this.tiles.values()) for (let i = 0; i < cells.length; i++) found += cells[i];
    return found;
  }

  /** The box around all that is marked, { left, top, right, bottom }, the last two outside; null where nothing is. */
  bounds() {
    let left = Infinity, top = Infinity, right = -1, bottom = -1;
    for (const [index, { cells }] of this.tiles) {
      const place = this.place(index);
      for (let i = 0; i < cells.length; i++) {
        if (!cells[i]) continue;
        const x = place.left + (i % TILE), y = place.top + Math.floor(i / TILE);
        left = Math.min(left, x); right = Math.max(right, x + 1);
        top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
      }
    }
    return right < 0 ? null : { left, top, right, bottom };
  }

  /** Return a tile as a canvas, its marked pixels in a colour. */
  drawn(index, colour) {
    const tile = this.tiles.get(index);
    if (!tile.drawn || tile.colour !== colour) {
      tile.drawn ||= new OffscreenCanvas(TILE, TILE);
      tile.colour = colour;
      const board = tile.drawn.getContext("2d");
      const values = new ImageData(TILE, TILE);
      const words = new Uint32Array(values.data.buffer);
      for (let i = 0; i < words.length; i++) words[i] = tile.cells[i] ? 0xffffffff : 0;
      board.globalCompositeOperation = "source-over";
      board.putImageData(values, 0, 0);
      board.globalCompositeOperation = "source-in";
      board.fillStyle = colour;
      board.fillRect(0, 0, TILE, TILE);
    }
    return tile.drawn;
  }

  /** Return the border of what a tile marks as a Path2D in pixels of the picture; along it lies the border of the picture, too. */
  outline(index) {
    const tile = this.tiles.get(index);
    if (tile.outline) return tile.outline;
    const { left, top } = this.place(index);
    const path = new Path2D();
    // on both sides of each line between two rows or columns: where only one side is marked, there is a border; runs are one stroke
    const run = (count, differs, draw) => {
      for (let i = 0, from = -1; i <= count; i++) {
        if (i < count && differs(i)) { if (from < 0) from = i; } else if (from >= 0) { draw(from, i); from = -1; }
      }
    };
    const { cells } = tile;
    for (let k = 0; k < TILE; k++) {
      const row = k * TILE;
      run(TILE, (x) => cells[row + x] && !(k ? cells[row - TILE + x] : this.at(left + x, top - 1)), (a, b) => { path.moveTo(left + a, top + k); path.lineTo(left + b, top + k); });
      run(TILE, (x) => cells[row + x] && !(k < TILE - 1 ? cells[row + TILE + x] : this.at(left + x, top + TILE)), (a, b) => { path.moveTo(left + a, top + k + 1); path.lineTo(left + b, top + k + 1); });
      run(TILE, (y) => cells[y * TILE + k] && !(k ? cells[y * TILE + k - 1] : this.at(left - 1, top + y)), (a, b) => { path.moveTo(left + k, top + a); path.lineTo(left + k, top + b); });
      run(TILE, (y) => cells[y * TILE + k] && !(k < TILE - 1 ? cells[y * TILE + k + 1] : this.at(left + TILE, top + y)), (a, b) => { path.moveTo(left + k + 1, top + a); path.lineTo(left + k + 1, top + b); });
    }
    return (tile.outline = path);
  }

  /** Return a tile to write to, noting what it was; null where there is none and it would only be cleared. */
  writable(index, on) {
    let tile = this.tiles.get(index);
    if (!tile) {
      if (!on) return null;
      this.tiles.set(index, (tile = new Tile()));
    }
    if (this.before && !this.before.has(index)) this.before.set(index, tile.cells.slice());
    tile.colour = "";
    const column = index % this.across;
    for (const near of [index, column ? index - 1 : -1, column < this.across - 1 ? index + 1 : -1, index - this.across, index + this.across]) {
      const other = this.tiles.get(near);
      if (other) other.outline = null;
    }
    return tile;
  }
}

/** Return cells as bits, the first the highest of its byte; with others: those that differ from them. */
function packed(cells, others = null) {
  const bits = new Uint8Array(BYTES);
  for (let i = 0; i < cells.length; i++) if (cells[i] !== (others ? others[i] : 0)) bits[i >> 3] |= 128 >> (i & 7);
  return bits;
}
