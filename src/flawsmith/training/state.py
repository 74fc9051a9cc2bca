"""What changes from step to step of a training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from flawsmith.models.dual_model import DualModel
from flawsmith.training.checkpoints import load_checkpoint, save_checkpoint
from flawsmith.training.ema import MovingAverage


@dataclass
class State:
    """A model in training; `save` and `load` keep all of it."""

    model: DualModel
    average: MovingAverage
    optimiser: torch.optim.Optimizer
    step: int = 0  # steps taken
    spent: float = 0.0  # seconds of training before this process
    logged: int = 0  # the step of the log's last row
    sums: dict[str, float] = field(default_factory=dict)  # since then, of what the next row tells the mean of
    init: dict[str, int] | None = None  # weights taken from another run, and new ones
    torn: bool = False  # in the middle of a step, where part of this is of the step before

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Mark the block in which a step changes several parts of this; what ends it by an error leaves the state torn."""
        self.torn = True
        yield
        self.torn = False

    def add(self, values: Sequence[tuple[str, float]]) -> None:
        """Add what one step measured, by name."""
        for name, value in values:
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Return the means since the last call, by name, and begin anew."""
        found = {name: round(value / (self.step - self.logged), 6) for name, value in self.sums.items()}
        self.sums, self.logged = {}, self.step
        return found

    def save(self, folder: Path, seconds: float, keep: int) -> None:
        """Write a checkpoint into `folder`, of which the newest `keep` stay; seconds: of training so far."""
        facts: dict[str, Any] = {"seconds": seconds, "logged": self.logged, "sums": self.sums, "init": self.init}
        save_checkpoint(folder, self.step, self.model, self.average, self.optimiser, facts, keep)

    def load(self, checkpoint: Path) -> None:
        """Become what `save` wrote."""
        self.step, facts = load_checkpoint(checkpoint, self.model, self.average, self.optimiser)
        self.spent, self.logged, self.sums, self.init = facts["seconds"], facts["logged"], facts["sums"], facts.get("init")
