"""A request is checked as a whole: what cannot be done is refused by the option's name before anything is read or drawn."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.core.errors import ConfigError, DataError, FlawsmithError
from flawsmith.generation.plan import DefectSpec
from flawsmith.generation.request import Request, prepare_request
from flawsmith.images.pixel_range import PixelRange
from flawsmith.placement.shapes import Size
from flawsmith.product.product import Product
from flawsmith.product.shape import ModelSpec

PRODUCT = Product(ModelSpec(("blob", "line"), 1, 32), PixelRange(0.0, 255.0, "uint8"), 0.02, {}, {"blob": (8, 12), "line": (5, 5)})


def never() -> list[Path]:
    raise AssertionError("a request that is refused reads no normals")


@pytest.fixture
def normals(tmp_path: Path, save_picture: Callable[..., Path]) -> list[Path]:
    """Three normals of 40 x 60 pixels."""
    return [save_picture(tmp_path / f"good/{i}.png", np.full((40, 60), 100.0)) for i in range(3)]


@pytest.fixture
def folder(tmp_path: Path, normals: list[Path], save_picture: Callable[..., Path]) -> Path:
    """A folder with normals, a region, a place map, a folder of the objects' masks and a plan."""
    half = np.zeros((40, 60))
    half[:, 30:] = 255
    for name in ("region.png", "map.png", *(f"objects/{normal.name}" for normal in normals)):
        save_picture(tmp_path / name, half)
    (tmp_path / "plan.jsonl").write_text("".join(json.dumps({"defect": name, "seed": 5}) + "\n" for name in ("blob", "line")))
    return tmp_path


# options that do not go together

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "free, onto": ({"free": True, "onto": "x"}, "--onto: is about defects on a normal; it does not go with --free"),
    "free, region": ({"free": True, "region": "rect:1,1,2,2"}, "--region: .* does not go with --free"),
    "free, place map": ({"free": True, "place_map": "x"}, "--place-map: .* does not go with --free"),
    "free, foreground": ({"free": True, "foreground": "x"}, "--foreground: .* does not go with --free"),
    "free, size": ({"free": True, "size": "9px"}, "--size: .* does not go with --free"),
    "free, severity": ({"free": True, "severity": "0.5"}, "--severity: .* does not go with --free"),
    "free, severity range": ({"free": True, "severity": "1-2"}, "--severity: .* does not go with --free"),
    "free, per image": ({"free": True, "per_image": 2}, "--per-image: .* does not go with --free"),
    "free, mix": ({"free": True, "mix": True}, "--mix: .* does not go with --free"),
    "like, nothing follows": ({"like": "x.png"}, "--like: this model is on a model.backbone, which follows no exemplars"),
    "strength, nothing follows": ({"strength": 0.7}, "--strength: this model is on a model.backbone, which follows no exemplars"),
    "strength above 1": ({"strength": 1.2}, "--strength 1.2: expected a number from 0 .* to 1"),
    "free, like": ({"free": True, "like": "x.png"}, "--like: .* does not go with --free"),
    "free, strength": ({"free": True, "strength": 0.0}, "--strength: .* does not go with --free"),
    "no count": ({"count": None}, "--count: is missing"),
    "count 0": ({"count": 0}, "--count 0: expected at least 1"),
    "count below 0": ({"count": -3}, "--count -3: expected at least 1"),
    "pick from fewer": ({"pick_from": 4}, "--pick-from 4: is less than --count 5"),
    "pick from below 0": ({"pick_from": -1}, "--pick-from -1: is less than"),
    "start below 0": ({"start": -1}, "--start -1: expected 0 or more"),
    "mix of one": ({"mix": True}, "--mix: is about several defects in one picture; add --per-image"),
    "mix of one in words": ({"mix": True, "per_image": "1"}, "--mix: is about several defects"),
    "plan, count": ({"plan": "x"}, "--count: does not go with --plan"),
    "plan, pick from": ({"plan": "x", "count": None, "pick_from": 9}, "--pick-from: does not go with --plan"),
    "plan, mix": ({"plan": "x", "count": None, "mix": True}, "--mix: does not go with --plan"),
    "plan, region": ({"plan": "x", "count": None, "region": "rect:1,1,2,2"}, "--region: does not go with --plan"),
    "plan, size": ({"plan": "x", "count": None, "size": "9px"}, "--size: does not go with --plan"),
    "plan, start": ({"plan": "x", "count": None, "start": 3}, "--start: does not go with --plan"),
    "plan, severity": ({"plan": "x", "count": None, "severity": "0.5-1"}, "--severity: does not go with --plan"),
    "plan, per image": ({"plan": "x", "count": None, "per_image": "1-3"}, "--per-image: does not go with --plan"),
    "unknown defect": ({"defect": "bolb"}, "--defect bolb: this model learned blob, line"),
    "no defect": ({"defect": []}, "--defect: got an empty list"),
    "bad severity": ({"severity": "much"}, "--severity much: expected a number"),
    "bad severity, free": ({"severity": "much", "free": True}, "--severity much: expected a number"),
    "bad per image": ({"per_image": "0-2"}, "--per-image 0-2: expected a whole number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_refused_by_name(name: str) -> None:
    wishes, message = REFUSED[name]
    with pytest.raises(ConfigError, match=f"^{message}"):
        prepare_request(Request(**{"count": 5, **wishes}), PRODUCT, never)


def test_a_size_of_a_plan_that_comes_to_less_than_a_pixel_is_refused(tmp_path: Path, normals: list[Path]) -> None:
    (tmp_path / "plan.jsonl").write_text('{"defect": "line", "size": "0.01x"}')
    with pytest.raises(ConfigError, match="--size 0.01x: comes to less than a pixel"):
        prepare_request(Request(plan=tmp_path / "plan.jsonl"), PRODUCT, lambda: normals)


@pytest.mark.parametrize(
    ("wishes", "error", "message"),
    [
        ({"size": "40cm"}, ConfigError, "--size 40cm: expected pixels"),
        ({"size": "0.001x"}, ConfigError, "--size 0.001x: comes to less than a pixel, as real 'blob' defects are 8 to 12 px long"),
        ({"size": "0.1x", "defect": "blob"}, None, ""),  # of blobs a pixel, of lines none
        ({"size": "0.1x"}, ConfigError, "as real 'line' defects are 5 px long; expected at least 0.2x"),
        ({"region": "rect:1,2,3"}, ConfigError, "--region rect:1,2,3: got 3 numbers"),
        ({"region": "rect:90,2,3,3"}, DataError, "--region rect:90,2,3,3: lies outside 0.png"),
        ({"region": "nowhere.png"}, DataError, "--region nowhere.png: there is no such file"),
        ({"place_map": "nowhere.png"}, DataError, "--place-map nowhere.png: there is no such file"),
        ({"foreground": "nowhere"}, DataError, "--foreground nowhere: there is no such file"),
        ({"onto": "nowhere"}, DataError, "--onto nowhere: there is no such folder"),
        ({"plan": "nowhere.jsonl", "count": None}, DataError, "--plan nowhere.jsonl: there is no such file"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    wishes: dict[str, Any], error: type[FlawsmithError] | None, message: str, normals: list[Path]
) -> None:
    with pytest.raises(error, match=message) if error else nullcontext():
        prepare_request(Request(**{"count": 5, **wishes}), PRODUCT, lambda: normals)


def test_a_normal_of_another_depth_is_refused(tmp_path: Path, normals: list[Path], save_picture: Callable[..., Path]) -> None:
    deep = save_picture(tmp_path / "deep/x.png", np.full((40, 60), 100.0), "uint16")
    with pytest.raises(DataError, match="x.png: has 16 bits per channel, but the model learned from 8"):
        prepare_request(Request(5, onto=deep.parent), PRODUCT, never)
    plan = tmp_path / "deep/plan.jsonl"
    plan.write_text(json.dumps({"defect": "blob", "normal": "x.png"}))
    with pytest.raises(DataError, match="x.png: has 16 bits"):
        prepare_request(Request(plan=plan), PRODUCT, lambda: normals)


# what is asked for


def test_a_plain_request(normals: list[Path]) -> None:
    job = prepare_request(Request(4, seed=3), PRODUCT, lambda: normals)
    assert job.indexes == range(4) and job.normals == normals
    wanted = [job.plan(i, 0) for i in job.indexes]
    assert [w.defect for w in wanted] == ["blob", "line"] * 2 and {w.normal for w in wanted[:3]} == set(normals)
    assert all(w.defects == (DefectSpec(w.defect),) for w in wanted)
    assert job.placement.regions == {} and job.placement.places is None
    assert job.plan(0, 0).seed != prepare_request(Request(4, seed=4), PRODUCT, lambda: normals).plan(0, 0).seed


def test_every_wish_arrives(folder: Path, normals: list[Path]) -> None:
    request = Request(
        2,
        defect="line",
        onto=folder / "good",
        region=folder / "region.png",
        place_map=folder / "map.png",
        foreground=folder / "objects",
        size="20-40px",
        severity="0.5-1.5",
        per_image="2-3",
        mix=True,
        pick_from=6,
        start=10,
    )
    job = prepare_request(request, PRODUCT, never)
    assert job.indexes == range(10, 16) and job.normals == normals, "as many as are picked from"
    parts = [part for i in job.indexes for part in job.plan(i, 0).defects]
    assert {len(job.plan(i, 0).defects) for i in job.indexes} <= {2, 3} and {part.defect for part in parts} == {"line"}
    assert {part.size for part in parts} == {Size(20, 40, False)} and all(0.5 <= part.severity <= 1.5 for part in parts)
    (region,) = {part.region for part in parts}
    assert region is not None and job.placement.regions[region][normals[0]].sum() == 40 * 30
    assert job.placement.places is not None and job.placement.places[normals[1]][:, 40].min() == 1
    assert job.placement.foregrounds is not None and job.placement.foregrounds.given


def test_free_needs_no_normals() -> None:
    job = prepare_request(Request(3, free=True, severity="1", per_image="1"), PRODUCT, never)
    assert job.normals == [] and [job.plan(i, 0).normal for i in job.indexes] == [None] * 3


def test_a_plan_says_how_many_there_are(folder: Path, normals: list[Path]) -> None:
    request = Request(plan=folder / "plan.jsonl", severity="1", per_image="1", place_map=folder / "map.png")
    job = prepare_request(request, PRODUCT, lambda: normals)
    assert job.indexes == range(2) and [job.plan(i, 0).defect for i in range(2)] == ["blob", "line"]
    assert job.normals == normals[:2] and job.placement.places is not None
    free = prepare_request(Request(plan=folder / "plan.jsonl", free=True), PRODUCT, never)
    assert free.normals == [] and free.plan(1, 0).normal is None


def test_the_inputs_are_the_files_it_names(folder: Path) -> None:
    named = {"onto": "a", "place_map": "c", "foreground": Path("d"), "plan": "e"}
    assert Request(1, region="b", **named).inputs() == [Path(name) for name in "abcde"]  # type: ignore[arg-type]
    assert Request(1, region="rect:1,2,3,4").inputs() == [] == Request(1).inputs(), "a box is no file"
