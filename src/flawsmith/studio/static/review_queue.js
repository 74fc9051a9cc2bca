// The pairs of a set in the order that was asked for, what is known of those near the current one, and what their decisions come to.
import { ask } from "./api.js";
import { reviewer } from "./reviewer.js";

export const PAGE = 60; // items that are asked for at once
const BEFORE = 5; // of them before the current one
const SOON = 400; // milliseconds on a pair after which the address leads to it
const MOST = 40 * PAGE; // that are known at a time

export const own = (item) => item?.opinions[reviewer()];

/** Return what several people's decisions come to, as the server does. */
export function together(opinions) {
  const found = new Set(Object.values(opinions).map(({ decision }) => decision));
  if (found.has("accept")) return found.has("reject") ? "disputed" : "accepted";
  return found.has("reject") ? "rejected" : found.has("skip") ? "skipped" : "open";
}

export class Queue {
  /** api: of the set, such as "review/first"; chosen(): a promise of nothing but the parameters of its order. */
  constructor(api, chosen) {
    this.api = api;
    this.chosen = chosen;
    this.known = new Map(); // items by id
    this.ids = [];
    this.at = 0;
    this.acts = 0; // the last act that is known
    this.there = 0; // pairs in the set when the queue was asked for
    this.complete = false; // whether all rows of the set had been read by then
    this.mine = 0; // pairs that this reviewer has decided
    this.remembering = 0;
  }

  get id() { return this.ids[this.at]; }
  get item() { return this.known.get(this.id); }

  /** Have the address lead to the current pair; not at each of many that one passes by. */
  remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.lead(), SOON);
  }

  /** Have it lead there at once. */
  lead() {
    if (this.id) history.replaceState(null, "", `#${encodeURIComponent(this.id)}`);
  }

  /** Ask for the order anew, and return the state of the set. The current pair stays so where it is still among them; without one it is
   * the first that this reviewer has not decided. */
  async order(keep = this.id) {
    const asked = this.chosen();
    const found = await ask(`${this.api}/order?${asked}`);
    let at = found.ids.indexOf(keep);
    if (at < 0 && found.reviewers[reviewer()] && !asked.has("reviewer") && keep === undefined) {
      asked.set("reviewer", reviewer());
      asked.set("decision", "none");
      at = found.ids.indexOf((await ask(`${this.api}/order?${asked}`)).ids[0]);
    }
    Object.assign(this, { ids: found.ids, at: Math.max(0, at), there: found.pairs, acts: found.acts, complete: found.read === 1 });
    this.known.clear();
    this.count(found);
    return found;
  }

  count(state) {
    this.mine = state.reviewers[reviewer()] || 0;
  }

  /** Return what is known of some pairs; what is not is asked for. */
  async items(ids) {
    const missing = ids.filter((id) => !this.known.has(id));
    if (missing.length) {
      for (const item of await ask(`${this.api}/items?${missing.map((id) => `id=${encodeURIComponent(id)}`).join("&")}`)) this.known.set(item.id, item);
    }
    return ids.map((id) => this.known.get(id)).filter(Boolean);
  }

  /** Know the pairs around the current one. */
  async near() {
    const start = Math.max(0, this.at - BEFORE), wanted = this.ids.slice(start, start + PAGE);
    await this.items(wanted);
    for (const id of this.known.keys()) {
      if (this.known.size <= MOST) break;
      if (!wanted.includes(id)) this.known.delete(id);
    }
  }

  /** Note a decision of this reviewer; returns the items as they were and as they are now, of those that are known. */
  decided(ids, decision, reasons) {
    const before = [], after = [];
    for (const id of ids) {
      const item = this.known.get(id);
      if (!own(item)) this.mine += 1; // of one that is not known it may be wrong, until the server says
      if (!item) continue;
      const opinions = { ...item.opinions, [reviewer()]: { decision, reasons, at: Date.now() / 1000 } };
      before.push(item);
      after.push({ ...item, opinions, verdict: together(opinions) });
    }
    return { before, after };
  }
}
