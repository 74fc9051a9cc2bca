"""Times and noise: golden numbers and distributions."""

import math

import pytest
import torch

from flawsmith.diffusion.schedules import joint_noise, mix, sampling_times, training_times


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_mixing_goes_from_the_picture_to_the_noise_in_a_straight_line() -> None:
    clean, noise = torch.randn(2, 3, 4, generator=generator(1)), torch.randn(2, 3, 4, generator=generator(2))
    t = torch.tensor([0.0, 0.25, 1.0])[None, :, None]
    mixed = mix(clean, noise, t)
    assert torch.equal(mixed[:, 0], clean[:, 0]) and torch.equal(mixed[:, 2], noise[:, 2])
    torch.testing.assert_close(mixed[:, 1], 0.75 * clean[:, 1] + 0.25 * noise[:, 1])


@pytest.mark.parametrize(
    ("steps", "start", "times"),
    [(4, 1.0, [1.0, 0.75, 0.5, 0.25, 0.0]), (1, 1.0, [1.0, 0.0]), (2, 0.6, [0.6, 0.3, 0.0]), (5, 0.5, [0.5, 0.4, 0.3, 0.2, 0.1, 0.0])],
)
def test_sampling_times(steps: int, start: float, times: list[float]) -> None:
    assert sampling_times(steps, start) == pytest.approx(times)
    assert sampling_times(steps, start)[-1] == 0.0, "the last step must end at the clean picture itself"


def test_shifted_sampling_times_keep_their_ends_and_bend_the_rest() -> None:
    assert sampling_times(4, 1.0, 3.0) == pytest.approx([1.0, 0.9, 0.75, 0.5, 0.0])
    assert sampling_times(4, 0.8, 1 / 3) == pytest.approx([0.8, 0.4, 0.2, 0.08, 0.0])


def test_the_logits_of_training_times_are_normal() -> None:
    t = training_times(20000, -0.4, 1.5, generator()).double()
    logit = (t / (1 - t)).log()
    assert logit.mean().item() == pytest.approx(-0.4, abs=0.01)
    assert logit.std().item() == pytest.approx(1.5, abs=0.01)
    for share in (0.1, 0.5, 0.9):  # quantiles of the normal distribution
        expected = -0.4 + 1.5 * math.sqrt(2) * torch.erfinv(torch.tensor(2 * share - 1)).item()
        assert logit.quantile(share).item() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("count", [1, 2, 12])
def test_a_batch_has_one_time_in_every_stratum_in_random_order(count: int) -> None:
    orders = set()
    for seed in range(20):
        t = training_times(count, 0.3, 1.2, generator(seed)).double()
        assert t.shape == (count,) and (t > 0).all() and (t < 1).all()
        share = 0.5 * (1 + torch.erf(((t / (1 - t)).log() - 0.3) / 1.2 / math.sqrt(2)))
        assert sorted((share * count).floor().int().tolist()) == list(range(count))
        orders.add(tuple(t.argsort().tolist()))
    assert count == 1 or len(orders) > 1, "the first window of a batch must not always have the least noise"


@pytest.mark.parametrize(("count", "share", "ones"), [(8, 0.5, 4), (3, 0.5, 2), (1, 0.5, 0), (4, 0.0, 0), (4, 1.0, 4)])
def test_a_share_of_the_times_is_the_start_and_the_others_are_as_without(count: int, share: float, ones: int) -> None:
    t, plain = (training_times(count, 0.3, 1.2, generator(1), at_start) for at_start in (share, 0.0))
    assert int((t == 1).sum()) == ones and torch.equal(t[t < 1], plain[t < 1])
    places = {tuple((training_times(8, 0.3, 1.2, generator(seed), 0.5) == 1).tolist()) for seed in range(9)}
    assert len(places) > 1, "not always the same windows of a batch"


def test_times_depend_on_the_generator_alone() -> None:
    assert torch.equal(training_times(8, 0, 1, generator(3)), training_times(8, 0, 1, generator(3)))
    assert not torch.equal(training_times(8, 0, 1, generator(3)), training_times(8, 0, 1, generator(4)))


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.8, 1.0])
def test_the_noise_of_the_branches_is_correlated_as_asked_and_each_is_standard(rho: float) -> None:
    noise = joint_noise((2, 4, 5, 50, 50), rho, generator()).double()
    whole, part = noise.flatten(1)
    assert torch.corrcoef(noise.flatten(1))[0, 1].item() == pytest.approx(rho, abs=0.02)
    for branch in (whole, part):
        assert branch.mean().item() == pytest.approx(0, abs=0.02) and branch.std().item() == pytest.approx(1, abs=0.02)


def test_one_branch_has_plain_noise_and_branch_zero_does_not_depend_on_rho() -> None:
    shape = (2, 3, 4, 8, 8)
    assert torch.equal(joint_noise(shape, 0.9, generator())[0], joint_noise(shape, 0.0, generator())[0])
    assert torch.equal(joint_noise((1, *shape[1:]), 0.9, generator()), torch.randn(1, *shape[1:], generator=generator()))
