// What stands beside the picture in the room for labels: its name and place, the kinds that are drawn, and whether all is saved.
import { make } from "./api.js";

const shown = (number) => number.toLocaleString("en");

export class Panel {
  /** $(name), button(name): elements of the page; choose(kind): has it drawn; toggle(i, on): shows layer i or hides it. */
  constructor($, button, { choose, toggle }) {
    Object.assign(this, { $, button, choose, toggle });
    this.listed = ""; // kinds, as they stand there
    this.words = "";
  }

  /** Show what is known of a picture, and what is drawn in it. */
  show(now, { layers, kind, normal, pair }) {
    const { $, button } = this, { number, count, open } = now.beside || {}, title = now.title || now.picture;
    $("name").textContent = title;
    document.title = `${title} – Label – flawsmith`;
    $("number").textContent = now.beside ? `${shown(number)} of ${shown(count)}; ${open ? `${shown(open)} without a label` : "all labelled"}.` : "";
    for (const where of ["previous", "next", "nextOpen"]) button(where).disabled = !now.beside?.[where];
    button("normal").setAttribute("aria-pressed", normal);
    button("forget").disabled = !now.drawn;
    button("forget").textContent = pair ? "Back to the generated mask" : "Discard what was labelled here";
    $("boxes").hidden = !now.boxes.length;
    $("boxes-said").textContent = `Your data have ${now.boxes.length === 1 ? "a box" : `${now.boxes.length} boxes`} here: what stands out inside is a start.`;
    this.kinds(layers, kind);
  }

  kinds(layers, kind) {
    const wanted = JSON.stringify(layers.map((each) => each.kind)), place = this.$("kinds");
    if (wanted !== this.listed) { // else what is focused stays so
      this.listed = wanted;
      place.replaceChildren(...layers.map((each, i) => this.row(each, i)));
    }
    layers.forEach((each, i) => {
      const [radio, eye] = place.children[i].querySelectorAll("input"), area = each.mask.area();
      radio.checked = each.kind === kind;
      eye.checked = each.visible;
      place.children[i].querySelector(".area").textContent = area ? `${shown(area)} px` : "";
    });
  }

  row({ kind, colour }, i) {
    const radio = make("input", { type: "radio", name: "kind", value: kind, onchange: () => this.choose(kind) });
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = colour;
    const eye = make("input", { type: "checkbox", "aria-label": `Show ${kind}`, title: "Show", onchange: () => this.toggle(i, eye.checked) });
    return make("div", {}, make("label", {}, radio, swatch, make("span", { title: kind }, kind)), make("span", { class: "area" }), eye);
  }

  /** Tell whether all is saved; bad: it could not be. */
  saved(words, bad) {
    if (words !== this.words) this.$("saved").textContent = this.words = words;
    this.$("saved").classList.toggle("bad", bad);
  }
}
