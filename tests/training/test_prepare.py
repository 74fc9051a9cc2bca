"""From a data folder to what a training starts from."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_fits import go

from flawsmith.config.schema import Config
from flawsmith.core.errors import DataError
from flawsmith.core.files import content_hash
from flawsmith.formats.overlay import Label, write_index
from flawsmith.formats.reading import read
from flawsmith.training.prepare import prepare_training


def hashes(rows: list[dict[str, str]]) -> list[str]:
    return [row["sha256"] for row in rows]


def test_the_third_is_all_that_is_learned_from(data8: Path, tiny: Callable[..., Config]) -> None:
    learned = prepare_training(read(data8), tiny(data={"split": "third"}))
    for name in ("blob", "line"):
        first = [data8 / f"test/{name}/{i:03}.png" for i in range(2)]  # of six
        rows = learned.record["defects"][name]
        assert hashes(rows) == [content_hash(path) for path in first]
        assert [row["mask_sha256"] for row in rows] == [content_hash(data8 / f"ground_truth/{name}/{i:03}_mask.png") for i in range(2)]
        assert {e.source for e in learned.examples if e.defect == name} <= {path.name for path in first}
        areas = [int(np.count_nonzero(np.array(cv2.imread(str(data8 / f"ground_truth/{name}/{i:03}_mask.png"), 0)))) for i in range(2)]
        assert learned.product.areas[name] == (min(areas), max(areas))
    assert hashes(learned.record["normals"]) == [content_hash(path) for path in sorted((data8 / "train/good").iterdir())]
    assert json.loads(json.dumps(learned.record)) == learned.record and learned.record["split"] == "third"


def test_what_is_unseen_changes_nothing(make_product: Callable[..., Path], tiny: Callable[..., Config], tmp_path: Path) -> None:
    """Not a window, not a fact of the product comes from the pictures beyond the third."""
    data = make_product(tmp_path / "data")
    config = tiny(data={"split": "third", "window": 0, "good_share": 0.7})
    before = prepare_training(read(data), config)
    for name in ("blob", "line"):
        for i in range(2, 6):
            for path in (data / f"test/{name}/{i:03}.png", data / f"ground_truth/{name}/{i:03}_mask.png"):
                cv2.imwrite(str(path), np.full((90, 90), 255, np.uint8))
    for path in (data / "test/good").iterdir():
        cv2.imwrite(str(path), np.full((90, 90), 255, np.uint8))
    after = prepare_training(read(data), config)
    assert after.product == before.product and after.record == before.record
    assert after.limits.kinds == before.limits.kinds
    for step in range(3):
        one, other = before.pool.batch(0, step, 8), after.pool.batch(0, step, 8)
        assert one.image.equal(other.image) and one.mask.equal(other.mask) and one.region.equal(other.region)


def test_too_few_pictures_for_a_third_are_an_error(make_product: Callable[..., Path], tiny: Callable[..., Config], tmp_path: Path) -> None:
    data = make_product(tmp_path / "data", each=2)
    with pytest.raises(DataError, match=r"defect 'blob' has 2 pictures, too few for data\.split=third.*data\.split=all"):
        prepare_training(read(data), tiny(data={"split": "third"}))
    assert len(prepare_training(read(data), tiny()).record["defects"]["blob"]) == 2


@pytest.mark.parametrize(("asked", "window"), [(0, None), (16, 16), (32, 32), (33, 32), (47, 40)])
def test_the_window_is_a_multiple_of_the_cells(asked: int, window: int | None, data8: Path, tiny: Callable[..., Config]) -> None:
    product = prepare_training(read(data8), tiny(data={"window": asked})).product
    assert product.shape.window % 8 == 0
    assert product.shape.window == window or (window is None and 16 <= product.shape.window <= 32)


def test_the_facts_of_the_product(data8: Path, data16: Path, tiny: Callable[..., Config]) -> None:
    grey, colour = (prepare_training(read(data), tiny()).product for data in (data8, data16))
    assert grey.shape.defects == colour.shape.defects == ("blob", "line")
    assert (grey.shape.colours, colour.shape.colours) == (1, 3)
    assert (grey.scale.dtype, colour.scale.dtype) == ("uint8", "uint16")
    assert 1000 < colour.scale.high - colour.scale.low < 5000, "12-bit values"


def test_the_areas_are_those_of_single_defects(
    make_product: Callable[..., Path], tiny: Callable[..., Config], save_picture: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_product(tmp_path / "data")
    for path in (data / "ground_truth/blob").iterdir():
        spots = np.zeros((48, 56))
        for side, left in ((5, 2), (6, 12), (7, 22), (6, 32), (6, 42)):
            spots[5 : 5 + side, left : left + side] = 255
        save_picture(path, spots)
    learned = prepare_training(read(data), tiny())
    assert learned.product.areas["blob"] == (25, 49), "a generated pair has one of the spots, not all five"
    assert {e.area for e in learned.examples if e.defect == "blob"} == {25, 36, 49}


def test_the_limits_are_those_of_the_real_defects(data8: Path, tiny: Callable[..., Config]) -> None:
    learned = prepare_training(read(data8), tiny())
    for name, (least, most) in learned.product.areas.items():
        limit = learned.limits.kinds[name]["area"]
        assert (limit.least, limit.most, limit.count) == (least, most, 6)
        assert limit.low is not None and limit.high is not None and limit.low < least and most < limit.high
    wider = prepare_training(read(data8), tiny(quality={"margin": 3.0})).limits
    assert wider.kinds["blob"]["area"].high > learned.limits.kinds["blob"]["area"].high  # type: ignore[operator]


def test_an_object_on_a_background_is_a_fact_of_the_product(
    make_product: Callable[..., Path], tiny: Callable[..., Config], save_picture: Callable[..., Path], tmp_path: Path
) -> None:
    assert prepare_training(read(make_product(tmp_path / "surface")), tiny()).product.background is None, "a surface fills the picture"
    data, g = make_product(tmp_path / "object"), np.random.default_rng(0)
    disc = cv2.circle(np.zeros((48, 56), np.float32), (28, 24), 18, 1.0, -1)
    spot = cv2.circle(np.zeros((48, 56), np.float32), (30, 20), 4, 1.0, -1)
    for path in [*(data / "train/good").iterdir(), *(data / "test/blob").iterdir(), *(data / "test/line").iterdir()]:
        flaw = spot * (path.parent.name != "good")
        save_picture(path, 20 + 150 * disc + 60 * flaw + g.normal(0, 2, disc.shape))
    for path in (data / "ground_truth").glob("*/*.png"):
        save_picture(path, 255 * spot)
    background = prepare_training(read(data), tiny()).product.background
    assert background is not None and background.fixed and background.share[0] > 0.1
    assert background.reach("blob") is not None and background.reach("line") is not None, "both lie on it"


@pytest.mark.parametrize("deep", ["train/good/003.png", "test/line/002.png"])
def test_pictures_of_two_depths_are_refused(
    deep: str, make_product: Callable[..., Path], tiny: Callable[..., Config], save_picture: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_product(tmp_path / "data")
    save_picture(data / deep, np.full((48, 56), 100.0), "uint16")
    with pytest.raises(DataError, match=rf"{Path(deep).name}: has 16 bits per channel, but other pictures of this product have 8"):
        prepare_training(read(data), tiny())


@pytest.mark.parametrize("sigma", [0.0, 3.0, 12.0])
def test_the_noise_is_measured_past_edges(
    sigma: float, make_product: Callable[..., Path], tiny: Callable[..., Config], tmp_path: Path
) -> None:
    data = make_product(tmp_path / "data")
    g = np.random.default_rng(0)
    for path in (data / "train/good").iterdir():
        picture = 60 + np.linspace(0, 80, 120)[:, None] + 40 * (np.arange(120) > 50)  # a slope and an edge
        cv2.imwrite(str(path), np.clip(picture + g.normal(0, sigma, (120, 120)), 0, 255).round().astype(np.uint8))
    expected = np.hypot(sigma, 1 / np.sqrt(12) if sigma else 0) / 255  # rounding is noise too
    assert prepare_training(read(data), tiny()).product.noise == pytest.approx(expected, rel=0.15, abs=0.002)


@pytest.mark.usefixtures("untouched_generators")
def test_preparing_touches_no_global_generator(data8: Path, tiny: Callable[..., Config]) -> None:
    found: list[Any] = [prepare_training(read(data8), tiny()) for _ in range(2)]
    assert found[0].record == found[1].record and found[0].product == found[1].product


def test_a_surface_with_a_direction_is_not_turned(make_product: Callable[..., Path], tiny: Callable[..., Config], tmp_path: Path) -> None:
    data = make_product(tmp_path / "data")
    assert prepare_training(read(data), tiny()).config.data.rotations is True  # clouds
    for path in [*(data / "train/good").iterdir(), *(data / "test").rglob("*.png")]:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image is not None
        lines = np.random.default_rng(0).normal(0, 40, (1, image.shape[1]))
        cv2.imwrite(str(path), np.clip(image + lines, 0, 255).astype(np.uint8))
    learned = prepare_training(read(data), tiny())
    assert learned.config.data.rotations is False and learned.config.model == tiny().model
    assert prepare_training(read(data), tiny(data={"rotations": False})).config.data.rotations is False


def test_labels_of_the_studio_make_pictures_alone_data_to_learn_from(data8: Path, tiny: Callable[..., Config], tmp_path: Path) -> None:
    labels = {}
    for path in sorted(data8.glob("*/*/*.png")):
        kind, stem = path.parent.name, path.stem
        if path.is_relative_to(data8 / "ground_truth") or path.parent == data8 / "test/good":
            continue
        name = f"{kind}-{stem}.png"
        (tmp_path / "alone").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "alone" / name)
        labels[name] = Label(normal=True)
        if kind != "good":
            (tmp_path / "drawn").mkdir(exist_ok=True)
            shutil.copy(data8 / f"ground_truth/{kind}/{stem}_mask.png", tmp_path / "drawn" / name)
            labels[name] = Label({kind: name})
    write_index(tmp_path / "drawn", labels)
    config = tiny(data={"labels": str(tmp_path / "drawn")})
    go(tmp_path / "alone", tmp_path / "run", config)
    record = json.loads((tmp_path / "run/data.json").read_text())
    own = prepare_training(read(data8), tiny()).record
    assert hashes(record["normals"]) == hashes(own["normals"])
    assert {kind: [row["mask_sha256"] for row in rows] for kind, rows in record["defects"].items()} == {
        kind: [row["mask_sha256"] for row in rows] for kind, rows in own["defects"].items()
    }
