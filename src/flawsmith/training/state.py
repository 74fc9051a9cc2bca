"""What changes from step to step of a training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flawsmith.models.dual_model import DualModel
from flawsmith.training.checkpoints import load_checkpoint, save_checkpoint
from flawsmith.training.ema import MovingAverage


@dataclass(frozen=True)
class Best:
    """The averaged weights with the least error on held-out defects so far."""

    step: int
    error: float
    weights: dict[str, Tensor]


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
    best: Best | None = None  # where defects are held out
    measured: int = -1  # the step of the last measurement with them
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

    @property
    def kept(self) -> tuple[int, dict[str, Tensor]]:
        """The weights that generation uses, by name, and the step they are of: the best averaged ones, or else the last."""
        return (self.best.step, self.best.weights) if self.best else (self.step, self.average.weights)

    def judge(self, error: float) -> None:
        """Keep the averaged weights if their error on held-out defects is the least so far."""
        self.measured = self.step
        if self.best is None or error < self.best.error:
            self.best = Best(self.step, error, {name: w.clone() for name, w in self.average.weights.items()})

    def settled(self, patience: int) -> bool:
        """Return whether the error on held-out defects has not got better for so many steps; never without patience."""
        return self.best is not None and 0 < patience <= self.step - self.best.step

    def save(self, folder: Path, seconds: float, keep: int) -> None:
        """Write a checkpoint into `folder`, of which the newest `keep` stay; seconds: of training so far."""
        facts: dict[str, Any] = {"seconds": seconds, "logged": self.logged, "sums": self.sums, "init": self.init}
        facts |= {"measured": self.measured, "best": [self.best.step, self.best.error] if self.best else None}
        best = self.best.weights if self.best else None
        save_checkpoint(folder, self.step, self.model, self.average, self.optimiser, facts, keep, best)

    def load(self, checkpoint: Path) -> None:
        """Become what `save` wrote."""
        self.step, facts, best = load_checkpoint(checkpoint, self.model, self.average, self.optimiser)
        self.spent, self.logged, self.sums, self.init = facts["seconds"], facts["logged"], facts["sums"], facts.get("init")
        self.measured, told = facts.get("measured", -1), facts.get("best")
        self.best = Best(told[0], told[1], best) if told else None
