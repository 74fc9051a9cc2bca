"""What a training makes of labelled defects that it does not learn from."""

import torch

from flawsmith.config.schema import TrainingConfig
from flawsmith.core.seeds import derive
from flawsmith.models.dual_model import DualModel
from flawsmith.training.ema import filled
from flawsmith.training.pool import Pool
from flawsmith.training.seeing import see_through
from flawsmith.training.state import State

EVERY = 50  # steps between two measurements
WINDOWS = 6  # in a measurement, or one of each kind
TIMES = (0.4, 0.8)


class HeldOut:
    """The same windows, times and noises every time, so that two measurements differ by the weights alone."""

    def __init__(self, pool: Pool, config: TrainingConfig, device: torch.device) -> None:
        self._windows = pool.held(derive(config.seed, "held"), WINDOWS)
        self._precision, self._device = config.precision, device

    def measure(self, model: DualModel, state: State, last: bool = False) -> dict[str, float]:
        """Return the errors (`see_through`) of the averaged weights, held_inside and the others, and have `state` judge by the first.

        Return nothing where there is nothing to do: nothing is held out, the step is measured, or it is neither due nor the last.
        """
        if self._windows is None or state.measured == state.step or (state.step % EVERY and not last):
            return {}
        with filled(model, state.average.weights):
            found = see_through(model, [self._windows], self._device, self._precision, TIMES)
        state.judge(found["inside"])
        return {f"held_{name}": value for name, value in found.items() if name != "start"}  # the last of TIMES is not the start
