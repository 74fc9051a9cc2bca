// The page of all runs: what another fit begins with, and how long it will take.
import { ask, base, doing, duration, given, make, post, repeat, tell } from "./api.js";
import { ago, OPEN, sign, word, write } from "./states.js";

const form = document.querySelector("[data-new]");
const fields = form.elements;
let known = given("given");

// runs

function far(run) {
  if (run.state === "queued") return "waits for its turn";
  if (!run.step) return run.state === "running" ? "prepares: looks at the data, tries what is fast here" : "";
  const limits = [run.steps && `of ${run.steps} steps`, run.minutes && `of ${run.minutes} min`].filter(Boolean).join(", ");
  const left = run.left === null ? "" : run.left ? `; ${duration(run.left)} left` : "; it finishes";
  return `step ${run.step}, ${duration(run.seconds)}${run.state === "running" && limits ? ` (${limits}${left})` : ""}`;
}

function item(run) {
  const address = `${base}/fit/${encodeURIComponent(run.name)}`;
  return make("li", { class: "panel" },
    make("h3", {}, make("a", { href: address }, run.name),
      make("span", { class: `state state-${run.state}` }, `${sign(run.state)} ${word(run.state)}`)),
    make("p", { class: "hint" }, [run.preset, far(run), OPEN.includes(run.state) ? "" : ago(run.age)].filter(Boolean).join(" · ")),
    run.readiness ? make("p", {}, run.readiness.text) : null,
    run.reason ? make("p", { class: "error" }, run.reason.split("\n").pop()) : null);
}

let shown = "";
function showRuns() {
  const said = JSON.stringify(known.runs.map((run) => ({ ...run, age: ago(run.age) })));
  if (said === shown) return;
  shown = said;
  const place = document.querySelector("[data-runs]");
  const focused = document.activeElement?.closest?.("[data-runs] a")?.href;
  place.replaceChildren(...known.runs.map(item));
  place.querySelectorAll("a").forEach((link) => { if (link.href === focused) link.focus(); });
  document.querySelector("[data-none]").hidden = known.runs.length > 0;
}

// the machine, and the preset that it is good for

function showMachine() {
  const { machine } = known;
  write(document.querySelector("[data-machine]"), machine.looking ? `${machine.words} (being looked at)` : machine.words);
  document.querySelector("[data-presets]").replaceChildren(...machine.presets.map((each) =>
    make("li", {}, make("b", {}, each.name), ` ${each.about}. `, each.trouble ? make("span", { class: "trouble" }, `Here it ${each.trouble}.`) : machine.known ? "Ready." : "")));
}

let chosen = false; // by hand: then it stays as it is
function showPresets() {
  const { machine } = known, before = fields.preset.value;
  fields.preset.replaceChildren(...machine.presets.map((each) =>
    make("option", { value: each.name }, each.name === machine.preset ? `${each.name} (recommended)` : each.trouble ? `${each.name} (not ready)` : each.name)));
  fields.preset.value = chosen && before ? before : machine.preset;
  if (!chosen) fill();
  about();
}

const preset = () => known.machine.presets.find((each) => each.name === fields.preset.value);

function fill() {
  fields.minutes.value = preset().minutes;
  fields.steps.value = preset().steps;
}

function about() {
  const one = preset();
  const why = one.name === known.machine.preset ? known.machine.why : one.trouble ? `Here it ${one.trouble}.` : "";
  write(document.querySelector("[data-about]"), `${one.name}: ${one.about}. ${why}`);
  estimate();
}

function estimate() {
  write(document.querySelector("[data-estimate]"), words());
}

function words() {
  const minutes = Number(fields.minutes.value), steps = Number(fields.steps.value), measured = known.measured[fields.preset.value];
  if (!minutes && !steps) return "Give minutes or steps: without a limit it would never end.";
  if (!measured) {
    return minutes
      ? `At most ${duration(60 * minutes)} of learning. How long it prepares before is not known yet: nothing was measured here with this preset.`
      : "How long that takes is not known yet: no run has measured a step with this preset here.";
  }
  const ends = [minutes && 60 * minutes, steps && steps * measured.step].filter(Boolean);
  const before = measured.before === null ? "" : ` and ${duration(measured.before)} of preparation`;
  return `About ${duration(Math.min(...ends))} of learning${before}, as ${measured.run} measured: ${measured.step.toPrecision(2)} s a step.`;
}

fields.preset.addEventListener("change", () => { chosen = true; fill(); about(); });
fields.minutes.addEventListener("input", () => { chosen = true; estimate(); });
fields.steps.addEventListener("input", () => { chosen = true; estimate(); });

form.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(form.querySelector("button.main"), async () => {
    const run = await post("runs", {
      name: fields.name.value, preset: fields.preset.value, minutes: Number(fields.minutes.value), steps: Number(fields.steps.value),
      settings: fields.settings.value.split("\n"), threads: Number(fields.threads.value),
    });
    location.assign(`${base}/fit/${encodeURIComponent(run.name)}`);
  });
});

const again = document.querySelector("[data-again]");
again.addEventListener("click", () => doing(again, async () => {
  known.machine = await post("machine", { again: true });
  showMachine();
  tell("The machine is being looked at.");
}));

function learns() {
  const { kinds, normals, known: read } = known.data, names = Object.entries(kinds);
  if (!read) return "The data have not been looked at yet.";
  if (!names.length) return "No kind of defect is labelled yet: label some first.";
  if (!normals) return "There are no normals: pictures without a defect are needed, too. Bring some on the data page, or mark them as such in the room for labels.";
  return `It learns from ${names.map(([name, count]) => `${count} ${name}`).join(", ")} and ${normals} ${normals === 1 ? "normal" : "normals"}.`;
}

function show() {
  showRuns();
  write(document.querySelector("[data-learns]"), learns());
  showMachine();
}

let machine = JSON.stringify(known.machine);
showPresets();
show();
if (!known.machine.known) await doing(again, () => post("machine"));
repeat(2, async () => {
  known = await ask("runs");
  show();
  const now = JSON.stringify(known.machine);
  if (now !== machine) { machine = now; showPresets(); }
  estimate();
});
