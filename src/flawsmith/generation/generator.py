"""`flawsmith generate`: from a trained model to verified pairs on disk."""

import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from flawsmith.config.resolve import override
from flawsmith.config.schema import Config
from flawsmith.core.devices import choose_device, choose_precision, use_threads
from flawsmith.core.errors import ConfigError, DataError, RunError
from flawsmith.core.files import check_output, content_hash, prepare_output
from flawsmith.core.locks import hold
from flawsmith.dataset.record import read_record
from flawsmith.diffusion.samplers import find_sampler
from flawsmith.generation.attempt import Attempt, Compositor, PlacementInputs
from flawsmith.generation.output import Output
from flawsmith.generation.plan import PairSpec
from flawsmith.generation.request import PreparedRequest, Request, prepare_request
from flawsmith.models.dual_model import DualModel
from flawsmith.models.store import load_model
from flawsmith.product.exemplars import Exemplar, load_exemplars
from flawsmith.product.product import Product
from flawsmith.quality.limits import Limits, load_limits
from flawsmith.quality.verify import Verifier
from flawsmith.reports.html import write_run_report
from flawsmith.reports.sheets import write_sheet
from flawsmith.synthesis.sampling import draw


@dataclass(frozen=True)
class Summary:
    """What one run of `generate` did."""

    accepted: int
    rejected: int  # attempts that did not pass and were made again
    failed: int  # pairs given up after the last attempt
    reasons: dict[str, int]  # rejections per check
    seconds: dict[str, float] = field(default_factory=dict)  # by part of the work


def load(run: str | Path, device: str = "auto", threads: int = 0, settings: Sequence[str] = (), backbone: str = "") -> "Generator":
    """Return the generator of a RUN folder; `settings` are `generation.` and `quality.` keys such as "generation.guidance=2".

    backbone: where the pretrained network that the run was learned on lies now, if not where it did.
    """
    run = Path(run)
    if not run.is_dir():
        raise RunError(f"{run}: there is no such folder; make it with `flawsmith fit DATA -o {run}`.")
    use_threads(threads)
    model, config, product = load_model(run / "model" / "model.safetensors", backbone)
    config = override(config, settings, ("generation", "quality"))
    find_sampler(config.generation.sampler)  # one that is not there is told before the work
    library, limits = load_exemplars(run / "model" / "exemplars.safetensors"), load_limits(run / "model" / "limits.safetensors")
    where = choose_device(device)
    if choose_precision(config.training.precision, where) == "bf16":
        model.hold_frozen(torch.bfloat16)
    if config.generation.compile:
        model.net.compile()
    return Generator(run, model.to(where), config, product, library, limits)


class Generator:
    """A trained model with its product, ready to make pairs."""

    def __init__(self, run: Path, model: DualModel, config: Config, product: Product, library: list[Exemplar], limits: Limits) -> None:
        self.run, self.model, self.config, self.product = run, model, config, product
        self._device = str(next(model.parameters()).device.type)
        self._hash = content_hash(run / "model" / "model.safetensors")[:16]
        self._checks = Verifier(product, limits, library, config.quality, config.generation.feather)
        examples = {name: [e for e in library if e.defect == name] for name in product.shape.defects}
        self._artist = Compositor(model, config, product, examples, self._checks)
        self.precision = choose_precision(config.training.precision, self._device)

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
        """Write `count` accepted pairs into the folder `out` and return what was done.

        `wishes` are the fields of `Request`: defect, onto, free, region, place_map, foreground, size, severity, per_image, mix, plan,
        pick_from, seed, start. A rejected attempt is made anew with another seed, generation.attempts times at most; then that pair is
        given up and counted. With `dry_run` nothing is drawn: OUT/plan.jsonl and OUT/plan.png show what would be. Raises FlawsmithError for
        unusable input and for an `out` that is not empty.
        """
        out = Path(out)
        request = Request(count, **wishes)
        if dry_run and (request.free or resume):
            raise ConfigError("--dry-run: shows where on normals defects would go; it does not go with --free or --resume.")
        job = prepare_request(request, self.product, self._own_normals)
        if not resume:
            check_output(out, overwrite, [*job.normals, *request.inputs(), *job.masks()])
        with hold(out):
            return self._write(out, request, job, overwrite, resume, dry_run, quiet)

    def _write(
        self, out: Path, request: Request, job: PreparedRequest, overwrite: bool, resume: bool, dry_run: bool, quiet: bool
    ) -> Summary:
        """Do what `generate` says, as the only one that writes to `out`."""
        output = Output(out, self._hash, self._settings(request), self._checks, job.plan)
        done = output.resume() if resume else set()
        if not resume:
            prepare_output(out, overwrite)
        if dry_run:
            output.write_plan(self._artist.sketch(job.plan(i, 0), job.wishes) for i in job.indexes)
            return Summary(0, 0, 0, {})
        output.open()
        summary = self._run(job, output, [i for i in job.indexes if f"{i:06d}" not in done], quiet)
        if request.pick_from and request.count is not None:
            summary = replace(summary, accepted=output.pick(request.count))
        mark = time.monotonic()
        write_sheet(out)
        facts = {"Model": f"{self.run} ({self._hash})", "Accepted": summary.accepted, "Seed": request.seed}
        write_run_report(out, self.run, facts)
        summary.seconds["report"] = round(time.monotonic() - mark, 3)
        return summary

    def _run(self, job: PreparedRequest, output: Output, indexes: Sequence[int], quiet: bool) -> Summary:
        """Make the pairs `indexes`, each finished in its turn, so that what counts as a duplicate does not depend on the batch."""
        clock = dict.fromkeys(("data", "model", "decode", "write"), 0.0)
        counts: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        queue, turn = deque((i, 0) for i in indexes), deque(indexes)
        waiting: dict[int, Attempt] = {}
        batch = 1 if self._device == "cpu" else self.config.generation.batch  # a CPU draws one at a time: hold one picture
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
            while turn:
                rows = [job.plan(*queue.popleft()) for _ in range(min(batch, len(queue)))]
                waiting |= {attempt.wanted.index: attempt for attempt in self._make(rows, job.wishes, clock)}
                while turn and turn[0] in waiting:
                    attempt = waiting.pop(turn[0])
                    with _timed(clock, "write"):
                        outcome = output.finish(attempt, attempt.wanted.attempt + 1 >= self.config.generation.attempts)
                    counts[outcome] += 1
                    reasons.update(reason.check for reason in attempt.reasons)
                    if outcome == "rejected":
                        queue.appendleft((attempt.wanted.index, attempt.wanted.attempt + 1))
                        break
                    turn.popleft()
                    state = f"{counts['accepted']} accepted, {counts['rejected'] + counts['failed']} attempts rejected"
                    bar.update(shown, advance=1, state=state)
        seconds = {name: round(value, 3) for name, value in clock.items()}
        return Summary(counts["accepted"], counts["rejected"], counts["failed"], dict(reasons), seconds)

    def _make(self, rows: Sequence[PairSpec], wishes: PlacementInputs, clock: dict[str, float]) -> list[Attempt]:
        """Return the attempts, their defects drawn one after the other: the second of all after the first of all."""
        with _timed(clock, "data"):
            attempts = [self._artist.begin(row) for row in rows]
        while going := [attempt for attempt in attempts if attempt.open]:
            with _timed(clock, "data"):
                spots = [(attempt, spot) for attempt in going if (spot := self._artist.propose(attempt, wishes)) is not None]
            with _timed(clock, "model"):
                drawn = draw(self.model, [spot.task for _, spot in spots], self.config, self.precision, self._artist.tones)
            with _timed(clock, "decode"):
                for (attempt, spot), window in zip(spots, drawn, strict=True):
                    self._artist.finish(attempt, spot, window)
        return attempts

    def _settings(self, request: Request) -> str:
        """Return a short hash of all that shapes a pair beside its model, number and seed."""
        wishes = asdict(replace(request, count=None, pick_from=0, start=0))  # more of the same may be asked for
        how = asdict(replace(self.config.generation, batch=1, attempts=1))
        text = json.dumps([wishes, how, asdict(self.config.quality)], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _own_normals(self) -> list[Path]:
        record = read_record(self.run)
        root = Path(record["root"])
        paths = [root / row["image"] for row in record["normals"]]
        if missing := [path for path in paths if not path.is_file()]:
            raise DataError(f"{missing[0]}: this normal, which the model learned from, is gone; name a folder of normals with --onto.")
        return paths


@contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of the block to the clock."""
    mark = time.monotonic()
    yield
    clock[name] += time.monotonic() - mark
