"""Solvers against naive formulas, and against the exact solution for a Gaussian, whose denoiser is known."""

import math
from collections.abc import Sequence

import pytest
import torch
from diffusers import PNDMScheduler
from torch import Tensor

from flawsmith.core.errors import ConfigError
from flawsmith.diffusion.samplers import Callback, Denoise, DrawNoise, find_sampler, registry, sample, sampler, sampler_names
from flawsmith.diffusion.schedules import sampling_times
from flawsmith.diffusion.variance_preserving import VariancePreserving, unit_variance

MEAN, STD = 0.3, 0.4
SOLVERS = ("ddim", "dpmpp", "pndm")  # the same noise gives the same picture


def solved(name: str, denoise: Denoise, x: Tensor, times: Sequence[float], draw_noise: DrawNoise | None = None) -> Tensor:
    """Return what the sampler `name` makes of the noisy state x."""
    return find_sampler(name)(denoise, x, times, draw_noise or no_noise, lambda *_: None)


def gaussian(x: Tensor, t: float) -> Tensor:
    """Return E[clean | (1 - t) clean + t noise = x] for clean ~ N(MEAN, STD^2)."""
    gain = (1 - t) * STD**2 / ((1 - t) ** 2 * STD**2 + t**2)
    return MEAN + gain * (x - (1 - t) * MEAN)


def bent(x: Tensor, t: float) -> Tensor:
    """Return something no solver has a closed form for."""
    return torch.sin(2 * x) * (1 - t) + 0.1 * t


def no_noise() -> Tensor:
    """Stand for the source of fresh noise where none may be asked for."""
    raise AssertionError("a solver asked for new noise")


def error(name: str, times: list[float]) -> float:
    """Return the largest error at the last time: the probability-flow ODE leaves every quantile of a Gaussian where it is."""
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)
    start, end = times[0], times[-1]
    z = (x - (1 - start) * MEAN) / math.sqrt((1 - start) ** 2 * STD**2 + start**2)
    there = (1 - end) * MEAN + math.sqrt((1 - end) ** 2 * STD**2 + end**2) * z
    return (solved(name, gaussian, x, times) - there).abs().max().item()


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("dpmpp", 2)])
def test_the_error_falls_with_the_order_of_the_solver(name: str, order: int) -> None:
    high, low = math.log(0.95 / 0.05), math.log(0.1 / 0.9)  # evenly spaced in log((1 - t) / t), where the order is proven
    errors = []
    for steps in (64, 128, 256):
        errors.append(error(name, [1 / (1 + math.exp(-(high + (low - high) * i / steps))) for i in range(steps + 1)]))
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("start", [1.0, 0.7])
def test_down_to_the_clean_picture_the_solution_is_the_exact_one(name: str, start: float) -> None:
    errors = [error(name, sampling_times(steps, start)) for steps in (64, 256)]
    assert errors[0] < 0.03 and errors[1] < errors[0] / 3


def test_the_second_order_is_better_at_the_steps_we_take() -> None:
    times = sampling_times(16, 1.0)
    assert error("dpmpp", times) < 0.5 * error("ddim", times)


@pytest.mark.parametrize("name", sampler_names())
@pytest.mark.parametrize("steps", [1, 2, 3, 16])
def test_a_denoiser_that_always_says_the_same_is_believed(name: str, steps: int) -> None:
    target = torch.full((3,), 0.7, dtype=torch.float64)
    times = sampling_times(steps, 1.0)
    x = torch.randn(3, dtype=torch.float64)
    torch.testing.assert_close(solved(name, lambda x, t: target, x, times, lambda: torch.randn_like(x)), target)


@pytest.mark.parametrize("start", [1.0, 0.6])
def test_ddim_is_eulers_method_on_the_velocity(start: float) -> None:
    x = expected = torch.linspace(-1, 1, 7, dtype=torch.float64)
    times = [start, 0.5 * start, 0.2 * start, 0.0]
    for t, s in zip(times, times[1:], strict=False):
        velocity = (expected - bent(expected, t)) / t  # noise - clean
        expected = expected + (s - t) * velocity
    torch.testing.assert_close(solved("ddim", bent, x, times), expected)


def test_dpmpp_is_the_papers_algorithm() -> None:
    """Lu et al. 2022, alg. 2, with alpha = 1 - t, sigma = t, lambda = log(alpha / sigma); first order in the first and last step."""
    x = expected = torch.linspace(-1, 1, 7, dtype=torch.float64)
    times = [0.95, 0.7, 0.5, 0.2, 0.0]
    lambdas = [math.log((1 - t) / t) for t in times[:-1]]
    clean = [bent(expected, times[0])]
    h = lambdas[1] - lambdas[0]
    expected = times[1] / times[0] * expected - (1 - times[1]) * (math.exp(-h) - 1) * clean[0]
    for i in (2, 3):
        clean.append(bent(expected, times[i - 1]))
        h, before = lambdas[i] - lambdas[i - 1], lambdas[i - 1] - lambdas[i - 2]
        r = before / h
        direction = (1 + 1 / (2 * r)) * clean[-1] - 1 / (2 * r) * clean[-2]
        expected = times[i] / times[i - 1] * expected - (1 - times[i]) * (math.exp(-h) - 1) * direction
    expected = bent(expected, times[3])
    torch.testing.assert_close(solved("dpmpp", bent, x, times), expected)


@pytest.mark.parametrize("steps", [50, 100])
def test_pndm_ends_where_the_library_s_does_on_stable_diffusion_s_schedule(steps: int) -> None:
    config = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    theirs = PNDMScheduler(**config, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False)
    theirs.set_timesteps(steps)
    schedule = VariancePreserving(config)
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    state = x.clone()
    for k in theirs.timesteps:
        t = schedule.times_of(k).double()
        ours = state / unit_variance(t)
        noise = (ours - (1 - t) * gaussian(ours, float(t))) / t
        state = theirs.step(noise, k, state).prev_sample
    start = schedule.last
    begin = x / unit_variance(torch.tensor(start, dtype=torch.float64))
    ours = solved("pndm", gaussian, begin, schedule.sampling_times(steps, 1.0))
    torch.testing.assert_close(ours, state, atol=0.03, rtol=0)
    assert (solved("ddim", gaussian, begin, schedule.sampling_times(steps, 1.0)) - ours).abs().max() > 1e-4


@pytest.mark.parametrize("name", sampler_names())
def test_the_network_is_called_once_per_step_at_its_time_and_the_step_is_told(name: str) -> None:
    seen: list[float] = []
    told: list[tuple[int, float]] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        seen.append(t)
        return bent(x, t)

    def callback(number: int, t: float, x: Tensor, clean: Tensor) -> None:
        assert torch.equal(clean, bent(x, t))
        told.append((number, t))

    times = sampling_times(5, 0.8)
    result = sample(name, denoise, torch.ones(3), times, lambda: torch.full((3,), 0.2), callback)
    assert seen == times[:-1] and result.isfinite().all()
    assert told == list(enumerate(times[:-1]))


def test_the_state_that_is_begun_with_has_the_noise_of_the_first_time() -> None:
    seen: list[Tensor] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        seen.append(x)
        return x

    for start in (1.0, 0.936, 0.5):
        sample("ddim", denoise, torch.ones(3), sampling_times(2, start), lambda: torch.full((3,), 5.0))
        torch.testing.assert_close(seen[-2], torch.full((3,), (1 - start) + 5 * start))


def test_adding_a_sampler_takes_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_SAMPLERS", dict(registry._SAMPLERS))

    @sampler("one-step")
    def sample_one_step(denoise: Denoise, x: Tensor, times: Sequence[float], _draw_noise: DrawNoise, _callback: Callback) -> Tensor:
        return denoise(x, times[0])

    assert "one-step" in sampler_names()
    torch.testing.assert_close(
        sample("one-step", bent, torch.ones(2), [0.5, 0.0], lambda: torch.zeros(2)), bent(torch.full((2,), 0.5), 0.5)
    )


def test_renoise_keeps_what_was_predicted_and_none_of_the_noise() -> None:
    g = torch.Generator().manual_seed(0)
    noises = [torch.randn(7, generator=g, dtype=torch.float64) for _ in range(3)]
    x = expected = torch.linspace(-1, 1, 7, dtype=torch.float64)
    times = [0.9, 0.7, 0.4, 0.1, 0.0]
    for t, s, noise in zip(times, times[1:-1], noises, strict=False):
        expected = (1 - s) * bent(expected, t) + s * noise
    source = iter(noises)
    torch.testing.assert_close(solved("renoise", bent, x, times, lambda: next(source)), bent(expected, 0.1))
    assert next(source, None) is None, "one for every step but the last"


def test_an_unknown_sampler_is_named() -> None:
    with pytest.raises(ConfigError, match="generation.sampler: got 'heun', expected ddim, dpmpp, pndm, renoise"):
        sample("heun", bent, torch.zeros(1), [1.0, 0.0], no_noise)
