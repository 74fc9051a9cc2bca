"""Adding a metric is one module: what it registers is computed for every evaluation and shown by every report."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from flawsmith.core.errors import ConfigError
from flawsmith.metrics import registry
from flawsmith.metrics.registry import MASKS, TABLES, Column, Metric, metrics, missing, number, register, show, too_few
from flawsmith.workflows.evaluate import evaluate

MODULE = """
from flawsmith.metrics.registry import MASKS, Column, Metric, mean_of_pairs, register

METRIC = register(
    Metric(
        "darkest",
        "Darkest pixel",
        "masks",
        MASKS,
        mean_of_pairs("darkest", "no pair"),
        (Column("Darkest"), Column("of all", "least")),
        "The darkest pixel inside the <mask>.",
        better="higher",
        unit="of the range",
        per_pair=lambda pair: {"darkest": float(pair.image[pair.mask].min())},
    )
)
"""


@pytest.fixture
def dummy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the user's own with one metric, imported."""
    monkeypatch.setattr(registry, "_registered", {(metric.part, metric.name): metric for metric in metrics()})  # it is gone afterwards
    path = tmp_path / "darkest.py"
    path.write_text(MODULE)
    spec = importlib.util.spec_from_file_location("darkest", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_metric_of_one_module_is_computed_and_shown(dummy: ModuleType, data8: Path, make_pairs: Callable, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("skimage")
    report = tmp_path / "report"
    evaluate(data8, make_pairs(tmp_path / "out", data8, 3), report, extractor="offline", device="cpu", threads=1, quiet=True)
    result = json.loads((report / "report.json").read_text())
    found = result["all"]["masks"]["darkest"]
    assert found["pairs"] == 3 and found["least"] == min(pair["darkest"] for pair in result["pairs"]) > 0
    assert {"name": "darkest", "part": "masks", "title": "Darkest pixel", "unit": "of the range", "better": "higher"}.items() <= next(
        metric for metric in result["metrics"] if metric["name"] == "darkest"
    ).items()
    html = (report / "report.html").read_text()
    assert "<th scope=col class=n>Darkest</th>" in html and f"<td class=n>{found['value']:.3g}</td>" in html
    assert "Darkest pixel, of the range, larger is better" in html and "The darkest pixel inside the &lt;mask&gt;." in html


def test_every_metric_says_what_it_is() -> None:
    found = metrics()
    assert {metric.table for metric in found} == set(TABLES)
    for metric in found:
        assert metric.title and metric.sentence.endswith(".") and metric.columns
    assert [metric.name for metric in metrics(MASKS)] == ["consistency", "mask_iou", "psnr", "ssim", "copies", "patch_copies"]


def test_two_metrics_of_one_name_are_refused() -> None:
    metric = metrics(MASKS)[0]
    with pytest.raises(ConfigError, match="registered twice"):
        register(Metric(metric.name, "another", metric.part, MASKS, metric.compute, metric.columns, "x."))


@pytest.mark.parametrize(
    ("column", "found", "expected"),
    [
        (Column("x"), number(0.12345), "0.123"),
        (Column("x", times=1000, form=".1f", spread="deviation"), number(0.0123, deviation=0.002), "12.3 ± 2.0"),
        (Column("x", form=".1%", count=("count", "pairs")), number(0.5, count=1, pairs=2), "1 of 2"),
        (Column("x", "mean"), number(1.0), ""),  # this number has no such key
        (Column("x"), missing("2 generated, needs 5"), None),
        (Column("x", "least"), missing("2 generated, needs 5"), None),
    ],
)
def test_a_number_is_shown_as_its_column_says(column: Column, found: dict, expected: str | None) -> None:
    assert show(column, found) == expected


def test_too_few_pictures_are_told_with_what_is_needed() -> None:
    assert too_few(5, 7, 5) is None and too_few(5, None, 5) is None
    assert too_few(5, 4, 9) == "4 real and 9 generated, needs 5 of each"
    assert too_few(5, None, 2) == "2 generated, needs 5"
