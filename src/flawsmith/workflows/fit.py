"""`flawsmith fit`: learn, then say what came of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flawsmith.config.schema import Config
from flawsmith.core.files import read_lines, write_json, write_text
from flawsmith.core.processes import rank
from flawsmith.core.progress import say
from flawsmith.dataset.sample import Dataset
from flawsmith.generation.previewing import PreviewJudge
from flawsmith.models.dual_model import DualModel
from flawsmith.quality.readiness import Look, Readiness, assess, look_at
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.training.fitting import fit_run
from flawsmith.training.loop import Watch
from flawsmith.training.prepare import TrainingData


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
    looks = Looks(Path(run))
    result = fit_run(data, run, config, resume, overwrite, device, threads, quiet, looks.watching)
    if rank():  # the first of several processes speaks and writes
        return result
    if "note" in result and not quiet:
        say(result["note"])
    readiness = looks.assess(result["steps"])
    if readiness is not None:
        result |= {"readiness": readiness.to_json()}
        write_json(Path(run) / "fit.json", result)
        if not quiet:
            say(readiness.text)
    return result


class Looks:
    """What the checks say of a training's previews, kept in RUN/looks.jsonl, so that a resumed training goes on with it."""

    def __init__(self, run: Path) -> None:
        self._path = run / "looks.jsonl"

    def watching(self, learned: TrainingData, model: DualModel, config: Config) -> Watch:
        """Return what puts previews through the checks."""
        judge = PreviewJudge(learned, model, config)

        def watch(step: int, seconds: float, shown: list[tuple[Task, Drawn]]) -> None:
            refusals = judge.refusals([task for task, _ in shown], [drawn for _, drawn in shown])
            look = look_at(step, seconds, refusals)
            # a step may be taken again after an interruption; the last look of all has more previews than the one before at its step
            rows = [row for row in self._rows() if (row["step"], row["drawn"]) < (step, look.drawn)]
            rows.append(asdict(look))
            write_text(self._path, "".join(json.dumps(row) + "\n" for row in rows))

        return watch

    def assess(self, step: int) -> Readiness | None:
        """Return what the looks up to a step say; None where there was none at it."""
        looks = [Look(**row) for row in self._rows() if row["step"] <= step]
        return assess(looks) if looks and looks[-1].step == step else None

    def _rows(self) -> list[dict[str, Any]]:
        return read_lines(self._path) if self._path.is_file() else []
