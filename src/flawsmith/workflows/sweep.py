"""`flawsmith sweep`: the jobs of many products, then one report on all."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError, RunError
from flawsmith.core.files import write_json
from flawsmith.core.folders import Kind, check_output, mark, read_marker
from flawsmith.core.locks import hold
from flawsmith.core.progress import say, working
from flawsmith.core.text import read_text
from flawsmith.reports.sweep import write_sweep_report
from flawsmith.sweeps.board import Board
from flawsmith.sweeps.estimate import estimate, hours
from flawsmith.sweeps.live import watching
from flawsmith.sweeps.local import run_locally, slots
from flawsmith.sweeps.on_ray import Cluster, require_ray, run_on_ray
from flawsmith.sweeps.plan import SweepSettings, plan
from flawsmith.sweeps.products import Product, find_products
from flawsmith.sweeps.results import collect
from flawsmith.sweeps.shipping import require_sendable
from flawsmith.version import __version__

SWEEP = Kind(
    "sweep",
    (
        r"(sweep|report|ray)\.json",
        r"report\.html",
        r"ray\.log",
        r"products/.+/(fit|generate|evaluate|benefit)\.(json|log)",
        r"products/.+/(run|pairs|evaluated|benefit)/",
    ),
)


def sweep(
    root: str | Path,
    output: str | Path,
    settings: SweepSettings | None = None,
    workers: int | None = None,
    cluster: Cluster | None = None,
    retries: int = 2,
    dry_run: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Do for every product below the folder `root` what `settings` say, and return what `output`/report.json holds.

    Every job is a `flawsmith` command of its own that writes into `output`/products/NAME; how far it is stands beside it, so that a second
    call does what is not done yet, what failed included. One that fails stops nothing but what needs it. workers: jobs side by side;
    None = as many as there are cores or GPUs for. cluster: a Ray cluster, whose machines see `root` and `output` at the same paths, or
    are sent what they need.
    retries: how often a job is begun again whose process or machine was lost. With `dry_run` nothing is written, and what is left to do
    and how long it will take is returned. Raises DataError where there is no product, RunError for an `output` of another sweep.
    """
    settings, root, output = settings or SweepSettings(), Path(root), Path(output)
    if cluster is not None:
        require_ray()
    if read_marker(output) != SWEEP:
        check_output(output, SWEEP, overwrite=False, inputs=[])
    with working(f"looking for products in {root}", quiet):
        products = find_products(root)
    if cluster is not None and cluster.ship:
        require_sendable(products)
    board = Board(jobs := plan(products, output, settings), retries)
    side_by_side = len(slots(settings.device, workers, settings.threads)) if cluster is None else workers or 1
    kept = {"root": str(root.resolve()), **settings.identity()}
    _require_same(output, kept)
    if dry_run:
        return _told(products, board, side_by_side)
    if not jobs:
        raise DataError(f"{root}: none of its {len(products)} products can be learned from; {products[0].problem}")
    begun = time.monotonic()
    with hold(output):
        mark(output, SWEEP)
        write_json(output / "sweep.json", kept)
        board.begin_anew()
        if not quiet:
            say(_sentence(board, side_by_side))
        with watching(quiet) as watch:
            if cluster is None:
                run_locally(board, slots(settings.device, workers, settings.threads), watch)
            else:
                board = run_on_ray(output.resolve(), jobs, cluster, retries, watch)
        result: dict[str, Any] = {
            "flawsmith": __version__,
            "root": str(root),
            "settings": asdict(settings),
            "products": [product.name for product in products],
            "unusable": {product.name: product.problem for product in products if product.problem},
            "minutes": round((time.monotonic() - begun) / 60, 1),
            **collect(board),
        }
        write_json(output / "report.json", result)
        write_sweep_report(output, result)
    return result


def _require_same(output: Path, kept: dict[str, Any]) -> None:
    """Raise RunError where a folder was begun with another version, root or settings; other steps may be added."""
    path = output / "sweep.json"
    before = json.loads(read_text(path)) if path.is_file() else kept
    for key, value in {**kept, **kept["settings"]}.items():
        found = before.get(key, before["settings"].get(key))
        if key != "settings" and found != json.loads(json.dumps(value)):
            raise RunError(f"{output}: was begun with {key} {found}, got {value}; repeat its options, or name another folder.")


def _told(products: list[Product], board: Board, side_by_side: int) -> dict[str, Any]:
    """Return what a dry run says."""
    return {
        "products": {product.name: list(product.defects) for product in products if not product.problem},
        "unusable": {product.name: product.problem for product in products if product.problem},
        "jobs": dict(board.counts()),
        "side_by_side": side_by_side,
        "steps": [asdict(one) for one in estimate(board)],
        "hours": round(hours(board, side_by_side), 2),
    }


def _sentence(board: Board, side_by_side: int) -> str:
    left = [one for one in estimate(board) if one.left]
    jobs = ", ".join(f"{one.left:,} {one.step}" for one in left) or "nothing"
    source = "as measured here" if left and all(one.measured for one in left) else "partly assumed" if left else "nothing is left"
    return f"to do: {jobs}; about {hours(board, side_by_side):.1f} hours with {side_by_side} side by side ({source})."
