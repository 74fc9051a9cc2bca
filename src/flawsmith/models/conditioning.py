"""Learned tokens that tell the network which defect to draw and in which branch."""

from typing import Protocol

import torch
from torch import Tensor, nn


class Tokens(Protocol):
    """What every table of tokens has. Entries: good, the defects, the empty one for guidance, the background picture."""

    names: tuple[str, ...]  # good and the defects
    empty: int
    background: int
    entries: nn.Parameter  # (E, T, D) what is learned of each entry

    def __call__(self, ids: Tensor, branches: int, noise: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return tokens (branches, B, L, D) and their pooled form (branches, B, E), None where there is none; noise: (B, T, D)."""
        ...


class TokenTable(nn.Module):
    """Tokens per defect, one token per branch, an empty entry for guidance and one for the background picture.

    Entries 0 to D-1 are the names given (the first is "good"), entry D is the empty one, D+1 the background.
    """

    def __init__(self, names: tuple[str, ...], tokens: int, width: int, pooled: int) -> None:
        super().__init__()
        self.names = names
        self.empty = len(names)
        self.background = len(names) + 1
        self.entries = nn.Parameter(torch.randn(len(names) + 2, tokens, width) * 0.5)
        self.branches = nn.Parameter(torch.randn(2, 1, width) * 0.5)
        self.pool = nn.Linear(width, pooled)

    def forward(self, ids: Tensor, branches: int, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return tokens (branches, B, T+1, D) and their pooled form (branches, B, E). ids: (B,) entry numbers.

        noise: (B, T, D), added to the defect's tokens.
        """
        entries = self.entries[ids]  # (B, T, D)
        if noise is not None:
            entries = entries + noise
        branch = self.branches[:branches, None].expand(-1, len(ids), -1, -1)  # (branches, B, 1, D)
        tokens = torch.cat([branch, entries.expand(branches, -1, -1, -1)], dim=2)
        return tokens, self.pool(tokens.mean(2))
