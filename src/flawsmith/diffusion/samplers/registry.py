"""The samplers by name, and the one place where a state is made to start from."""

from collections.abc import Callable, Sequence

from torch import Tensor

from flawsmith.core.errors import ConfigError
from flawsmith.diffusion.schedules import mix

Denoise = Callable[[Tensor, float], Tensor]  # (noisy state, time) -> clean state, of the state's shape
DrawNoise = Callable[[], Tensor]  # noise of the state's shape, other noise at every call
Callback = Callable[[int, float, Tensor, Tensor], None]  # (number of the step from 0, its time, the noisy state, the clean one predicted)


# (denoise, the noisy state x of times[0], falling times, ...) -> the clean state; `callback` is called once a step
Sampler = Callable[[Denoise, Tensor, Sequence[float], DrawNoise, Callback], Tensor]

_SAMPLERS: dict[str, Sampler] = {}


def sampler(name: str) -> Callable[[Sampler], Sampler]:
    """Register the decorated function as the sampler `name` of `generation.sampler`."""

    def register(function: Sampler) -> Sampler:
        _SAMPLERS[name] = function
        return function

    return register


def sampler_names() -> tuple[str, ...]:
    """Return the names that `generation.sampler` may have."""
    return tuple(sorted(_SAMPLERS))


def find_sampler(name: str) -> Sampler:
    """Return the sampler called `name`; raises ConfigError for one that is not there."""
    if name not in _SAMPLERS:
        raise ConfigError(f"generation.sampler: got {name!r}, expected {', '.join(sampler_names())}.")
    return _SAMPLERS[name]


def sample(
    name: str, denoise: Denoise, begin: Tensor, times: Sequence[float], draw_noise: DrawNoise, callback: Callback | None = None
) -> Tensor:
    """Return the clean state by the sampler called `name`, beginning with the clean state `begin` under the noise of times[0].

    begin and what is returned: (branches, B, C, h, w), or any one shape; times: falling, 1 to 0, mostly ending with 0. The first time says
    how much noise there is, here and to the network, so no caller mixes; at time 1 nothing of `begin` is left.
    """
    return find_sampler(name)(denoise, mix(begin, draw_noise(), times[0]), times, draw_noise, callback or _ignore)


def _ignore(_number: int, _time: float, _state: Tensor, _clean: Tensor) -> None:
    """Look at no step."""
