"""What shapes mark: against other libraries, at the borders, and what must be refused."""

import base64
import io
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from skimage.draw import polygon as reference

from flawsmith.formats import shapes
from flawsmith.formats.shapes import FAR, Bitmap, Ellipse, Line, Polygon, Rectangle, Runs, Shape, Size, coordinates, polygon

POINTS = st.lists(st.tuples(st.floats(-20, 60), st.floats(-20, 60)), min_size=3, max_size=12)


def marked(shape: Shape, size: tuple[int, int], units: Size) -> np.ndarray:
    """Return what a shape marks of a picture, (H, W) bool."""
    mask = np.zeros(size, bool)
    shape.draw(mask, units)
    return mask


@given(POINTS)
@settings(max_examples=200, deadline=None)
def test_polygons_mark_the_pixels_whose_centre_they_hold(points: list[tuple[float, float]]) -> None:
    corners = np.array(points) + (0.0131, 0.0273)  # centres of pixels lie on no side of whole coordinates
    mask = marked(polygon(corners), (40, 50), (40, 50))
    expected = np.zeros((40, 50), bool)
    expected[reference(corners[:, 1] - 0.5, corners[:, 0] - 0.5, (40, 50))] = True
    if expected.any():
        assert (mask == expected).sum() >= mask.size - 2, "but for centres on a side"


def test_an_outline_of_pixels_is_exact_and_holes_are_holes() -> None:
    square = np.array([[2, 3], [8, 3], [8, 9], [2, 9]], float)
    mask = marked(Polygon((square, square[[0, 1, 2, 3]] * [0.5, 0.5] + [2.5, 3])), (12, 12), (12, 12))
    assert mask.sum() == 36 - 9 and not mask[6, 5] and mask[3, 2] and not mask[9, 8]


def test_what_is_smaller_than_a_pixel_is_not_lost() -> None:
    assert marked(polygon([[3.6, 3.6], [3.9, 3.6], [3.9, 3.9]]), (10, 10), (10, 10)).sum() == 1
    line = marked(polygon([[1.7, 2.6], [8.2, 2.7], [8.2, 2.65]]), (10, 10), (10, 10))
    assert 6 <= line.sum() <= 8 and line[2].sum() == line.sum()


def test_shapes_follow_a_picture_that_was_scaled() -> None:
    shares = polygon([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]])
    assert marked(shares, (8, 16), (1, 1)).sum() == 4 * 8
    assert marked(Rectangle(6, 6, 2, 2), (20, 20), (10, 10)).sum() == 64, "any two corners"
    assert marked(Runs([0, 4], (2, 2)), (4, 6), (2, 2)).all()


def test_ellipses_and_circles() -> None:
    circle = marked(Ellipse(20, 20, 8, 8), (40, 40), (40, 40))
    assert abs(circle.sum() - np.pi * 64) < 8 and circle[20, 12] and not circle[20, 11]
    upright = marked(Ellipse(20, 20, 10, 4), (40, 40), (40, 40))
    assert (marked(Ellipse(20, 20, 10, 4, 90), (40, 40), (40, 40)) == upright.T).mean() > 0.99
    turned = marked(Ellipse(20, 20, 10, 3, 45), (40, 40), (40, 40))
    assert turned[26, 26] and not turned[14, 26], "clockwise, as y points down"
    percent = marked(Ellipse(50, 50, 25, 25), (40, 80), (100, 100))
    assert percent[20, 21] and not percent[20, 19] and percent[11, 40] and not percent[9, 40]


def test_lines_and_points_have_the_width_that_is_asked_for() -> None:
    line = marked(Line(np.array([[5, 10], [25, 10]], float), 4), (20, 30), (20, 30))
    assert line[:, 15].sum() == 4 and line[10, 4] and not line[10, 2]
    points = marked(Line(np.array([[5.5, 5.5], [15.5, 5.5]], float), 3, joined=False), (20, 30), (20, 30))
    assert points.sum() == 2 * 9 and not points[5, 10]


def test_a_picture_of_a_part_lies_at_its_corner_and_is_cut_at_the_border() -> None:
    stream = io.BytesIO()
    Image.new("L", (4, 3), 255).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    assert marked(Bitmap(data, (2, 1)), (10, 10), (10, 10))[2:5, 1:5].all()
    assert marked(Bitmap(data, (-1, 8)), (10, 10), (10, 10)).sum() == 4
    assert marked(Bitmap(data, (20, 0)), (10, 10), (10, 10)).sum() == 0
    with pytest.raises(ValueError, match="cannot be decoded"):
        marked(Bitmap("bm8="), (10, 10), (10, 10))


@pytest.mark.parametrize(
    "points", [[[0, float("nan")], [1, 1], [2, 2]], [[0, 1e300]] * 3, [1, 2, 3], [["a", 1]] * 3, {}, None, [[0, 1]], 5]
)
def test_coordinates_that_are_none_are_refused(points: object) -> None:
    with pytest.raises(ValueError):
        polygon(points)


def test_a_hostile_polygon_takes_no_memory_and_no_time() -> None:
    corners = coordinates(np.tile([[0, -FAR], [1, FAR]], (200_000, 1)))
    begun = time.perf_counter()
    with pytest.raises(ValueError, match="more than"):
        marked(Polygon((corners,)), (10_000, 1000), (10_000, 1000))
    assert not marked(polygon([[-FAR, -FAR], [-FAR + 5, -FAR], [-FAR, -FAR + 5]]), (9, 9), (9, 9)).any()
    assert time.perf_counter() - begun < 5


def test_small_shapes_in_a_large_picture_make_no_picture_each() -> None:
    whole = np.zeros((4000, 5000), bool)
    many = [polygon([[x, 8.2], [x + 9, 8.2], [x + 9, 19.8], [x, 19.8]]) for x in range(0, 4900, 100)]
    dot, runs = polygon([[7.6, 3.6], [7.9, 3.6], [7.9, 3.9]]), Runs([4000 * 200, 40, 4000 * 4800 - 40], (4000, 5000))
    painted = Runs([0, 6], (2, 3), "rows", (3990, 4990))
    drawn: list[Shape] = [*many, dot, runs, painted]
    tracemalloc.start()
    for shape in drawn:
        shape.draw(whole, (4000, 5000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < whole.nbytes / 50
    assert whole.sum() == 49 * 9 * 12 + 1 - 12 + 40 + 6 and whole[:40, 200].all() and whole[3990:3992, 4990:4993].all()


def test_areas_lie_where_other_rasterisers_put_them() -> None:
    corners = [(862.3, 197.4), (867.8, 199.1), (866.2, 205.7), (862.9, 203.6)]
    image = Image.new("L", (900, 300))
    ImageDraw.Draw(image).polygon(corners, outline=1, fill=1)
    most = int(np.asarray(image).sum())
    area = int(marked(polygon(corners), (300, 900), (300, 900)).sum())
    assert 0.6 * most <= area <= most


def test_a_line_is_drawn_in_bands_and_one_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(np.array([[3, 2], [27, 18], [3, 18]], float), 4)
    whole = marked(line, (20, 30), (20, 30))
    monkeypatch.setattr(shapes, "_BAND", 60)
    assert np.array_equal(marked(line, (20, 30), (20, 30)), whole) and 100 < whole.sum() < 300
    monkeypatch.setattr(shapes, "MOST_STROKED", 500)
    with pytest.raises(ValueError, match="a line of 3 points, which is too long"):
        marked(line, (20, 30), (20, 30))
