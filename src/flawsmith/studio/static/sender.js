// Acts that are sent one after the other, so that nobody waits for an answer and none overtakes another. While the studio does not
// answer, or its disk is full, they wait, and are sent when that is over.

const FULL = 507; // the status that says so
const AGAIN = 1500; // milliseconds until it is tried again

export class Sender {
  /** send(act): a promise of the answer; changed(): how many wait has changed. */
  constructor(send, changed = () => {}) {
    this.send = send;
    this.changed = changed;
    this.waiting = [];
    this.stuck = ""; // until when they wait, in words
    window.addEventListener("beforeunload", (event) => { if (this.waiting.length) event.preventDefault(); });
  }

  /** Send an act; returns a promise of its answer. */
  add(act) {
    return new Promise((done, failed) => {
      this.waiting.push({ act, done, failed });
      if (this.waiting.length === 1) this.next();
      this.changed();
    });
  }

  async next() {
    const { act, done, failed } = this.waiting[0];
    try {
      const answer = await this.send(act);
      this.stuck = "";
      done(answer);
    } catch (error) {
      if (error.offline || error.status === FULL) {
        this.stuck = error.offline ? "until the studio answers again" : "until there is room on its disk again";
        this.changed();
        setTimeout(() => this.next(), AGAIN);
        return;
      }
      failed(error);
    }
    this.waiting.shift();
    this.changed();
    if (this.waiting.length) this.next();
  }
}
