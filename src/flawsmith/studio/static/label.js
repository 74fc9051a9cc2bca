// The room where masks are drawn and corrected.
import { answered, ask, base, doing, post, tell } from "./api.js";
import { Mask, Picture, View } from "./canvas.js";
import { Drawing } from "./drawing.js";
import { boxTool, inside, paintBoxes } from "./label_boxes.js";
import { listen, writeKeys } from "./label_keys.js";
import { Panel } from "./label_panel.js";
import { Proposals } from "./label_proposals.js";
import { Saving } from "./label_saving.js";
import { sliders } from "./label_sliders.js";
import { askReviewer, reviewer } from "./reviewer.js";
import { toolbar } from "./toolbar.js";

const COLOURS = ["#ff4d4f", "#3d9bff", "#ffb020", "#2fc46f", "#c678ff", "#00c2c7", "#ff7ac6", "#a8cf3a"];
const $ = (name) => document.querySelector(`[data-${name}]`);
const button = (name) => document.querySelector(`[data-do="${name}"]`);
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// a picture of the data, or with ?pairs=NAME&id=ID the mask of a pair that was made
const asking = new URLSearchParams(location.search);
const pair = asking.has("pairs") ? { pairs: asking.get("pairs"), id: asking.get("id") || "" } : null;
const stateOf = (name) => ask(pair ? `label/pair?${new URLSearchParams(pair)}` : `label?picture=${encodeURIComponent(name)}`);
const pictureOf = (name) => (pair ? `${base}/api/review/${encodeURIComponent(pair.pairs)}/picture?id=${encodeURIComponent(pair.id)}` : `${base}/api/label/picture?name=${encodeURIComponent(name)}`);

const view = new View($("view"), { label: "Picture" });
const drawing = new Drawing(view);
const proposals = new Proposals({ $, button, view, name: () => now?.picture, changed: () => show() });
const BOX = { box: { key: "r", name: "Box", hint: "Drag a box around a defect: what stands out inside it is marked." } };
toolbar($("tools"), drawing, undefined, pair ? {} : BOX);

let now = null; // the picture that is shown, as the server said
let opening = 0; // counts pictures that were asked for
let kinds = [];
let layers = []; // { kind, mask, colour, visible }
let kind = ""; // that is drawn
let normal = false;
let wantNormal = null; // what the step that is being noted makes of it
const look = { opacity: 0.4, outline: true, hidden: false };

const layer = () => layers.find((each) => each.kind === kind);
const marked = () => layers.some(({ mask }) => mask.tiles.size);

// ---- a picture

async function open(name, { push = true } = {}) {
  if (now && !(await saving.settled())) return;
  const turn = ++opening;
  view.busy = true;
  try {
    await load(name, turn, push);
  } finally {
    if (turn === opening) view.busy = false;
  }
}

/** Load a picture and its masks, and show them unless another was asked for meanwhile. */
async function load(name, turn, push) {
  const said = await stateOf(name);
  if (turn !== opening) return;
  if (said.picture === null) { empty(said); return; }
  const picture = await Picture.load(pictureOf(said.picture));
  const masks = await Promise.all(said.layers.map(({ bits }) => Mask.unpack(bits, said.size[1], said.size[0])));
  if (turn !== opening) { picture.close(); return; }
  const before = view.picture;
  $("room").hidden = false;
  $("empty").hidden = true;
  begin(said, masks);
  view.label = `Picture ${said.picture}`;
  view.show(picture);
  showPlace(null);
  before?.close();
  if (pair) { if (said.compare) await compareWithNormal(); return; }
  const address = `${base}/label?picture=${encodeURIComponent(said.picture)}`;
  if (push && location.pathname + location.search !== address) history.pushState(null, "", address);
  if ($("automatic").checked && !said.normal && !marked() && !said.drawn && !said.boxes.length) proposals.ask(false).catch(() => {});
}

function empty({ reading, error }) {
  $("empty").hidden = false;
  $("empty").textContent = reading ? "The pictures are being read ..." : error || "There are no pictures yet. Bring some on the data page.";
  if (reading) setTimeout(() => start(), 700);
}

function begin(said, masks) {
  now = said;
  normal = said.normal;
  kinds = said.kinds;
  layers = said.layers.map((each, i) => ({ kind: each.kind, mask: masks[i], visible: true }));
  proposals.forget();
  shape();
  saving.begin();
  drawing.reset(layer().mask);
  if (!drawing.chosen) drawing.use("brush");
  if (said.told) tell(said.told, true);
  show();
}

/** Have a layer for each kind, in their order and colours, and one that is drawn. */
function shape() {
  const [height, width] = now.size;
  if (!kinds.length) kinds = ["defect"];
  for (const name of kinds) if (!layers.some((each) => each.kind === name)) layers.push({ kind: name, mask: new Mask(width, height), visible: true });
  for (const each of layers) if (!kinds.includes(each.kind)) kinds.push(each.kind);
  layers.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  layers.forEach((each) => { each.colour = COLOURS[kinds.indexOf(each.kind) % COLOURS.length]; });
  const drawn = layers.find(({ mask }) => mask.tiles.size)?.kind || now.boxes[0]?.kind;
  if (!layers.some((each) => each.kind === kind) || (drawn && !layer().mask.tiles.size)) kind = drawn || layers[0].kind;
}

function choose(name) {
  kind = name;
  drawing.mask = layer().mask;
  show();
}

// ---- what is seen

const panel = new Panel($, button, { choose, toggle: (i, on) => { layers[i].visible = on; show(); } });

function show() {
  const proposed = proposals.mask && { mask: proposals.mask, colour: "#ffffff", opacity: 0.25, outline: true };
  view.layers = look.hidden ? [] : [...layers.filter((each) => each.visible).map((each) => ({ ...each, ...look })), ...(proposed ? [proposed] : [])];
  panel.show(now, { layers, kind, normal, pair: Boolean(pair) });
  tellSaved();
}

function tellSaved() {
  panel.saved(saving.failed || (saving.busy ? "Saving ..." : saving.open ? "Not saved yet." : saving.saved || now?.drawn ? "Saved." : ""), Boolean(saving.failed));
}

view.host.addEventListener("view", () => { $("zoom").value = `${view.scale < 0.1 ? (100 * view.scale).toFixed(1) : Math.round(100 * view.scale)} %`; });
view.host.addEventListener("point", ({ detail }) => showPlace(detail));
function showPlace(point) {
  const x = Math.floor(point?.x ?? -1), y = Math.floor(point?.y ?? -1);
  const inside = now && x >= 0 && y >= 0 && x < now.size[1] && y < now.size[0];
  $("place").parentElement.setAttribute("aria-live", view.cursor ? "polite" : "off"); // where the keys' cursor is
  $("place").textContent = inside ? `x ${x}, y ${y}` : now ? `${now.size[1]} x ${now.size[0]} pixels` : "";
  $("under").textContent = inside ? layers.filter(({ mask }) => mask.at(x, y)).map((each) => each.kind).join(", ") : "";
}
view.paint = (board) => {
  if (!look.hidden) paintBoxes(board, view, now?.boxes || [], (name) => layers.find((each) => each.kind === name)?.colour || "#fff");
};

// ---- what is drawn

drawing.wrap = (step) => {
  const before = normal, after = wantNormal ?? (marked() ? false : normal);
  wantNormal = null;
  normal = after;
  return { undo() { step.undo(); normal = before; }, redo() { step.redo(); normal = after; } };
};
drawing.addEventListener("change", () => {
  saving.change();
  show();
});
drawing.addEventListener("told", ({ detail }) => tell(detail, true));

function markNormal() {
  wantNormal = !normal;
  if (normal || !drawing.edit(layers.map(({ mask }) => mask), () => layers.forEach(({ mask }) => mask.clear()))) drawing.note({ undo() {}, redo() {} });
}

/** Have masks by kind in place of what is drawn, as one step. */
function replace(masks, keep = false) {
  for (const name of masks.keys()) if (!kinds.includes(name)) kinds = [...kinds, name];
  shape();
  const done = drawing.edit(layers.map(({ mask }) => mask), () => layers.forEach((each) => {
    if (!keep) each.mask.clear();
    if (masks.has(each.kind)) each.mask.merge(masks.get(each.kind));
  }));
  drawing.mask = layer().mask;
  return done;
}

// ---- saving

const saving = new Saving({
  now: () => now,
  send,
  settle: settleConflict,
  kept(said) { Object.assign(now, said, { drawn: true, kinds: undefined }); show(); },
  changed: () => tellSaved(),
});
saving.guard();

async function send() {
  if (pair) {
    const name = reviewer() || (await askReviewer());
    if (!name) throw Object.assign(new Error("a correction is kept with the name of whoever made it."), { status: 400 });
    const { mask } = layers[0];
    if (!mask.tiles.size) throw Object.assign(new Error("nothing is marked. Mark the defect, or reject the pair."), { status: 400 });
    return post("label/pair", { ...pair, version: now.version, reviewer: name, bits: await mask.pack() });
  }
  const full = layers.filter(({ mask }) => mask.tiles.size);
  const bits = await Promise.all(full.map(async (each) => ({ kind: each.kind, bits: await each.mask.pack() })));
  return post("label", { picture: now.picture, version: now.version, normal, layers: bits });
}

async function settleConflict() {
  const theirs = await stateOf(now.picture);
  const answer = await answered($("conflict"));
  if (!answer) return false;
  const [height, width] = now.size;
  const other = new Map();
  for (const each of theirs.layers) other.set(each.kind, await Mask.unpack(each.bits, width, height));
  const mine = new Map();
  for (const each of layers) { const copy = new Mask(width, height); copy.merge(each.mask); mine.set(each.kind, copy); }
  const own = normal;
  now.version = theirs.version;
  wantNormal = answer === "both" ? !marked() && !other.size && (own || theirs.normal) : theirs.normal;
  if (!replace(other, answer === "both")) drawing.note({ undo() {}, redo() {} });
  if (answer === "mine") { wantNormal = own; if (!replace(mine)) drawing.note({ undo() {}, redo() {} }); }
  return true;
}

addEventListener("popstate", () => start());

// ---- the proposal

function take() {
  if (!proposals.any) return;
  const mask = proposals.take();
  if (!drawing.edit([layer().mask], () => layer().mask.merge(mask))) tell("That is marked already.");
  show();
}

/** Have the normal that a pair was made on to compare with, where there is one. */
async function compareWithNormal() {
  const picture = now;
  const normals = await Picture.load(`${base}/api/review/${encodeURIComponent(pair.pairs)}/normal?id=${encodeURIComponent(pair.id)}`);
  if (now !== picture) { normals.close(); return; }
  view.second?.close();
  view.second = normals;
  button("compare").disabled = false;
}

// ---- boxes: of the data, and drawn ones

async function fill(boxes) {
  const picture = now, masks = await inside(picture, boxes);
  if (now === picture && !replace(masks, true)) tell("That is marked already.");
}
drawing.add("box", () => boxTool(view, drawing, (box) => fill([{ kind, box }]).catch((error) => tell(error.message, true))));

// ---- controls

/** Go to another picture; those that cannot be shown are told and passed over. */
async function go(where) {
  let name = now.beside?.[where];
  while (name) {
    try {
      await open(name);
      return;
    } catch (error) {
      if (!error.status || error.status >= 500) throw error;
      tell(`${name}: ${error.message}`, true);
      name = (await ask(`label/beside?picture=${encodeURIComponent(name)}`))[where];
    }
  }
  tell("There is none further on.");
}
const DO = {
  in: () => view.step(1),
  out: () => view.step(-1),
  native: () => view.native(),
  fit: () => view.fit(),
  previous: () => go("previous"),
  next: () => go("next"),
  nextOpen: () => go("nextOpen"),
  previousOpen: () => go("previousOpen"),
  propose: () => proposals.ask(),
  take,
  compare: () => proposals.compare(!view.blink),
  boxes: () => fill(now.boxes),
  normal: markNormal,
  rename,
  forget,
  help: () => { $("help").showModal(); },
};
const CHANGES = ["propose", "take", "boxes", "normal", "rename", "forget"]; // what is shown, not what is loading
/** Do what a button or its key is for. */
async function act(name) {
  try {
    if (view.busy && CHANGES.includes(name)) drawing.early(); else await DO[name]();
  } catch (error) {
    tell(error.message, true);
  }
}
for (const each of document.querySelectorAll("[data-do]")) each.addEventListener("click", () => act(each.dataset.do));

$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const { name } = event.target.elements;
  doing(event.target.querySelector("button"), async () => {
    kinds = await post("label/kinds", { name: name.value.trim() });
    shape();
    choose(name.value.trim());
    name.value = "";
  });
});

async function rename() {
  if (!(await saving.settled())) return;
  const dialog = $("renaming"), { name } = dialog.querySelector("form").elements;
  name.value = kind;
  if ((await answered(dialog)) !== "rename" || name.value.trim() === kind) return;
  const to = name.value.trim(), picture = now.picture;
  await post("label/kinds/rename", { kind, name: to });
  kind = to;
  await reread();
  now = null;
  await open(picture, { push: false });
}

async function forget() {
  await saving.stop();
  const { picture, version } = now;
  if (pair) {
    await post("label/pair", { ...pair, version, reviewer: reviewer() || (await askReviewer()) });
  } else {
    await post("label/forget", { picture, version });
    await reread();
  }
  now = null;
  await open(picture, { push: false });
}

async function reread() {
  while ((await ask("label/reading")).reading) await wait(300);
}

const slide = sliders($, { view, proposals, look, show: () => { if (now) show(); } });

// ---- keys

writeKeys($("help").querySelector("tbody"));
listen(() => now, {
  drawing,
  view,
  choose: (number) => { if (layers[number - 1]) choose(layers[number - 1].kind); },
  press: (name) => { const control = button(name); if (!control?.disabled && !control?.closest("[hidden]")) act(name); },
  save: () => saving.save(),
  does: {
    o: () => { look.hidden = !look.hidden; show(); },
    r: () => { if (!pair) drawing.use("box"); },
    ",": () => slide("threshold", -4),
    ".": () => slide("threshold", 4),
    "{": () => slide("opacity", -10),
    "}": () => slide("opacity", 10),
  },
});

if (pair) {
  for (const each of document.querySelectorAll("[data-proposals], [data-pictures], [data-kind-controls]")) each.hidden = true;
  $("back").hidden = false;
  $("back").firstElementChild.href = `${base}/review/${encodeURIComponent(pair.pairs)}#${encodeURIComponent(pair.id)}`;
}

const start = () => open(new URLSearchParams(location.search).get("picture") || "", { push: false }).catch((error) => {
  $("empty").hidden = Boolean(now);
  $("empty").textContent = error.message;
  tell(error.message, true);
});
start();
