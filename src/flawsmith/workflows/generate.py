"""`flawsmith generate`: pairs from a RUN or labelled pictures, then their contact sheet and report; or the plan of what would be made."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flawsmith.config.resolve import override
from flawsmith.config.schema import Config
from flawsmith.core.devices import use_threads
from flawsmith.core.errors import ConfigError
from flawsmith.core.files import append_line, write_bytes, write_json, write_text
from flawsmith.core.folders import prepare_output
from flawsmith.core.locks import hold
from flawsmith.core.processes import rank
from flawsmith.core.progress import Advance, progress, say, working
from flawsmith.dataset.sample import Dataset
from flawsmith.generation.generator import Generator, Summary, load_generator
from flawsmith.generation.made import MADE, what_made
from flawsmith.generation.origin import UNFITTED, is_fitted
from flawsmith.generation.plan import plan_row
from flawsmith.generation.request import PreparedRequest, Request
from flawsmith.pairs.folder import PAIRS
from flawsmith.product.product import Product
from flawsmith.quality.readiness import warning
from flawsmith.reports.drawing import encode_picture
from flawsmith.reports.html import write_run_report
from flawsmith.reports.plans import PlanEntry, plan_sheet
from flawsmith.reports.sheets import write_sheet
from flawsmith.training.unfitted import base_config, prepare_unfitted

ANYWHERE = (
    "no background was told from the normals, so defects may lie anywhere in a picture. Where the product does not fill it, "
    "--foreground, --region or --place-map say where they may."
)
SHOWN = 400  # planned pairs that plan.png shows: more would be too long a picture to open


def load(
    run: str | Path, device: str = "auto", threads: int = 0, settings: Sequence[str] = (), backbone: str = "", quiet: bool = True
) -> "LoadedRun":
    """Return a RUN, or the base for a data folder of labelled pictures (`load_unfitted`), ready to generate.

    settings: `generation.` and `quality.` keys such as "generation.guidance=2", and for a data folder "data.split=third"; backbone: where
    the pretrained network that a RUN was learned on lies now, if not where it did. Raises RunError for what is neither, and FlawsmithError
    for bad data.
    """
    if is_fitted(Path(run)):
        return LoadedRun(load_generator(run, device, threads, settings, backbone))
    if backbone:
        raise ConfigError(f"--backbone: is about a RUN, and {run} is a data folder: the base that follows its pictures needs no other.")
    return load_unfitted(run, None, device, threads, settings, quiet)


def load_unfitted(
    data: str | Path | Dataset,
    config: Config | None = None,
    device: str = "auto",
    threads: int = 0,
    settings: Sequence[str] = (),
    quiet: bool = True,
) -> "LoadedRun":
    """Return the base, ready to generate defects of the product in `data`, with nothing fitted: it follows the labelled examples.

    config: None = that of the base's own network; settings: as in `load`. Raises FlawsmithError for bad data and for a configuration
    whose network begins with random weights.
    """
    use_threads(threads)
    config = config or base_config()
    override(config, settings, UNFITTED)  # a misspelt key is said before the work
    before = [setting for setting in settings if setting.startswith(("data.", "training."))]  # of what there is to generate with
    folder = TemporaryDirectory(prefix="flawsmith-")
    run = Path(folder.name) / "run"
    with working("looking at the product", quiet):
        prepare_unfitted(data, run, override(config, before), quiet)
    generator = load_generator(run, device, threads, [setting for setting in settings if setting not in before])
    return LoadedRun(generator, Unfitted(data.root if isinstance(data, Dataset) else Path(data), folder))


@dataclass(frozen=True)
class Unfitted:
    """What the base with nothing fitted is ready for."""

    data: Path  # as it was named
    folder: TemporaryDirectory[str]  # with a run of the base; it goes when this does


class LoadedRun:
    """What is known of a product and a network that draws its defects, ready to make pairs."""

    def __init__(self, generator: Generator, unfitted: Unfitted | None = None) -> None:
        """unfitted: where nothing was learned but what the product looks like."""
        self.generator = generator
        self._unfitted = unfitted

    @property
    def config(self) -> Config:
        """The configuration it was learned with, and is used with."""
        return self.generator.config

    @property
    def product(self) -> Product:
        """What is known of its product."""
        return self.generator.product

    def generate(
        self,
        out: str | Path,
        count: int | None = None,
        overwrite: bool = False,
        resume: bool = False,
        quiet: bool = False,
        dry_run: bool = False,
        **wishes: Any,
    ) -> Summary:
        """Write `count` accepted pairs, their contact sheet and report into the folder `out`, and return what was done.

        `wishes` are the fields of `Request`: defect, onto, free, region, place_map, foreground, size, severity, per_image, mix, plan,
        pick_from, seed, start, like, strength, mask. A rejected attempt is made anew with another seed, generation.attempts times at most;
        then that pair is given up and counted. With `dry_run` nothing is drawn: OUT/plan.jsonl and OUT/plan.png show what would be. Raises
        FlawsmithError for unusable input and for an `out` that is not empty.
        """
        out = Path(out)
        request = Request(count, **wishes)
        if dry_run and rank():  # the first of several processes shows the plan
            return Summary(0, 0, 0, {})
        if dry_run:
            if request.free or resume:
                raise ConfigError("--dry-run: shows where on normals defects would go; it does not go with --free or --resume.")
            job = self.generator.prepare(request, quiet)
            job.check_output(out, overwrite)
            with hold(out):
                prepare_output(out, PAIRS, overwrite)
                self._write_plan(job, out, quiet)
            return Summary(0, 0, 0, {})
        if not quiet and not rank() and self.product.background is None and not request.bounded:
            say(ANYWHERE)
        summary = self.generator.generate(out, request, overwrite, resume, quiet)
        if rank():  # the first of several processes speaks and writes
            return summary
        write_json(out / MADE, what_made(self.generator, request, self._unfitted is None))
        start = time.monotonic()
        name = str(self.generator.run) if self._unfitted is None else "the base, nothing fitted"
        facts: dict[str, Any] = {"Model": f"{name} ({self.generator.hash})"}
        if self._unfitted is not None:
            facts["Labelled pictures"] = self._unfitted.data
        facts |= {"Accepted": summary.accepted, "Seed": request.seed, "Masks": request.mask}
        with working("drawing the sheet and the report", quiet):
            write_sheet(out, heading="" if self._unfitted is None else f"{self._unfitted.data}: {name}")
            write_run_report(out, self.generator.run, facts)
        summary.seconds["report"] = round(time.monotonic() - start, 3)
        if not quiet and (told := warning(self.generator.run)) is not None:
            say(f"{self.generator.run}: {told}")
        return summary

    def _write_plan(self, job: PreparedRequest, out: Path, quiet: bool) -> None:
        """Write OUT/plan.jsonl, which `--plan` reads, and OUT/plan.png with the first SHOWN of its pairs."""
        with progress("plan", len(job.indexes), quiet, "pairs") as advance:
            sheet = plan_sheet(self._entries(job, out / "plan.jsonl", advance))
            write_bytes(out / "plan.png", encode_picture(sheet, "PNG"))

    def _entries(self, job: PreparedRequest, rows: Path, advance: Advance) -> Iterator[PlanEntry]:
        """Write a row for every planned pair, and yield the first SHOWN as they are drawn into the sheet, one picture at a time."""
        write_text(rows, "")
        for number, index in enumerate(job.indexes):
            append_line(rows, json.dumps(plan_row(job.plan(index, 0))))
            if number < SHOWN:
                attempt = self.generator.sketch(job, index)
                assert attempt.image is not None
                shapes = [(d.site.placement.top, d.site.placement.left, d.masks.exact) for d in attempt.drawn]
                yield PlanEntry(f"{attempt.spec.id}  {attempt.spec.defect}", attempt.image, shapes)
            advance()
