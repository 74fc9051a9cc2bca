// The queue of a review: the next pictures are loaded and decoded before they are asked for, and nobody waits for an answer.
import { ask, base, make, post, repeat, tell } from "./api.js";
import { View } from "./canvas.js";
import { Grid } from "./grid.js";
import { Keys, shown } from "./keys.js";
import { Assets } from "./review_assets.js";
import { SIGNS, VERDICTS, drawInset, said, showHead, showNumbers, showReal, showScores } from "./review_panel.js";
import { askReviewer, reviewer } from "./reviewer.js";
import { Sender } from "./sender.js";

const AHEAD = 6; // pictures that are loaded before they are asked for, as far as memory goes
const PAGE = 60; // items that are asked for at once
const DWELL = 500; // milliseconds on a pair after which its normal is loaded
const BLINK = 300; // milliseconds: less than three flashes a second
const VERDICT = { accept: "accepted", reject: "rejected", skip: "skipped" };
const MASK = "#ff6369";

const place = document.querySelector("[data-queue]");
const one = (name, inside = place) => inside.querySelector(`[data-${name}]`);
const buttons = [...place.querySelectorAll("[data-do]")];
const reasons = [...place.querySelectorAll("[data-reason]")].map((button) => button.dataset.reason);
const set = place.dataset.queue;
const api = `review/${encodeURIComponent(set)}`;
const address = (what, id, more = "") => `${base}/api/${api}/${what}?id=${encodeURIComponent(id)}${more}`;

const keys = new Keys({
  accept: { words: "Accept, and go on", keys: ["a"] },
  reject: { words: "Reject, and go on", keys: ["x"] },
  skip: { words: "Skip, and go on", keys: ["s"] },
  ...Object.fromEntries(reasons.map((reason, at) => [`reason${at + 1}`, { words: `Reject: ${reason}`, keys: [`${at + 1}`] }])),
  next: { words: "Next", keys: ["j", "ArrowRight", "ArrowDown"] },
  previous: { words: "Previous", keys: ["k", "ArrowLeft", "ArrowUp"] },
  undo: { words: "Undo your last", keys: ["z"] },
  redo: { words: "Redo", keys: ["Shift+z"] },
  overlay: { words: "Overlay on or off", keys: ["o"] },
  fainter: { words: "Overlay fainter", keys: ["["] },
  stronger: { words: "Overlay stronger", keys: ["]"] },
  bare: { words: "The bare picture, while held", keys: ["Space"] },
  blink: { words: "Blink with the normal", keys: ["b"] },
  closer: { words: "Zoom in", keys: ["+", "="] },
  farther: { words: "Zoom out", keys: ["-"] },
  native: { words: "Native pixels", keys: ["0"] },
  fit: { words: "The whole picture", keys: ["f"] },
  defect: { words: "To the defect", keys: ["d"] },
  correct: { words: "Correct the mask", keys: ["e"] },
  grid: { words: "Grid, and back", keys: ["g"] },
  help: { words: "This list", keys: ["?"] },
}, "flawsmith-review-keys");

// ---- what is known

const known = new Map(); // items by id
let ids = []; // the queue
let at = 0;
let acts = 0; // the last act that is known
let there = 0; // pairs in the set when the queue was asked for
let mine = 0; // pairs that this reviewer decided
let counted = {};
const marked = new Set(); // reasons for the next rejection, by shift
let zoom = null; // null: as is best for each picture; else "fit", or the scale that was chosen

const current = () => known.get(ids[at]);
const own = (item) => item?.opinions[reviewer()];

const assets = new Assets((what, id) => address(what, id), (id) => ask(`${api}/pair?id=${encodeURIComponent(id)}`));
const view = new View(one("canvas"), { label: "Picture", keys: false });
view.over.tabIndex = -1;

// ---- the queue

const chosen = () => {
  const [sort, down] = [one("sort").value.replace("-", ""), one("sort").value.startsWith("-")];
  const [what, name, decision] = one("which").value.split("\n");
  const asked = new URLSearchParams({ sort, down, kind: one("kind").value });
  if (what === "verdict") asked.set("verdict", name);
  if (what === "reviewer") { asked.set("reviewer", name); asked.set("decision", decision); }
  return asked;
};

/** Ask for the queue anew; the current pair stays so where it is still in it. */
async function order(keep = ids[at]) {
  const found = await ask(`${api}/order?${chosen()}`);
  if (found.error) tell(found.error, true);
  ids = found.ids;
  there = found.pairs;
  acts = found.acts;
  count(found);
  known.clear();
  const before = ids.indexOf(keep);
  at = before >= 0 ? before : 0;
  one("new").hidden = true;
  if (keep === undefined && found.reviewers[reviewer()]) await toFirstOpen();
  if (!one("many").hidden) await grid.reload({ current: at });
  await show();
  return found;
}

/** Go to the first pair that this reviewer has not decided, if it is among the first that are asked for. */
async function toFirstOpen() {
  for (let start = 0; start < ids.length; start += PAGE) {
    const found = await items(ids.slice(start, start + PAGE));
    const open = found.findIndex((item) => !own(item));
    if (open >= 0) { at = start + open; return; }
  }
}

async function items(wanted) {
  const missing = wanted.filter((id) => !known.has(id));
  if (missing.length) {
    const found = await ask(`${api}/items?${missing.map((id) => `id=${encodeURIComponent(id)}`).join("&")}`);
    for (const item of found) known.set(item.id, item);
  }
  return wanted.map((id) => known.get(id)).filter(Boolean);
}

/** Keep what is known of the pairs around the current one. */
async function near() {
  const start = Math.max(0, at - 5);
  await items(ids.slice(start, start + PAGE));
  if (known.size > 40 * PAGE) for (const id of [...known.keys()].slice(0, known.size - 20 * PAGE)) if (!ids.slice(start, start + PAGE).includes(id)) known.delete(id);
}

function count(state) {
  counted = state;
  mine = state.reviewers[reviewer()] || 0;
  filters(state);
}

/** Offer the kinds and reviewers that there are. */
function filters({ kinds, verdicts, reviewers }) {
  const fill = (select, options) => {
    const before = select.value, text = JSON.stringify(options);
    if (select.dataset.shown === text || document.activeElement === select) return;
    select.dataset.shown = text;
    select.replaceChildren(...options.map(([value, words]) => make("option", { value }, words)));
    select.value = options.some(([value]) => value === before) ? before : "";
  };
  fill(one("kind"), [["", "all"], ...Object.entries(kinds).map(([kind, number]) => [kind, `${kind} (${number})`])]);
  const me = reviewer();
  const by = (name, who) => Object.entries(VERDICT).map(([decision, words]) => [`reviewer\n${name}\n${decision}`, `${words} by ${who}`]);
  fill(one("which"), [["", "all pairs"],
    ...(me ? [[`reviewer\n${me}\nnone`, "not decided by you"], ...by(me, "you")] : []),
    ...Object.entries(VERDICTS).map(([verdict, words]) => [`verdict\n${verdict}`, `${words} (${verdicts[verdict]})`]),
    ...Object.keys(reviewers).filter((name) => name !== me).flatMap((name) => by(name, name))]);
}

// ---- one pair

let turn = 0; // counts what is shown: what arrives late is dropped

async function show() {
  const mineTurn = (turn += 1);
  blink(false);
  marked.clear();
  if (!ids.length) {
    view.show(null);
    over("");
    one("title").textContent = there ? "No pair matches" : "No pairs yet";
    one("verdict").textContent = there ? "Choose another kind, or show all pairs." : "Pairs that the checks accept come here.";
    for (const name of ["numbers", "real", "scores"]) one(name).replaceChildren();
    drawInset(one("inset"), view, []);
    controls();
    return;
  }
  if (!current()) await near();
  if (mineTurn !== turn) return;
  const item = current();
  if (!item) { tell("This pair is no longer there; the queue is asked for anew.", true); await order(); return; }
  head();
  remember(item.id);
  preload();
  const asset = assets.get(item.id);
  if (asset.value) put(item, asset.value);
  else {
    view.show(null);
    drawInset(one("inset"), view, []);
    over("The picture is loaded …");
    try {
      const value = await asset.both;
      if (mineTurn === turn) put(item, value);
    } catch (error) {
      if (mineTurn === turn) over(error.message);
    }
  }
  beside(item, mineTurn);
  near().then(preload, (error) => tell(error.message, true));
}

let remembering = 0;
/** Have the address lead to this pair; not at each of many that one passes by. */
function remember(id) {
  clearTimeout(remembering);
  remembering = setTimeout(() => history.replaceState(null, "", `#${encodeURIComponent(id)}`), 400);
}

function preload() {
  const wanted = [0, 1, 2, 3, -1, ...Array.from({ length: AHEAD - 3 }, (_, i) => i + 4)].map((step) => known.get(ids[at + step])).filter(Boolean);
  assets.want(wanted);
}

async function beside(item, mineTurn) {
  try {
    const details = await assets.beside(item.id);
    if (mineTurn !== turn) return;
    if (details.reading) setTimeout(() => { if (mineTurn === turn) beside(item, mineTurn); }, 1500);
    showScores(one("scores"), details);
    showReal(one("real"), details, (number) => address("real", item.id, `&number=${number}`));
    blinks(details.normal);
    setTimeout(() => { if (mineTurn === turn && details.normal) normal(item.id); }, DWELL); // not of pairs that one passes by
  } catch (error) {
    if (mineTurn === turn) tell(error.message, true);
  }
}

/** Show a picture, its defect in the middle: in native pixels first, where the picture is larger than the page's place for it. */
function put(item, { picture, mask }) {
  over("");
  view.second = null;
  view.label = `Picture of pair ${item.id}, ${item.kind}`;
  view.layers = [{ mask, colour: MASK, opacity: Number(one("opacity").value), outline: true, visible: shows("overlay") }];
  view.show(picture);
  centre(item, mask);
}

function centre(item = current(), mask = view.layers[0]?.mask) {
  const { picture } = view;
  if (!picture || !item) return;
  const box = largest(item, mask);
  if (zoom === "fit") view.fit();
  else if (zoom !== null) view.zoom(zoom / view.scale);
  else if (picture.width <= view.width && picture.height <= view.height) view.fit();
  else {
    view.native();
    const share = Math.min(view.width / (1.2 * box.width), view.height / (1.2 * box.height));
    if (share < 1) view.zoom(share);
  }
  if (!view.fitted) view.centre(box.left + box.width / 2, box.top + box.height / 2);
  inset();
}

function largest(item, mask) {
  const boxes = boxesOf(item, mask);
  const [top, left, height, width] = boxes.reduce((most, box) => (box[2] * box[3] > most[2] * most[3] ? box : most), [0, 0, 0, 0]);
  return height ? { top, left, height, width } : { left: 0, top: 0, width: view.picture.width, height: view.picture.height };
}

/** Return the boxes around the defects as the row says, or around the mask where it does not or was corrected. */
function boxesOf(item, mask) {
  if (item.boxes.length && !item.corrected) return item.boxes;
  const found = mask?.bounds();
  return found ? [[found.top, found.left, found.bottom - found.top, found.right - found.left]] : [];
}

let drawing = 0;
function inset() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => drawInset(one("inset"), view, current() ? boxesOf(current(), view.layers[0]?.mask) : []));
}

/** Show what is decided of the current pair, and where in the queue it is. */
function head() {
  const item = current();
  if (!item) return;
  showHead(one("title"), one("verdict"), item);
  showNumbers(one("numbers"), item);
  one("correct").href = `${base}/label?pairs=${encodeURIComponent(set)}&id=${encodeURIComponent(item.id)}`;
  controls();
}

function controls() {
  const item = current(), opinion = own(item);
  for (const button of buttons) {
    const name = button.dataset.do;
    if (VERDICT[name]) button.setAttribute("aria-pressed", opinion?.decision === name);
    if (button.dataset.reason) button.setAttribute("aria-pressed", marked.has(button.dataset.reason) || Boolean(opinion?.reasons.includes(button.dataset.reason)));
    if (["accept", "reject", "skip"].includes(name) || button.dataset.reason) button.disabled = !item;
  }
  one("place").textContent = ids.length ? `${(at + 1).toLocaleString("en")} of ${ids.length.toLocaleString("en")}; ${mine.toLocaleString("en")} decided` : "0 of 0";
  one("progress").max = there || 1;
  one("progress").value = mine;
  one("who").textContent = reviewer() || "Who reviews?";
}

function over(words) {
  one("over").textContent = words;
  one("over").hidden = !words;
}

const say = (words) => { one("said").textContent = words; };

// ---- decisions

const sender = new Sender(({ path, body }) => post(`${api}/${path}`, body), () => {
  if (sender.stuck) over(`${sender.waiting.length} decisions wait until the studio answers again.`);
  else if (one("over").textContent.includes("decisions wait")) over("");
});

async function named() {
  return reviewer() || (await askReviewer());
}

/** Take what the server says of items. */
function learn(found) {
  for (const item of found) {
    if (!known.has(item.id)) continue;
    if (known.get(item.id).corrected?.at !== item.corrected?.at) assets.forget(item.id);
    known.set(item.id, item);
    if (!one("many").hidden) grid.update(ids.indexOf(item.id), item);
  }
}

/** Decide on pairs; what is shown changes at once, and is sent meanwhile. */
async function decide(wanted, decision, given = []) {
  const who = await named();
  if (!who || !wanted.length) return false;
  const before = new Map();
  for (const id of wanted) {
    const item = known.get(id);
    if (!item) { mine += 1; continue; }
    before.set(id, item);
    if (!own(item)) mine += 1;
    const opinions = { ...item.opinions, [who]: { decision, reasons: given, at: Date.now() / 1000 } };
    learn([{ ...item, opinions, verdict: together(opinions) }]);
  }
  sender.add({ path: "decide", body: { reviewer: who, ids: wanted, decision, reasons: given } }).then((answer) => {
    learn(answer.items);
    head();
  }, (error) => {
    learn([...before.values()]);
    head();
    tell(`Not saved: ${error.message}`, true);
  });
  return true;
}

/** Return what several people's decisions come to, as the server does. */
function together(opinions) {
  const found = new Set(Object.values(opinions).map(({ decision }) => decision));
  if (found.has("accept")) return found.has("reject") ? "disputed" : "accepted";
  return found.has("reject") ? "rejected" : found.has("skip") ? "skipped" : "open";
}

/** Decide on what is chosen in the grid, or on the pair that is shown, and go on. */
async function act(decision, given = []) {
  if (!one("many").hidden) {
    const wanted = grid.chosen.size ? [...grid.chosen].sort((a, b) => a - b).map((index) => ids[index]) : [ids[grid.current]];
    const many = grid.chosen.size > 1;
    await items(wanted.slice(0, PAGE));
    if (!(await decide(wanted, decision, given))) return;
    tell(`${wanted.length === 1 ? wanted[0] : `${wanted.length} pairs`} ${VERDICT[decision]}.`);
    grid.choose([]);
    if (!many) grid.current += 1;
    return;
  }
  if (!view.picture) { say("The picture is not there yet."); return; }
  const item = current();
  const all = decision === "reject" ? [...new Set([...marked, ...given])] : [];
  if (!(await decide([item.id], decision, all))) return;
  if (at + 1 < ids.length) {
    at += 1;
    say(`${VERDICT[decision]}. ${describe(known.get(ids[at]))}`);
    show();
  } else {
    head();
    const open = Math.max(0, there - mine);
    tell(`${sentence(VERDICT[decision])}. That was the last of this queue${open ? `; ${open} pairs of the set are not decided by you` : ", and you have decided on all pairs of the set"}.`);
  }
}

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);
const describe = (item) => (item ? `${item.id}, ${item.kind}, ${at + 1} of ${ids.length}, ${said(item)}` : `${at + 1} of ${ids.length}`);

let taking = null; // a promise that ends with the undos and redos that are under way: what follows is about the pair that they lead to

/** Do some work when no undo is under way any more. */
function after(work) {
  if (!taking) return work();
  if (sender.stuck) { tell("An undo waits until the studio answers again.", true); return null; }
  return taking.then(work);
}

function takeBack(path) {
  const own = (taking || Promise.resolve()).then(() => take(path)).finally(() => { if (taking === own) taking = null; });
  taking = own;
}

async function take(path) {
  const who = await named();
  if (!who) return;
  try {
    const { ids: changed, items: found } = await sender.add({ path, body: { reviewer: who } });
    if (!changed.length) { tell(path === "undo" ? "There is nothing left to undo." : "There is nothing to redo."); return; }
    learn(found);
    count(await ask(api));
    const words = changed.length === 1 ? changed[0] : `${changed.length} pairs`;
    tell(path === "undo" ? `Undone: ${words}.` : `Done again: ${words}.`);
    const index = ids.indexOf(changed[0]);
    if (!one("many").hidden) { await grid.refresh(); if (index >= 0) grid.current = index; } else if (index >= 0) { at = index; await show(); }
    head();
  } catch (error) { tell(error.message, true); }
}

// ---- the grid

let outlined = false;
const grid = new Grid(one("many"), {
  label: "Pairs",
  load: async (offset, number) => ({ total: ids.length, items: await items(ids.slice(offset, offset + number)) }),
  show: (item) => ({
    src: address("thumbnail", item.id, outlined ? "&outline=1" : ""),
    label: `${item.id}, ${item.kind}, ${VERDICTS[item.verdict]}`,
    caption: [make("span", { class: "said" }, `${SIGNS[item.verdict]} ${VERDICTS[item.verdict]}`.trim()), make("br"), `${item.kind} ${item.id}`],
    state: item.verdict,
  }),
  open: (_, index) => { at = index; grids(false); },
  select: true,
  click: "current",
  cell: 160,
});

async function grids(on) {
  if (on === !one("many").hidden) return;
  one("many").hidden = !on;
  one("single").hidden = on;
  place.querySelector('[data-do="grid"]').setAttribute("aria-pressed", on);
  if (on) {
    blink(false);
    grid.host.focus();
    await grid.reload({ current: at });
  } else {
    document.activeElement?.blur();
    await show();
  }
}

one("many").addEventListener("current", () => {
  if (one("many").hidden || !ids.length) return;
  at = Math.min(grid.current, ids.length - 1);
  turn += 1;
  const mineTurn = turn, item = current();
  if (!item) return;
  head();
  setTimeout(() => { // not of every pair that one passes by
    if (mineTurn !== turn || one("many").hidden) return;
    const asset = assets.get(item.id);
    preload();
    asset.both.then(({ picture, mask }) => {
      if (mineTurn !== turn) return;
      view.layers = [{ mask, colour: MASK }];
      view.show(picture);
      inset();
    }, () => {});
    beside(item, mineTurn);
  }, 150);
});

// ---- what keys and buttons do

const shows = (name) => place.querySelector(`[data-do="${name}"]`).getAttribute("aria-pressed") === "true";
const press = (name, on) => place.querySelector(`[data-do="${name}"]`).setAttribute("aria-pressed", on);

function go(step) {
  if (!one("many").hidden) { grid.current += step; return; }
  const to = Math.max(0, Math.min(ids.length - 1, at + step));
  if (to === at) { say(step > 0 ? "That is the last." : "That is the first."); return; }
  at = to;
  show().then(() => say(describe(current())));
}

function overlay(on = !shows("overlay")) {
  press("overlay", on);
  outlined = on && !one("many").hidden;
  if (!one("many").hidden) { grid.refresh(); return; }
  const [layer] = view.layers;
  if (layer) { layer.visible = on; view.redraw(); }
}

function fade(step) {
  one("opacity").value = Number(one("opacity").value) + step;
  one("opacity").dispatchEvent(new Event("input"));
}

/** Have the normal of the pair that is shown ready to be compared with. */
async function normal(id) {
  const mineTurn = turn;
  const picture = await assets.normal(id).catch((error) => { tell(error.message, true); return null; });
  if (mineTurn === turn && picture) view.second = picture;
}

let blinking = 0;
async function blink(on = !blinking) {
  clearInterval(blinking);
  blinking = 0;
  view.blink = false;
  if (one("over").textContent === "The normal") over("");
  press("blink", on);
  if (!on) return;
  const mineTurn = turn;
  if (!view.second) {
    if (place.querySelector('[data-do="blink"]').disabled) { press("blink", false); tell("The normal that this pair was made on is not there."); return; }
    over("The normal is loaded …");
    await normal(ids[at]);
    over("");
    if (mineTurn !== turn || !view.second) { press("blink", false); return; }
  }
  const swap = () => { view.blink = !view.blink; over(view.blink ? "The normal" : ""); };
  swap();
  clearInterval(blinking); // of another press while the normal was loaded
  blinking = matchMedia("(prefers-reduced-motion: reduce)").matches ? -1 : setInterval(swap, BLINK);
}

function blinks(possible) {
  place.querySelector('[data-do="blink"]').disabled = !possible;
}

function reason(number, keep) {
  const words = reasons[number - 1];
  if (!keep) { act("reject", [words]); return; }
  if (!marked.delete(words)) marked.add(words);
  controls();
  say(`${words}: ${marked.has(words) ? "marked" : "not marked"}`);
}

const zoomed = (change) => { change(); zoom = view.fitted ? "fit" : view.scale; };
const DO = {
  accept: () => after(() => act("accept")),
  reject: () => after(() => act("reject")),
  skip: () => after(() => act("skip")),
  next: () => after(() => go(1)),
  previous: () => after(() => go(-1)),
  undo: () => takeBack("undo"),
  redo: () => takeBack("redo"),
  overlay: () => overlay(),
  fainter: () => fade(-0.1),
  stronger: () => fade(0.1),
  blink: () => blink(),
  closer: () => zoomed(() => view.step(1)),
  farther: () => zoomed(() => view.step(-1)),
  native: () => { const { fitted } = view; zoomed(() => view.native()); if (fitted) centre(); },
  fit: () => zoomed(() => view.fit()),
  defect: () => { zoom = null; centre(); },
  correct: () => { if (current()) location.assign(one("correct").href); },
  grid: () => grids(one("many").hidden),
  help: () => keys.dialog("Help and keys", [
    "Every pair is a picture with a drawn defect. Accept it when it could be a real one and its mask fits; reject it otherwise, with a reason if you like.",
    "With shift, a number marks its reason and stays: so a rejection has several. In the grid, shift chooses many at once. Click a key to change it.",
  ]),
  plain: () => {
    for (const [name, value] of [["opacity", 0.35], ["brightness", 1], ["contrast", 1]]) { one(name).value = value; one(name).dispatchEvent(new Event("input")); }
    overlay(true);
  },
};
for (let number = 1; number <= reasons.length; number++) DO[`reason${number}`] = ({ shiftKey }) => after(() => reason(number, shiftKey));

for (const button of buttons) button.addEventListener("click", (event) => DO[button.dataset.do](event));

const TYPES = "input:not([type=range], [type=checkbox]), select, textarea";
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.target.closest(TYPES)) return;
  const whole = event.ctrlKey || event.metaKey;
  if (whole && event.key.toLowerCase() === "z") { event.preventDefault(); takeBack(event.shiftKey ? "redo" : "undo"); return; }
  const plain = event.target.closest("button, a, summary, input");
  if ((event.key === " " || event.key === "Enter") && plain) return; // does what is focused
  if (event.key.startsWith("Arrow") && event.target.closest("input, [data-side]")) return;
  if (!one("many").hidden && event.target.closest("[data-many]") && /^(Arrow|Home|End|Page|Enter| |Escape)|^a$/.test(event.key) && (event.key !== "a" || whole)) return;
  let action = keys.action(event);
  if (!action && event.shiftKey && !whole) { // a reason, to be marked only
    action = keys.action({ key: event.key, code: event.code, shiftKey: false });
    if (!action?.startsWith("reason")) return;
  }
  if (!action) return;
  event.preventDefault();
  if (action === "bare") { view.bare = true; return; }
  if (event.repeat && !["next", "previous", "closer", "farther", "fainter", "stronger"].includes(action)) return; // a key that is held decides once
  DO[action](event);
});
document.addEventListener("keyup", (event) => { if (view.bare && keys.action(event) === "bare") view.bare = false; });
window.addEventListener("blur", () => { view.bare = false; });

for (const name of ["sort", "kind", "which"]) {
  one(name).addEventListener("change", () => {
    if (name === "sort") localStorage.setItem("flawsmith-review-sort", one("sort").value);
    order().catch((error) => tell(error.message, true));
  });
}
one("who").addEventListener("click", async () => {
  const before = reviewer();
  if ((await askReviewer()) !== before) { count(await ask(api)); head(); }
});
one("new").addEventListener("click", () => order().catch((error) => tell(error.message, true)));

for (const [name, words] of [["opacity", (value) => `${Math.round(100 * value)} %`], ["brightness", (value) => `×${value.toFixed(2)}`], ["contrast", (value) => `×${value.toFixed(2)}`]]) {
  const slider = one(name);
  const moved = () => {
    slider.nextElementSibling.value = words(Number(slider.value));
    slider.setAttribute("aria-valuetext", words(Number(slider.value)));
    if (name === "opacity") {
      localStorage.setItem("flawsmith-review-opacity", slider.value);
      const [layer] = view.layers;
      if (layer) { layer.opacity = Number(slider.value); view.redraw(); }
    } else view.adjust({ brightness: Number(one("brightness").value), contrast: Number(one("contrast").value) });
  };
  slider.addEventListener("input", moved);
  if (name === "opacity") slider.value = localStorage.getItem("flawsmith-review-opacity") ?? 0.35;
  moved();
}

/** Write the keys onto the buttons. */
function label() {
  for (const button of buttons) {
    const found = keys.actions[button.dataset.do] ? keys.of(button.dataset.do) : [];
    const kbd = button.querySelector("kbd");
    if (kbd) kbd.textContent = found.length ? shown(found[0]) : "";
    if (found.length) button.setAttribute("aria-keyshortcuts", found.join(" ")); else button.removeAttribute("aria-keyshortcuts");
  }
  one("correct").querySelector("kbd").textContent = keys.of("correct").length ? shown(keys.of("correct")[0]) : "";
}
keys.changed = label;

view.host.addEventListener("view", inset);
let sized = false;
new ResizeObserver(() => {
  if (!sized && view.width) { sized = true; centre(); }
  inset();
}).observe(view.host);
view.over.addEventListener("wheel", () => { zoom = view.fitted ? "fit" : view.scale; });

/** What others decide, and pairs that are made meanwhile. */
async function others() {
  if (sender.waiting.length) return;
  const found = await ask(`${api}/changes?after=${acts}`);
  if (sender.waiting.length) return; // what was decided meanwhile is newer
  acts = found.acts;
  count(found);
  if (found.again) { known.clear(); await near(); if (!one("many").hidden) await grid.refresh(); } else learn(found.items);
  if (found.items.some((item) => item.id === ids[at]) || found.again) {
    const shownNow = assets.kept.has(ids[at]);
    if (!shownNow && one("many").hidden) await show(); else head();
  } else controls();
  if (found.read < 1) over(`The rows of this set are read: ${Math.round(100 * found.read)} %.`);
  else if (one("over").textContent.startsWith("The rows of this set")) over("");
  if (found.pairs !== there) {
    one("new").hidden = false;
    one("new").textContent = found.pairs > there ? `${(found.pairs - there).toLocaleString("en")} new pairs: show them` : "The set has changed: show it";
    if (!ids.length || found.read === 1 && there === 0) await order();
  }
}

label();
const wanted = decodeURIComponent(location.hash.slice(1));
one("sort").value = localStorage.getItem("flawsmith-review-sort") || "realism";
if (!one("sort").value) one("sort").value = "realism";
order(wanted || undefined).catch((error) => tell(error.message, true)).finally(() => repeat(2, others));
place.dataset.ready = "";
