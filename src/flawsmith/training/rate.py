"""How fast a training learns, and when it is over: by steps or by the clock, whichever ends first."""

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast

from flawsmith.config.schema import TrainingConfig


def learning_rate(config: TrainingConfig, step: int, seconds: float) -> float:
    """Return the learning rate of step number `step` (from 0), `seconds` after the start.

    A short rise, a plateau, and a fall to a thousandth over the last share `training.decay` of the steps or of the minutes.
    """
    limits = [(step + 1) / config.steps] if config.steps else []  # one of the two is there
    if config.minutes > 0:
        limits.append(seconds / 60 / config.minutes)
    left = 1 - max(limits)
    rise = (step + 1) / config.warmup if config.warmup else 1.0
    fall = max(left, 0.0) / config.decay + 1e-3 if config.decay else 1.0
    return config.learning_rate * min(rise, fall, 1.0)


def goes_on(config: TrainingConfig, step: int, seconds: float, settled: bool, accelerator: Accelerator) -> float | None:
    """Return the seconds that the training has taken; None where its steps are all that was asked for, or more would not help.

    Several processes, whose clocks differ, all get what the first one says.
    """
    over = settled or 0 < config.steps <= step or (config.minutes > 0 and seconds >= 60 * config.minutes)
    if accelerator.num_processes > 1:
        word = torch.tensor([float(over), seconds], device=accelerator.device)
        over, seconds = bool(broadcast(word)[0].item()), float(word[1].item())
    return None if over else seconds
