"""What is drawn is the same after it was kept as text."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawsmith.formats import brush, shapes
from flawsmith.formats.brush import Brush
from flawsmith.formats.drawing import Drawing, Mark, drawn_mask
from flawsmith.formats.kept_marks import from_text, mask_files, to_text
from flawsmith.formats.shapes import Bitmap, Ellipse, Line, MaskFile, Rectangle, Runs, Shape, polygon


def bitmap() -> str:
    stream = io.BytesIO()
    Image.fromarray(np.full((6, 6), 255, np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def painted_all(width: int, height: int) -> bytes:
    """Return a brush over a whole picture: one run."""
    count = 4 * width * height
    bits = f"{count:032b}{7:05b}" + 4 * f"{15:04b}" + f"1{0:02b}{count - 1:016b}{255:08b}"
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


SHAPES = [
    polygon([[3.5, 2], [20, 4.25], [11, 17]]),
    Rectangle(2, 3, 9.5, 12),
    Ellipse(12, 10, 6, 3, 30),
    Line(np.array([[1.0, 1], [20, 15]]), 3),
    Line(np.array([[4.0, 5], [9, 9]]), 4, joined=False),
    Runs([5, 40, 200, 30, 245], (20, 26)),
    Runs([0, 6, 10, 4], (4, 5), "rows", (3, 2)),
    Bitmap(bitmap(), (4, 7)),
    Brush(painted_all(26, 20), (20, 26)),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_a_shape_marks_the_same(shape: Shape, tmp_path: Path) -> None:
    Image.new("L", (26, 20)).save(tmp_path / "a.png")
    marks = (Mark(shape, tmp_path / "labels.json", (20, 26), None), Mark(shape, tmp_path / "labels.json", (40, 52), (40.0, 52.0)))
    kept = from_text(to_text(marks))
    for mine, own in zip(marks, kept, strict=True):
        before = drawn_mask(tmp_path / "a.png", [mine])
        assert before.any() and np.array_equal(before, Drawing(tmp_path / "a.png", (own,))())
        assert own.source == mine.source


def test_mask_pictures_are_named(tmp_path: Path) -> None:
    mark = Mark(MaskFile(tmp_path / "m.png", "high", 3, True), tmp_path / "m.png")
    (kept,) = from_text(to_text([mark]))
    assert kept.shape == mark.shape and mask_files([kept]) == (tmp_path / "m.png",)


def test_every_shape_there_is_can_be_kept() -> None:
    drawn = {name for module in (shapes, brush) for name, one in vars(module).items() if hasattr(one, "draw") and name != "Shape"}
    assert drawn == {type(shape).__name__ for shape in SHAPES} | {"MaskFile"}


def test_a_shape_of_another_package_is_not_kept() -> None:
    class Star:
        def draw(self, whole: np.ndarray, units: tuple[float, float]) -> None:
            whole[:] = True

    with pytest.raises(TypeError, match="Star"):
        to_text([Mark(Star(), Path("a.json"))])
