"""Stable Diffusion's schedule against the library's, and the way between it and ours."""

import pytest
import torch
from diffusers import DDPMScheduler

from flawsmith.core.errors import ConfigError
from flawsmith.diffusion.variance_preserving import VariancePreserving, unit_variance

SD = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.fixture(scope="module")
def schedule() -> VariancePreserving:
    return VariancePreserving(SD)


def test_states_are_those_of_the_library_after_one_factor(schedule: VariancePreserving) -> None:
    g = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(6, 4, 3, 3, generator=g), torch.randn(6, 4, 3, 3, generator=g)
    steps = torch.tensor([0, 1, 250, 500, 998, 999])
    theirs = DDPMScheduler(**SD).add_noise(clean, noise, steps)
    t = schedule.times_of(steps)[:, None, None, None]
    ours = (1 - t) * clean + t * noise
    torch.testing.assert_close(ours * unit_variance(t), theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["scaled_linear", "linear"])
def test_steps_and_times_are_each_other_s_inverse(kind: str) -> None:
    schedule = VariancePreserving({**SD, "beta_schedule": kind})
    steps = torch.cat([torch.arange(0, 1000, 7), torch.tensor([0.5, 123.25, 998.9, 999])])
    torch.testing.assert_close(schedule.steps_of(schedule.times_of(steps)), steps, atol=0.02, rtol=0)
    assert float(schedule.steps_of(torch.tensor(1.0))) == 999 and float(schedule.steps_of(torch.tensor(0.0))) == 0
    assert schedule.steps_of(schedule.times_of(torch.rand(2, 3) * 999)).shape == (2, 3)


def test_training_times_are_even_over_the_whole_steps(schedule: VariancePreserving) -> None:
    t = schedule.training_times(5000, torch.Generator().manual_seed(0))
    steps = schedule.steps_of(t)
    torch.testing.assert_close(steps, steps.round(), atol=0.02, rtol=0)
    assert steps.mean().item() == pytest.approx(499.5, abs=1) and steps.min() <= 1 and steps.max() >= 998
    few = schedule.training_times(4, torch.Generator().manual_seed(0))
    assert sorted((schedule.steps_of(few) / 250).floor().tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(("steps", "start"), [(20, 1.0), (4, 0.5), (1, 1.0)])
def test_sampling_times_fall_evenly_in_steps_to_zero(schedule: VariancePreserving, steps: int, start: float) -> None:
    times = schedule.sampling_times(steps, start)
    assert len(times) == steps + 1 and times[-1] == 0.0 and times == sorted(times, reverse=True)
    assert times[0] == pytest.approx(min(start, schedule.last), abs=1e-4)
    own = schedule.steps_of(torch.tensor(times[:-1]))
    torch.testing.assert_close(own.diff(), torch.full((steps - 1,), -float(own[0]) / steps), atol=0.05, rtol=0)


def test_an_unknown_kind_of_schedule_is_an_error() -> None:
    with pytest.raises(ConfigError, match="squaredcos_cap_v2"):
        VariancePreserving({**SD, "beta_schedule": "squaredcos_cap_v2"})
