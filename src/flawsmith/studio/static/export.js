// Exports: the form, and what came of each.
import { ask, base, doing, duration, given, list, make, post, repeat, tell } from "./api.js";

const PARTS = { train: "Train", val: "Validation", test: "Test" };
const KINDS = ["synthetic", "real", "normal"];
const form = document.querySelector("[data-export]");
const place = document.querySelector("[data-exports]");
let known = [];

const open = (each) => each.job && ["queued", "running"].includes(each.job.state);
const number = (value) => value.toLocaleString("en");
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

// what was exported

function counts(each) {
  const rows = Object.entries(PARTS).filter(([part]) => Object.keys(each.pictures[part]).length);
  if (!rows.length) return null;
  return make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Pictures"), ...KINDS.map((kind) => make("th", { scope: "col", class: "n" }, kind)))),
    make("tbody", {}, ...rows.map(([part, name]) => make("tr", {}, make("th", { scope: "row" }, name),
      ...KINDS.map((kind) => make("td", { class: "n" }, number(each.pictures[part][kind] || 0)))))));
}

function roundTrip(result) {
  if (result.compared === undefined) return "";
  if (result.compared === null) return "It was not read again: there is no reader of this format.";
  if (!result.compared) return "Nothing new was written, so nothing was read again.";
  const exact = `Read again: ${number(result.exact)} of ${plural(result.compared, "picture")} with exactly the same masks.`;
  if (!result.outlines || result.exact === result.compared) return exact;
  return `${exact} It holds outlines: the least agreement with a mask is an IoU of ${result.least.toFixed(3)}.`;
}

function words(result) {
  const said = [`${plural(result.added, "picture")} added${result.already_there ? `, ${number(result.already_there)} were there already` : ""}.`, roundTrip(result)];
  if (result.review) {
    const { accepted, rejected, disputed, open: unseen } = result.review;
    said.push(`Review: ${number(accepted)} accepted, ${number(rejected)} rejected${disputed ? `, ${number(disputed)} disagreed on` : ""}, ${number(unseen)} not looked at.`);
  }
  const lines = said.filter(Boolean).map((line) => make("p", {}, line));
  const told = Object.entries(result.told).map(([what, count]) => make("li", {}, `${number(count)} ${what}`));
  told.unshift(...result.notes.map((note) => make("li", {}, note)));
  const worst = Object.entries(result.worst).map(([image, iou]) => make("li", {}, `${image}: IoU ${iou.toFixed(4)}`));
  return [...lines,
    told.length ? make("ul", {}, ...told) : null,
    result.poor ? make("details", {}, make("summary", { class: "error" }, `${plural(result.poor, "picture")} came back otherwise`), make("ul", {}, ...worst)) : null];
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch { tell("The browser does not let this page copy; select the text instead.", true); }
}

function panel(each) {
  const job = each.job;
  const running = open(each);
  const stop = make("button", { type: "button", class: "small", onclick: () => doing(stop, () => post(`jobs/${job.id}/stop`).then(look)) }, "Stop");
  const state = !job ? null
    : running ? make("p", {}, make("b", { class: `state-${job.state}` }, job.state === "queued" ? "waits" : "runs"), " ", make("span", { "data-time": true }), " ", stop)
      : job.state !== "done" ? make("div", {}, make("p", { class: `state-${job.state}` }, `The last export ${job.state === "stopped" ? "was stopped" : job.state}.`),
        job.error ? make("p", { class: "error" }, job.error) : null) : null;
  return make("article", { class: "panel", "aria-label": each.name },
    make("h3", {}, each.name, " ", make("span", { class: "hint inline" }, `${each.to}${each.polygons ? ", outlines" : ""}`)),
    state,
    ...(each.result && !running ? words(each.result) : []),
    counts(each),
    each.classes.length ? make("p", { class: "hint" }, `Classes: ${each.classes.join(", ")}`) : null,
    make("p", { class: "path" }, make("code", {}, each.folder), " ",
      make("button", { type: "button", class: "small", "aria-label": `Copy the path of ${each.name}`, onclick: () => copy(each.folder) }, "Copy path")),
    each.use ? make("details", {}, make("summary", {}, "How it is opened"), make("pre", {}, each.use),
      make("button", { type: "button", class: "small", "aria-label": `Copy how ${each.name} is opened`, onclick: () => copy(each.use) }, "Copy")) : null,
    each.ready && !running ? make("div", { class: "actions" }, make("a", { class: "button", href: `${base}/exports/${encodeURIComponent(each.name)}.zip`, download: "" }, "Download as zip")) : null);
}

const draw = list(place, panel, (each) => ({ ...each, job: each.job && { ...each.job, seconds: 0 } }), (node, each) => {
  const time = node.querySelector("[data-time]");
  if (time) time.textContent = duration(each.job.seconds);
});

function show(exports) {
  known = exports;
  suggest();
  draw(exports);
  document.querySelector("[data-none]").hidden = exports.length > 0;
}

let before = new Map();
async function look() {
  const exports = await ask("exports");
  for (const each of exports) {
    if (before.get(each.name) && !open(each)) tell(each.job.state === "done" ? `${each.name} is exported.` : `${each.name}: ${each.job.state}.`, each.job.state !== "done");
  }
  before = new Map(exports.map((each) => [each.name, open(each)]));
  show(exports);
}

// the form

let edited = false;
function suggest() {
  if (!form) return;
  const { pairs, to, name, polygons } = form.elements;
  polygons.disabled = form.querySelector("[name=to]:checked").dataset.polygons !== "1";
  if (polygons.disabled) polygons.checked = false;
  if (!edited) name.value = `${pairs.value}-${to.value}`;
  const same = known.find((each) => each.name === name.value.trim());
  const fits = !same || !same.to || (same.to === to.value && same.polygons === polygons.checked);
  name.setCustomValidity(fits ? "" : `${same.name} holds an export to ${same.to}. Choose another name.`);
  form.querySelector("[data-name]").textContent = !fits ? name.validationMessage
    : same ? "This export is there: what is new is added to it, and nothing of it changes." : "A new folder in the project's exports.";
}

function shares() {
  const given = ["train", "val", "test"].map((part) => form.elements[part].valueAsNumber || 0);
  const sum = given.reduce((a, b) => a + b);
  form.elements.test.setCustomValidity(Math.abs(sum - 100) < 1e-4 ? "" : `The parts come to ${sum} percent; they must come to 100.`);
  return given;
}

let reviewed = null; // what people said of the chosen set
async function review() {
  const name = form.elements.pairs.value;
  reviewed = null;
  const found = await ask(`exports/review/${encodeURIComponent(name)}`);
  if (form.elements.pairs.value !== name) return;
  reviewed = found;
  count();
  if (!found.complete) setTimeout(review, 1000);
}

/** Say before it is exported how many pairs that is. */
function count() {
  if (!reviewed) return;
  const { accepted, rejected, disputed, skipped, open: unseen } = reviewed.verdicts;
  const begun = accepted + rejected + disputed > 0;
  const choice = form.elements.review.value || (begun ? "accepted" : "unrejected");
  const taken = { accepted, unrejected: accepted + skipped + unseen, ignored: reviewed.pairs }[choice];
  const said = begun ? `Reviewed: ${number(accepted)} accepted, ${number(rejected)} rejected, ${disputed ? `${number(disputed)} disagreed on, ` : ""}${number(unseen + skipped)} not decided.` : "Nobody has reviewed them.";
  form.querySelector("[data-review]").textContent = `${said} This exports ${number(taken)} of ${plural(reviewed.pairs, "pair")}${reviewed.complete ? "." : ", and those that are still being read."}`;
}

if (form) {
  review().catch((error) => tell(error.message, true));
  form.elements.pairs.addEventListener("change", () => review().catch((error) => tell(error.message, true)));
  form.elements.review.addEventListener("change", count);
  form.elements.name.addEventListener("input", () => { edited = form.elements.name.value !== ""; });
  form.addEventListener("input", () => { suggest(); shares(); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { pairs, to, name, review } = form.elements;
    const flags = Object.fromEntries(["real", "normals", "marker", "link", "polygons"].map((key) => [key, form.elements[key].checked]));
    doing(form.querySelector("button.main"), async () => {
      await post("exports", { pairs: pairs.value, to: to.value, name: name.value.trim(), review: review.value, split: shares(), ...flags });
      await look();
      tell("It is being exported.");
    });
  });
}

show(given("exports"));
before = new Map(known.map((each) => [each.name, open(each)]));
repeat(2, look);
