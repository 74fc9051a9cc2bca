// One run: how far it is, its curves and its previews, as they come.
import { answered, ask, base, doing, duration, given, make, post, repeat, tell } from "./api.js";
import { draw } from "./curve.js";
import { OPEN, sign, word, write } from "./states.js";

const at = (name) => document.querySelector(`[data-${name}]`);
let run = given("run");
const address = `runs/${encodeURIComponent(run.name)}`;

// how far

function words() {
  const step = run.step ? `Step ${run.step}${run.steps ? ` of ${run.steps}` : ""}, ${duration(run.seconds)}${run.minutes ? ` of ${run.minutes} min` : ""} of learning` : "";
  if (run.state === "queued") return run.before ? `It waits until this ends: ${run.before}.` : "It waits for its turn.";
  if (run.state === "running" && !run.step) return "It prepares: looks at the data, tries what is fast here, and fills what lies under the labels.";
  if (run.state === "running" && run.left === 0) return `${step}. It finishes: keeps what it has learned and draws the last previews.`;
  if (run.state === "running") return `${step}${run.left === null ? "" : `; ${duration(run.left)} left, less where defects are held out and more does not help`}.`;
  return step ? `${step}. Preset ${run.preset}.` : "No step was taken.";
}

const ADVICE = {
  died: "What it had learned up to the last checkpoint is kept. Resume goes on from there.",
  failed: "When that is mended, resume goes on from the last checkpoint, or from the beginning where there is none.",
  elsewhere: "",
};

function showRun() {
  const rest = !OPEN.includes(run.state);
  at("state").className = `state state-${run.state}`;
  write(at("state"), `${sign(run.state)} ${word(run.state)}`);
  write(at("words"), words());
  const shares = [run.steps && run.step / run.steps, run.minutes && run.seconds / 60 / run.minutes].filter(Boolean);
  at("progress").value = run.state === "done" ? 1 : Math.min(1, Math.max(0, ...shares));
  at("wrong").hidden = !run.reason;
  write(at("reason"), run.reason);
  write(at("advice"), ADVICE[run.state] ?? "");
  at("stop").hidden = !["queued", "running"].includes(run.state);
  at("resume").hidden = !rest || run.state === "done";
  write(at("resume"), run.begun ? "Resume" : "Start again");
  at("longer").hidden = !(rest && run.begun);
  if (at("longer").hidden) at("more").hidden = true;
  at("generate").hidden = !run.usable;
  at("generate").classList.toggle("main", rest);
  at("remove").hidden = !rest;
  if (run.readiness) {
    write(at("ready"), run.readiness.text);
    const lines = run.readiness.refused.map((each) => `Refused ${each}`).join("\n");
    if (at("refused").dataset.said !== lines) {
      at("refused").dataset.said = lines;
      at("refused").replaceChildren(...run.readiness.refused.map((each) => make("li", {}, `Refused ${each}`)));
    }
    if (run.readiness.more && !at("more").contains(document.activeElement)) at("more").elements.amount.value = Math.ceil(run.readiness.more);
  }
}

// curves

let mark = "", loss = [], held = [], halved = [];

function take(rows) {
  for (const row of rows) {
    if ("pieces" in row) halved.push(`At step ${row.step} memory ran out: from then on a batch goes through in ${row.pieces} pieces. What a step learns is the same.`);
    if (typeof row.loss === "number") loss.push({ x: row.step, y: row.loss });
    if (typeof row.held_inside === "number") held.push({ x: row.step, y: row.held_inside });
  }
}

function showCurves() {
  draw(at("loss"), loss, { name: "Loss", thick: 5 });
  draw(at("held"), held, { name: "Error on held-out defects", dots: true, most: loss.at(-1)?.x ?? 0 });
  at("none-held").hidden = held.length > 0 || loss.length === 0;
}
new ResizeObserver(showCurves).observe(at("loss"));

// previews

let previews = [], seen = -1, size = { height: 1, width: 1 };

function showPreview() {
  const one = previews[seen];
  at("step").textContent = `step ${one.step}${seen === previews.length - 1 ? " (newest)" : ""}`;
  const picture = at("sheet");
  picture.width = size.width;
  picture.height = size.height;
  picture.src = `${base}/api/${address}/previews/${one.step}`;
  picture.alt = `Previews of step ${one.step}: normal with the region erased, drawn picture, defect alone, mask`;
  at("older").disabled = seen === 0;
  at("newer").disabled = seen === previews.length - 1;
  at("looks").querySelectorAll("button").forEach((each) => each.setAttribute("aria-pressed", String(Number(each.dataset.index) === seen)));
}

function look(each, index) {
  const choose = make("button", { type: "button", class: "small", "data-index": index, onclick: () => { seen = index; showPreview(); } }, String(each.step));
  return make("tr", {},
    make("th", { scope: "row" }, choose),
    make("td", { class: "n" }, each.seconds === null ? "" : (each.seconds / 60).toFixed(1)),
    make("td", { class: "n" }, each.drawn ? `${each.passed} of ${each.drawn}` : "not looked at"),
    make("td", {}, ...(each.refused ?? []).map((words) => make("div", {}, words))));
}

let drawn = "";
function showPreviews(answer) {
  const said = JSON.stringify(answer);
  if (said === drawn || !answer.previews.length) return;
  drawn = said;
  const newest = seen < 0 || seen === previews.length - 1; // who looks at an older one goes on looking at it
  ({ previews } = answer);
  size = answer;
  if (newest) seen = previews.length - 1;
  at("previews").hidden = false;
  at("no-previews").hidden = true;
  at("looks").replaceChildren(...previews.map(look).reverse());
  showPreview();
}
at("older").addEventListener("click", () => { seen -= 1; showPreview(); });
at("newer").addEventListener("click", () => { seen += 1; showPreview(); });

// notes

let noted = "";
function showNotes(notes, said) {
  const lines = [...halved, ...notes];
  if (JSON.stringify(lines) !== noted) {
    noted = JSON.stringify(lines);
    at("notes").replaceChildren(...lines.map((each) => make("li", {}, each)));
  }
  write(at("said"), said);
}

// what it is asked

at("stop").addEventListener("click", () => doing(at("stop"), async () => {
  await post(`${address}/stop`);
  tell("It stops at the next step and keeps what it has learned.");
  await turn();
}));
at("resume").addEventListener("click", () => doing(at("resume"), async () => { await post(`${address}/resume`); await turn(); }));
at("longer").addEventListener("click", () => {
  at("more").hidden = !at("more").hidden;
  at("longer").setAttribute("aria-expanded", String(!at("more").hidden));
  if (!at("more").hidden) at("more").elements.amount.focus();
});
at("more").addEventListener("submit", (event) => {
  event.preventDefault();
  const { amount, unit } = event.target.elements;
  doing(event.submitter, async () => {
    await post(`${address}/resume`, { [unit.value]: Number(amount.value) });
    at("more").hidden = true;
    await turn();
  });
});
at("remove").addEventListener("click", async () => {
  if ((await answered(at("ask"))) !== "yes") return;
  doing(at("remove"), async () => {
    await post(`${address}/remove`);
    location.assign(`${base}/fit`);
  });
});

let passed = -1;
async function turn() {
  let answer;
  do {
    answer = await ask(`${address}?after=${encodeURIComponent(mark)}`);
    if (answer.anew) [loss, held, halved] = [[], [], []];
    take(answer.rows);
    ({ mark } = answer);
  } while (answer.more);
  if (answer.rows.length || answer.anew) showCurves();
  run = { ...answer.run, before: answer.before };
  showRun();
  showNotes(answer.notes, answer.said);
  if (run.step !== passed || OPEN.includes(run.state)) { passed = run.step; showPreviews(await ask(`${address}/previews`)); }
}

showRun();
showCurves();
showPreviews(given("shown"));
repeat(1, turn);
