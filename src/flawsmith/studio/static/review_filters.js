// Which pairs are in the queue, and in which order: what the controls above it ask for. one(name): an element of the page by its data-name.
import { make } from "./api.js";
import { VERDICT, VERDICTS } from "./review_panel.js";
import { reviewer } from "./reviewer.js";

/** Return what is asked for, as a query. */
export function asked(one) {
  const sort = one("sort").value, [what, name, decision] = one("which").value.split("\n");
  const query = new URLSearchParams({ sort: sort.replace("-", ""), down: sort.startsWith("-"), kind: one("kind").value });
  if (what === "verdict") query.set("verdict", name);
  if (what === "reviewer") { query.set("reviewer", name); query.set("decision", decision); }
  return query;
}

/** Offer the kinds and reviewers that there are. */
export function offer(one, { kinds, verdicts, reviewers }) {
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
