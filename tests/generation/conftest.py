"""Pairs made on the way that users' pairs go, with nothing fitted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_base import LENIENT, NETWORK

from flawsmith.config.schema import Config
from flawsmith.workflows.generate import load_unfitted


@pytest.fixture
def made(base: dict[str, torch.Tensor], data8: Path, tiny: Callable[..., Config], tmp_path: Path) -> Callable[..., None]:
    """Return what makes so many pairs of a drawn product with settings of `generation`, from a small base that is not trained."""

    def make(count: int, **generation: Any) -> None:
        config = tiny(model=NETWORK, training={"init": "base"}, quality=LENIENT, generation=generation)
        load_unfitted(data8, config, "cpu", 1).generate(tmp_path / "out", count, quiet=True)

    return make
