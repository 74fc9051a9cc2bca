// Reports: what was measured, and the forms that start a measurement.
import { ask, base, doing, duration, given, list, make, post, repeat, tell } from "./api.js";

const KINDS = { evaluate: "Evaluation", benefit: "Benefit" };
const STATES = { queued: "waits for its turn", running: "runs", stopped: "was stopped", failed: "failed", died: "died", done: "done" };
const place = document.querySelector("[data-reports]");

function panel(each) {
  const job = each.job;
  const running = job && ["queued", "running"].includes(job.state);
  const stop = make("button", { type: "button", class: "small", onclick: () => doing(stop, () => post(`jobs/${job.id}/stop`).then(look)) }, "Stop");
  const resume = make("button", { type: "button", onclick: () => doing(resume, () => post(`reports/resume/${encodeURIComponent(each.name)}`).then(look)) }, each.goes_on ? "Go on" : "Try again");
  return make("article", { class: "panel", "aria-label": each.name },
    make("h3", {}, each.name, " ", make("span", { class: "hint inline" }, KINDS[each.kind])),
    each.summary ? make("p", {}, each.summary) : null,
    running ? make("p", {}, make("b", { class: `state-${job.state}` }, STATES[job.state]), " ", make("span", { "data-time": true }), " ", stop) : null,
    running ? make("div", { "data-far": true }) : null,
    !running && !each.done && job ? make("p", { class: `state-${job.state}` }, `It ${STATES[job.state]}.${each.goes_on ? " What it has is kept." : ""}`) : null,
    !running && !each.done && job?.error ? make("p", { class: "error" }, job.error) : null,
    make("div", { class: "actions" },
      each.done ? make("a", { class: "button main", href: `${base}/reports/${encodeURIComponent(each.name)}/report.html` }, `Open the report`) : null,
      each.resumable ? resume : null));
}

const draw = list(place, panel, (each) => ({ ...each, progress: null, job: each.job && { ...each.job, seconds: 0 } }), (node, each) => {
  const time = node.querySelector("[data-time]");
  if (time) time.textContent = duration(each.job.seconds);
  const far = node.querySelector("[data-far]");
  if (!far || !each.progress?.total) return;
  if (!far.firstChild) far.replaceChildren(make("progress", { "aria-label": each.name }), make("span", { class: "hint" }));
  far.firstChild.max = each.progress.total;
  far.firstChild.value = each.progress.done;
  far.lastChild.textContent = each.progress.text;
});

function show(reports) {
  draw(reports);
  document.querySelector("[data-none]").hidden = reports.length > 0;
}

const look = async () => show(await ask("reports"));

const evaluate = document.querySelector("[data-evaluate]");
evaluate.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(evaluate.querySelector("button"), async () => {
    await post("reports/evaluate", { pairs: evaluate.elements.pairs.value, review: evaluate.elements.review.value });
    await look();
    tell("The evaluation is queued.");
  });
});

const benefit = document.querySelector("[data-benefit]");
const checked = (name) => [...benefit.querySelectorAll(`[name=${name}]:checked`)].map((each) => each.value);
const wish = () => ({
  shots: checked("shots"), baselines: checked("baselines"),
  ...Object.fromEntries(["seeds", "pairs", "minutes"].map((name) => [name, benefit.elements[name].valueAsNumber])),
});

async function estimate() {
  const time = benefit.querySelector("[data-time]");
  const first = benefit.querySelector("[name=shots]");
  first.setCustomValidity(checked("shots").length ? "" : "Choose at least one number of labelled pictures.");
  if (!benefit.checkValidity()) {
    time.textContent = "";
    return;
  }
  const { hours } = await post("reports/benefit/time", wish());
  time.textContent = `About ${duration(hours * 3600)} here, if nothing else runs; large pictures take longer. It can be stopped and gone on with.`;
}
benefit.addEventListener("input", () => estimate().catch((error) => tell(error.message, true)));
benefit.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(benefit.querySelector("button"), async () => {
    await post("reports/benefit", wish());
    await look();
    tell("The measurement is queued.");
  });
});

show(given("reports"));
estimate().catch(() => {});
repeat(2, look);
