"""The folder RUN: what a training leaves there, and what it goes on from."""

import json
from pathlib import Path
from typing import Any

from flawsmith.config.resolve import dump, resolve
from flawsmith.config.schema import Config, TrainingConfig
from flawsmith.core.errors import RunError
from flawsmith.core.files import append_line, read_lines, write_json, write_text
from flawsmith.core.folders import Kind
from flawsmith.dataset.record import digest_of, read_record
from flawsmith.models.dual_model import DualModel
from flawsmith.models.store import save_model
from flawsmith.models.trainable import count_trainable, trainable
from flawsmith.product.exemplars import save_exemplars
from flawsmith.quality.limits import save_limits
from flawsmith.training.checkpoints import newest_checkpoint
from flawsmith.training.prepare import TrainingData
from flawsmith.training.state import State

RUN = Kind(
    "run",
    (
        r"config\.yaml",
        r"(data|fit)\.json",
        r"log\.jsonl",
        r"model/\w+\.safetensors",
        r"checkpoints/step-\d+\.safetensors",
        r"looks\.jsonl",
        r"previews/[^/]+\.(png|json)",
        r"tensorboard/events\.out\.tfevents\.[^/]+",
    ),
)


def room_needed(model: DualModel, config: TrainingConfig, resume: bool) -> int:
    """Return the bytes that checkpoints and model of a training may take on the disk beside what is there.

    A checkpoint holds the weights, their average, the optimiser's two moments and the best weights; while one is written, the one that
    it replaces is still there.
    """
    weights = 4 * count_trainable(model)
    one = weights * (4 + (config.patience > 0))
    all_of_them = config.steps // (config.checkpoint_every or 100)
    return one * (1 if resume else 1 + (config.keep or all_of_them)) + 2 * weights


class RunFolder:
    """One RUN folder; every file in it is written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log, self.previews, self.checkpoints = path / "log.jsonl", path / "previews", path / "checkpoints"

    def config(self) -> Config:
        """Return the configuration that the run began with; raises RunError where none did."""
        if not (self.path / "config.yaml").is_file():
            raise RunError(f"{self.path}: nothing to resume here (no config.yaml); start without --resume.")
        return resolve(file=self.path / "config.yaml")

    def begin(self, learned: TrainingData, config: Config) -> None:
        """Write what `generate` needs beside the weights; the configuration last, as a run with one can be resumed."""
        write_json(self.path / "data.json", learned.record)
        save_exemplars(self.path / "model" / "exemplars.safetensors", learned.examples)
        save_limits(self.path / "model" / "limits.safetensors", learned.limits)
        write_text(self.path / "config.yaml", dump(config))

    def check_data(self, record: dict[str, Any]) -> None:
        """Raise RunError unless the pictures of `record` are those the run began with."""
        begun_with = read_record(self.path)
        for key in ("normals", "defects"):
            if begun_with[key] != record[key]:
                raise RunError(f"{self.path}: the {key} in the data folder changed since this run began; start a new run for them.")

    @property
    def newest(self) -> Path | None:
        """The newest checkpoint."""
        return newest_checkpoint(self.checkpoints)

    def go_on(self, state: State) -> None:
        """Fill `state` from the newest checkpoint, if there is one, and drop the log's rows of steps that will be taken again."""
        if newest := self.newest:
            state.load(newest)
        if self.log.exists():  # also without a checkpoint: a torn last line must not end up in the middle
            told = [row for row in read_lines(self.log) if isinstance(row.get("step"), int)]
            rows = [row for row in told if row["step"] <= (state.measured if _is_held(row) else state.step)]
            write_text(self.log, "".join(json.dumps(row) + "\n" for row in rows))

    def keep(self, state: State, config: Config, learned: TrainingData, seconds: float) -> None:
        """Write what --resume goes on from and what `generate` draws with; seconds: of training so far."""
        state.save(self.checkpoints, seconds, config.training.keep)
        step, averaged = state.kept
        weights, base = {**trainable(state.model), **averaged}, state.model.base
        save_model(self.path / "model" / "model.safetensors", weights, config, learned.product, step, base, digest_of(learned.record))

    def tell(self, row: dict[str, Any]) -> None:
        """Append a row to the log."""
        append_line(self.log, json.dumps(row))


def _is_held(row: dict[str, Any]) -> bool:
    """Return whether a row of the log is of held-out defects, which are measured after their step is taken, and kept after that."""
    return any(name.startswith("held_") for name in row)
