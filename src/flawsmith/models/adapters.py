"""Low-rank adapters (LoRA, Hu et al. 2022) on frozen linear layers, one set for each branch of a doubled batch.

Made by hand: the adapters of libraries have one set of weights for a call, or choose a set for each row and go through the layer once for
each set. Here the branch is an axis of the weights, and one batched product serves both.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class LoRA(nn.Module):
    """What is added to the output of a linear layer: up(down(x)), with weights of its own for each branch.

    DualAnoDiff sec. 3.1: the branches share one frozen network and differ in their adapters; scale 1. `up` starts at zero, so
    that a fresh adapter changes nothing.
    """

    def __init__(self, width_in: int, width_out: int, rank: int, branches: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(branches, width_in, rank) / rank)  # as in diffusers: standard deviation 1 / rank
        self.up = nn.Parameter(torch.zeros(branches, rank, width_out))

    def forward(self, x: Tensor, branches: int) -> Tensor:
        """Return what is added to the layer's output, (branches B, N, out). x: (branches B, N, in), branch 0 first.

        With one branch only in `x`, that is branch 0.
        """
        rows = x.reshape(branches, -1, x.shape[-1])  # (branches, B N, in)
        added = torch.bmm(torch.bmm(rows, self.down[:branches].to(x.dtype)), self.up[:branches].to(x.dtype))
        return added.reshape(*x.shape[:-1], -1)


def attach(layer: nn.Linear, lora: LoRA, branches: Callable[[], int]) -> Any:
    """Add `lora` to what `layer` returns, by a hook, whose handle is returned; branches: says how many are in the call under way."""

    def hook(_module: nn.Module, inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
        return y + lora(inputs[0], branches()).to(y.dtype)

    return layer.register_forward_hook(hook)
