"""What each part of the model is worth: one row of docs/ablations.md per switch, each a JSON file made by this command.

    python bench/ablate.py DATA --rows default,single [--shots 3] [--seeds 2] [--minutes 8] [-o docs/ablations] [--work WORK]
    python bench/ablate.py --table [-o docs/ablations]            the table of all rows that are there, as Markdown

A row fits the few-shot part of DATA with its settings, generates, and trains the benefit report's detector on real + generated and on
generated pairs alone; the detector on real defects alone is the same for all rows. Rows that change only `generation.*` share
their fit with the row that has the same other settings. Work that is done is not done again: a longer --rows goes on where it was.
Higher is better everywhere; differences are paired over pictures and seeds, against the row `default`.
"""

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from flawsmith.benchmark.jobs import Job, read_result, run_jobs
from flawsmith.benchmark.making import fit_generator, make_generated
from flawsmith.benchmark.protocol import GENERATED, REAL, THIRD, Settings, protocol
from flawsmith.benchmark.results import WHAT, numbers
from flawsmith.benchmark.tallies import load_tally
from flawsmith.benchmark.testing import evaluate_column
from flawsmith.benchmark.training import train_column
from flawsmith.benchmark.workspace import Workspace
from flawsmith.core.files import write_json
from flawsmith.dataset.splits import few_shot
from flawsmith.formats.reading import read
from flawsmith.metrics.statistics import bootstrap
from flawsmith.pairs.folder import PairFolder

EARLIER = ("fewer-steps", "dual")  # rows of docs/ablations from when the default was one branch
ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "default": ("two branches, SAIM, independent noise", ()),
    "single": ("one branch: the whole picture and its mask", ("model.dual=false",)),
    "dual-no-exchange": ("two branches that do not exchange anything", ("model.interaction=none",)),
    "dual-rho-0.5": ("noise of the branches correlated by 0.5", ("diffusion.rho=0.5",)),
    "dual-rho-0.9": ("noise of the branches correlated by 0.9", ("diffusion.rho=0.9",)),
    "no-alignment": ("without the alignment loss", ("diffusion.align_weight=0",)),
    "no-token-noise": ("no noise on the tokens, in training or sampling", ("diffusion.token_noise=0", "generation.token_noise=0")),
    "more-token-noise": ("three times the noise on the tokens in sampling", ("generation.token_noise=0.3",)),
    "predict-v": ("predicts the velocity", ("diffusion.prediction=v",)),
    "predict-noise": ("predicts the noise", ("diffusion.prediction=eps",)),
    "invented-shapes": ("all shapes invented by the model", ("generation.free_shapes=1",)),
    "no-tones": ("tones that real pictures lack are kept", ("generation.snap=0",)),
    "no-detail": ("fine structure as the model draws it", ("generation.detail=0",)),
    "no-anchor": ("the surroundings of the mask are not held to the normal", ("generation.anchor=0",)),
    "no-strengthening": ("as strong as the model draws it", ("generation.strengthen=1",)),
    "from-noise": ("drawing begins with noise", ("generation.noise=1",)),
    "guidance": ("with a guidance scale of 2", ("generation.guidance=2",)),
    "uniform-places": ("placed anywhere", ("generation.placement=uniform",)),
    "half-noise": ("starts from the half noised normal", ("generation.start=0.5",)),
}
MIXED, ALONE = f"{REAL} + {GENERATED}", f"{GENERATED} only"
COLUMNS: tuple[str, ...] = ("row", "what", "steps", "consistency: median (of all attempts)", "accepted")
COLUMNS += ("real + generated: pixel AP", "against default")
COLUMNS += ("PRO", "generated only: pixel AP", "against default")
METRICS = ("pixel_ap", "pixel_pro", "pixel_auroc")


@dataclass(frozen=True)
class RowWorkspace(Workspace):
    """A row's workspace; the fit is shared by the rows with the same settings of the fit."""

    @property
    def folder(self) -> Path:
        """The folder of this row and seed."""
        return self.root / "rows" / _name(self.settings.fit_settings) / f"seed-{self.seed}"

    @property
    def run(self) -> Path:
        """The RUN folder of its fit."""
        return self.root / "fits" / _name(_of_fit(self.settings)) / f"seed-{self.seed}" / "run"

    @property
    def fitted(self) -> Path:
        """The result file of its fit."""
        return self.run.with_name("fitted.json")


def _of_fit(settings: Settings) -> tuple[str, ...]:
    """Return the settings without those that act after the fit."""
    return tuple(s for s in settings.fit_settings if not s.startswith(("generation.", "quality.")))


def _name(settings: tuple[str, ...]) -> str:
    """Return a folder name for settings, the same in any order of theirs."""
    return hashlib.sha256("\n".join(sorted(settings)).encode()).hexdigest()[:12]


def jobs_of(work: RowWorkspace, real: RowWorkspace) -> list[Job]:
    """Return the work of one row and seed."""
    fitting = replace(work, settings=replace(work.settings, fit_settings=_of_fit(work.settings)))
    share = work.settings.shares[0]
    pairs = work.folder / "pairs" / f"{GENERATED}.json"
    jobs = [
        Job(f"fit {_name(_of_fit(work.settings))}", work.fitted, fit_generator, (fitting,)),
        Job(f"generate {work.folder.parent.name}", pairs, make_generated, (work,), (work.fitted,)),
        Job("train real", real.trained(REAL, 0.0), train_column, (real, REAL, 0.0)),
        Job("test real", real.tested(REAL), evaluate_column, (real, REAL), (real.trained(REAL, 0.0),)),
    ]
    for column, part in ((MIXED, share), (ALONE, 1.0)):
        trained = work.trained(column, part)
        jobs.append(Job(f"train {column} {work.folder.parent.name}", trained, train_column, (work, column, part), (pairs,)))
        jobs.append(Job(f"test {column}", work.tested(column), evaluate_column, (work, column), (trained,)))
    return jobs


def measure(name: str, works: list[RowWorkspace], reals: list[RowWorkspace], defaults: list[RowWorkspace]) -> dict[str, Any]:
    """Return what is written of a row."""
    pairs = [pair for work in works for pair in PairFolder(work.pairs(GENERATED)).read()]
    consistencies = [pair.scores["consistency"] for pair in pairs if "consistency" in pair.scores and pair.accepted]
    raw = [pair.scores["consistency"] for pair in pairs if "consistency" in pair.scores]
    settings = works[0].settings
    fits = [read_result(work.fitted) for work in works]
    result: dict[str, Any] = {
        "row": name,
        "what": ROWS[name][0],
        "settings": list(settings.fit_settings),
        "data": works[0].data.name,
        "shots": works[0].shots,
        "seeds": len(works),
        "fit": [{"steps": f["steps"], "minutes": f["minutes"], "parameters": f["parameters"]} for f in fits],
        "detector": asdict(settings.training) | {"share": settings.shares[0]},
        "attempts": len(pairs),
        "accepted": sum(pair.accepted for pair in pairs),
        "consistency": _spread(consistencies),
        "consistency_of_all_attempts": _spread(raw),
    }
    for column, mine, base in ((REAL, reals, reals), (MIXED, works, defaults), (ALONE, works, defaults)):
        own = bootstrap([load_tally(p.tested(column).with_suffix(".npz")) for p in mine], what=WHAT)
        ref = bootstrap([load_tally(p.tested(column).with_suffix(".npz")) for p in base], what=WHAT)
        result[column] = {m: numbers(own[m]) for m in METRICS}
        if name != "default" and column != REAL:
            result[column]["against_default"] = {m: numbers(own[m] - ref[m]) for m in METRICS}
    return {**result, **describe("cpu")}


def _spread(values: list[float]) -> dict[str, float] | None:
    """Return median and 5th percentile, None of nothing."""
    if not values:
        return None
    p5, median = np.percentile(values, [5, 50])
    return {"median": round(float(median), 4), "p5": round(float(p5), 4)}


def table(folder: Path) -> str:
    """Return the rows of a folder as a Markdown table per product and number of shots."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    order = ["default", *EARLIER, *ROWS]
    text = []
    for data, shots in sorted({(row["data"], row["shots"]) for row in rows}):
        own = sorted((r for r in rows if (r["data"], r["shots"]) == (data, shots)), key=lambda r: order.index(r["row"]))
        real = own[0][REAL]
        text += [
            f"### {data}, {shots} shots, {own[0]['seeds']} seeds",
            "",
            f"Real defects alone: AP {_ci(real['pixel_ap'])}, PRO {_ci(real['pixel_pro'])}, AUROC {_ci(real['pixel_auroc'])}.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|" + "---|" * len(COLUMNS),
        ]
        for r in own:
            mixed, alone = r[MIXED], r[ALONE]
            consistency = (
                f"{r['consistency']['median']:.2f} ({r['consistency_of_all_attempts']['median']:.2f})" if r["consistency"] else "none"
            )
            against = [_ci(c["against_default"]["pixel_ap"], True) if "against_default" in c else "" for c in (mixed, alone)]
            steps = "/".join(str(f["steps"]) for f in r["fit"])
            cells = [r["row"], r["what"], steps, consistency, f"{r['accepted']}/{r['attempts']}", _ci(mixed["pixel_ap"]), against[0]]
            cells += [_ci(mixed["pixel_pro"]), _ci(alone["pixel_ap"]), against[1]]
            text.append(f"| {' | '.join(cells)} |")
        text.append("")
    return "\n".join(text)


def _ci(x: dict[str, float], signed: bool = False) -> str:
    """Return a number with its interval as text."""
    sign = "+" if signed else ""
    return f"{x['value']:{sign}.3f} ({x['low']:{sign}.3f} to {x['high']:{sign}.3f})"


def main() -> None:
    """Make the rows that are not there yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--rows", default="default,single,dual-no-exchange,dual-rho-0.5,no-alignment")
    parser.add_argument("--shots", default="3")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=8.0, help="of every fit; 0 = no limit")
    parser.add_argument("--steps", type=int, default=4000, help="of every fit, at most")
    parser.add_argument("--train-steps", type=int, default=4000, help="of every detector, at most")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of every row's fit and pairs; may be repeated")
    parser.add_argument("--pairs", type=int, default=20, help="per defect")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/ablations"))
    parser.add_argument("--work", type=Path, default=Path("ablate-work"))
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table or args.data is None:
        print(table(args.output))
        return
    parts = few_shot(read(args.data), None if args.shots == THIRD else int(args.shots))  # complains now
    names = ["default", *(name for name in args.rows.split(",") if name != "default")]
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"--rows: got {unknown[0]!r}, expected some of {', '.join(ROWS)}")
    base = protocol("quick")
    limits: tuple[str, ...] = (f"training.minutes={args.minutes}", f"training.steps={args.steps}")
    limits += ("training.checkpoint_every=100000", "training.preview_every=100000")
    root = args.work / f"{args.data.name}-{args.shots}"

    def works_of(extra: tuple[str, ...]) -> list[RowWorkspace]:
        settings = replace(
            base,
            shares=(0.5,),
            pairs=args.pairs,
            seeds=args.seeds,
            training=replace(base.training, steps=args.train_steps),
            fit_settings=(*limits, *args.set, *extra),
        )
        return [RowWorkspace(args.data, root, args.shots, seed, settings, parts, threads=1) for seed in range(args.seeds)]

    defaults = works_of(())
    everything = [(name, works_of(ROWS[name][1])) for name in names]
    jobs: dict[Path, Job] = {}
    for _, own in everything:
        for work, real in zip(own, defaults, strict=True):
            jobs |= {job.result: job for job in jobs_of(work, real) if job.result not in jobs}
    run_jobs(list(jobs.values()), args.workers)
    for name, own in everything:
        write_json(args.output / f"{args.data.name}-{args.shots}-{name}.json", measure(name, own, defaults, defaults))
    print(table(args.output))


if __name__ == "__main__":
    main()
