// The queue of a review: the next pictures are loaded and decoded before they are asked for, and nobody waits for an answer.
import { ask, base, post, repeat, tell } from "./api.js";
import { Grid } from "./grid.js";
import { Keys } from "./keys.js";
import { Assets } from "./review_assets.js";
import { asked, offer } from "./review_filters.js";
import { actions, label, listen } from "./review_keys.js";
import { Look } from "./review_look.js";
import { VERDICT, VERDICTS, captionOf, said, sentence, showHead, showNumbers, showReal, showScores } from "./review_panel.js";
import { PAGE, Queue, own } from "./review_queue.js";
import { changeReasons } from "./review_reasons.js";
import { askReviewer, reviewer } from "./reviewer.js";
import { Sender } from "./sender.js";

const AHEAD = [0, 1, 2, 3, -1, 4, 5, 6]; // pictures that are loaded before they are asked for, as far as memory goes
const DWELL = 500; // milliseconds on a pair after which its normal is loaded
const PASSING = 150; // milliseconds on a pair of the grid after which it is loaded
const SORTED = "flawsmith-review-sort";

const place = document.querySelector("[data-queue]");
const one = (name) => place.querySelector(`[data-${name}]`);
const buttons = [...place.querySelectorAll("[data-do]")];
const reasons = [...place.querySelectorAll("[data-reason]")].map((button) => button.dataset.reason);
const set = place.dataset.queue;
const api = `review/${encodeURIComponent(set)}`;
const address = (what, id, more = "") => `${base}/api/${api}/${what}?id=${encodeURIComponent(id)}${more}`;

const keys = new Keys(actions(reasons), "flawsmith-review-keys");

// ---- what is known, and what of it is shown

const queue = new Queue(api, () => asked(one));
const assets = new Assets((what, id) => address(what, id), (id) => ask(`${api}/pair?id=${encodeURIComponent(id)}`));
const control = (name) => place.querySelector(`[data-do="${name}"]`);
const look = new Look(one, (name, on) => control(name).setAttribute("aria-pressed", on));
const marked = new Set(); // reasons for the next rejection, by shift
const gridded = () => !one("many").hidden;
const say = (words) => { one("said").textContent = words; };
const oops = (error) => tell(error.message, true);
let turn = 0; // counts what is shown: what arrives late is dropped

/** Ask for the queue anew. keep: the pair that stays the current one. */
async function order(keep) {
  const found = await queue.order(keep);
  if (found.error) tell(found.error, true);
  offer(one, found);
  one("new").hidden = true;
  if (gridded()) await grid.reload({ current: queue.at });
  await show();
}

/** Show the current pair. */
async function show() {
  const mine = (turn += 1);
  marked.clear();
  if (!queue.ids.length) {
    look.clear();
    one("title").textContent = queue.there ? "No pair matches" : "No pairs yet";
    one("verdict").textContent = queue.there ? "Choose another kind, or show all pairs." : "Pairs that the checks accept come here.";
    for (const name of ["numbers", "real", "scores"]) one(name).replaceChildren();
    controls();
    return;
  }
  if (!queue.item) await queue.near();
  if (mine !== turn) return;
  const { item } = queue;
  if (!item) { tell("This pair is no longer there; the queue is asked for anew.", true); await order(); return; }
  head();
  queue.remember();
  preload();
  const asset = assets.get(item.id);
  if (asset.value) look.show(item, asset.value);
  else {
    look.clear("The picture is loading …");
    asset.both.then((value) => { if (mine === turn) look.show(item, value); }, (error) => { if (mine === turn) look.say(error.message); });
  }
  beside(item, mine);
  queue.near().then(preload, oops);
}

function preload() {
  assets.want(AHEAD.map((step) => queue.known.get(queue.ids[queue.at + step])).filter(Boolean));
}

/** Show what stands beside a pair, as soon as it is there. */
async function beside(item, mine) {
  try {
    const details = await assets.beside(item.id);
    if (mine !== turn) return;
    if (details.reading) setTimeout(() => { if (mine === turn) beside(item, mine); }, 1500);
    showScores(one("scores"), details);
    showReal(one("real"), details, (number) => address("real", item.id, `&number=${number}`));
    control("blink").disabled = !details.normal;
    if (!details.normal) return;
    setTimeout(() => { // not of pairs that one passes by
      if (mine === turn && look.item === item) assets.normal(item.id).then((picture) => { if (look.item === item) look.view.second = picture; }, () => {});
    }, DWELL);
  } catch (error) {
    if (mine === turn) oops(error);
  }
}

/** Show what is decided of the current pair, and where in the queue it is. */
function head() {
  const { item } = queue;
  if (!item) return;
  showHead(one("title"), one("verdict"), item);
  showNumbers(one("numbers"), item);
  one("correct").href = `${base}/label?pairs=${encodeURIComponent(set)}&id=${encodeURIComponent(item.id)}`;
  controls();
}

function controls() {
  const opinion = own(queue.item), number = (value) => value.toLocaleString("en");
  for (const button of buttons) {
    const { do: name, reason: words } = button.dataset;
    if (VERDICT[name]) button.setAttribute("aria-pressed", opinion?.decision === name);
    if (words) button.setAttribute("aria-pressed", marked.has(words) || Boolean(opinion?.reasons.includes(words)));
    if (VERDICT[name] || words) button.disabled = !queue.item;
  }
  one("place").textContent = queue.ids.length ? `${number(queue.at + 1)} of ${number(queue.ids.length)}; ${number(queue.mine)} decided` : "0 of 0";
  one("progress").max = queue.there || 1;
  one("progress").value = queue.mine;
  one("who").textContent = reviewer() || "Who reviews?";
}

/** Take what is new of items. */
function learn(items) {
  for (const item of items) {
    const before = queue.known.get(item.id);
    if (!before) continue;
    if (before.corrected?.at !== item.corrected?.at) assets.forget(item.id);
    queue.known.set(item.id, item);
    if (gridded()) grid.update(queue.ids.indexOf(item.id), item);
  }
  head();
}

// ---- decisions

const sender = new Sender(({ path, body }) => post(`${api}/${path}`, body), () => {
  if (sender.stuck) look.say(`${sender.waiting.length} decisions wait ${sender.stuck}.`);
  else if (one("over").textContent.includes("decisions wait")) look.say("");
});

const named = async () => reviewer() || (await askReviewer());

/** Decide on pairs; what is shown changes at once, and is sent meanwhile. Returns whether it was decided. */
async function decide(ids, decision, given) {
  const who = await named();
  if (!who || !ids.length) return false;
  const { before, after } = queue.decided(ids, decision, given);
  learn(after);
  sender.add({ path: "decide", body: { reviewer: who, ids, decision, reasons: given } }).then(({ items }) => learn(items), (error) => {
    learn(before);
    tell(`Not saved: ${error.message}`, true);
  });
  return true;
}

const describe = (item) => (item ? `${item.id}, ${item.kind}, ${queue.at + 1} of ${queue.ids.length}, ${said(item)}` : `${queue.at + 1} of ${queue.ids.length}`);

/** Decide on the pair that is shown, and go on. */
async function act(decision, given = []) {
  if (gridded()) { await actOnMany(decision, given); return; }
  if (!look.there) { say("The picture is not there yet."); return; }
  const reasons = decision === "reject" ? [...new Set([...marked, ...given])] : [];
  if (!(await decide([queue.id], decision, reasons))) return;
  if (queue.at + 1 < queue.ids.length) {
    queue.at += 1;
    say(`${VERDICT[decision]}. ${describe(queue.item)}`);
    show();
    return;
  }
  const open = Math.max(0, queue.there - queue.mine);
  tell(`${sentence(VERDICT[decision])}. That was the last of this queue${open ? `; ${open} pairs of the set are not decided by you` : ", and you have decided on all pairs of the set"}.`);
}

/** Decide on what is chosen in the grid, or on its current pair. */
async function actOnMany(decision, given) {
  const many = grid.chosen.size > 1;
  const ids = grid.chosen.size ? [...grid.chosen].sort((a, b) => a - b).map((index) => queue.ids[index]) : [queue.ids[grid.current]];
  await queue.items(ids.slice(0, PAGE));
  if (!(await decide(ids, decision, given))) return;
  tell(`${ids.length === 1 ? ids[0] : `${ids.length} pairs`} ${VERDICT[decision]}.`);
  grid.choose([]);
  if (!many) grid.current += 1;
}

let taking = null; // a promise that ends with the undos and redos that are under way: what follows is about the pair that they lead to

/** Do some work when no undo is under way any more. */
function after(work) {
  if (!taking) return work();
  if (sender.stuck) { tell(`An undo waits ${sender.stuck}.`, true); return null; }
  return taking.then(work);
}

function takeBack(path) {
  const mine = (taking || Promise.resolve()).then(() => take(path)).catch(oops).finally(() => { if (taking === mine) taking = null; });
  taking = mine;
}

async function take(path) {
  const who = await named();
  if (!who) return;
  const { ids, items } = await sender.add({ path, body: { reviewer: who } });
  if (!ids.length) { tell(path === "undo" ? "There is nothing left to undo." : "There is nothing to redo."); return; }
  learn(items);
  const state = await ask(api);
  queue.count(state);
  offer(one, state);
  tell(`${path === "undo" ? "Undone" : "Done again"}: ${ids.length === 1 ? ids[0] : `${ids.length} pairs`}.`);
  const index = queue.ids.indexOf(ids[0]);
  if (gridded()) {
    await grid.refresh();
    if (index >= 0) grid.current = index;
  } else if (index >= 0) {
    queue.at = index;
    await show();
  }
  head();
}

// ---- the grid

const grid = new Grid(one("many"), {
  label: "Pairs",
  load: async (offset, number) => ({ total: queue.ids.length, items: await queue.items(queue.ids.slice(offset, offset + number)) }),
  show: (item) => ({
    src: address("thumbnail", item.id, look.overlaid ? "&outline=1" : ""),
    label: `${item.id}, ${item.kind}, ${VERDICTS[item.verdict]}`,
    caption: captionOf(item),
    state: item.verdict,
  }),
  open: (_, index) => { queue.at = index; grids(false); },
  select: true,
  click: "current",
  cell: 160,
});

async function grids(on) {
  if (on === gridded()) return;
  one("many").hidden = !on;
  one("single").hidden = on;
  control("grid").setAttribute("aria-pressed", on);
  if (on) {
    look.blink(false);
    grid.host.focus();
    await grid.reload({ current: queue.at });
  } else {
    document.activeElement?.blur();
    await show();
  }
}

one("many").addEventListener("current", () => {
  if (!gridded() || !queue.ids.length) return;
  queue.at = Math.min(grid.current, queue.ids.length - 1);
  const mine = (turn += 1), { item } = queue;
  if (!item) return;
  head();
  setTimeout(() => { // not of every pair that one passes by
    if (mine !== turn || !gridded()) return;
    preload();
    beside(item, mine);
  }, PASSING);
});

// ---- what keys and buttons do

function go(step) {
  if (gridded()) { grid.current += step; return; }
  const to = Math.max(0, Math.min(queue.ids.length - 1, queue.at + step));
  if (to === queue.at) { say(step > 0 ? "That is the last." : "That is the first."); return; }
  queue.at = to;
  show().then(() => say(describe(queue.item)));
}

function reason(number, keep) {
  const words = reasons[number - 1];
  if (!keep) { act("reject", [words]); return; }
  if (!marked.delete(words)) marked.add(words);
  controls();
  say(`${words}: ${marked.has(words) ? "marked" : "not marked"}`);
}

function overlay() {
  look.overlay();
  if (gridded()) grid.refresh();
}

const DO = {
  accept: () => after(() => act("accept")),
  reject: () => after(() => act("reject")),
  skip: () => after(() => act("skip")),
  next: () => after(() => go(1)),
  previous: () => after(() => go(-1)),
  undo: () => takeBack("undo"),
  redo: () => takeBack("redo"),
  overlay,
  fainter: () => look.fade(-0.1),
  stronger: () => look.fade(0.1),
  blink: () => look.blink(undefined, () => (control("blink").disabled ? null : assets.normal(queue.id).catch(() => null))),
  closer: () => look.zoomed((view) => view.step(1)),
  farther: () => look.zoomed((view) => view.step(-1)),
  fit: () => look.zoomed((view) => view.fit()),
  native: () => look.native(),
  defect: () => look.defect(),
  plain: () => look.plain(),
  correct: () => { if (queue.item) location.assign(one("correct").href); },
  grid: () => grids(!gridded()),
  help: () => keys.dialog("Help and keys", [
    "Every pair is a picture with a drawn defect. Accept it when it could be a real one and its mask fits; reject it otherwise, with a reason if you like.",
    "With shift, a number marks its reason and stays: so a rejection has several. In the grid, shift chooses many at once. Click a key to change it.",
  ]),
};
for (let number = 1; number <= reasons.length; number++) DO[`reason${number}`] = ({ shiftKey }) => after(() => reason(number, shiftKey));
for (const button of buttons) button.addEventListener("click", (event) => DO[button.dataset.do](event));

listen(keys, look, gridded, DO);
changeReasons(() => queue.lead());

for (const name of ["sort", "kind", "which"]) {
  one(name).addEventListener("change", () => {
    if (name === "sort") localStorage.setItem(SORTED, one("sort").value);
    order().catch(oops);
  });
}
one("new").addEventListener("click", () => order().catch(oops));
one("who").addEventListener("click", async () => {
  const before = reviewer();
  if ((await askReviewer()) === before) return;
  const state = await ask(api);
  queue.count(state);
  offer(one, state);
  head();
});

/** Show what others decide, and offer pairs that are made meanwhile. */
async function others() {
  if (sender.waiting.length) return;
  const found = await ask(`${api}/changes?after=${queue.acts}`);
  if (sender.waiting.length) return; // what was decided meanwhile is newer
  queue.acts = found.acts;
  queue.count(found);
  offer(one, found);
  if (found.again) {
    queue.known.clear();
    await queue.near();
    if (gridded()) await grid.refresh();
    head();
  } else learn(found.items);
  controls();
  if (!gridded() && queue.item && !assets.kept.has(queue.id)) await show(); // its mask was corrected
  if (found.read < 1) look.say(`The rows of this set are read: ${Math.round(100 * found.read)} %.`);
  else if (one("over").textContent.startsWith("The rows of this set")) look.say("");
  if ((!queue.there && found.pairs) || (!queue.complete && found.read === 1)) { await order(); return; }
  one("new").hidden = found.pairs === queue.there || found.read < 1;
  one("new").textContent = found.pairs > queue.there ? `${(found.pairs - queue.there).toLocaleString("en")} new pairs: show them` : "The set has changed: show it";
}

keys.changed = () => label(keys, [...buttons, one("correct")]);
keys.changed();
one("sort").value = localStorage.getItem(SORTED) || "realism";
if (!one("sort").value) one("sort").value = "realism";
order(decodeURIComponent(location.hash.slice(1)) || undefined).catch(oops).finally(() => repeat(2, others));
