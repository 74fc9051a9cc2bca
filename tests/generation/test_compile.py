"""A compiled network draws what the plain one draws."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flawsmith.images.files import read_image
from flawsmith.workflows.generate import load

LOOSE = ("quality.consistency=0", "quality.outside=1", "quality.visible=0", "quality.margin=1000")


def test_compiled_pairs_are_the_plain_ones_but_for_rounding(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []
    real = torch.nn.Module.compile

    def traced(module: torch.nn.Module) -> None:
        compiled.append(module)
        real(module, backend="eager")  # all but the code generation, which takes minutes

    monkeypatch.setattr(torch.nn.Module, "compile", traced)
    found = {}
    for on in (False, True):
        generator = load(run8, device="cpu", threads=1, settings=[*LOOSE, f"generation.compile={on}"])
        generator.generate(tmp_path / str(on), count=1, quiet=True)
        assert len(compiled) == int(on)
        found[on] = read_image(next((tmp_path / str(on) / "test").rglob("*.png"))).astype(int)
    assert np.abs(found[True] - found[False]).max() <= 2
