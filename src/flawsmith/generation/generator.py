"""From a trained model to verified pairs on disk."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from flawsmith.config.resolve import override
from flawsmith.config.schema import Config
from flawsmith.core.devices import choose_device, own_device, use_threads
from flawsmith.core.disk import require_room
from flawsmith.core.errors import ConfigError, DataError, RunError
from flawsmith.core.files import content_hash
from flawsmith.core.folders import prepare_output
from flawsmith.core.locks import hold
from flawsmith.core.precision import NAMES, Precision
from flawsmith.core.progress import progress, say, working
from flawsmith.core.team import Team
from flawsmith.core.text import command
from flawsmith.dataset.record import read_record
from flawsmith.diffusion.samplers import find_sampler
from flawsmith.formats.options import ReadOptions
from flawsmith.generation.attempt import Attempt
from flawsmith.generation.compositor import Compositor
from flawsmith.generation.fingerprint import Fingerprint
from flawsmith.generation.liked import read_liked
from flawsmith.generation.output import Output
from flawsmith.generation.plan import PairSpec
from flawsmith.generation.request import PreparedRequest, Request, prepare_request
from flawsmith.generation.room import bytes_of_pair
from flawsmith.generation.turns import Turns
from flawsmith.images.channels import colour_count
from flawsmith.models.dual_model import DualModel
from flawsmith.models.store import load_model
from flawsmith.pairs.folder import PAIRS, PairFolder
from flawsmith.pairs.pair import ACCEPTED, FAILED, REJECTED, Pair
from flawsmith.placement.inputs import PlacementInputs
from flawsmith.product.exemplars import Exemplar, load_exemplars
from flawsmith.product.product import Product
from flawsmith.quality.limits import Limits, load_limits
from flawsmith.quality.verify import Verifier
from flawsmith.synthesis.precision import sampling_precision
from flawsmith.synthesis.sampling import draw

TOGETHER = 24  # attempts of each of several processes before they wait for each other: the more, the less they wait, and the more they hold


@dataclass(frozen=True)
class Summary:
    """What one run of `generate` did."""

    accepted: int
    rejected: int  # attempts that did not pass and were made again
    failed: int  # pairs given up after the last attempt
    reasons: dict[str, int]  # rejections per check
    seconds: dict[str, float] = field(default_factory=dict)  # by part of the work


def load_generator(
    run: str | Path, device: str = "auto", threads: int = 0, settings: Sequence[str] = (), backbone: str = ""
) -> "Generator":
    """Return the generator of a RUN folder; `settings` are `generation.` and `quality.` keys such as "generation.guidance=2".

    backbone: where the pretrained network that the run was learned on lies now, if not where it did.
    """
    run = Path(run)
    if not run.is_dir():
        raise RunError(f"{run}: there is no such folder; make it with `{command('fit', 'DATA', '-o', run)}`.")
    use_threads(threads)
    model, config, product = load_model(run / "model" / "model.safetensors", backbone)
    config = override(config, settings, ("generation", "quality"))
    find_sampler(config.generation.sampler)  # one that is not there is told before the work
    library, limits = load_exemplars(run / "model" / "exemplars.safetensors"), load_limits(run / "model" / "limits.safetensors")
    where = own_device(choose_device(device))
    found = sampling_precision(model.to(where), config)
    if found.name == "bf16":
        model.hold_frozen(torch.bfloat16)
    elif model.base and config.generation.precision == "auto":
        model = load_model(run / "model" / "model.safetensors", backbone)[0].to(where)  # timed in bf16, it lost its last digits
    if config.generation.compile:
        model.net.compile()
    return Generator(run, model, config, product, library, limits, found)


class Generator:
    """A trained model with its product, ready to make pairs."""

    def __init__(
        self,
        run: Path,
        model: DualModel,
        config: Config,
        product: Product,
        library: list[Exemplar],
        limits: Limits,
        precision: Precision,
    ) -> None:
        self.run, self.model, self.product, self.precision = run, model, product, precision
        self._timed = config.generation.precision == "auto"
        self.config = _in(config, precision.name)
        self._device = str(next(model.parameters()).device.type)
        self.hash = content_hash(run / "model" / "model.safetensors")[:16]
        self._limits, self._library = limits, library
        self.verifier = Verifier(product, limits, library, config.quality, config.generation.feather)
        self._compositors: dict[str, Compositor] = {}  # by what is followed
        self._learned = [run / "model" / f"{name}.safetensors" for name in ("exemplars", "limits")]

    def generate(self, out: Path, request: Request, overwrite: bool = False, resume: bool = False, quiet: bool = False) -> Summary:
        """Write the pairs of a request into the folder `out` and return what was done; `workflows.generate` adds sheet and report.

        A rejected attempt is made anew with another seed, generation.attempts times at most; then that pair is given up and counted.
        Raises FlawsmithError for unusable input and for an `out` that is not empty.
        """
        job, team = self.prepare(request, quiet), Team()
        if not team.leads:
            return self._help(job, team)
        if not resume:
            job.check_output(out, overwrite)
        with hold(out):
            return self._write(out, request, job, team, overwrite, resume, quiet)

    def _help(self, job: PreparedRequest, team: Team) -> Summary:
        """Draw attempts for the first of several processes, which alone finishes and writes them; return that nothing was written."""
        name = team.agree("")
        if name != self.precision.name:
            self.config, self.precision = _in(self.config, name), Precision(name, "as the first process")
        self._run(job, None, [], team, quiet=True)
        return Summary(0, 0, 0, {})

    def _write(self, out: Path, request: Request, job: PreparedRequest, team: Team, overwrite: bool, resume: bool, quiet: bool) -> Summary:
        """Do what `generate` says, as the only one that writes to `out`."""
        if resume and self._timed:
            self._keep_precision(out, job)
        if not quiet:
            say(f"generate in {self.precision}.")
        fingerprint = Fingerprint(self.config, self._learned, job.placement, job.following, job.mask)
        output = Output(out, self.hash, fingerprint, self.verifier, job.plan, job.mask)
        done = output.resume(quiet) if resume else set()
        left = [i for i in job.indexes if f"{i:06d}" not in done]
        require_room(out, len(left) * bytes_of_pair(job.normals, self.product.shape), f"{len(left)} pairs")
        if not resume:
            prepare_output(out, PAIRS, overwrite)
        output.open()
        team.agree(self.precision.name)
        summary = self._run(job, output, left, team, quiet)
        if request.pick_from and request.count is not None:
            summary = replace(summary, accepted=output.pick(request.count))
        return summary

    def _keep_precision(self, out: Path, job: PreparedRequest) -> None:
        """Go on in the precision that the pairs of `out` were drawn in: this time the other one may have been faster.

        Raises ConfigError where a pretrained network was loaded for the other one.
        """
        first = PairFolder(out).first()
        other = _in(self.config, next(name for name in NAMES if name != self.precision.name))
        if first is None or first.settings != _settings_of(first, other, self._learned, job):
            return
        name = other.generation.precision
        if self.model.base:
            raise ConfigError(f"{out}: its pairs were drawn in {name}; add --set generation.precision={name} to go on.")
        self.config, self.precision = other, Precision(name, "as the pairs that are there")

    def prepare(self, request: Request, quiet: bool = True) -> PreparedRequest:
        """Return the request, checked as a whole; raises FlawsmithError for the first thing in it that cannot be done."""
        with working("checking normals, regions and masks", quiet):
            return prepare_request(request, self.product, self._own_normals, self._read_liked if self.model.follows else None)

    def sketch(self, job: PreparedRequest, index: int) -> Attempt:
        """Return the first attempt at a pair with the proposed shapes in the place of drawn defects, for a look at the plan."""
        return self._compositor(job).sketch(job.plan(index, 0), job.placement)

    def _run(self, job: PreparedRequest, output: Output | None, indexes: Sequence[int], team: Team, quiet: bool) -> Summary:
        """Make the pairs `indexes`, each finished in its turn, so that what counts as a duplicate does not depend on the batch.

        Several processes share the attempts, each as it gets to them; the first one, which has the output, says what is to be drawn and
        finishes all.
        """
        clock = dict.fromkeys(("data", "model", "decode", "write"), 0.0)
        counts: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        compositor = self._compositor(job)
        turns = Turns(indexes, self.config.generation.attempts)
        batch = self.config.generation.batch if self._device != "cpu" else 1  # a CPU draws one at a time: hold one picture
        most = batch if team.count == 1 else max(TOGETHER, 2 * batch) * team.count
        with progress("generate", len(indexes), quiet) as advance:
            while wanted := team.agree(turns.wanted(most)):
                made: list[Attempt] = []
                for part in team.parts(wanted, batch):
                    made += self._make([job.plan(*one) for one in part], compositor, job.placement, clock)
                for attempt in team.gather(made):
                    turns.add(attempt)
                for attempt in turns.ready():
                    assert output is not None  # only the first process is given attempts
                    with _timed(clock, "write"):
                        outcome = output.finish(attempt, turns.is_last(attempt))
                    counts[outcome] += 1
                    reasons.update(reason.check for reason in attempt.reasons)
                    if outcome != REJECTED:
                        advance(f"{counts[ACCEPTED]} accepted, {counts[REJECTED] + counts[FAILED]} attempts rejected")
        seconds = {name: round(value, 3) for name, value in clock.items()}
        return Summary(counts[ACCEPTED], counts[REJECTED], counts[FAILED], dict(reasons), seconds)

    def _make(
        self, specs: Sequence[PairSpec], compositor: Compositor, placement: PlacementInputs, clock: dict[str, float]
    ) -> list[Attempt]:
        """Return the attempts, their defects drawn one after the other: the second of all after the first of all."""
        with _timed(clock, "data"):
            attempts = [compositor.begin(spec) for spec in specs]
        while going := [attempt for attempt in attempts if attempt.open]:
            with _timed(clock, "data"):
                sites = [(attempt, site) for attempt in going if (site := compositor.propose(attempt, placement)) is not None]
            with _timed(clock, "model"):
                drawn = draw(self.model, [site.task for _, site in sites], self.config, self.precision.name, compositor.levels)
            with _timed(clock, "decode"):
                for (attempt, site), window in zip(sites, drawn, strict=True):
                    compositor.finish(attempt, site, window)
        return attempts

    def _compositor(self, job: PreparedRequest) -> Compositor:
        """Return what places and composites the defects of a job."""
        key = repr(job.following.digest)
        if key not in self._compositors:
            exemplars = {name: [e for e in self._library if e.defect == name] for name in self.product.shape.defects}
            verifier, liked, quality = self.verifier, job.following.liked, self.config.quality
            if liked:
                verifier = Verifier(self.product, self._limits, self._library, quality, self.config.generation.feather, liked)
            self._compositors = {key: Compositor(self.model, self.config, self.product, exemplars, verifier, job.following)}
        return self._compositors[key]

    def _read_liked(self, pictures: Sequence[Path], normals: Sequence[Path]) -> list[Exemplar]:
        """Return the defects in pictures to follow; normals: what is drawn onto."""
        record = read_record(self.run)
        root = Path(record["root"])
        own = [root / row["image"] for rows in (record["normals"], *record["defects"].values()) for row in rows]
        colours = {self.product.shape.colours, *(colour_count(e.image.shape[2]) for e in self._library)}
        return read_liked(
            pictures, root, ReadOptions.of(self.config.data), self.product, colours, [*normals, *(path for path in own if path.is_file())]
        )

    def _own_normals(self) -> list[Path]:
        record = read_record(self.run)
        root = Path(record["root"])
        paths = [root / row["image"] for row in record["normals"]]
        if missing := [path for path in paths if not path.is_file()]:
            raise DataError(f"{missing[0]}: this normal, which the model learned from, is gone; name a folder of normals with --onto.")
        return paths


def _in(config: Config, precision: Any) -> Config:
    """Return `config` with the precision that pairs are drawn in."""
    return replace(config, generation=replace(config.generation, precision=precision))


def _settings_of(pair: Pair, config: Config, learned: Sequence[Path], job: PreparedRequest) -> str | None:
    """Return the settings that a row would have if it were drawn with `config` now; None where the plan has no such pair."""
    try:
        return Fingerprint(config, learned, job.placement, job.following, job.mask).of(job.plan(int(pair.id), pair.attempt))
    except IndexError:
        return None


@contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of the block to the clock."""
    mark = time.monotonic()
    yield
    clock[name] += time.monotonic() - mark
