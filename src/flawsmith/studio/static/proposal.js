// A proposal of what to label: where a picture differs from normals, cut at a threshold and snapped to what hangs together.
import { Mask } from "./mask.js";
import { bitmapOf } from "./picture.js";

const SOFT = 0.6; // of the threshold: how far an area reaches around what is above it
const PIECE = 1024; // pixels that are decoded at a time

/** Return how much a picture differs, { values, width, height } with a byte a pixel, from an address of the server. */
export async function differenceOf(url) {
  const bitmap = await bitmapOf(url, { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const values = new Uint8Array(width * height);
  const board = new OffscreenCanvas(PIECE, PIECE).getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += PIECE) {
    for (let left = 0; left < width; left += PIECE) {
      const across = Math.min(PIECE, width - left), down = Math.min(PIECE, height - top);
      board.drawImage(bitmap, left, top, across, down, 0, 0, across, down);
      const { data } = board.getImageData(0, 0, across, down);
      for (let y = 0; y < down; y++) for (let x = 0; x < across; x++) values[(top + y) * width + left + x] = data[4 * (y * across + x)];
    }
  }
  bitmap.close();
  return { values, width, height };
}

/** Return { mask, areas }: areas that reach the threshold somewhere and have at least `least` pixels, each to where it fades. */
export function cut({ values, width, height }, threshold, least) {
  const mask = new Mask(width, height);
  const low = threshold * SOFT, seen = new Uint8Array(values.length), stack = [];
  let areas = 0;
  for (let seed = 0; seed < values.length; seed++) {
    if (values[seed] < threshold || seen[seed]) continue;
    const found = [];
    stack.push(seed);
    seen[seed] = 1;
    while (stack.length) {
      const at = stack.pop(), x = at % width;
      found.push(at);
      for (let dy = -width; dy <= width; dy += width) {
        for (let dx = x ? -1 : 0; dx <= (x < width - 1 ? 1 : 0); dx++) {
          const near = at + dy + dx;
          if (near >= 0 && near < values.length && !seen[near] && values[near] >= low) { seen[near] = 1; stack.push(near); }
        }
      }
    }
    if (found.length < least) continue;
    areas += 1;
    for (const at of found) mask.span(Math.floor(at / width), at % width, (at % width) + 1);
  }
  return { mask, areas };
}
