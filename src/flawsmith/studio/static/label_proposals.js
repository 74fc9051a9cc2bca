// The proposal of what to label in the picture that is shown: asked for, cut at the threshold of its sliders, and taken.
import { base, post } from "./api.js";
import { Picture } from "./canvas.js";
import { cut, differenceOf } from "./proposal.js";

const LOWER = 8; // of the threshold at a time, until something stands out
const LEAST = [1, 2, 3, 4, 6, 9, 12, 16, 20, 25, 36, 49, 64, 81, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800, 6400];
const USUAL = "What differs from the nearest normals is proposed, to be taken or corrected.";
const shown = (number) => number.toLocaleString("en");

export class Proposals {
  /** $(name), button(name): elements of the page; view: with the picture; name(): of the picture that is shown; changed(): its mask has. */
  constructor({ $, button, view, name, changed }) {
    Object.assign(this, { $, button, view, name, changed });
    this.found = null; // { difference, normal, words }
    this.mask = null; // what is proposed
    this.usual = null; // threshold, where it was lowered for this picture
    $("least").max = LEAST.length - 1;
  }

  get least() { return LEAST[Math.min(LEAST.length - 1, this.$("least").value)]; }
  /** Whether there is something to be taken. */
  get any() { return this.mask !== null && !this.button("take").disabled; }

  say(words) { this.$("proposed").textContent = words; }

  /** Ask for one; anyhow: where nothing stands out at the threshold, at the one at which something does. */
  async ask(anyhow = true) {
    const picture = this.name();
    this.say("Comparing with normals ...");
    let said = { state: "working" };
    for (let i = 0; said.state === "working"; i++) {
      if (i) await new Promise((done) => { setTimeout(done, Math.min(1500, 150 * i)); });
      if (this.name() !== picture) return;
      said = await post("label/proposal", { picture });
    }
    if (this.name() !== picture) return;
    if (said.state === "failed") { this.say(said.words); return; }
    const files = `${base}/api/label/proposal/${said.key}`;
    const [difference, normal] = await Promise.all([differenceOf(`${files}/difference.png`), Picture.load(`${files}/normal.png`)]);
    if (this.name() !== picture) { normal.close(); return; }
    this.forget();
    this.found = { difference, normal, words: said.words };
    this.view.second = normal;
    this.button("compare").disabled = false;
    this.recut();
    if (anyhow && !this.any) this.lower();
  }

  /** Lower the threshold until something stands out, for this picture alone. */
  lower() {
    const input = this.$("threshold");
    this.usual = input.value;
    while (!this.any && Number(input.value) > Number(input.min)) {
      input.value = Number(input.value) - LOWER;
      this.recut();
    }
    this.$("threshold-said").value = input.value;
  }

  /** Propose what stands out at the sliders' values. */
  recut() {
    if (!this.found) return;
    const { mask, areas } = cut(this.found.difference, Number(this.$("threshold").value), this.least);
    this.mask = mask;
    this.button("take").disabled = !areas;
    const what = areas ? `${shown(areas)} ${areas === 1 ? "area" : "areas"}, ${shown(mask.area())} px${this.usual === null ? "" : ", at a lower threshold"}`
      : "Nothing stands out at this threshold: lower it, or draw";
    this.say(`${what}. ${this.found.words}`);
    this.changed();
  }

  /** Return the mask that is proposed, which is no longer one then. */
  take() {
    const { mask } = this;
    this.mask = null;
    this.button("take").disabled = true;
    return mask;
  }

  /** Have none: another picture is shown. */
  forget() {
    if (this.usual !== null) this.$("threshold").value = this.$("threshold-said").value = this.usual;
    this.found?.normal.close();
    this.found = this.mask = this.usual = null;
    this.view.second = null;
    this.compare(false);
    for (const name of ["take", "compare"]) this.button(name).disabled = true;
    this.say(USUAL);
  }

  /** Show the nearest normal, or the picture again. */
  compare(on) {
    this.view.blink = on && Boolean(this.view.second);
    this.button("compare").setAttribute("aria-pressed", this.view.blink);
  }
}
