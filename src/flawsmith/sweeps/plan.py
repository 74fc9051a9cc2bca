"""What a sweep is asked for, and the jobs that come of it."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flawsmith.config.resolve import preset
from flawsmith.core.errors import ConfigError
from flawsmith.sweeps.job import Job
from flawsmith.sweeps.products import Product
from flawsmith.version import __version__

STEPS = ("fit", "generate", "evaluate", "benefit")  # in the order in which they are begun
PER_DEFECT = "sd15-paper"  # the published method has one model per product and defect


@dataclass(frozen=True)
class SweepSettings:
    """What is done with each product. Raises ConfigError for what cannot be done."""

    steps: tuple[str, ...] = ("fit", "generate", "benefit")
    preset: str = ""  # of the fits, those of benefit included; "" = that of `fit`
    pairs: int = 100  # accepted ones per defect that `generate` makes
    fit: tuple[str, ...] = ()  # further words of each command
    generate: tuple[str, ...] = ()
    evaluate: tuple[str, ...] = ()
    benefit: tuple[str, ...] = ()
    per_defect: bool | None = None  # one model per defect; None = with the preset PER_DEFECT
    device: str = "auto"
    threads: int = 1  # of every job

    def __post_init__(self) -> None:
        for step in self.steps:
            if step not in STEPS:
                raise ConfigError(f"--steps: got {step!r}, expected some of {', '.join(STEPS)}.")
        for step, needed in (("generate", "fit"), ("evaluate", "generate")):
            if step in self.steps and needed not in self.steps:
                raise ConfigError(f"--steps: {step} needs {needed}; name it, too.")
        if not self.steps or self.pairs < 1:
            raise ConfigError("a sweep needs at least one of --steps, and --pairs of at least 1.")
        if self.preset:
            preset(self.preset)  # raises for one that is not there

    @property
    def splits(self) -> bool:
        """Whether each defect has a model of its own."""
        return self.preset == PER_DEFECT if self.per_defect is None else self.per_defect

    def identity(self) -> dict[str, Any]:
        """Return what results must share to stand in one table, as JSON has it."""
        said = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        del said["steps"]  # one more may be added later
        return {"flawsmith": __version__, "settings": said | {"per_defect": self.splits}}


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of further options as a shell would; raises ConfigError for an open quotation."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{text!r}: {error}; expected options as one would type them, in one word.") from error


def plan(products: Sequence[Product], folder: Path, settings: SweepSettings) -> list[Job]:
    """Return the jobs for every product that can be learned from, in the order in which they are begun: first all fits."""
    folder = folder.resolve()
    jobs = [job for product in products if not product.problem for job in _of_product(product, folder, settings)]
    return sorted(jobs, key=lambda job: STEPS.index(job.step))


def _of_product(product: Product, folder: Path, settings: SweepSettings) -> Iterator[Job]:
    models = [(f"{product.name}/{name}", (name,)) for name in product.defects] if settings.splits else [(product.name, product.defects)]
    for name, defects in models:
        others = [other for other in product.defects if other not in defects]
        yield from _of_model(name, product.data.resolve(), len(defects), _leaving_out(others), folder, settings)
    if "benefit" in settings.steps:  # makes models of its own, from a part of the pictures
        chosen = ("--preset", settings.preset) if settings.preset else ()
        data = product.data.resolve()
        words = (str(data), *chosen, "--workers", "0", *settings.benefit)
        yield _job(product.name, "benefit", words, "benefit", data, folder, settings)


def _of_model(name: str, data: Path, defects: int, only: tuple[str, ...], folder: Path, settings: SweepSettings) -> Iterator[Job]:
    """Yield the jobs of one model; only: what has it learn its own defects alone."""
    home = folder / "products" / name
    if "fit" in settings.steps:
        chosen = ("--preset", settings.preset) if settings.preset else ()
        yield _job(name, "fit", (str(data), *chosen, *only, *settings.fit), "run", data, folder, settings)
    if "generate" in settings.steps:
        count = settings.pairs * defects
        words = (str(home / "run"), "--count", str(count), *settings.generate)
        yield _job(name, "generate", words, "pairs", data, folder, settings, (f"fit {name}",), count)
    if "evaluate" in settings.steps:
        words = (str(data), str(home / "pairs"), *only, *settings.evaluate)
        yield _job(name, "evaluate", words, "evaluated", data, folder, settings, (f"generate {name}",))


def _job(
    name: str,
    step: str,
    words: tuple[str, ...],
    output: str,
    data: Path,
    folder: Path,
    settings: SweepSettings,
    needs: tuple[str, ...] = (),
    amount: int = 1,
) -> Job:
    home = folder / "products" / name
    common = ("-o", str(home / output), "--device", settings.device, "--threads", str(settings.threads), "--quiet")
    files = (str(home / output), str(home / f"{step}.json"), str(home / f"{step}.log"))
    return Job(name, step, (step, *words, *common), *files, needs, amount, str(data))


def _leaving_out(defects: Sequence[str]) -> tuple[str, ...]:
    """Return the words that have a command leave defects out; raises ConfigError for names that --classes cannot hold."""
    for name in defects:
        if set(name) & set(";,="):
            raise ConfigError(f"{name}: a defect with one of ; , = in its name cannot be left out of a model; rename its folder.")
    return ("--classes", f"ignore={','.join(defects)}") if defects else ()
