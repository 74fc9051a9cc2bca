"""KolektorSDD."""

from pathlib import Path

import pytest
from formats.layouts import ONE, Palette, areas, kolektor, mask, names, plant, told

import flawsmith as fs


@pytest.mark.parametrize("colours", [((0, 0, 0), (255, 255, 255)), ((0, 0, 0), (1, 1, 1)), ((0, 0, 0), (255, 0, 0), (9, 9, 9))])
def test_labels_with_a_palette_and_in_greys(tmp_path: Path, colours: tuple[tuple[int, int, int], ...]) -> None:
    label = Palette(mask(ONE, values=(1,)), colours)
    data = fs.read(plant(tmp_path, kolektor() | {"kos01/Part1_label.bmp": label}))
    assert areas(data) == {("kos01/Part1.jpg", "defect"): 20}
    assert names(data, data.normals) == ["kos01/Part0.jpg", "kos02/Part0.jpg"]
    assert [item.group for item in (*data.good, *data.defects["defect"])] == ["kos01", "kos02", "kos01"]


def test_a_picture_without_a_label_is_no_normal(tmp_path: Path) -> None:
    root = plant(tmp_path, kolektor())
    (root / "kos02/Part0_label.bmp").rename(root / "kos02/Part9_label.bmp")
    said = told(root)
    assert "kos02/Part0.jpg: has no mask; expected <picture>_label.bmp" in said and "Part9_label.bmp: is a mask without a picture" in said
