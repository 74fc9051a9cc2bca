// The room of a project's data: reading and checking go on behind it, pictures in a grid, what is wrong, how labels are read.
import { ask, base, doing, given, make, post, repeat, tell } from "./api.js";
import { Grid } from "./grid.js";
import { Viewer } from "./viewer.js";

const ROLES = given("roles");
const SIZE = "flawsmith-cells"; // what the browser remembers
let state = given("state");
const find = (selector) => document.querySelector(selector);

// ---- tabs

const tabs = [...document.querySelectorAll("[role=tab]")];
const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
const nameOf = (tab) => tab.id.slice("tab-".length); // no element's id, so that the page does not scroll there

function show(tab, focus = false) {
  for (const each of tabs) {
    const on = each === tab;
    each.setAttribute("aria-selected", on);
    each.tabIndex = on ? 0 : -1;
    panelOf(each).hidden = !on;
  }
  if (focus) tab.focus();
  history.replaceState(null, "", `#${nameOf(tab)}`);
  if (nameOf(tab) === "mend") lists.forEach((list) => list.open());
}

const byAddress = () => tabs.find((tab) => `#${nameOf(tab)}` === location.hash);
for (const tab of tabs) {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) show(tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length], true);
  });
}
addEventListener("hashchange", () => { const tab = byAddress(); if (tab) show(tab); });

// ---- pictures

const filter = find("[data-filter]");
const asked = () => {
  const [what, value = ""] = filter.elements.which.value.split("=");
  const said = new URLSearchParams();
  if (what) said.set(what, decodeURIComponent(value) || "true");
  if (filter.elements.text.value.trim()) said.set("text", filter.elements.text.value.trim());
  return said;
};

function about(item) {
  const kinds = item.kinds.length ? item.kinds.join(", ") : item.boxed ? "boxes, no mask yet" : ROLES[item.role];
  return item.bad ? `to mend: ${kinds}` : kinds;
}

const short = (name) => (name.length > 30 ? `${name.slice(0, 8)}…${name.slice(-19)}` : name); // their ends tell names apart

const grid = new Grid(find("[data-grid]"), {
  label: "Pictures of the data",
  cell: Number(localStorage.getItem(SIZE)) || 170,
  load: (offset, count) => ask(`pictures?${new URLSearchParams([...asked(), ["offset", offset], ["count", count]])}`),
  show: (item) => ({
    src: item.shown ? `${base}/api/thumb?picture=${encodeURIComponent(item.name)}&outline=${filter.elements.outline.checked}&at=${state.at}` : "",
    label: `${item.name}, ${about(item)}${item.size ? `, ${item.size[1]} by ${item.size[0]} pixels` : ""}`,
    caption: [make("span", { class: "title", title: item.name }, short(item.name.split("/").pop())), make("span", { class: "what" }, about(item))],
    state: `${item.bad ? "bad" : ""} ${item.shown ? "" : "broken"}`,
  }),
  open: (item, index) => viewer.open(index),
});

const viewer = new Viewer(find("[data-viewer]"), { grid, about, labelled: () => asked() });

function counted() {
  find("[data-shown]").value = `${grid.total.toLocaleString("en")} picture${grid.total === 1 ? "" : "s"}`;
}
grid.host.addEventListener("total", counted);

function choices() {
  const { roles, kinds } = state.numbers;
  const options = [["", "all pictures"]];
  for (const [role, words] of Object.entries(ROLES)) if (roles[role]) options.push([`role=${encodeURIComponent(role)}`, `${words} (${roles[role]})`]);
  for (const [kind, count] of Object.entries(kinds)) options.push([`kind=${encodeURIComponent(kind)}`, `${kind} (${count})`]);
  if (state.findings?.problem) options.push(["bad=true", "to mend"]);
  const select = filter.elements.which, before = select.value;
  select.replaceChildren(...options.map(([value, words]) => make("option", { value }, words)));
  select.value = options.some(([value]) => value === before) ? before : "";
}

let typing = 0;
filter.addEventListener("submit", (event) => event.preventDefault());
filter.elements.which.addEventListener("change", () => grid.reload().then(counted));
filter.elements.text.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => grid.reload().then(counted), 250); });
filter.elements.outline.addEventListener("change", () => grid.refresh());
filter.elements.size.value = grid.size;
filter.elements.size.addEventListener("input", () => {
  grid.size = Number(filter.elements.size.value);
  localStorage.setItem(SIZE, grid.size);
});
grid.host.addEventListener("keydown", (event) => {
  const item = grid.item(grid.current);
  if (event.key.toLowerCase() === "l" && !event.ctrlKey && !event.metaKey && item) location.assign(`${base}/label?picture=${encodeURIComponent(item.name)}`);
});

// ---- what is wrong

class Findings {
  constructor(place) {
    this.place = place;
    this.of = place.dataset.findings;
    this.rows = make("ul", { class: "findings" });
    this.more = make("button", { type: "button", onclick: () => doing(this.more, () => this.load()) }, "Show more");
    this.none = make("p", {}, this.of === "problem" ? "Nothing to mend." : "Nothing.");
    place.replaceChildren(this.rows, this.more, this.none);
    this.reset();
  }

  reset() {
    this.rows.replaceChildren();
    this.loaded = false;
    this.more.hidden = true;
    this.none.hidden = !state.of_now || Boolean(state.findings?.[this.of]);
  }

  async open() {
    if (!this.loaded) { this.loaded = true; await this.load(); }
  }

  async load() {
    const found = await ask(`findings?of=${this.of}&offset=${this.rows.children.length}&count=100`);
    this.rows.append(...found.map((each) => make("li", {},
      make("b", {}, each.name ? make("a", { href: "#", onclick: (event) => { event.preventDefault(); viewer.find(each.name); } }, each.path) : each.path === "." ? "all of it" : each.path),
      make("span", {}, each.message))));
    this.more.hidden = this.rows.children.length >= (state.findings?.[this.of] ?? 0) || !found.length;
    this.none.hidden = this.rows.children.length > 0 || !state.findings;
  }
}

const lists = [...document.querySelectorAll("[data-findings]")].map((place) => new Findings(place));

// ---- reading and checking

const line = find("[data-state]");
const total = () => Object.values(state.numbers.roles).reduce((sum, each) => sum + each, 0);

function told() {
  const { reading, check, findings, error, of_now: now } = state;
  const running = check && ["queued", "running"].includes(check.state);
  if (reading && !state.at) return "The data are being read…";
  if (reading) return "Looking whether the data changed…";
  if (running) return `Every file is being checked… ${check.progress?.text ?? ""}`;
  if (error) return "No labels could be read.";
  if (state.check_error) return "The check did not end.";
  if (findings && now) return findings.problem ? `${findings.problem.toLocaleString("en")} to mend.` : "Checked: nothing to mend.";
  return "";
}

function draw() {
  const words = told(), bad = state.findings?.problem ?? 0;
  if (line.dataset.words !== words) {
    line.dataset.words = words;
    const again = make("button", { type: "button", class: "small", onclick: () => doing(again, checkAgain) }, "Check again");
    const idle = words && !state.reading && !["queued", "running"].includes(state.check?.state);
    const { unlabelled = 0, defect = 0 } = state.numbers.roles;
    const on = !idle || !total() ? null
      : state.error || (unlabelled && !defect) ? ["label", "Label them"] : state.findings?.problem ? null : ["fit", "Go on: fit"];
    line.replaceChildren(words, idle ? again : "", on ? make("a", { class: "button small", href: `${base}/${on[0]}` }, on[1]) : "");
  }
  find("[data-count=pictures]").textContent = total() ? total().toLocaleString("en") : "";
  const mend = find("[data-count=mend]");
  mend.textContent = bad ? bad.toLocaleString("en") : "";
  mend.classList.toggle("bad", bad > 0);
}

async function checkAgain() {
  await post("data/renew?always=true");
  await post("data/check?again=true");
  await look();
}

const version = () => JSON.stringify([state.at, state.findings, state.check?.id, state.of_now, state.check_error]);

async function look() {
  const before = version(), listing = state.at;
  state = await ask("data");
  if (state.due && !state.reading) state = await post("data/check");
  if (version() !== before) {
    choices();
    lists.forEach((list) => list.reset());
    if (location.hash === "#mend") lists.forEach((list) => list.open());
    if (state.at !== listing && !grid.total) await grid.reload(); else await grid.refresh();
    counted();
    const answer = await fetch(`${base}/data/understood`);
    if (answer.ok) find("[data-understood]").innerHTML = await answer.text(); // of this server, every text in it is escaped
  }
  draw();
}

find("[data-options]").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  doing(form.querySelector("button.main"), async () => {
    const said = Object.fromEntries(new FormData(form));
    state = await post("data/options", { ...said, line_width: Number(said.line_width || 0) });
    tell("Kept. The data are read again.");
    draw();
  });
});

choices();
draw();
show(byAddress() ?? tabs[0]);
await grid.reload();
counted();
post("data/renew").then((said) => { state = said; draw(); }, (error) => tell(error.message, true));
let quiet = 0; // looks since anything was going on
repeat(1, async () => {
  const busy = state.reading || state.due || ["queued", "running"].includes(state.check?.state);
  quiet = busy ? 0 : quiet + 1;
  if (busy || quiet % 5 === 1) await look();
});
const wanted = new URLSearchParams(location.search).get("picture");
if (wanted) viewer.find(wanted);
