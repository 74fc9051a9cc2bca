// What stands beside a pair: numbers, the whole picture with a box, a real defect, scores and their limits.
import { make } from "./api.js";

export const VERDICT = { accept: "accepted", reject: "rejected", skip: "skipped" }; // of one person, by decision
export const VERDICTS = { open: "not looked at", accepted: "accepted", rejected: "rejected", disputed: "disagreed on", skipped: "skipped" };
const SIGNS = { open: "", accepted: "✓", rejected: "✗", disputed: "≠", skipped: "–" };
const EXPLAINED = {
  realism: "The score that fares worst: 100 % is as real defects of this kind in the median, 0 % at the limit of a check",
  consistency: "How far the mask and the pixels that changed overlap: intersection over union",
  novelty: "100 % is unlike all defects that it was learned from or follows, 0 % a copy of one",
  contrast: "How bright it is against its surroundings, in the colour where that differs most",
  size: "Pixels of its mask",
};
const NUMBERS = {
  realism: (value) => `${Math.round(100 * value)} %`,
  consistency: (value) => value.toFixed(2),
  novelty: (value) => `${Math.round(100 * value)} %`,
  contrast: (value) => `×${(2 ** value).toFixed(2)}`,
  size: (value) => `${value.toLocaleString("en")} px`,
};

/** Return who decided what of a pair, in words. */
export function said(item) {
  const each = Object.entries(item.opinions).map(([name, { decision, reasons }]) => `${name}: ${VERDICT[decision]}${reasons.length ? ` (${reasons.join(", ")})` : ""}`);
  return each.length ? each.join("; ") : "nobody has decided";
}

export function showHead(title, verdict, item) {
  title.replaceChildren(`${item.kind} `, make("small", {}, item.id));
  const colour = { accepted: "state-accept", rejected: "state-reject" }[item.verdict] || "";
  verdict.replaceChildren(make("b", { class: colour }, `${SIGNS[item.verdict]} ${VERDICTS[item.verdict]}`.trim()),
    ...(Object.keys(item.opinions).length ? [` – ${said(item)}`] : []),
    ...(item.corrected ? [make("br"), `Mask corrected by ${item.corrected.by}`] : []));
}

export function showNumbers(place, item) {
  place.replaceChildren(...Object.entries(NUMBERS).map(([name, text]) => {
    const value = item.ratings[name];
    return make("div", { title: EXPLAINED[name] }, make("dt", {}, name), make("dd", {}, value === null ? "–" : text(value)));
  }));
}

const svg = (name, given, ...inside) => {
  const found = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(given)) found.setAttribute(key, value);
  found.append(...inside);
  return found;
};

/** Return where a score lies between its limits, drawn: the track is what is allowed, the darker part what real defects show. */
function scale({ place, shown }) {
  const at = (share) => 100 * share;
  const parts = [svg("rect", { class: "track", x: 0, y: 3, width: 100, height: 4, rx: 1 })];
  if (shown) parts.push(svg("rect", { class: "shown", x: at(shown[0]), y: 3, width: Math.max(1, at(shown[1] - shown[0])), height: 4 }));
  parts.push(svg("rect", { class: "tick", x: Math.min(98.6, at(place)), y: 0, width: 1.4, height: 10 }));
  return svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, ...parts);
}

export const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

export function showScores(place, details) {
  const several = details.scores.length > 1;
  const rows = details.scores.flatMap(({ kind, told }) => told.map((one) => ({ kind, ...one })));
  place.replaceChildren(...rows.map((one) => make("li", { class: one.ok ? "" : "beyond", title: one.question },
    make("p", {}, `${one.ok ? "" : "✗ "}${several ? `${one.kind}: ` : ""}${sentence(one.text)}.`),
    scale(one),
    make("p", { class: "hint" }, sentence([one.real, one.allowed].filter(Boolean).join("; ") || "No limit is known.")))));
  if (!rows.length) place.replaceChildren(make("li", {}, "Its row has no scores."));
}

/** Show the real defects beside a pair, one at native size. address(number): of its picture. */
export function showReal(place, details, address, number = 0) {
  const real = details.real;
  if (!real.length) {
    place.replaceChildren(make("p", { class: "hint" }, details.reading ? "The project's data are being read." : "None of this kind is in the project's data."));
    return;
  }
  const { name, why } = real[number];
  const another = make("button", { type: "button", class: "small", onclick: () => showReal(place, details, address, (number + 1) % real.length) }, `Next (${number + 1} of ${real.length})`);
  place.replaceChildren(
    make("div", { class: "crop" }, make("img", { src: address(number), alt: `A real ${real[number].kind}, in ${name}`, decoding: "async" })),
    make("div", {}, make("p", { title: name }, name.split("/").pop()), make("p", { class: "hint" }, sentence(why)), real.length > 1 ? another : null));
}

/** Draw the whole picture small, a box around each defect, and what of it the view shows; nothing where it shows all of it. */
export function drawInset(canvas, view, boxes, ratio = window.devicePixelRatio || 1) {
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const board = canvas.getContext("2d");
  board.clearRect(0, 0, width, height);
  const picture = view.picture, seen = picture && view.width ? view.seen() : null;
  const whole = !picture || (seen && seen.right - seen.left === picture.width && seen.bottom - seen.top === picture.height);
  canvas.classList.toggle("shown", !whole);
  if (whole || !width) return;
  const edge = Math.round(ratio), share = Math.min((width - 2 * edge) / picture.width, (height - 2 * edge) / picture.height);
  const left = Math.round(width - picture.width * share) - edge, top = Math.round(height - picture.height * share) - edge; // in the corner
  board.fillStyle = "#fff";
  board.fillRect(left - edge, top - edge, width, height);
  picture.draw(board, { left: 0, top: 0, right: picture.width, bottom: picture.height }, left, top, picture.width * share, picture.height * share);
  const frame = (x, y, w, h, colour, line, room) => {
    board.strokeStyle = "#000a";
    board.lineWidth = (line + 2) * ratio;
    board.strokeRect(left + x * share - room, top + y * share - room, w * share + 2 * room, h * share + 2 * room);
    board.strokeStyle = colour;
    board.lineWidth = line * ratio;
    board.strokeRect(left + x * share - room, top + y * share - room, w * share + 2 * room, h * share + 2 * room);
  };
  if (seen) frame(seen.left, seen.top, seen.right - seen.left, seen.bottom - seen.top, "#fff", 1, 0);
  for (const [y, x, h, w] of boxes) frame(x, y, w, h, "#ff6369", 1.5, 3 * ratio);
}

/** Return what stands below a pair in the grid. */
export function captionOf({ id, kind, verdict }) {
  return [make("span", { class: "said" }, `${SIGNS[verdict]} ${VERDICTS[verdict]}`.trim()), make("br"), `${kind} ${id}`];
}
