"""What the network's output means, and back to the clean picture."""

from torch import Tensor

from flawsmith.errors import ConfigError

SPREAD = 0.5  # standard deviation of pictures and masks in [-1, 1], as Karras et al. 2022 take it


def to_clean(output: Tensor, noisy: Tensor, t: Tensor, prediction: str, least: float = 1e-3) -> Tensor:
    """Return the clean state that the network's output stands for, with noisy = (1 - t) clean + t noise.

    prediction: "x" the clean state; "v" the velocity noise - clean; "eps" the noise (`least` bounds the division by 1 - t);
    "edm" the mixture of Karras et al. 2022 tab. 1 for this schedule: near the clean state for much noise, a correction of the
    noisy state for little.
    """
    if prediction == "x":
        return output
    if prediction == "v":
        return noisy - t * output
    if prediction == "eps":
        return (noisy - t * output) / (1 - t).clamp(min=least)
    if prediction == "edm":
        total = (1 - t).square() * SPREAD**2 + t.square()
        return noisy * (1 - t) * SPREAD**2 / total + output * t * SPREAD * total.rsqrt()
    raise ConfigError(f"diffusion.prediction: got {prediction!r}, expected {', '.join(PREDICTIONS)}.")


PREDICTIONS = ("x", "v", "eps", "edm")
