"""How the background picture's features enter the image branch at one self-attention layer: as in the paper, or as in its public code."""

import torch
from torch import Tensor, nn

from flawsmith.models.saim import zeroed


class BCM(nn.Module):
    """Background compensation module: y0' = y0 + g MLP(SelfAtt(h_b)), for branch 0 only.

    DualAnoDiff sec. 3.3. SelfAtt(h_b) is the same layer's output for the background picture. The gate g is learned from
    0.1 as in the paper; we differ on purpose in that the MLP ends in zeros, so that a fresh module changes nothing.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = zeroed(nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)))
        self.gate = nn.Parameter(torch.tensor(0.1))

    def forward(self, y: Tensor, background: Tensor) -> Tensor:
        """Return y with the background's features added to branch 0.

        y: (2B, N, C), or (B, N, C) in a model with one branch; background: (B, N, C).
        """
        extra = self.gate * self.mlp(background)  # (B, N, C)
        rest = y.shape[0] - extra.shape[0]
        return y + torch.cat([extra, extra.new_zeros(rest, *extra.shape[1:])]) if rest else y + extra


class KeyValueBCM(nn.Module):
    """BCM as in DualAnoDiff's public code: branch 0 takes its keys and values from (1 - a) h + a MLP(h_b), a learned from 0.

    h is what enters the layer, h_b what enters it for the background picture.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, h: Tensor, background: Tensor) -> Tensor:
        """Return h with the background mixed into branch 0. h: (2B, N, C), or (B, N, C) with one branch; background: (B, N, C)."""
        count = len(background)
        mixed = torch.lerp(h[:count], self.mlp(background).to(h.dtype), self.gate.to(h.dtype))
        return torch.cat([mixed, h[count:]])
