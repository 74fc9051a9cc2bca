"""`flawsmith fit`: learn, then say what came of it."""

from pathlib import Path
from typing import Any

from flawsmith.config.schema import Config
from flawsmith.core.progress import say
from flawsmith.dataset.sample import Dataset
from flawsmith.training.fitting import fit_run


def fit(
    data: str | Path | Dataset,
    run: str | Path,
    config: Config | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    threads: int = 0,
    quiet: bool = False,
) -> dict[str, Any]:
    """Learn the defects of `data`, a folder or a part of one, leave the RUN folder `run`, and return what was done.

    With `resume` an interrupted run goes on from its newest checkpoint with its own configuration; of `config` only what changes no step
    may differ (`training.resume.FREE`), such as the limits training.steps and training.minutes. Stopped by Ctrl-C or SIGTERM it keeps what
    it has learned. Raises FlawsmithError for bad data, a bad configuration or a folder that is not empty.
    """
    result = fit_run(data, run, config, resume, overwrite, device, threads, quiet)
    if "note" in result and not quiet:
        say(result["note"])
    return result
