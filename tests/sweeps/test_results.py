"""Means over products and their intervals, and the page that shows them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawsmith.reports.sweep import print_sweep, write_sweep_report
from flawsmith.sweeps.board import Board
from flawsmith.sweeps.job import DONE, FAILED, Job, State
from flawsmith.sweeps.results import collect, mean_of


def number(value: float, half: float = 0.1) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def test_the_mean_has_an_interval_of_these_and_of_other_products() -> None:
    found = mean_of({"a": number(0.2, 0.03), "b": number(0.6, 0.04)})
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.4, 0.375, 0.425)) and found["others"] is None
    many = mean_of({str(i): number(i / 10, 0.01) for i in range(9)})
    assert many["others"]["low"] < 0.35 < many["value"] < 0.45 < many["others"]["high"]
    assert many["high"] - many["low"] == pytest.approx(2 * 0.01 / 3)


def report(ap: float) -> dict[str, Any]:
    """Return what `benefit` leaves, as far as it is read here."""
    real = {"column": "real", "metrics": {"pixel_ap": number(ap), "image_ap": None}, "gains": {}}
    both = {"column": "real + generated", "metrics": {"pixel_ap": number(ap + 0.1)}, "gains": {"pixel_ap": number(0.1, 0.02)}}
    named = [{"column": "real", "accuracy": number(0.5)}, {"column": "real + generated", "accuracy": number(0.75)}]
    return {"tables": [{"shots": "3", "detection": [real, both], "classification": named}]}


def test_the_report_has_the_means_and_names_what_failed(
    tmp_path: Path, job: Callable[..., Job], ended: Callable[..., State], capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [job(name, "benefit") for name in "ab"] + [job("c", "benefit")]
    for one, ap in zip(jobs[:2], (0.2, 0.4), strict=True):
        ended(one, DONE)
        Path(one.output).mkdir()
        (Path(one.output) / "report.json").write_text(json.dumps(report(ap)))
    ended(jobs[2], FAILED)
    found = collect(Board(jobs))
    (table,) = found["benefit"]
    real, both = table["columns"]
    assert real["metrics"]["pixel_ap"]["value"] == pytest.approx(0.3) and "image_ap" not in real["metrics"]
    assert both["gains"]["pixel_ap"]["low"] == pytest.approx(0.1 - 0.02 / 2**0.5) and both["accuracy"]["value"] == 0.75
    result = {"root": "products", "products": ["a", "b", "c"], "unusable": {"d": "no <normals>"}, "minutes": 1.0, **found}
    write_sweep_report(tmp_path, result)
    page = (tmp_path / "report.html").read_text()
    assert "30.0" in page and "+10.0" in page and "c/benefit.log" in page and "no &lt;normals&gt;" in page
    print_sweep(result, tmp_path)
    told = capsys.readouterr().out
    assert "benefit c failed" in told and "2 of 3 jobs done" in told and "40.0" in told
