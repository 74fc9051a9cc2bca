"""The demo's labels are usable, and `rasterise` fills what they enclose."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from flawsmith.core.errors import DataError, FlawsmithError, OutputExistsError
from flawsmith.core.folders import check_output
from flawsmith.demo import cells
from flawsmith.demo.cells import LabelShape
from flawsmith.images.files import image_size, read_image, read_mask

KINDS = ("crack", "inactive")
needs_pictures = pytest.mark.skipif(importlib.util.find_spec("elpv_dataset") is None, reason="elpv-dataset is not installed")


def test_each_kind_has_enough_cells_and_each_cell_one_kind() -> None:
    found = [label.defect for label in cells.labels()]  # .defect raises where a cell has two
    assert sorted(set(found)) == list(KINDS)
    assert all(found.count(kind) >= 10 for kind in KINDS)


@pytest.mark.parametrize("label", cells.labels(), ids=lambda label: label.cell)
def test_shapes_are_inside_their_picture_and_cover_something(label: cells.Label) -> None:
    for shape in label.shapes:
        assert all(0 <= x <= label.width and 0 <= y <= label.height for x, y in shape.points)
        assert shape.kind == ("linestrip" if label.defect == "crack" else "polygon")
        assert cells.rasterise([shape], label.height, label.width).any()
        if shape.kind == "linestrip":
            assert 3 <= shape.width <= 6
    share = cells.rasterise(label.shapes, label.height, label.width).mean()
    assert 0.003 < share < 0.3


def test_normals_are_apart_from_each_other_and_from_the_labelled_cells() -> None:
    learned, held_out = cells.normals()
    labelled = {label.cell for label in cells.labels()}
    assert len(held_out) == 24
    assert len(learned) >= 56
    assert len({*learned, *held_out, *labelled}) == len(learned) + len(held_out) + len(labelled)
    assert len(labelled) == len(cells.labels())


@needs_pictures
@pytest.mark.parametrize("label", cells.labels(), ids=lambda label: label.cell)
def test_labels_lie_where_the_picture_is_darker(label: cells.Label) -> None:
    picture = read_image(cells.cells_folder() / label.cell)[:, :, 0].astype(float)
    mask = cells.rasterise(label.shapes, label.height, label.width)
    near = dilate(mask, 9) & ~dilate(mask, 3)
    rows = np.array([26, *range(62, 140), *range(162, 238), 270])  # off the busbars, which are dark in every cell
    inside, outside = picture[rows][mask[rows]], picture[rows][near[rows]]
    assert np.median(inside) < np.median(outside) - 4


@needs_pictures
def test_the_pictures_are_good_where_they_should_be_and_all_of_one_size() -> None:
    folder = cells.cells_folder()
    lines = [line.split() for line in (folder.parent / "labels.csv").read_text().splitlines()]
    table = {Path(name).name: (float(probability), kind) for name, probability, kind in lines}
    learned, held_out = cells.normals()
    assert all(table[name] == (0.0, "mono") for name in (*learned, *held_out))
    assert all(table[label.cell][0] > 0.0 and table[label.cell][1] == "mono" for label in cells.labels())
    assert all(image_size(folder / label.cell) == (label.height, label.width) for label in cells.labels())


@needs_pictures
def test_write_cells_writes_a_whole_data_folder(tmp_path: Path) -> None:
    assert cells.write_cells(tmp_path / "data") == tmp_path / "data"
    learned, held_out = cells.normals()

    def names(part: str) -> list[str]:
        return sorted(path.name for path in (tmp_path / "data" / part).iterdir())

    assert names("train/good") == sorted(learned)
    assert names("test/good") == sorted(held_out)
    assert names("test") == ["crack", "good", "inactive"]
    for kind in KINDS:
        stems = [Path(label.cell).stem for label in cells.labels() if label.defect == kind]
        assert names(f"test/{kind}") == [f"{stem}.png" for stem in stems]
        assert names(f"ground_truth/{kind}") == [f"{stem}_mask.png" for stem in stems]
    label = cells.labels()[0]
    stem = Path(label.cell).stem
    written = read_mask(tmp_path / "data" / "ground_truth" / label.defect / f"{stem}_mask.png")
    assert (written == cells.rasterise(label.shapes, label.height, label.width)).all()
    original = (cells.cells_folder() / label.cell).read_bytes()
    assert (tmp_path / "data" / "test" / label.defect / label.cell).read_bytes() == original
    with pytest.raises(OutputExistsError):
        cells.write_cells(tmp_path / "data")
    check_output(tmp_path / "data", cells.CELLS, overwrite=True)  # all that it wrote is known to be ours


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FlawsmithError, match=r"pip install 'flawsmith\[demo\]'"):
        cells.write_cells(tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "points",
    [
        ((1.0, 1.0), (9.0, 1.0), (9.0, 6.0), (1.0, 6.0)),
        ((0.3, 0.2), (11.4, 3.7), (6.1, 4.4), (8.8, 8.9), (1.2, 7.3)),  # not convex
        ((-3.0, 4.2), (6.0, -2.0), (15.0, 5.1), (5.0, 14.0)),  # beyond the picture on every side
        ((1.0, 1.0), (10.0, 8.0), (10.0, 1.0), (1.0, 8.0)),  # crosses itself
    ],
)
def test_rasterise_fills_a_polygon_like_a_naive_reference(points: tuple[tuple[float, float], ...]) -> None:
    got = cells.rasterise([LabelShape("crack", "polygon", points)], 9, 12)
    expected = [[winding_is_odd(points, column + 0.5, row + 0.5) for column in range(12)] for row in range(9)]
    assert got.tolist() == expected
    assert got.any()


@pytest.mark.parametrize(
    ("points", "width"),
    [(((2.0, 2.5), (10.0, 2.5)), 3.0), (((1.0, 8.0), (6.3, 2.2), (11.0, 7.1)), 2.6), (((5.5, 4.5), (5.5, 4.5)), 4.0)],
)
def test_rasterise_draws_a_stroke_like_a_naive_reference(points: tuple[tuple[float, float], ...], width: float) -> None:
    got = cells.rasterise([LabelShape("crack", "linestrip", points, width)], 9, 12)

    def near(x: float, y: float) -> bool:  # to any of very many points along the line
        steps = 2000
        return any(
            math.dist((x, y), (x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps)) <= width / 2 + 1e-5
            for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False)
            for step in range(steps + 1)
        )

    assert got.tolist() == [[near(column + 0.5, row + 0.5) for column in range(12)] for row in range(9)]


def test_rasterise_joins_shapes_and_knows_where_x_and_y_are() -> None:
    square = LabelShape("inactive", "polygon", ((0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0)))
    stroke = LabelShape("inactive", "linestrip", ((3.5, 2.5), (4.5, 2.5)), 1.0)
    got = cells.rasterise([square, stroke], 4, 6)
    assert np.argwhere(got).tolist() == [[0, 0], [0, 1], [2, 3], [2, 4]]
    assert not cells.rasterise([], 4, 6).any()


@pytest.mark.parametrize(
    "shape",
    [
        LabelShape("crack", "circle", ((1.0, 1.0), (2.0, 2.0))),
        LabelShape("crack", "polygon", ((1.0, 1.0), (2.0, 2.0))),
        LabelShape("crack", "linestrip", ((1.0, 1.0), (2.0, 2.0))),
        LabelShape("crack", "linestrip", ((1.0, 1.0),), 3.0),
    ],
)
def test_rasterise_refuses_what_it_cannot_draw(shape: LabelShape) -> None:
    with pytest.raises(DataError, match="crack"):
        cells.rasterise([shape], 4, 6)


def test_a_label_with_two_kinds_is_refused() -> None:
    shapes = (
        LabelShape("crack", "linestrip", ((1.0, 1.0), (2.0, 2.0)), 3.0),
        LabelShape("inactive", "polygon", ((0.0, 0.0), (2.0, 0.0), (2.0, 1.0))),
    )
    with pytest.raises(DataError, match=r"cell0001\.png.*one kind"):
        _ = cells.Label("cell0001.png", 300, 300, shapes).defect


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Return where any pixel of `mask` is at most `radius` rows and columns away."""
    height, width = mask.shape
    padded = np.pad(mask, radius)
    out = np.zeros_like(mask)
    for row in range(2 * radius + 1):
        for column in range(2 * radius + 1):
            out |= padded[row : row + height, column : column + width]
    return out


def winding_is_odd(points: tuple[tuple[float, float], ...], x: float, y: float) -> bool:
    """Return whether the polygon's edges turn an odd number of times round (x, y): another way to say inside by the even-odd rule."""
    angles = [math.atan2(py - y, px - x) for px, py in points]
    turns = sum((b - a + math.pi) % (2 * math.pi) - math.pi for a, b in zip(angles, angles[1:] + angles[:1], strict=True))
    return round(turns / (2 * math.pi)) % 2 == 1
