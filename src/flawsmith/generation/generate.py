"""`flawsmith generate`: from a trained model to verified pairs on disk."""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from flawsmith.config import Config, override
from flawsmith.data.image_files import bit_depth, read_image, write_image, write_mask
from flawsmith.data.library import Example, load_library
from flawsmith.data.record import read_record
from flawsmith.data.windows import cut, paste
from flawsmith.devices import choose_device, choose_precision, use_threads
from flawsmith.errors import DataError, OutputExistsError, RunError
from flawsmith.files import append_line, check_output, content_hash, prepare_output, read_lines, write_text
from flawsmith.generation.blending import band, blend
from flawsmith.generation.placement import Placement, place
from flawsmith.generation.plan import Regions, Wanted, choose_defects, list_pictures, wanted
from flawsmith.generation.sampling import Drawn, Task, draw
from flawsmith.masks.extract import extract
from flawsmith.models.build import DualModel
from flawsmith.models.store import Product, load_model
from flawsmith.quality.checks import Verdict, verify_free, verify_onto
from flawsmith.reports.html import kind
from flawsmith.reports.sheets import write_sheet
from flawsmith.seeds import derive, numpy_generator


@dataclass(frozen=True)
class Summary:
    """What one run of `generate` did."""

    accepted: int
    rejected: int  # attempts that did not pass and were made again
    failed: int  # pairs given up after the last attempt
    reasons: dict[str, int]  # how often each check said no
    seconds: dict[str, float] = field(default_factory=dict)  # by part of the work


@dataclass(frozen=True)
class _Job:
    """One attempt with everything the model needs."""

    row: Wanted
    picture: np.ndarray | None  # the whole normal as stored
    placement: Placement
    task: Task


def load(run: str | Path, device: str = "auto", threads: int = 0, settings: Sequence[str] = ()) -> "Generator":
    """Return the generator of a RUN folder; `settings` are `generation.` and `quality.` keys such as "generation.guidance=2"."""
    run = Path(run)
    if not run.is_dir():
        raise RunError(f"{run}: there is no such folder; make it with `flawsmith fit DATA -o {run}`.")
    use_threads(threads)
    model, config, product = load_model(run / "model" / "model.safetensors")
    config = override(config, settings, ("generation", "quality"))
    return Generator(run, model.to(choose_device(device)), config, product, load_library(run / "model" / "library.safetensors"))


class Generator:
    """A trained model with its product, ready to make pairs."""

    def __init__(self, run: Path, model: DualModel, config: Config, product: Product, library: list[Example]) -> None:
        self.run, self.model, self.config, self.product = run, model, config, product
        self._library = {name: [e for e in library if e.defect == name] for name in product.shape.defects}
        self._hash = content_hash(run / "model" / "model.safetensors")[:16]
        self.precision = choose_precision(config.training.precision, str(next(model.parameters()).device.type))

    def generate(
        self,
        out: str | Path,
        count: int,
        defect: str | Sequence[str] | None = None,
        onto: str | Path | None = None,
        free: bool = False,
        region: str | Path | None = None,
        seed: int = 0,
        overwrite: bool = False,
        resume: bool = False,
        quiet: bool = False,
        start: int = 0,
    ) -> Summary:
        """Write pairs number `start` to `start + count - 1` into the folder `out` and return what was done.

        Onto the normals learned from, onto the pictures of the folder `onto`, or with `free` from noise alone (one window in
        size). A rejected attempt is made anew with another seed, generation.attempts times at most; then that pair is given up
        and counted. Raises FlawsmithError for unusable input and for an `out` that is not empty.
        """
        out = Path(out)
        defects = choose_defects(self.product.shape.defects, defect)
        normals = [] if free else list_pictures(Path(onto)) if onto else self._own_normals()
        if free and region is not None:
            raise DataError("--region: says where on a normal; it does not go with --free.")
        self._check_depth(normals)
        if not resume:
            check_output(out, overwrite, [*normals, *([Path(region)] if region else [])])
        regions = Regions(Path(region), normals) if region else None
        done = _resume(out, lambda index, attempt: wanted(index, attempt, defects, normals, seed), self._hash) if resume else set()
        if not resume:
            prepare_output(out, overwrite)
        out.mkdir(parents=True, exist_ok=True)
        (out / "pairs.jsonl").touch()
        clock = dict.fromkeys(("data", "model", "decode", "write"), 0.0)
        counts: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        queue = deque(wanted(i, 0, defects, normals, seed) for i in range(start, start + count) if f"{i:06d}" not in done)
        bar = Progress(
            TextColumn("generate"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        with bar:
            shown = bar.add_task("generate", total=len(queue), state="")
            while queue:
                rows = [queue.popleft() for _ in range(min(self.config.generation.batch, len(queue)))]
                with _timed(clock, "data"):
                    jobs = [self._prepare(row, regions) for row in rows]
                with _timed(clock, "model"):
                    drawn = draw(self.model, [job.task for job in jobs], self.config, self.precision)
                for job, window in zip(jobs, drawn, strict=True):
                    with _timed(clock, "decode"):
                        image, mask, verdict = self._finish(job, window)
                    outcome = "accepted" if not verdict.reasons else "rejected"
                    if outcome == "rejected" and job.row.attempt + 1 >= self.config.generation.attempts:
                        outcome = "failed"
                    with _timed(clock, "write"):
                        self._write(out, job, image, mask, verdict, outcome)
                    counts[outcome] += 1
                    reasons.update(kind(reason) for reason in verdict.reasons)
                    if outcome == "rejected":
                        queue.appendleft(wanted(job.row.index, job.row.attempt + 1, defects, normals, seed))
                    else:
                        state = f"{counts['accepted']} accepted, {counts['rejected'] + counts['failed']} attempts rejected"
                        bar.update(shown, advance=1, state=state)
        with _timed(clock, "write"):
            write_sheet(out)
        return Summary(
            accepted=counts["accepted"],
            rejected=counts["rejected"],
            failed=counts["failed"],
            reasons=dict(reasons),
            seconds={name: round(value, 3) for name, value in clock.items()},
        )

    def _own_normals(self) -> list[Path]:
        record = read_record(self.run)
        root = Path(record["root"])
        paths = [root / row["image"] for row in record["normals"]]
        if missing := [path for path in paths if not path.is_file()]:
            raise DataError(f"{missing[0]}: this normal, which the model learned from, is gone; name a folder of normals with --onto.")
        return paths

    def _check_depth(self, normals: Sequence[Path]) -> None:
        """Raise DataError for the first normal of another bit depth than the pictures learned from."""
        expected = int(self.product.scale.dtype.removeprefix("uint"))
        for normal in normals:
            if (found := bit_depth(normal)) != expected:
                raise DataError(
                    f"{normal}: has {found} bits per channel, but the model learned from {expected}; "
                    "use pictures of the same camera, or fit again with these."
                )

    def _prepare(self, row: Wanted, regions: Regions | None) -> _Job:
        side = self.product.shape.window
        entry = 1 + self.product.shape.defects.index(row.defect)
        if row.normal is None:
            everywhere = np.ones((side, side), bool)
            return _Job(row, None, Placement(0, 0, everywhere, everywhere, ""), Task(None, everywhere, None, entry, row.seed))
        picture = read_image(row.normal)
        allowed = regions[row.normal] if regions else None
        spot = place(picture, self._library[row.defect], side, self.config, numpy_generator(row.seed, "place"), allowed)
        normal = self.product.scale.to_model(cut(picture, spot.top, spot.left, side), self.product.shape.colours)
        return _Job(row, picture, spot, Task(normal, spot.region, spot.shape, entry, derive(row.seed, "draw")))

    def _finish(self, job: _Job, drawn: Drawn) -> tuple[np.ndarray, np.ndarray, Verdict]:
        """Return the whole picture, its mask and the verdict."""
        region = job.placement.region
        mask = extract(drawn.mask, region)
        quality, scale = self.config.quality, self.product.scale
        if job.picture is None:
            image = scale.to_pixels(drawn.whole, self.product.shape.colours)
            gap = float(np.abs(drawn.whole - drawn.part).max(0)[mask].mean()) / 2 if mask.any() else 0.0
            return image, mask, verify_free(image, mask, gap, job.row.defect, self.product, quality)
        top, left = job.placement.top, job.placement.left
        normal = cut(job.picture, top, left, len(mask))
        window = blend(normal, drawn.whole, band(mask, region, self.config.generation.feather), scale)
        verdict = verify_onto(window, normal, mask, region, job.row.defect, self.product, quality)
        image, full = job.picture.copy(), np.zeros(job.picture.shape[:2], bool)
        paste(image, window, top, left)
        paste(full, mask, top, left)
        return image, full, verdict

    def _write(self, out: Path, job: _Job, image: np.ndarray, mask: np.ndarray, verdict: Verdict, outcome: str) -> None:
        name = mask_name = None
        if outcome == "accepted":
            name = f"test/{job.row.defect}/{job.row.id}.png"
            mask_name = f"ground_truth/{job.row.defect}/{job.row.id}_mask.png"
            write_image(out / name, image)
            write_mask(out / mask_name, mask)
        row: dict[str, Any] = {"id": job.row.id, "attempt": job.row.attempt, "defect": job.row.defect, "image": name, "mask": mask_name}
        row |= {"verdict": outcome, "reasons": verdict.reasons, "scores": verdict.scores, "seed": job.row.seed}
        row |= {"normal": None if job.row.normal is None else str(job.row.normal), "region": _region_box(job), "model": self._hash}
        append_line(out / "pairs.jsonl", json.dumps(row | {"size": list(image.shape[:2])}))


def _region_box(job: _Job) -> list[int] | None:
    """Return [top, left, height, width] of the region in pixels of the picture."""
    if job.picture is None:
        return None
    rows, columns = np.flatnonzero(job.placement.region.any(1)), np.flatnonzero(job.placement.region.any(0))
    top, left = int(rows[0]) + job.placement.top, int(columns[0]) + job.placement.left
    return [top, left, int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1]


def _resume(out: Path, row_of: Callable[[int, int], Wanted], model: str) -> set[str]:
    """Return the ids that are finished in `out` and drop the rows of those that are not.

    Raises OutputExistsError when the rows there were not made by this model with this seed, these defects and these normals.
    """
    rows_path = out / "pairs.jsonl"
    if not rows_path.is_file():
        if out.is_dir() and any(out.iterdir()):
            raise OutputExistsError(f"{out}: has no pairs.jsonl, so there is nothing to resume; name another folder.")
        return set()
    rows = read_lines(rows_path)
    for row in rows:
        now = row_of(int(row["id"]), row["attempt"])
        same = (now.defect, now.seed, None if now.normal is None else str(now.normal), model)
        if (row["defect"], row["seed"], row["normal"], row["model"]) != same:
            raise OutputExistsError(
                f"{out}: pair {row['id']} there was made by another model, seed, choice of defects or of normals; resume with the "
                "same ones, or name another folder."
            )
    done = {row["id"] for row in rows if row["verdict"] in ("accepted", "failed")}
    write_text(rows_path, "".join(json.dumps(row) + "\n" for row in rows if row["id"] in done))
    return done


@contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of the block to the clock."""
    mark = time.monotonic()
    yield
    clock[name] += time.monotonic() - mark
