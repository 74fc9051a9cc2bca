// A picture, decoded beside the page's work, with smaller copies of it for when it is seen from afar.

const SMALL = 1024; // pixels of the longer side below which there is no smaller copy

/** Return an ImageBitmap of what lies at an address; throws an Error with the server's words and status. options: of createImageBitmap. */
export async function bitmapOf(url, options = {}, signal = undefined) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) {
    const text = await answer.text();
    let said = "";
    try { said = JSON.parse(text).error; } catch { said = text; }
    throw Object.assign(new Error(said || `The picture is not there (${answer.status}).`), { status: answer.status });
  }
  try {
    return await createImageBitmap(await answer.blob(), options);
  } catch {
    throw Object.assign(new Error("The browser cannot show this picture: it is damaged, or too large for it."), { status: 415 });
  }
}

export class Picture {
  /** Load a picture, for View.show() now or later; signal: of an AbortController. */
  static async load(url, signal = undefined) {
    return new Picture(await bitmapOf(url, {}, signal));
  }

  constructor(bitmap) {
    this.width = bitmap.width;
    this.height = bitmap.height;
    this.levels = [bitmap]; // each about half as wide and high as the one before
    this.closed = false;
    this.ready = this.shrink(); // a promise of all levels
  }

  async shrink() {
    for (let last = this.levels[0]; Math.max(last.width, last.height) > SMALL;) {
      const size = { resizeWidth: Math.max(1, last.width >> 1), resizeHeight: Math.max(1, last.height >> 1), resizeQuality: "medium" };
      const next = await createImageBitmap(last, size).catch(() => null);
      if (!next || this.closed) { next?.close(); return; }
      this.levels.push((last = next));
    }
  }

  /** Draw the part (left, top, right, bottom), whole pixels of the picture, at (x, y, width, height) of a canvas. */
  draw(board, { left, top, right, bottom }, x, y, width, height) {
    const scale = width / (right - left);
    const level = Math.max(0, Math.min(this.levels.length - 1, Math.floor(Math.log2(1 / scale) + 0.01)));
    const source = this.levels[level];
    const across = source.width / this.width, down = source.height / this.height;
    board.imageSmoothingEnabled = scale < 1;
    board.imageSmoothingQuality = "low";
    board.drawImage(source, left * across, top * down, (right - left) * across, (bottom - top) * down, x, y, width, height);
  }

  /** Give its memory back. */
  close() {
    this.closed = true;
    for (const level of this.levels) level.close();
  }
}
