"""The probe of a base on real products."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from flawsmith.base import probe
from flawsmith.base.probe import main
from flawsmith.dataset.sample import Item
from flawsmith.metrics.looking import Reference

LENIENT = ("quality.visible=0", "quality.change=0.001", "quality.consistency=0", "quality.outside=1", "quality.margin=1000")


def test_it_says_what_exemplars_add_and_what_is_drawn_beside_defects_that_nothing_followed(
    make_product: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_product(tmp_path / "data", each=9)
    compared: list[set[str]] = []
    reference_of = probe.reference_of

    def spy(items: list[Item], extractor: str, seed: int, learned: list[Item]) -> Reference:
        compared.extend({item.image.as_posix() for item in side} for side in (items, learned))
        return reference_of(items, extractor, seed, learned)

    monkeypatch.setattr(probe, "reference_of", spy)
    lenient = [word for setting in LENIENT for word in ("--set", setting)]
    result = CliRunner().invoke(main, [str(data), "--windows", "4", "--pairs", "4", "--threads", "1", *lenient])
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout).values()
    assert found["exemplars"].keys() == found["none"].keys() == {"inside", "border", "mask_iou", "start"}
    drawn = found["drawn"]
    assert 0 < drawn["accepted"] <= 1 and drawn["pairs"] >= 1 and drawn["nearest"]["copies"] >= 0
    unseen, followed = compared
    assert unseen and followed and not unseen & followed and len(unseen | followed) == 18


def test_it_says_that_nothing_it_drew_passed(make_product: Callable[..., Path], tmp_path: Path) -> None:
    data = make_product(tmp_path / "data", each=9)
    result = CliRunner().invoke(main, [str(data), "--windows", "1", "--pairs", "1", "--threads", "1", "--set", "quality.visible=1000"])
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout).values()
    assert found["drawn"] == {"pairs": 0, "accepted": 0.0, "kid": None, "nearest": None}
