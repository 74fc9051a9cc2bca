"""How good generated pairs are by themselves: every number with what it was measured with, or with why there is none."""

from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.files import check_output, prepare_output, write_json, write_text
from flawsmith.dataset.reading import read
from flawsmith.metrics.features import check_kind
from flawsmith.metrics.looking import look
from flawsmith.metrics.measure import numbers_of, reference_of
from flawsmith.pairs.folder import PairFolder
from flawsmith.version import __version__


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
) -> dict[str, Any]:
    """Return how good the pairs in `out` are beside the labelled defects of the data folder `real`; write REPORT/report.json and .html.

    The result is `metrics.measure.numbers_of`'s, with the two folders and a row per pair. Without `report` nothing is written. Raises
    FlawsmithError for unusable input, for an extractor that is not there, and for a `report` that is not empty.
    """
    real, out = Path(real), Path(out)
    folder = None if report is None else Path(report)
    check_kind(extractor)
    dataset = read(real)
    pairs_there = PairFolder(out).accepted()  # raises before the long work where there are none
    if folder is not None:
        check_output(folder, overwrite, [real, out])
    use_threads(threads)
    device = choose_device(device)
    items = [item for name in dataset.defects for item in dataset.defects[name]]
    with _progress(len(items) + len(pairs_there), quiet) as tick:
        reference = reference_of(items, extractor, seed, None, device, tick)
        pairs = look(reference, out, seed, tick)
    result = {
        "flawsmith": __version__,
        "real": str(real),
        "out": str(out),
        **numbers_of(reference, pairs, seed),
        "pairs": [{"id": pair.seen.name, "defect": pair.seen.defect, **pair.values} for pair in pairs],
    }
    if folder is not None:
        from flawsmith.reports.evaluation import evaluation_page

        page = evaluation_page(result, items, out)
        prepare_output(folder, overwrite)
        write_json(folder / "report.json", result)
        write_text(folder / "report.html", page)
    return result


@contextmanager
def _progress(total: int, quiet: bool) -> Any:
    """Show a bar of the pictures looked at on standard error; gives the function that counts one."""
    columns = (TextColumn("evaluate"), BarColumn(), MofNCompleteColumn(), TextColumn("pictures"))
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("evaluate", total=total)
        yield lambda: bar.advance(task)
