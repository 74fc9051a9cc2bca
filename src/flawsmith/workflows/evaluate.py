"""How good generated pairs are by themselves: every number with what it was measured with, or with why there is none."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flawsmith.benchmark.judge import STEPS, TrainedJudge, train_judge, unseen_by
from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.errors import DataError, RunError
from flawsmith.core.files import content_hash, write_json, write_text
from flawsmith.core.folders import Kind, check_output, prepare_output
from flawsmith.core.locks import hold
from flawsmith.core.progress import progress, working
from flawsmith.dataset.sample import Dataset, Item
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import read_telling
from flawsmith.metrics.features import check_kind
from flawsmith.metrics.looking import look
from flawsmith.metrics.measure import numbers_of, reference_of
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reviewed import check_choice, reviewed
from flawsmith.reports.evaluation import evaluation_page
from flawsmith.version import __version__

REPORT = Kind("report", (r"report\.json", r"report\.html"))


def evaluate(
    real: str | Path,
    out: str | Path,
    report: str | Path | None = None,
    extractor: str = "auto",
    seed: int = 0,
    overwrite: bool = False,
    quiet: bool = False,
    device: str = "auto",
    threads: int = 0,
    judge: str | Path | None = None,
    judge_steps: int = STEPS,
    labels: ReadOptions | None = None,
    review: str = "",
) -> dict[str, Any]:
    """Return how good the pairs in `out` are beside the labelled defects of the data folder `real`; write REPORT/report.json and .html.

    The result is `metrics.measure.numbers_of`'s, with the two folders and a row per pair. Without `report` nothing is written. judge: the
    RUN that the pairs come from; an independent segmenter is then trained, for `judge_steps` steps, on the defects in `real` that this RUN
    has not learned from, and says what it finds in the pairs. labels: how those of `real` are to be read. review: where people reviewed the
    pairs, which of them, as `export` has it; masks that they corrected count.
    Raises FlawsmithError for unusable input, for an extractor that is not there, for a `judge` that left too few defects unseen, and for a
    `report` that is not empty.
    """
    real, out = Path(real), Path(out)
    folder = None if report is None else Path(report)
    check_kind(extractor)
    check_choice(review)
    with working(f"reading {real}", quiet):
        dataset = read_telling(real, labels, quiet)
    pairs = PairFolder(out)
    chosen = reviewed(pairs, pairs.accepted(), review)  # raises before the long work where there are none
    unseen = None if judge is None else _unseen(dataset, Path(judge), chosen.pairs)
    if folder is not None:
        check_output(folder, REPORT, overwrite, [real, out])
    use_threads(threads)
    device = choose_device(device)
    items = [item for name in dataset.defects for item in dataset.defects[name]]
    trained = None if unseen is None else _judge(unseen, dataset, judge_steps, seed, device, quiet)
    with progress("evaluate", len(items) + len(chosen.pairs), quiet, "pictures") as advance:
        reference = reference_of(items, extractor, seed, None, device, advance, trained)
        seen = look(reference, out, seed, advance, chosen.pairs)
    with working("comparing what was seen", quiet):
        numbers = numbers_of(reference, seen, seed)
    result = {
        "flawsmith": __version__,
        "real": str(real),
        "out": str(out),
        "review": chosen.told,
        **numbers,
        "pairs": [{"id": pair.seen.name, "defect": pair.seen.defect, **pair.values} for pair in seen],
    }
    if folder is not None:
        with working("writing the report", quiet):
            page = evaluation_page(result, items, out, chosen.pairs)
        with hold(folder):
            prepare_output(folder, REPORT, overwrite)
            write_json(folder / "report.json", result)
            write_text(folder / "report.html", page)
    return result


def _unseen(dataset: Dataset, run: Path, pairs: Sequence[Pair]) -> list[Item]:
    """Return what RUN has not learned from; raises DataError where the pairs are another model's."""
    weights = run / "model" / "model.safetensors"
    if not weights.is_file():
        raise RunError(f"{weights}: is missing; --judge takes the RUN folder that the pairs were generated with.")
    model = content_hash(weights)[:16]
    # a baseline's pairs carry its name, and learned from the same defects
    if others := sorted({pair.model for pair in pairs if re.fullmatch("[0-9a-f]{16}", pair.model)} - {model}):
        raise DataError(f"{run}: is model {model}, but the pairs are of {', '.join(others)}; name the RUN that they were generated with.")
    return unseen_by(dataset, run)


def _judge(unseen: Sequence[Item], dataset: Dataset, steps: int, seed: int, device: str, quiet: bool) -> TrainedJudge:
    """Return the independent segmenter, trained now."""
    told = f"training an independent segmenter on {len(unseen):,} unseen pictures, {steps:,} steps"
    with working(told, quiet):
        return train_judge(unseen, dataset.good, steps, seed, device)
