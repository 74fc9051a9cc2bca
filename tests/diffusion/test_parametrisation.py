"""What the network's output means: a network that is right gives back the clean state, whatever it predicts."""

import pytest
import torch

from flawsmith.core.errors import ConfigError
from flawsmith.diffusion.parametrisation import PREDICTIONS, to_clean

TIMES = [0.001, 0.05, 0.3, 0.5, 0.9, 0.98]


def right_answer(prediction: str, clean: torch.Tensor, noise: torch.Tensor, t: float) -> torch.Tensor:
    """Return what a perfect network puts out, from the definitions alone."""
    if prediction == "x":
        return clean
    if prediction == "v":
        return noise - clean  # the velocity d noisy / d t
    assert prediction == "eps"
    return noise


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("t", TIMES)
def test_a_right_network_gives_back_the_clean_state(prediction: str, t: float) -> None:
    g = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(2, 3, 4, 5, 5, generator=g, dtype=torch.float64) for _ in range(2))
    noisy = (1 - t) * clean + t * noise
    answer = right_answer(prediction, clean, noise, t)
    torch.testing.assert_close(to_clean(answer, noisy, torch.tensor(t, dtype=torch.float64), prediction), clean)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_window_has_its_own_time(prediction: str) -> None:
    g = torch.Generator().manual_seed(0)
    output, noisy = torch.randn(2, 3, 4, 5, 5, generator=g), torch.randn(2, 3, 4, 5, 5, generator=g)
    t = torch.tensor([0.2, 0.5, 0.7])
    together = to_clean(output, noisy, t[None, :, None, None, None], prediction)
    for i in range(3):
        torch.testing.assert_close(together[:, i], to_clean(output[:, i], noisy[:, i], t[i], prediction))


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_pure_noise_has_a_finite_answer(prediction: str) -> None:
    x = torch.ones(2, 1, 4, 5, 5)
    for t in (0.0, 1.0):
        assert to_clean(x, x, torch.tensor(t), prediction).isfinite().all()


def test_an_unknown_prediction_is_named() -> None:
    x = torch.zeros(1)
    with pytest.raises(ConfigError, match="diffusion.prediction: got 'y'.*x, v"):
        to_clean(x, x, x, "y")
