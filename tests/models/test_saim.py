"""SAIM and joint attention against references written with plain loops."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from flawsmith.models.saim import SAIM, JointAttention


def filled(module: nn.Module) -> Any:
    """Return the module with random weights everywhere, so that nothing hides behind a zero."""
    g = torch.Generator().manual_seed(0)
    for p in module.parameters():
        p.data = 0.5 * torch.randn(p.shape, generator=g)
    return module.double()


def naive_saim(module: Any, y: torch.Tensor) -> torch.Tensor:
    """DualAnoDiff's SAIM with loops: at every position, two tokens attend to each other."""
    two_b, n, c = y.shape
    b = two_b // 2
    out = y.clone()
    for i in range(b):
        for p in range(n):
            tokens = [module.enter(module.norm(y[branch * b + i, p])) for branch in range(2)]
            q = [module.query(token) for token in tokens]
            k = [module.key(token) for token in tokens]
            v = [module.value(token) for token in tokens]
            for branch in range(2):
                scores = [math.exp((q[branch] @ k[other]).item() / math.sqrt(c)) for other in range(2)]
                mixed = sum(s / sum(scores) * v[other] for other, s in enumerate(scores))
                out[branch * b + i, p] = y[branch * b + i, p] + module.leave(mixed)
    return out


@pytest.mark.parametrize("rank", [0, 3])
def test_saim_is_the_papers_equation(rank: int) -> None:
    module = filled(SAIM(8, rank))
    y = torch.randn(4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(module(y), naive_saim(module, y))


def test_saim_notices_swapped_branches() -> None:
    module = filled(SAIM(8))
    y = torch.randn(4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    swapped = torch.cat([y[2:], y[:2]])
    assert not torch.allclose(module(y)[:2], naive_saim(module, swapped)[:2])
    # The exchange has no notion of which branch is which: swapping the input swaps the output.
    torch.testing.assert_close(module(swapped), torch.cat([module(y)[2:], module(y)[:2]]))


def test_saim_keeps_pictures_of_a_batch_apart() -> None:
    module = filled(SAIM(8))
    y = torch.randn(4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    other = y.clone()
    other[1] += 1  # picture 1, branch 0
    changed = (module(other) != module(y)).flatten(1).any(1)
    assert changed.tolist() == [False, True, False, True]


def test_saim_has_the_published_number_of_weights() -> None:
    # 32 attention layers of Stable Diffusion 1.5: ten of width 320, ten of 640, twelve of 1280; 124.08 million in the paper's code.
    with torch.device("meta"):
        count = sum(layers * p.numel() for width, layers in ((320, 10), (640, 10), (1280, 12)) for p in SAIM(width).parameters())
    assert round(count / 1e6, 2) == 124.08


@pytest.mark.parametrize("module", [SAIM(8), SAIM(8, rank=2), JointAttention(8, 4)])
def test_fresh_exchange_changes_no_bit(module: nn.Module) -> None:
    y = torch.randn(4, 5, 8)
    assert torch.equal(module(y), y)


def test_joint_attention_is_attention_over_both_branches() -> None:
    module = filled(JointAttention(8, 4))
    y = torch.randn(4, 3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = y.clone()
    for i in range(2):
        tokens = [module.norm(y[branch * 2 + i, p]) + module.branch[branch, 0, 0] for branch in range(2) for p in range(3)]
        qkv = [module.qkv(token) for token in tokens]
        mixed = [torch.zeros(8, dtype=torch.float64) for _ in tokens]
        for head in range(2):
            part = slice(4 * head, 4 * head + 4)
            for a, qa in enumerate(qkv):
                weights = torch.stack([qa[:8][part] @ qb[8:16][part] / 2 for qb in qkv]).softmax(0)
                mixed[a][part] = sum(w * qb[16:][part] for w, qb in zip(weights, qkv, strict=True))
        for a, m in enumerate(mixed):
            expected[(a // 3) * 2 + i, a % 3] += module.leave(m)
    torch.testing.assert_close(module(y), expected)
