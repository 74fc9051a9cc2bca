// Pictures and masks of the pairs that are next, loaded and decoded before they are asked for.
import { Mask, Picture } from "./canvas.js";

const MOST = 90e6; // pixels of all pictures that are kept
const UNKNOWN = 2e6; // of one whose size is not known

export class Assets {
  /** address(what, id): of "picture", "mask" or "normal" of a pair; details(id): a promise of what stands beside it. */
  constructor(address, details) {
    this.address = address;
    this.details = details;
    this.kept = new Map(); // by id
  }

  /** Have these items loaded, the most urgent first, as far as memory goes; all others are given up. */
  want(items) {
    let room = MOST;
    const wanted = [];
    for (const item of items) {
      room -= item.size ? item.size[0] * item.size[1] : UNKNOWN;
      if (room < 0 && wanted.length > 1) break;
      wanted.push(item.id);
    }
    for (const [id, asset] of this.kept) if (!wanted.includes(id)) this.drop(id, asset);
    for (const id of wanted) this.beside(id).catch(() => {});
  }

  /** Return an asset: promises `picture` and `mask`, `both` of them, and as soon as they are there `value` with the two. */
  get(id) {
    if (!this.kept.has(id)) this.kept.set(id, this.load(id));
    return this.kept.get(id);
  }

  load(id) {
    const ending = new AbortController();
    const picture = Picture.load(this.address("picture", id), ending.signal);
    const asset = { ending, value: null, picture, mask: Mask.from(this.address("mask", id)), normal: null, beside: null };
    asset.both = Promise.all([picture, asset.mask]).then(([picture, mask]) => { asset.value = { picture, mask }; return asset.value; });
    asset.both.catch(() => {}); // whoever shows it tells
    asset.both.catch(() => { if (this.kept.get(id) === asset) this.kept.delete(id); }); // is tried again when it is asked for again
    return asset;
  }

  /** Return a promise of what stands beside a pair; what was said while the project's data were being read is asked for again. */
  beside(id) {
    const asset = this.get(id);
    asset.beside ||= this.details(id).then((found) => {
      if (found.reading) asset.beside = null;
      return found;
    }, (error) => { asset.beside = null; throw error; });
    return asset.beside;
  }

  /** Return a promise of the normal beside a pair's picture. */
  normal(id) {
    const asset = this.get(id);
    asset.normal ||= Picture.load(this.address("normal", id), asset.ending.signal);
    asset.normal.catch(() => { asset.normal = null; });
    return asset.normal;
  }

  /** Load a pair anew when it is asked for: its mask has changed. */
  forget(id) {
    const asset = this.kept.get(id);
    if (asset) this.drop(id, asset);
  }

  drop(id, asset) {
    this.kept.delete(id);
    asset.ending.abort();
    for (const promise of [asset.picture, asset.normal]) promise?.then((picture) => picture.close(), () => {});
  }
}
