"""The part of a network that a training changes: what is saved, averaged and counted. Pretrained weights stay where they are."""

from torch import Tensor, nn


def trainable(module: nn.Module) -> dict[str, Tensor]:
    """Return the state of a module, name to tensor, without what is frozen: the weights that a training changes."""
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    return {name: w for name, w in module.state_dict().items() if name not in frozen}


def load_trainable(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Fill in what `trainable` returned; raises RuntimeError, as torch does, for other names or shapes."""
    expected = trainable(module)
    if wrong := sorted(expected.keys() ^ weights.keys()):
        raise RuntimeError(f"{len(wrong)} weights are missing or unknown, such as {wrong[0]}")
    module.load_state_dict(weights, strict=False)


def count_trainable(module: nn.Module) -> int:
    """Return how many numbers a training changes."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
