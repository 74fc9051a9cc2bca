"""The pairs that columns train on: a fit, what it generates, and what the baselines make, all from the learned part."""

from typing import Any

from flawsmith.benchmark.baselines.make import write_baseline
from flawsmith.benchmark.protocol import GENERATED
from flawsmith.benchmark.workspace import Workspace
from flawsmith.config.resolve import resolve
from flawsmith.core.devices import use_threads
from flawsmith.core.errors import RunError
from flawsmith.core.folders import prepare_output
from flawsmith.generation.generator import load_generator
from flawsmith.generation.request import Request
from flawsmith.pairs.folder import PairFolder
from flawsmith.training.fitting import fit_run
from flawsmith.training.run_folder import RUN
from flawsmith.training.unfitted import prepare_unfitted


def fit_generator(work: Workspace) -> dict[str, Any]:
    """Fit on the part to learn from and return what `fit` says; an interrupted fit goes on from its last checkpoint.

    With `unfitted` the RUN has the weights that a fit would begin with, and nothing is said but that.
    """
    config = resolve(work.settings.preset, None, [*work.settings.fit_settings, f"training.seed={work.seed}"])
    if work.settings.unfitted:
        prepare_output(work.run, RUN, overwrite=True)
        prepare_unfitted(work.parts.learn, work.run, config)
        return {"unfitted": True}
    resume = (work.run / "checkpoints").is_dir()
    if not resume and work.run.exists():
        prepare_output(work.run, RUN, overwrite=True)
    return fit_run(work.parts.learn, work.run, config, resume=resume, device=work.settings.device, threads=work.threads, quiet=True)


def make_generated(work: Workspace) -> dict[str, Any]:
    """Generate pairs with the fitted model and return their counts by verdict; an interrupted folder is completed.

    Raises RunError where none was accepted.
    """
    out = work.pairs(GENERATED)
    count = work.settings.pairs * len(work.parts.learn.defects)
    keys = [s for s in work.settings.fit_settings if s.startswith(("generation.", "quality."))]
    generator = load_generator(work.run, device=work.settings.device, threads=work.threads, settings=keys)
    summary = generator.generate(out, Request(count, seed=work.seed), resume=PairFolder(out).begun, quiet=True)
    if not any(pair.accepted for pair in PairFolder(out).read()):
        why = ", ".join(f"{name} ({times})" for name, times in sorted(summary.reasons.items(), key=lambda x: -x[1])[:3])
        fit = "Leave out --unfitted" if work.settings.unfitted else "Let the fits take longer (--max-steps, --max-minutes)"
        raise RunError(f"{out}: none of {count} wanted pairs passed the checks; most frequent reasons: {why}. {fit}.")
    return {"accepted": summary.accepted, "rejected": summary.rejected, "failed": summary.failed, "reasons": summary.reasons}


def make_baseline(work: Workspace, name: str) -> dict[str, Any]:
    """Make a baseline's pairs from the same learned part and return their counts."""
    use_threads(work.threads)
    learn = work.parts.learn
    return write_baseline(name, learn, work.pairs(name), work.settings.pairs * len(learn.defects), work.seed, overwrite=True)
