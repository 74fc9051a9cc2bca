"""A family of backbones is one file; presets name checkpoints that are known."""

from pathlib import Path

import pytest
import torch

from flawsmith.config.presets import PRESETS
from flawsmith.config.resolve import from_dict, preset
from flawsmith.models import backbones
from flawsmith.models.backbones.registry import families, family_of, known_checkpoints
from flawsmith.models.build import build_model
from flawsmith.product.shape import ModelSpec
from flawsmith.workflows import doctor

DUMMY = """
from dataclasses import replace

from flawsmith.models.backbones import own
from flawsmith.models.backbones.family import Checkpoint

FAMILY = replace(
    own.FAMILY,
    name="dummy",
    checkpoints=(Checkpoint("someone/dummy", 0.1, "MIT", "allowed", 3),),
    recognises=lambda backbone: backbone == "someone/dummy",
    load=lambda backbone: 3,
    build=lambda config, shape, pretrained: own.build(replace(config, depth=pretrained), shape),
)
"""


def test_adding_a_family_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_dummy_family.py").write_text(DUMMY)
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(tmp_path)])
    config = from_dict({"model": {"backbone": "someone/dummy", "cells": 8, "width": 64}}).model
    model = build_model(config, ModelSpec(("crack",), 1, 32), 0)
    assert len(model.net.blocks) == 3
    assert {"name": "someone/dummy", "family": "dummy", "size": 0.1}.items() <= doctor.examine_machine()["weights"][0].items()


def test_every_preset_names_a_known_checkpoint() -> None:
    known = {checkpoint.name: family for family, checkpoint in known_checkpoints()}
    for name in PRESETS:
        backbone = preset(name).model.backbone
        assert family_of(backbone) is (known[backbone] if backbone else families()[0]), name
    assert {preset(name).model.backbone for name in PRESETS} == {"", *list(known)[:2]}


def test_whatever_nobody_knows_is_taken_for_stable_diffusion() -> None:
    assert family_of("/some/where/model.safetensors").name == family_of("nobody/nothing").name == "stable-diffusion"
    assert family_of("").name == "own" and not family_of("").extra


def test_new_weights_depend_on_the_seed_alone() -> None:
    config = from_dict({"model": {"cells": 8, "width": 64, "depth": 1}}).model
    a, b, c = (build_model(config, ModelSpec(("crack",), 1, 32), seed) for seed in (0, 0, 1))
    for name, w in a.state_dict().items():
        assert torch.equal(w, b.state_dict()[name])
    assert not torch.equal(a.tokens.entries, c.tokens.entries)
