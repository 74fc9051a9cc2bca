"""What the network's output means, and back to the clean picture."""

from torch import Tensor

from flawsmith.core.errors import ConfigError


def to_clean(output: Tensor, noisy: Tensor, t: Tensor, prediction: str, least: float = 1e-3) -> Tensor:
    """Return the clean state that the network's output stands for, with noisy = (1 - t) clean + t noise.

    output, noisy: (branches, B, C, h, w); t: 0 to 1, broadcasts over them.
    prediction: "x" the clean state; "v" the velocity noise - clean; "eps" the noise (`least` bounds the division by 1 - t).
    """
    if prediction == "x":
        return output
    if prediction == "v":
        return noisy - t * output
    if prediction == "eps":
        return (noisy - t * output) / (1 - t).clamp(min=least)
    raise ConfigError(f"diffusion.prediction: got {prediction!r}, expected {', '.join(PREDICTIONS)}.")


PREDICTIONS = ("x", "v", "eps")
