"""The base's weights: the file that ships fits the network that a fit builds, and what is no such file is named."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import flawsmith
from flawsmith.base.weights import DEFECT, FORM, WEIGHTS, WINDOW, base_model, load_weights, save_weights
from flawsmith.config.resolve import from_dict, preset
from flawsmith.core.errors import WeightsError

MOST = 12e6  # bytes

SMALL = {"cells": 16, "width": 32, "depth": 1, "head_dim": 16, "pixels": 4, "saim_rank": 4, "token_dim": 32}


def test_the_file_that_ships_is_of_the_network_that_tiny_builds() -> None:
    weights, theirs, facts = load_weights()
    tiny = preset("tiny").model
    assert {key: getattr(theirs, key) for key in FORM} == {key: getattr(tiny, key) for key in FORM}
    assert not theirs.backbone and not tiny.backbone
    model = base_model(theirs, seed=0)
    model.load_state_dict(weights, strict=True)
    assert model.factor == WINDOW // theirs.cells == 4 and model.tokens.names == ("good", DEFECT)
    assert all(w.dtype == torch.float32 and w.isfinite().all() for w in weights.values())
    assert facts["steps"] > 0 and facts["hours"] > 0 and {"seed", "training"} <= facts.keys()
    assert WEIGHTS.stat().st_size <= MOST and WEIGHTS.is_relative_to(Path(flawsmith.__file__).parent), "the wheel holds the package"


def test_what_is_saved_comes_back_in_16_bits(tmp_path: Path) -> None:
    config = from_dict({"model": SMALL}).model
    model = base_model(config, seed=3)
    path = tmp_path / "weights.safetensors"
    save_weights(path, dict(model.state_dict()), config, {"steps": 7})
    weights, theirs, facts = load_weights(path)
    assert theirs == config and facts == {"steps": 7}
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(w, weights[name].half().float()) for name, w in weights.items())
    assert all(torch.allclose(weights[name], w, rtol=1e-3, atol=1e-6) for name, w in model.state_dict().items())


def test_a_fresh_base_depends_on_its_seed_alone() -> None:
    config = from_dict({"model": SMALL}).model
    a, b, c = (base_model(config, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(w, b[name]) for name, w in a.items()) and not torch.equal(a["tokens.entries"], c["tokens.entries"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "weights.safetensors: the base model's weights are missing; install flawsmith anew, or use training.init=none"),
        (b"", "cannot be read .*install flawsmith anew"),
        (b"no weights at all, but some bytes", "cannot be read .*install flawsmith anew"),
        ({}, "got format None, expected flawsmith-base-2; it is not of this version"),
        ({"format": "flawsmith-base-0", "model": "{}", "facts": "{}"}, "got format 'flawsmith-base-0', expected flawsmith-base-2"),
    ],
)
def test_what_is_no_such_file_is_named(content: bytes | dict[str, str] | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_file({"w": torch.zeros(1)}, path, metadata=content)
    with pytest.raises(WeightsError, match=told):
        load_weights(path)


def test_the_header_tells_what_the_file_is(tmp_path: Path) -> None:
    config = from_dict({"model": SMALL}).model
    path = tmp_path / "weights.safetensors"
    save_weights(path, dict(base_model(config, 0).state_dict()), config, {"steps": 7})
    with safe_open(path, framework="pt") as file:
        told = file.metadata()
    assert json.loads(told["model"])["width"] == 32 and json.loads(told["facts"]) == {"steps": 7}
