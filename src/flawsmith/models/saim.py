"""How the two branches exchange information at one attention layer."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SAIM(nn.Module):
    """Self-attention interaction module: the two branches' tokens at one position attend to each other.

    DualAnoDiff sec. 3.2: y' = y + W_o Att(W_i LN(y)), single head, full width, sequence length 2, after the output
    projection of every self- and cross-attention layer and before the residual add. We differ on purpose in one point:
    W_o starts at zero, so that a fresh module changes nothing.
    """

    def __init__(self, width: int, rank: int = 0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.enter = _linear(width, rank)
        self.query = _linear(width, rank)
        self.key = _linear(width, rank)
        self.value = _linear(width, rank)
        self.leave = zeroed(_linear(width, rank))

    def forward(self, y: Tensor) -> Tensor:
        """Return y + the exchanged information. y: (2B, N, C), the first B entries branch 0, the others branch 1."""
        h = self.enter(self.norm(y)).unflatten(0, (2, -1))  # (2, B, N, C)
        q, k, v = self.query(h), self.key(h), self.value(h)
        # The softmax over two keys is a sigmoid of the difference of their scores: a quarter of the memory traffic.
        gap = (q * (k[0] - k[1])).sum(-1) / h.shape[-1] ** 0.5  # (2, B, N)
        share = torch.sigmoid(gap)[..., None]  # of branch 0
        mixed = torch.lerp(v[1].expand_as(v), v[0].expand_as(v), share)  # (2, B, N, C)
        return y + self.leave(mixed.flatten(0, 1))


class JointAttention(nn.Module):
    """Self-attention over the tokens of both branches together, as an alternative to SAIM.

    y' = y + W_o Att(LN(y)) with sequence length 2N and several heads; used after self-attention layers only. It can compare
    different positions, which SAIM cannot. W_o starts at zero.
    """

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.norm = nn.LayerNorm(width)
        self.branch = nn.Parameter(torch.zeros(2, 1, 1, width))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.leave = zeroed(nn.Linear(width, width))

    def forward(self, y: Tensor) -> Tensor:
        """Return y + the exchanged information. y: (2B, N, C), the first B entries branch 0, the others branch 1."""
        h = self.norm(y).unflatten(0, (2, -1)) + self.branch  # (2, B, N, C)
        h = h.transpose(0, 1).flatten(1, 2)  # (B, 2N, C)
        q, k, v = self.qkv(h).unflatten(-1, (3, -1, self.head_dim)).permute(2, 0, 3, 1, 4)  # each (B, heads, 2N, D)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)  # (B, 2N, C)
        h = self.leave(h).unflatten(1, (2, -1)).transpose(0, 1).flatten(0, 1)  # (2B, N, C)
        return y + h


def zeroed(module: nn.Module) -> nn.Module:
    """Return `module` with its last linear layer at zero."""
    last = [m for m in module.modules() if isinstance(m, nn.Linear)][-1]
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    return module


def zeroed_conv(channels_in: int, channels_out: int, kernel: Any, padding: Any) -> nn.Conv2d:
    """Return a convolution whose weights are zero."""
    conv = nn.Conv2d(channels_in, channels_out, kernel, padding=padding)
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def _linear(width: int, rank: int) -> nn.Module:
    if rank == 0:
        return nn.Linear(width, width)
    return nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, width))
