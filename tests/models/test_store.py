"""The model file: weights, configuration and product come back as they were, and a file that does not hold them is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from unsigned import unsigned

from flawsmith.config.schema import Config
from flawsmith.core.errors import RunError
from flawsmith.images.pixel_range import PixelRange
from flawsmith.models.build import build_model
from flawsmith.models.store import load_model, save_model
from flawsmith.product.background import Background
from flawsmith.product.product import Product
from flawsmith.product.shape import ModelSpec

PRODUCT = Product(ModelSpec(("blob", "line"), 1, 32), PixelRange(3.0, 250.0, "uint8"), 0.01, {"blob": (20, 60), "line": (10, 40)})


@pytest.fixture
def stored(tiny: Callable[..., Config], tmp_path: Path) -> Path:
    """The file of an untrained model."""
    path = tmp_path / "model.safetensors"
    save_model(path, build_model(tiny().model, PRODUCT.shape, 3).state_dict(), tiny(), PRODUCT, step=7)
    return path


def test_a_model_comes_back_as_it_was(stored: Path, tiny: Callable[..., Config]) -> None:
    model, config, product = load_model(stored)
    assert config == tiny() and product == PRODUCT
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    expected = build_model(tiny().model, PRODUCT.shape, 3).state_dict()
    found = model.state_dict()
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)
    with safe_open(stored, framework="pt") as file:
        assert file.metadata()["step"] == "7" and file.metadata()["format"] == "flawsmith-5"


@pytest.mark.parametrize("reaches", [{}, {"blob": 0.0, "line": 0.03}])
def test_what_the_product_is_pictured_on_comes_back(reaches: dict[str, float], tiny: Callable[..., Config], tmp_path: Path) -> None:
    background = Background((0.1, 0.2, 0.3), 0.01, 0.04, (0.2, 0.5), 0.8, reaches, dict.fromkeys(reaches, 0.01))
    product = replace(PRODUCT, background=background)
    save_model(tmp_path / "model.safetensors", build_model(tiny().model, PRODUCT.shape, 3).state_dict(), tiny(), product, step=7)
    assert load_model(tmp_path / "model.safetensors")[2] == product


@pytest.mark.parametrize("given", [None, "flawsmith-2", "flawsmith-3"])
def test_another_format_says_fit_again(given: str | None, stored: Path) -> None:
    with safe_open(stored, framework="pt") as file:
        metadata = {key: value for key, value in unsigned(file.metadata()).items() if key != "format"}
    save_file(load_file(stored), stored, metadata | ({"format": given} if given else {}))
    with pytest.raises(RunError, match=f"got format {given!r}, expected flawsmith-5; fit again with this version"):
        load_model(stored)


@pytest.mark.parametrize("change", ["missing", "unknown", "another shape", "another configuration"])
def test_weights_that_are_not_those_of_the_configuration_are_named(change: str, stored: Path) -> None:
    with safe_open(stored, framework="pt") as file:
        metadata = unsigned(file.metadata())
    weights = load_file(stored)
    first = next(iter(weights))
    if change == "missing":
        del weights[first]
    elif change == "unknown":
        weights["more"] = torch.zeros(2)
    elif change == "another shape":
        weights[first] = torch.zeros(5, 7)
    else:
        config = json.loads(metadata["config"])
        config["model"]["tokens"] += 1
        metadata["config"] = json.dumps(config)
    save_file(weights, stored, metadata)
    with pytest.raises(RunError, match=r"(?s)model\.safetensors: its weights are not those of its configuration.*copy the RUN folder anew"):
        load_model(stored)


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.safetensors: is missing; is this a RUN folder"):
        load_model(tmp_path / "none.safetensors")
