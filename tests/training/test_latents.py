"""Kept latents: what they hold, and that a training with them sees what it would have encoded."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_checkpoint import write_checkpoint

from flawsmith.config.resolve import from_dict
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError
from flawsmith.core.seeds import torch_generator
from flawsmith.formats.reading import read
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.training.latents import KeptLatents, encode_batch
from flawsmith.training.objective import _weight, objective
from flawsmith.training.prepare import TrainingData, prepare_training
from flawsmith.workflows.fit import fit

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("sd") / "plain")


@pytest.fixture
def settings(tiny: Callable[..., Config], backbone: Path) -> Callable[..., Config]:
    def make(model: dict[str, Any] | None = None, **groups: Any) -> Config:
        small = {"backbone": str(backbone), "cells": 8, "tokens": 2, "saim_rank": 4, "lora_rank": 4}
        return tiny(model={**small, **(model or {})}, **groups)

    return make


@pytest.fixture
def learned(settings: Callable[..., Config], data8: Path) -> TrainingData:
    return prepare_training(read(data8), settings())


def built(learned: TrainingData) -> DualModel:
    return build_model(learned.config.model, learned.product.shape, 0)


def test_a_kept_window_is_encoded_once_and_is_what_was_cut(learned: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    model, kept = built(learned), KeptLatents(learned.pool, seed=3, count=5)
    calls: list[int] = []
    real = model.codec.encode

    def spy(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return real(x)

    monkeypatch.setattr(model.codec, "encode", spy)
    batches = [kept.batch(model, step, 4, CPU) for step in range(12)]
    assert sum(calls) == 3 * 5, "whole, part and background of five windows"
    again = KeptLatents(learned.pool, seed=3, count=5).batch(model, 7, 4, CPU)
    assert torch.equal(again.ids, batches[7].ids) and torch.equal(again.mask, batches[7].mask)
    torch.testing.assert_close(again.image, batches[7].image, atol=1e-5, rtol=1e-5)
    expected = encode_batch(model, learned.pool.windows(3, [("kept", i) for i in range(5)]))
    for row in range(4):
        like = [i for i in range(5) if torch.allclose(expected.image[i], batches[0].image[row], atol=1e-4)]
        assert len(like) == 1
        for name in ("anomaly", "background", "mask", "region", "ids"):
            torch.testing.assert_close(getattr(batches[0], name)[row], getattr(expected, name)[like[0]], atol=1e-4, rtol=1e-4)


def test_the_loss_does_not_care_who_encoded(learned: TrainingData) -> None:
    model, batch = built(learned), learned.pool.batch(0, 0, 3)
    found = [objective(model, b, learned.config.diffusion, torch_generator(0, "noise")).total for b in (batch, encode_batch(model, batch))]
    assert torch.equal(found[0], found[1]) and found[0] > 0


def test_the_mask_weighs_as_much_against_latents_as_against_pixels(learned: TrainingData, tiny: Callable[..., Config], data8: Path) -> None:
    for model, config in ((built(learned), learned.config), (built(pixels := prepare_training(read(data8), tiny())), pixels.config)):
        everywhere = torch.ones(1, 1, learned.product.shape.window, learned.product.shape.window)
        weight = _weight(model, everywhere, config.diffusion)[0, 0]  # (C, h, w)
        channels = model.codec.channels
        mask, picture = weight[channels:].sum().item(), weight[:channels].sum().item()
        assert mask / picture == pytest.approx(config.diffusion.mask_weight / model.shape.colours)


def test_a_single_branch_has_no_part(settings: Callable[..., Config], data8: Path) -> None:
    learned = prepare_training(read(data8), settings({"dual": False}))
    model = built(learned)
    batch = KeptLatents(learned.pool, 0, 2).batch(model, 0, 3, CPU)
    assert batch.anomaly is None
    assert objective(model, batch, learned.config.diffusion, torch_generator(0, "noise")).total > 0


def test_a_training_goes_on_with_the_same_windows(settings: Callable[..., Config], data8: Path, tmp_path: Path) -> None:
    config = settings(training={"steps": 4, "latents": 6, "log_every": 1, "decay": 0.0, "checkpoint_every": 2})
    fit(data8, tmp_path / "whole", config, device="cpu", threads=1, quiet=True)
    half = dataclasses.replace(config, training=dataclasses.replace(config.training, steps=2))
    fit(data8, tmp_path / "parts", half, device="cpu", threads=1, quiet=True)
    fit(data8, tmp_path / "parts", config, resume=True, device="cpu", threads=1, quiet=True)
    losses = [
        [json.loads(line)["loss"] for line in (tmp_path / name / "log.jsonl").read_text().splitlines()] for name in ("whole", "parts")
    ]
    assert len(losses[0]) == 4 and losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_there_is_nothing_to_keep_without_an_autoencoder() -> None:
    with pytest.raises(ConfigError, match=r"training\.latents: got 9, expected 0 without a model.backbone"):
        from_dict({"training": {"latents": 9}})
