"""The losses against loops, and in the right direction."""

import pytest
import torch

from flawsmith.diffusion.losses import POOL, alignment_loss, denoising_loss, misfit


def g(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("branches", [1, 2])
def test_denoising_loss_is_the_weighted_mean_over_t_squared(branches: int) -> None:
    shape = (branches, 3, 2, 4, 4)
    clean, target = torch.randn(shape, generator=g(1)), torch.randn(shape, generator=g(2))
    weight = torch.rand(shape, generator=g(3))
    weight[0, :, 1] = 0
    t = torch.tensor([0.01, 0.5, 0.9])
    expected = []
    for i in range(3):
        errors, weights = 0.0, 0.0
        for b in range(branches):
            for c in range(2):
                for row in range(4):
                    for column in range(4):
                        here = (b, i, c, row, column)
                        errors += weight[here].item() * (clean[here].item() - target[here].item()) ** 2
                        weights += weight[here].item()
        expected.append(errors / weights / max(t[i].item(), 0.05) ** 2)
    torch.testing.assert_close(denoising_loss(clean, target, t, weight, 0.05), torch.tensor(expected))


def test_elements_without_weight_count_nowhere() -> None:
    target, weight, t = torch.zeros(2, 1, 2, 4, 4), torch.ones(2, 1, 2, 4, 4), torch.tensor([0.5])
    weight[0, :, 1] = 0
    wrong = target.clone()
    wrong[0, :, 1] = 99
    assert denoising_loss(wrong, target, t, weight, 0.05).item() == 0
    wrong[1, :, 1] = 1
    assert denoising_loss(wrong, target, t, weight, 0.05).item() == pytest.approx(4 / 3)  # 16 of 48 elements, over 0.25


def masks() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a true mask and one elsewhere, (1, 1, 16, 16) of 0 and 1."""
    true, other = torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)
    true[..., 4:9, 4:9], other[..., 10:15, 10:15] = 1, 1
    return true, other


def dice(pairs: list[tuple[float, float]]) -> float:
    """Return the soft Dice distance of (predicted, true) values."""
    return 1 - (2 * sum(a * b for a, b in pairs) + 1) / (sum(a + b for a, b in pairs) + 1)


def test_alignment_is_its_equation() -> None:
    side = 8
    image, anomaly = torch.randn(2, 3, side, side, generator=g(1)), torch.randn(2, 3, side, side, generator=g(2))
    mask, true = 1.5 * torch.randn(2, 1, side, side, generator=g(3)), (torch.rand(2, 1, side, side, generator=g(4)) > 0.9).float()
    t = torch.tensor([0.2, 0.7])
    expected = []
    for i in range(2):
        tie, pixels, blocks = 0.0, [], []
        for row in range(side):
            for column in range(side):
                m = min(max((mask[i, 0, row, column].item() + 1) / 2, 0), 1)
                pixels.append((m, true[i, 0, row, column].item()))
                for c in range(3):
                    tie += (anomaly[i, c, row, column].item() - m * image[i, c, row, column].item()) ** 2 / (3 * side**2)
        for top in range(0, side, POOL):
            for left in range(0, side, POOL):
                block = [pixels[row * side + column] for row in range(top, top + POOL) for column in range(left, left + POOL)]
                blocks.append((max(m for m, _ in block), max(truth for _, truth in block)))
        expected.append((1 - t[i].item()) * (tie + (dice(pixels) + dice(blocks)) / 2))
    torch.testing.assert_close(align(image, anomaly, mask, true, t), torch.tensor(expected))


def align(image: torch.Tensor, anomaly: torch.Tensor, mask: torch.Tensor, true: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Return the loss of two branches in pixels, where the true state's misfit is 0."""
    return alignment_loss(mask, true, t, misfit(image, anomaly, ((mask + 1) / 2).clamp(0, 1)))


@pytest.mark.parametrize("wide", [1, 2])
def test_a_thin_line_that_is_nearly_right_is_better_than_one_far_away(wide: int) -> None:
    def line(row: int) -> torch.Tensor:
        mask = torch.zeros(1, 1, 32, 32)
        mask[..., row : row + wide, 4:28] = 1
        return mask

    true, nothing, t = line(9), torch.zeros(1, 1, 32, 32), torch.tensor([0.0])  # the block of rows 8 to 11

    def loss(mask: torch.Tensor) -> float:
        return alignment_loss(2 * mask - 1, true, t).item()

    exact, near, far = loss(line(9)), loss(line(10)), loss(line(22))
    assert exact < near < far - 0.2, "without pooling a line a pixel wide a pixel off is as wrong as any"
    assert loss(nothing) > near + 0.2, "and drawing none is no better"


def test_alignment_falls_as_the_masks_agree() -> None:
    true, other = masks()
    image = torch.randn(1, 1, 16, 16, generator=g())
    losses = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        soft = share * true + (1 - share) * other
        losses.append(align(image, image * true, 2 * soft - 1, true, torch.tensor([0.3])).item())
    assert losses == sorted(losses, reverse=True) and losses[0] > losses[-1] + 0.5
    assert losses[-1] == pytest.approx(0, abs=1e-6), "nothing to say about masks, anomalies and images that agree"


def test_alignment_ties_the_anomaly_to_the_image() -> None:
    true, _ = masks()
    image = torch.randn(1, 1, 16, 16, generator=g())
    t = torch.tensor([0.0])
    agree = align(image, image * true, 2 * true - 1, true, t)
    assert align(image, image, 2 * true - 1, true, t) > agree, "an anomaly must be zero outside the mask"
    assert align(image, -image * true, 2 * true - 1, true, t) > agree, "an anomaly must be the image inside the mask"


def test_an_empty_mask_is_right_for_a_normal_and_wrong_for_a_defect() -> None:
    true, _ = masks()
    nothing, picture, t = torch.zeros_like(true), torch.zeros(1, 1, 16, 16), torch.tensor([0.0])
    assert align(picture, picture, 2 * nothing - 1, nothing, t).item() == 0
    assert align(picture, picture, 2 * nothing - 1, true, t).item() > 0.8
    assert align(picture, picture, 2 * true - 1, nothing, t).item() > 0.8


def test_alignment_asks_nothing_of_pure_noise_and_has_gradients() -> None:
    true, other = masks()
    mask = (1.2 * other - 0.6).requires_grad_()
    align(true, other, mask, true, torch.tensor([0.5])).sum().backward()
    assert mask.grad is not None and mask.grad.isfinite().all() and mask.grad.abs().max() > 0
    assert align(true, other, mask, true, torch.tensor([1.0])).item() == 0
