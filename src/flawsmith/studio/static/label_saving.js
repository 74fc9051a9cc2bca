// What is drawn in the room for labels is saved soon after, each time from the version that the last one made, and before one leaves.
import { tell } from "./api.js";

const SOON = 1200; // milliseconds after a change until it is saved
const AGAIN = 5000; // milliseconds until the studio is asked again after it did not answer

export class Saving {
  /**
   * now(): the picture that is shown; send(): saves what is drawn in it, a promise of what the server says; kept(said): does what follows;
   * settle(): asks which of two versions counts, a promise of whether one does; changed(): what is told of saving has.
   */
  constructor({ now, send, kept, settle, changed }) {
    Object.assign(this, { now, send, kept, settle, changed });
    this.busy = null; // a promise, while something is being saved
    this.timer = 0;
    this.begin();
  }

  /** Begin with another picture. */
  begin() {
    this.changes = this.saved = 0; // counted
    this.failed = ""; // why the last change was not saved
  }

  /** Whether something is not saved yet. */
  get open() { return this.changes !== this.saved; }

  /** Note a change; it is saved soon. */
  change() {
    this.changes += 1;
    this.after(SOON);
  }

  after(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), milliseconds);
  }

  save() {
    clearTimeout(this.timer);
    this.busy ||= this.saveAll().finally(() => { this.busy = null; this.changed(); });
    return this.busy;
  }

  async saveAll() {
    this.failed = "";
    while (this.now() && this.open) {
      const picture = this.now(), at = this.changes;
      this.changed();
      try {
        const said = await this.send();
        if (this.now() !== picture) return;
        this.saved = at;
        this.kept(said);
      } catch (error) {
        if (error.status === 409) { if (await this.settle()) continue; }
        this.failed = error.status === 409 ? "Not saved: decide which of the two counts." : `Not saved: ${error.message}`;
        if (!error.status || error.status >= 500) this.after(AGAIN); // the studio may be starting again
        return;
      }
    }
  }

  /** Save what is not saved; returns whether all is. */
  async settled() {
    while (this.open) {
      const before = this.saved;
      await this.save();
      if (this.saved === before && this.open) { tell(this.failed || "Not saved.", true); return false; }
    }
    return true;
  }

  /** Save nothing more of this picture; ends when what is being saved is. */
  async stop() {
    clearTimeout(this.timer);
    await this.busy;
  }

  /** Let nobody leave the page before all is saved. */
  guard() {
    addEventListener("beforeunload", (event) => {
      if (!this.open) return;
      this.save();
      event.preventDefault();
    });
    document.addEventListener("click", (event) => { // to another room
      const link = event.target.closest("a[href]");
      if (!link || !this.open || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target) return;
      event.preventDefault();
      this.settled().then((all) => { if (all) location.assign(link.href); });
    });
    document.addEventListener("visibilitychange", () => { if (document.hidden && this.open) this.save(); });
  }
}
