// What pairs are asked for: the model, kinds, normals and regions, what defects are like, whom they follow; and a plan of it.
import { ask, base, doing, given, make, post, repeat, tell } from "./api.js";
import { Grid } from "./grid.js";
import { Painting } from "./painting.js";
import { ago, sign, word, write } from "./states.js";

const at = (name) => document.querySelector(`[data-${name}]`);
const form = at("new"), fields = form.elements;
const query = new URLSearchParams(location.search);
let known = given("given");
let regions = known.regions;

const source = () => known.sources.find((each) => each.name === fields.source.value) ?? known.sources.at(-1);
const ticked = () => [...at("kinds").querySelectorAll("input:checked")].map((each) => each.value);
const radio = (name) => form.querySelector(`input[name="${name}"]:checked`).value;
const thumbnail = (picture, outlined) => `${base}/api/thumb?picture=${encodeURIComponent(picture)}${outlined ? "&outline=true" : ""}`;

// the model and its kinds

function showSources() {
  fields.source.replaceChildren(...known.sources.map((each) => make("option", { value: each.name }, each.name || "the base, nothing fitted")));
  if (known.sources.some((each) => each.name === query.get("run"))) fields.source.value = query.get("run");
}

function showKinds() {
  const { kinds, words } = source();
  write(at("source"), words);
  const none = make("p", { class: "hint" }, "No kind of defect is labelled yet. ", make("a", { href: `${base}/label` }, "Label some"), " first.");
  at("kinds").replaceChildren(...(kinds.length ? [] : [none]), ...kinds.map(({ name, sides }) => {
    const picture = make("img", { src: `${base}/api/generate/example?kind=${encodeURIComponent(name)}`, alt: "", width: 112, height: 112, class: "pixels" });
    picture.addEventListener("error", () => { picture.classList.add("missing"); });
    const about = [known.kinds[name] ? `${known.kinds[name]} labelled` : "", sides ? `${range(sides)} px` : ""].filter(Boolean);
    return make("label", { class: "kind" }, picture,
      make("span", {}, make("input", { type: "checkbox", name: "kind", value: name, checked: true }), ` ${name}`), ...about.map((line) => make("small", {}, line)));
  }));
  showReal();
}

const range = ([low, high]) => (low === high ? `${low}` : `${low} to ${high}`);

// sizes and severity: two sliders each, the second never below the first

function pair(low, high, show) {
  low.addEventListener("input", () => { if (Number(high.value) < Number(low.value)) high.value = low.value; show(); });
  high.addEventListener("input", () => { if (Number(low.value) > Number(high.value)) low.value = high.value; show(); });
}

function span(low, high, unit = "") {
  return Number(low.value) === Number(high.value) ? `${low.value}${unit}` : `${low.value}-${high.value}${unit}`;
}

function scale() {
  const unit = fields.sizes.value;
  at("size").hidden = !unit;
  if (unit) {
    const largest = Math.max(128, ...source().kinds.map(({ sides }) => 2 * (sides?.[1] ?? 0)));
    const [min, max, step, values] = unit === "x" ? [0.25, 3, 0.05, [0.8, 1.2]] : [2, largest, 1, [Math.round(largest / 8), Math.round(largest / 4)]];
    [fields.least, fields.most].forEach((each, index) => { Object.assign(each, { min, max, step }); each.value = values[index]; });
  }
  showReal();
}

function showReal() {
  const unit = fields.sizes.value, kinds = source().kinds.filter(({ name, sides }) => sides && ticked().includes(name));
  at("least").value = unit === "x" ? `${fields.least.value} times` : `${fields.least.value} px`;
  at("most").value = unit === "x" ? `${fields.most.value} times` : `${fields.most.value} px`;
  const real = kinds.map(({ name, sides }) => `${name} ${range(sides)}`).join(", ");
  const asked = kinds.map(({ name, sides: [low, high] }) => `${name} ${range([Math.round(low * fields.least.value), Math.round(high * fields.most.value)])}`).join(", ");
  const told = real ? `The longer side of most real ones, in pixels: ${real}.` : "How large real ones are is not known yet.";
  write(at("real"), unit === "x" && real ? `${told} That makes ${asked}.` : told);
}

function showSeverity() {
  at("faint").value = fields.faint.value;
  at("strong").value = fields.strong.value;
}

function showStrength() {
  const strength = Number(fields.strength.value);
  at("strength").value = strength.toFixed(2);
  write(at("closely"), strength === 0 ? "Of each kind alone: no real one is followed."
    : strength < 0.5 ? "Some follow real ones, others the kind alone."
      : strength === 0.5 ? "Several real ones are followed, in new shapes: as usual."
        : strength < 1 ? "Fewer real ones are followed, their shapes changed less." : "Each follows one real defect, in its own shape.");
}

// normals, regions and whom to follow: grids of the data's pictures

function pictures(host, about, where, more) {
  return new Grid(host, {
    label: about,
    load: (offset, count) => ask(`pictures?${new URLSearchParams({ ...where(), offset, count })}`),
    select: true, click: "select", cell: 132, foot: 24, ...more,
  });
}

let normals = null;
const chosen = new Set(); // names of normals: what is chosen stays when something else is looked for
let inSight = new Set(); // those of them that are chosen in what is looked for now

function showNormals() {
  const where = radio("where");
  at("where").hidden = where === "all";
  at("chosen").hidden = at("none-chosen").hidden = where === "regions";
  at("painted").hidden = where !== "regions";
  write(at("how"), where === "regions"
    ? "Open a normal to paint where defects may be. Pairs are made on those with a region, and only inside it."
    : "Choose normals: click, or space; shift for a range.");
  if (where === "all") return;
  if (!normals) {
    normals = pictures(at("normals"), "Normals", () => ({ role: "normal", text: fields.find.value }), {
      show: (each) => ({
        src: thumbnail(each.name), label: each.name + (regions[each.name] ? ", with a region" : ""),
        caption: [regions[each.name] ? make("span", { class: "mark" }, "region ") : null, each.name.split("/").pop()],
      }),
      open: (each) => { if (radio("where") === "regions") paint(each.name); },
    });
    at("normals").addEventListener("chosen", () => noted().then(command));
    normals.reload();
  }
  showChosen();
  normals.click = where === "regions" ? "open" : "select";
  at("normals").classList.toggle("no-ticks", where === "regions");
  showRegions();
}

async function noted() {
  const now = new Set((await normals.selected()).map((each) => each.name));
  inSight.forEach((name) => { if (!now.has(name)) chosen.delete(name); });
  now.forEach((name) => chosen.add(name));
  inSight = now;
  showChosen();
}

function showChosen() {
  at("chosen").value = chosen.size ? `${chosen.size} chosen` : "none chosen";
}

function showRegions() {
  const names = Object.keys(regions);
  at("painted").replaceChildren(...names.slice(0, 100).map((name) => make("li", {},
    make("button", { type: "button", class: "small", onclick: () => paint(name) }, name.split("/").pop()), ` ${regions[name].toLocaleString("en")} px`)));
}

const painting = new Painting(at("painting"));

function paint(name) {
  return painting.open(name, Boolean(regions[name]), async (mask) => {
    regions = await post("regions", { picture: name, mask });
    showRegions();
    command();
    normals.refresh();
    return regions[name] ? "The region is kept." : "The region is taken away.";
  });
}

at("none-chosen").addEventListener("click", () => {
  chosen.clear();
  inSight = new Set();
  normals.choose([]);
  showChosen();
  command();
});
at("paint").addEventListener("click", () => {
  const item = normals.item(normals.current);
  if (!item) return;
  form.querySelector('input[name="where"][value="regions"]').checked = true;
  showNormals();
  paint(item.name);
});
let finding = 0;
fields.find.addEventListener("input", () => {
  clearTimeout(finding);
  finding = setTimeout(() => { inSight = new Set(); normals.reload(); }, 200);
});
fields.find.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });

let exemplars = null;
let liked = [];
function showExemplars() {
  if (exemplars || !at("like").open) return;
  exemplars = pictures(at("exemplars"), "Real defects", () => ({ role: "defect" }), {
    show: (each) => ({ src: thumbnail(each.name, true), label: `${each.name}: ${each.kinds.join(", ")}`, caption: each.kinds.join(", ") }),
  });
  exemplars.reload().then(() => at("exemplars").addEventListener("chosen", async () => {
    liked = (await exemplars.selected()).map((each) => each.name);
    at("liked").value = liked.length ? `(${liked.length} chosen)` : "";
    command();
  }));
}
at("like").addEventListener("toggle", showExemplars);

// what is asked for

function wish() {
  const where = radio("where"), kinds = ticked(), all = source().kinds.length === kinds.length;
  return {
    name: fields.name.value, count: Number(fields.count.value), source: fields.source.value, kinds: all ? [] : kinds,
    normals: where === "chosen" ? [...chosen] : [], regions: where === "regions",
    size: fields.sizes.value ? span(fields.least, fields.most, fields.sizes.value) : "", severity: span(fields.faint, fields.strong),
    per_image: span(fields.few, fields.many), mix: fields.mix.checked && Number(fields.many.value) > 1,
    like: liked, strength: Number(fields.strength.value), mask: radio("mask"), seed: Number(fields.seed.value), start: Number(fields.start.value),
    settings: fields.settings.value.split("\n"), threads: Number(fields.threads.value),
  };
}

/** Return what is wrong with the form that the server could not tell; "" where nothing is. */
function missing() {
  if (!source().kinds.length) return "No kind of defect is labelled yet.";
  if (!ticked().length) return "Choose at least one kind of defect.";
  if (radio("where") === "chosen" && !chosen.size) return "Choose normals, or take all of them.";
  if (radio("where") === "regions" && !Object.keys(regions).length) return "Paint a region on a normal first.";
  return "";
}

let asking = 0;
async function command() {
  clearTimeout(asking);
  asking = setTimeout(async () => {
    let wrong = missing(), line = "";
    if (!wrong) {
      try { ({ command: line } = await post("generate/command", wish())); } catch (error) { wrong = error.message; }
    }
    if (line) write(at("command"), line);
    write(at("wrong"), wrong);
  }, 150);
}

form.addEventListener("input", () => {
  at("mix").hidden = !(Number(fields.many.value) > 1 && ticked().length > 1);
  command();
});
fields.source.addEventListener("change", () => { showKinds(); scale(); });
fields.sizes.addEventListener("change", () => { scale(); command(); });
at("kinds").addEventListener("change", showReal);
pair(fields.least, fields.most, showReal);
pair(fields.faint, fields.strong, showSeverity);
pair(fields.few, fields.many, () => {});
fields.strength.addEventListener("input", showStrength);
form.querySelectorAll('input[name="where"]').forEach((each) => each.addEventListener("change", showNormals));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const wrong = missing();
  if (wrong) { tell(wrong, true); return; }
  doing(event.submitter, async () => {
    const set = await post("sets", wish());
    location.assign(`${base}/generate/${encodeURIComponent(set.name)}`);
  });
});
at("copy").addEventListener("click", () => doing(at("copy"), async () => {
  await navigator.clipboard.writeText(at("command").textContent);
  tell("The command is copied.");
}));

// a plan

at("plan").addEventListener("click", () => doing(at("plan"), async () => {
  const wrong = missing();
  if (wrong) throw new Error(wrong);
  at("planned").hidden = false;
  at("plan-link").hidden = true;
  write(at("planning"), "It is drawn: where each defect would go, without drawing the defects themselves.");
  let job = await post("generate/plan", wish());
  while (["queued", "running"].includes(job.state)) {
    await new Promise((done) => { setTimeout(done, 700); });
    job = await ask(`jobs/${job.id}`);
  }
  if (job.state !== "done") throw new Error(job.error.split("\n").pop() || "The plan was not drawn.");
  write(at("planning"), "Outlines are where defects would go.");
  at("plan-picture").src = `${at("plan-link").href}?${job.id}`;
  at("plan-link").hidden = false;
  at("planned").scrollIntoView({ block: "nearest" });
}).then(() => { if (at("plan-link").hidden) write(at("planning"), "There is no plan."); }));

// the sets there are

let listed = "";
function showSets(sets) {
  const said = JSON.stringify(sets.map((each) => [each.name, each.state, ago(each.age)]));
  if (said === listed) return;
  listed = said;
  at("none").hidden = sets.length > 0;
  at("sets").replaceChildren(...sets.map((each) => make("li", {},
    make("a", { href: `${base}/generate/${encodeURIComponent(each.name)}` }, each.name),
    make("span", { class: `state state-${each.state}` }, ` ${sign(each.state)} ${word(each.state)}`),
    make("small", { class: "hint" }, [each.count ? `${each.count} wanted` : "", each.source ? `from ${each.source}` : "", ago(each.age)].filter(Boolean).join(", ")))));
}

/** Fill the form with what another set was asked for, from its next number on, so that others come. */
function fill(said) {
  fields.source.value = said.source;
  showKinds();
  at("kinds").querySelectorAll("input").forEach((each) => { each.checked = !said.kinds.length || said.kinds.includes(each.value); });
  const [, least, most = least, unit = ""] = /^([\d.]+)(?:-([\d.]+))?(px|x)$/.exec(said.size) ?? [];
  fields.sizes.value = unit;
  scale();
  const both = (text) => { const [low, high = low] = text.split("-"); return [low, high]; };
  const [faint, strong] = both(said.severity), [few, many] = both(said.per_image);
  const values = { count: said.count, seed: said.seed, start: said.start + said.count, strength: said.strength, threads: said.threads, faint, strong, few, many };
  if (unit) Object.assign(values, { least, most });
  for (const [name, value] of Object.entries(values)) fields[name].value = value;
  fields.mix.checked = said.mix;
  fields.settings.value = said.settings.join("\n");
  form.querySelector(`input[name="mask"][value="${said.mask}"]`).checked = true;
  said.normals.forEach((name) => chosen.add(name));
  liked = said.like;
  at("liked").value = liked.length ? `(${liked.length} chosen)` : "";
  form.querySelector(`input[name="where"][value="${said.regions ? "regions" : said.normals.length ? "chosen" : "all"}"]`).checked = true;
  showNormals();
}

showSources();
showKinds();
scale();
if (query.get("as")) {
  try { fill(await ask(`sets/${encodeURIComponent(query.get("as"))}/wish`)); } catch (error) { tell(error.message, true); }
}
showSeverity();
showReal();
showStrength();
showSets(known.sets);
command();
const models = ({ sources, kinds }) => JSON.stringify([sources, kinds]);
if (!source().kinds.length) await ask("data/renew", { method: "POST" }); // the data may not have been read yet
repeat(3, async () => {
  const now = await ask("generate"), other = models(now) !== models(known);
  known = now;
  showSets(known.sets);
  if (!other) return;
  const before = fields.source.value, kept = new Set(ticked());
  showSources();
  if (known.sources.some((each) => each.name === before)) fields.source.value = before;
  showKinds();
  if (kept.size) at("kinds").querySelectorAll("input").forEach((each) => { each.checked = kept.has(each.value); });
  command();
});
