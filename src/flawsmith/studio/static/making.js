// A set of pairs while it is made: pictures as they come, what was refused and why.
import { ask, base, doing, duration, given, make, post, repeat, tell } from "./api.js";
import { Grid } from "./grid.js";
import { OPEN, sign, word, write } from "./states.js";

const at = (name) => document.querySelector(`[data-${name}]`);
let made = given("made");
const address = `sets/${encodeURIComponent(made.name)}`;
const pictures = `${base}/api/review/${encodeURIComponent(made.name)}/thumbnail`;

const grid = new Grid(at("pictures"), {
  label: "Accepted pairs",
  load: (offset, count) => ask(`${address}/pictures?offset=${offset}&count=${count}`),
  show: (pair) => ({
    src: `${pictures}?id=${encodeURIComponent(pair.id)}&outline=true`,
    label: `${pair.id}, ${pair.kind}`,
    caption: [make("span", {}, pair.id), " ", pair.kind],
  }),
  foot: 26,
  open: (pair) => location.assign(`${base}/review/${encodeURIComponent(made.name)}?id=${encodeURIComponent(pair.id)}`),
});

// how far

let began = null; // when the first look was, and how many there were
function left(accepted) {
  const now = performance.now() / 1000;
  if (made.state !== "running") { began = null; return ""; }
  began ??= { now, accepted };
  const rate = (accepted - began.accepted) / (now - began.now);
  return rate > 0 && accepted - began.accepted > 1 ? `; about ${duration((made.count - accepted) / rate)} left` : "";
}

function words({ accepted, rejected, failed }, before) {
  if (made.state === "queued") return before ? `It waits until this ends: ${before}.` : "It waits for its turn.";
  const attempts = accepted + rejected + failed;
  if (!attempts) return made.state === "running" ? "It prepares: loads the model and looks at the normals." : "Nothing was made.";
  const given = failed ? `; ${failed} given up after their last attempt` : "";
  return `${accepted}${made.count ? ` of ${made.count}` : ""} accepted, ${rejected + failed} of ${attempts} attempts refused${given}${left(accepted)}.`;
}

const ADVICE = {
  died: "What was finished is kept. Resume makes what is missing, the same as if nothing had happened.",
  failed: "When that is mended, resume makes what is missing.",
};

const GIVEN_UP = "What was given up is not tried again: ask for others, with another seed, a longer fit or looser checks.";

function show({ verdicts, refused, before }) {
  const rest = !OPEN.includes(made.state);
  at("state").className = `state state-${made.state}`;
  write(at("state"), `${sign(made.state)} ${word(made.state)}`);
  write(at("words"), words(verdicts, before));
  at("progress").value = made.count ? Math.min(1, verdicts.accepted / made.count) : Number(rest);
  at("wrong").hidden = !made.reason;
  write(at("reason"), made.reason);
  write(at("advice"), made.state === "failed" && verdicts.failed ? GIVEN_UP : ADVICE[made.state] ?? "");
  at("stop").hidden = !["queued", "running"].includes(made.state);
  at("resume").hidden = !rest || made.state === "done" || !made.known;
  write(at("resume"), made.begun ? "Resume" : "Start again");
  at("longer").hidden = !(rest && made.begun && made.known);
  if (at("longer").hidden) at("more").hidden = true;
  at("again").hidden = !made.known;
  at("to-review").hidden = !verdicts.accepted;
  at("to-review").classList.toggle("main", made.state === "done");
  at("none").hidden = verdicts.accepted > 0;
  at("refused").hidden = refused.length > 0;
  const said = JSON.stringify(refused);
  if (at("refusals").dataset.said !== said) {
    at("refusals").dataset.said = said;
    at("refusals").replaceChildren(...refused.map((each) =>
      make("li", {}, make("b", {}, `${each.count} by ${each.check}`), each.asks ? ` ${each.asks} No.` : "")));
  }
  write(at("command"), made.command);
}

// what it is asked

at("stop").addEventListener("click", () => doing(at("stop"), async () => {
  await post(`${address}/stop`);
  tell("It stops after the attempt it is at.");
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
  doing(event.submitter, async () => {
    await post(`${address}/resume`, { count: Number(event.target.elements.amount.value) });
    at("more").hidden = true;
    await turn();
  });
});
at("copy").addEventListener("click", () => doing(at("copy"), async () => {
  await navigator.clipboard.writeText(at("command").textContent);
  tell("The command is copied.");
}));

let seen = -1;
async function turn() {
  const answer = await ask(address);
  made = answer.set;
  show(answer);
  if (answer.verdicts.accepted !== seen) {
    await (seen < 0 ? grid.reload() : grid.refresh());
    seen = answer.verdicts.accepted;
  }
}

show({ verdicts: { accepted: 0, rejected: 0, failed: 0 }, refused: [], before: "" });
repeat(1, turn);
