"""The precision that pairs are drawn in is that of the faster call of the network they are drawn with."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from flawsmith.config.schema import Config
from flawsmith.core.precision import Precision
from flawsmith.models.build import build_model
from flawsmith.product.shape import ModelSpec
from flawsmith.synthesis import precision
from flawsmith.synthesis.precision import sampling_precision


def test_the_network_is_timed_as_it_is_used(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(generation={"precision": "auto"})
    model = build_model(config.model, ModelSpec(("blob", "line"), 1, 32), 0).eval().requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    states: list[torch.Size] = []
    forward = model.forward

    def look(state: torch.Tensor, *rest: Any) -> torch.Tensor:
        states.append(state.shape)
        return forward(state, *rest)

    def measure(asked: str, device: str, step: Callable[[], object], what: str, _key: object, prepare: object) -> Precision:
        assert (asked, device, what, prepare) == ("auto", "cpu", "sampling", None)
        step()
        return Precision("bf16", "faster")

    monkeypatch.setattr(model, "forward", look)
    monkeypatch.setattr(precision, "measure_precision", measure)
    assert sampling_precision(model, config).name == "bf16"
    assert states == [(2, 1, model.state, 8, 8)], "on a CPU windows go through one by one"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
