"""What a training is said to need, against what it keeps; and how it is made to fit."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_checkpoint import write_checkpoint

from flawsmith.config.resolve import from_dict
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.product.shape import ModelSpec
from flawsmith.training.memory import activations, estimate, fit_into
from flawsmith.training.objective import Loss
from flawsmith.training.pool import EXEMPLARS, Batch
from flawsmith.workflows.fit import fit

Make = Callable[..., DualModel]
CELLS = {"cells": 16, "width": 32, "depth": 3, "head_dim": 16, "pixels": 4, "saim_rank": 4, "token_dim": 32}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that builds a model on a small checkpoint."""
    checkpoint = write_checkpoint(tmp_path / "sd")

    def build(window: int = 64, **model: Any) -> DualModel:
        small = {"backbone": str(checkpoint), "dual": True, "cells": 8, "tokens": 2, "saim_rank": 4, "lora_rank": 4, "product": "part"}
        config = from_dict({"model": {**small, **model}, "diffusion": {"align_weight": 0.0}})
        return build_model(config.model, ModelSpec(("crack",), 1, window), 0)

    return build


def really_kept(model: DualModel, count: int) -> int:
    """Return the bytes that a forward pass with values leaves for the backward pass."""
    cells = model.shape.window // model.factor
    state = torch.randn(model.branches, count, model.state, cells, cells)
    side = model.shape.window
    picture, region = torch.rand(count, 1, side, side), torch.ones(count, 1, side, side)  # all that there can be to draw,
    exemplars = torch.ones(count, EXEMPLARS, 2, side, side)  # and to follow
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        if x.untyped_storage().data_ptr() not in weights:
            kept[x.untyped_storage().data_ptr()] = x
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        condition = model.condition(picture, region, torch.ones(count, dtype=torch.long), exemplars=exemplars)
        model(state, torch.rand(count), condition)
    return sum(x.untyped_storage().nbytes() for x in kept.values())


@pytest.mark.parametrize("settings", [{}, {"dual": False}, {"bcm": True}, {"saim_rank": 0, "text_lora_rank": 2}])
@pytest.mark.parametrize("count", [1, 3])
def test_the_pass_without_values_keeps_what_a_real_one_keeps(make: Make, settings: dict[str, Any], count: int) -> None:
    model = make(**settings)
    expected = really_kept(model, count)
    assert activations(model, count, 4, checkpointing=False) == pytest.approx(expected, rel=0.1)
    model.hold_frozen(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        expected = really_kept(model, count)
    assert activations(model, count, 2, checkpointing=False, device="cpu") == pytest.approx(expected, rel=0.15)
    assert all(p.device.type == "cpu" for p in model.parameters())


@pytest.mark.parametrize("settings", [{}, {"dual": False}, {"interaction": "none"}])
@pytest.mark.parametrize("count", [1, 3])
def test_so_it_is_on_cells_when_all_of_them_are_drawn_and_followed(settings: dict[str, Any], count: int) -> None:
    model = build_model(from_dict({"model": {**CELLS, **settings}}).model, ModelSpec(("crack",), 1, 64), 0)
    assert activations(model, count, 4, checkpointing=False) == pytest.approx(really_kept(model, count), rel=0.02)
    with torch.autocast("cpu", torch.bfloat16):
        expected = really_kept(model, count)
    assert activations(model, count, 2, checkpointing=False, device="cpu") == pytest.approx(expected, rel=0.02)
    plain, checkpointed = activations(model, count, 4, checkpointing=False), activations(model, count, 4, checkpointing=True)
    model.net.checkpoint(True)
    assert really_kept(model, count) < checkpointed < 0.8 * plain, "what enters the blocks, and the largest block once more"
    assert all(p.device.type == "cpu" for p in model.parameters())


def test_checkpointing_keeps_less_and_is_left_as_it_was(make: Make) -> None:
    model = make()
    model.net.checkpoint(True)
    plain, checkpointed = activations(model, 2, 4, checkpointing=False), activations(model, 2, 4, checkpointing=True)
    assert really_kept(model, 2) < checkpointed < 0.8 * plain, "what enters the blocks, and the largest block once more"
    assert model.net.checkpointing


def test_more_windows_and_wider_numbers_need_more(make: Make) -> None:
    model = make()
    config = from_dict({"training": {"batch": 4}}).training
    full = estimate(model, config, "fp32")
    assert estimate(model, config, "bf16").frozen == pytest.approx(full.frozen / 2)
    assert estimate(model, config, "bf16").learned == full.learned, "what is trained stays in 32 bits"
    assert estimate(model, replace(config, pieces=4), "fp32").activations == pytest.approx(full.activations / 4, rel=0.1)
    assert estimate(model, replace(config, optimiser="adamw8bit"), "fp32").learned == pytest.approx(full.learned * 14 / 20)
    assert estimate(model, replace(config, ema=0.0), "fp32").learned == pytest.approx(full.learned * 16 / 20)
    assert full.total > full.frozen + full.learned + full.activations


def test_the_fastest_plan_that_fits_is_taken(make: Make) -> None:
    model = make()
    config = from_dict({"training": {"batch": 4}}).training
    steps = ((1, False), (2, False), (4, False), (4, True))
    needs = [estimate(model, replace(config, pieces=n, checkpointing=on), "fp32").total for n, on in steps]
    assert needs == sorted(needs, reverse=True)
    for limit, (pieces, checkpointing) in zip(needs, steps, strict=True):
        plan, said = fit_into(model, replace(config, memory=limit * 1.00001), "fp32")
        assert (plan.pieces, plan.checkpointing) == (pieces, checkpointing) and said.total <= limit * 1.00001
        assert (plan.batch, plan.optimiser) == (4, "adamw")
    with pytest.raises(ConfigError, match=r"training\.memory: got 0\.1, but one window at a time needs about .* GB"):
        fit_into(model, replace(config, memory=0.1), "fp32")
    assert fit_into(model, config, "fp32")[0] == config, "no limit, nothing changed"


class Plain(torch.nn.Module):
    """A loss without noise, the mean over windows."""

    def __init__(self, model: DualModel, _config: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, *_: Any) -> Loss:
        loss = (self.model.tokens.entries.mean() - batch.image.mean((1, 2, 3))).square().mean()
        return Loss(loss, loss.detach(), loss.detach(), loss.detach(), loss.detach())


def test_pieces_add_up_to_the_batch(tiny: Callable[..., Config], data8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flawsmith.training.loop.Objective", Plain)
    rows = []
    for pieces in (1, 2, 4):
        config = tiny(training={"steps": 3, "batch": 4, "pieces": pieces})
        fit(data8, tmp_path / str(pieces), config, device="cpu", threads=1, quiet=True)
        rows.append([json.loads(line) for line in (tmp_path / str(pieces) / "log.jsonl").read_text().splitlines()])
    for step in range(3):
        for key in ("loss", "gradient"):
            assert rows[0][step][key] > 0
            assert [r[step][key] for r in rows[1:]] == pytest.approx([rows[0][step][key]] * 2, abs=2e-6, rel=1e-4)


def test_a_limit_that_is_kept_anyway_changes_nothing_and_is_reported(tiny: Callable[..., Config], data8: Path, tmp_path: Path) -> None:
    losses = []
    for limit in (0.0, 5.0):
        result = fit(data8, tmp_path / str(limit), tiny(training={"steps": 2, "memory": limit}), device="cpu", threads=1, quiet=True)
        assert ("device_memory_gb" in result) == (limit > 0)
        losses.append([json.loads(line)["loss"] for line in (tmp_path / str(limit) / "log.jsonl").read_text().splitlines()])
    assert losses[0] == losses[1] and len(losses[0]) == 2


def test_pieces_divide_the_batch() -> None:
    with pytest.raises(ConfigError, match=r"training\.pieces: got 3, expected a divisor of training\.batch, 4"):
        from_dict({"training": {"batch": 4, "pieces": 3}})
