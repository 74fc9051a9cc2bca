"""Where defects go that reach the picture's border, or edges of its two tones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from placing import FACTOR, HOW, WINDOW, config, region_in_picture, surface

from flawsmith.core.errors import NoRoomError
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import bounding_box
from flawsmith.placement.canvas import Placement
from flawsmith.placement.request import PlacementRequest
from flawsmith.placement.search import place, place_cost
from flawsmith.placement.shapes import parse_size
from flawsmith.product.exemplars import Exemplar, collect_exemplars


def chip(side: str, size: tuple[int, int] = (90, 120)) -> Exemplar:
    """Return a half disc that reaches one side of its picture."""
    row, column = {"top": (0, 50), "bottom": (size[0] - 1, 50), "left": (40, 0), "right": (40, size[1] - 1)}[side]
    mask = cv2.circle(np.zeros(size, np.uint8), (column, row), 9, 1, -1) > 0
    image = surface(size)
    image[mask] = 20
    return collect_exemplars({"chip": [Sample(image, mask, "chip", None, Path("a.png"))]}, WINDOW)[0]


def sides_of(mask: np.ndarray) -> set[str]:
    """Return the sides of a picture at which most of what a mask is wide or high touches the border."""
    box = bounding_box(mask)
    edges = {"top": mask[0], "left": mask[:, 0], "bottom": mask[-1], "right": mask[:, -1]}
    return {name for name, edge in edges.items() if edge.sum() > 0.6 * (box.width if name in ("top", "bottom") else box.height)}


@pytest.mark.parametrize("side", ["top", "left", "bottom", "right"])
@pytest.mark.parametrize("how", HOW)
def test_a_chip_at_the_border_stays_at_that_border(side: str, how: str) -> None:
    one = chip(side)
    assert [name for name, reached in zip(("top", "left", "bottom", "right"), one.border, strict=True) if reached] == [side]
    for seed in range(5):
        p = place(surface((90, 120), 1), [one], WINDOW, FACTOR, config(how, turned=False), np.random.default_rng(seed))
        whole = np.zeros((90, 120), bool)
        rows, columns = np.nonzero(p.shape)
        whole[rows + p.top, columns + p.left] = True
        assert sides_of(whole) == {side}
        assert 0.4 * one.area < whole.sum() < 2.6 * one.area  # what was added lies outside the picture


def test_a_turned_chip_goes_to_the_side_it_was_turned_to() -> None:
    found = set()
    for seed in range(40):
        p = place(surface((120, 120), 1), [chip("top")], WINDOW, FACTOR, config("uniform"), np.random.default_rng(seed))
        whole = np.zeros((120, 120), bool)
        rows, columns = np.nonzero(p.shape)
        whole[rows + p.top, columns + p.left] = True
        (side,) = sides_of(whole)
        box, middle = bounding_box(whole), {"top": whole[0], "bottom": whole[-1], "left": whole[:, 0], "right": whole[:, -1]}[side]
        assert middle.sum() > 0.5 * max(box.height, box.width), "its flat side is the one at the border"
        found.add(side)
    assert found == {"top", "left", "bottom", "right"}


def area(size: tuple[int, int], height: int, at: str = "top") -> Exemplar:
    """Return an area that goes through its picture from left to right, at its top or in the middle of it."""
    mask = np.zeros(size, bool)
    top = 0 if at == "top" else (size[0] - height) // 2
    mask[top : top + height] = True
    image = surface(size)
    image[mask] = 200
    return collect_exemplars({"uneven": [Sample(image, mask, "uneven", None, Path("a.png"))]}, WINDOW)[0]


def in_picture(p: Placement, size: tuple[int, int]) -> np.ndarray:
    """Return a placed shape as a mask of the picture."""
    whole = np.zeros(size, bool)
    rows, columns = np.nonzero(p.shape)
    whole[rows + p.top, columns + p.left] = True
    return whole


@pytest.mark.parametrize("size", [(80, 60), (100, 120), (90, 128)])
def test_an_area_through_its_picture_goes_through_the_next_one(size: tuple[int, int]) -> None:
    depths = []
    for seed in range(6):
        p = place(surface(size, 1), [area((70, 100), 24)], WINDOW, FACTOR, config(turned=False), np.random.default_rng(seed))
        whole = in_picture(p, size)
        assert whole[0].mean() > 0.95 and whole[:, 0].any() and whole[:, -1].any() and not whole[-1].any()
        depths.append(whole.sum() / size[1])
        assert p.region.shape[1] < size[1] + FACTOR and region_in_picture(p, size).any(), "no canvas longer than the picture"
    assert all(24 / 1.4 < depth < 24 * 1.4 for depth in depths) and np.ptp(depths) > 1


def test_an_area_in_the_middle_of_its_picture_stays_between_its_sides() -> None:
    for seed in range(6):
        p = place(surface((90, 120)), [area((70, 100), 20, "middle")], WINDOW, FACTOR, config(turned=False), np.random.default_rng(seed))
        whole = in_picture(p, (90, 120))
        assert whole[:, 0].any() and whole[:, -1].any() and whole.any(0).all()


def test_a_turned_area_goes_through_the_other_way() -> None:
    ways = set()
    for seed in range(30):
        p = place(surface((90, 120)), [area((70, 100), 24)], WINDOW, FACTOR, config("uniform"), np.random.default_rng(seed))
        whole = in_picture(p, (90, 120))
        sides = {name: float(edge.mean()) for name, edge in zip("tlbr", (whole[0], whole[:, 0], whole[-1], whole[:, -1]), strict=True)}
        (side,) = [name for name, share in sides.items() if share > 0.95]
        ways.add(side)
    assert ways == set("tlbr")


def test_an_area_in_a_picture_longer_than_a_canvas_stays_at_its_sides() -> None:
    size = (90, 4 * WINDOW + 60)
    for seed in range(6):
        p = place(surface(size, 1), [area((70, 100), 24)], WINDOW, FACTOR, config(turned=False), np.random.default_rng(seed))
        whole = in_picture(p, size)
        assert whole[0].any() and whole[:, 0].any() and not whole[:, -1].any() and p.region.shape[1] <= 4 * WINDOW


def test_a_region_or_a_size_of_the_user_s_goes_before_the_border() -> None:
    region = np.zeros((90, 120), bool)
    region[40:60, 40:80] = True
    p = place(
        surface((90, 120)), [chip("top")], WINDOW, FACTOR, config(turned=False), np.random.default_rng(0), PlacementRequest(region=region)
    )
    assert not (region_in_picture(p, (90, 120)) & ~region).any()
    sized = PlacementRequest(size=parse_size("8px"))
    how, picture = config(turned=False), surface((90, 120))
    tops = [place(picture, [chip("top")], WINDOW, FACTOR, how, np.random.default_rng(seed), sized) for seed in range(6)]
    assert any(p.top + int(np.flatnonzero(p.shape.any(1))[0]) > 3 for p in tops)


def test_surroundings_are_compared_without_the_mirrored_ones() -> None:
    g = np.random.default_rng(0)
    image = g.integers(0, 250, (60, 60, 1), dtype=np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[0:6, 20:30] = True
    (one,) = collect_exemplars({"chip": [Sample(image, mask, "chip", None, Path("a.png"))]}, WINDOW)
    assert one.shown is not None and not one.shown.all()
    here = np.array([[3, 25]])
    assert place_cost(image, one.image, one.mask, here, one.shown)[0] == 0 < place_cost(image, one.image, one.mask, here)[0]


def tracks(gap: int, size: tuple[int, int] = (120, 120)) -> np.ndarray:
    """Return two black tracks on white with `gap` rows between them."""
    image = np.full((*size, 1), 255, np.uint8)
    image[50 - 8 : 50] = image[50 + gap : 50 + gap + 8] = 0
    return image


def short() -> Exemplar:
    """Return a bridge over a gap of ten rows."""
    image, mask = tracks(10), np.zeros((120, 120), bool)
    mask[50:60, 60:66] = True
    image[mask] = 0
    return collect_exemplars({"short": [Sample(image, mask, "short", None, Path("short.png"))]}, WINDOW)[0]


def test_in_binarised_pictures_a_bridge_reaches_both_sides() -> None:
    for seed in range(10):
        p = place(
            tracks(10), [short()], WINDOW, FACTOR, config(turned=False), np.random.default_rng(seed), PlacementRequest(binarised=True)
        )
        rows = np.flatnonzero(p.shape.any(1)) + p.top
        assert abs(rows[0] - 50) <= 1 and abs(rows[-1] - 59) <= 1


def test_in_binarised_pictures_a_defect_without_a_place_gives_way_to_another_or_none() -> None:
    spot = np.full((120, 120, 1), 255, np.uint8)
    mask = np.zeros((120, 120), bool)
    mask[56:63, 57:64] = True
    spot[mask] = 0
    (free,) = collect_exemplars({"short": [Sample(spot, mask, "short", None, Path("free.png"))]}, WINDOW)
    empty = np.full((120, 120, 1), 255, np.uint8)
    for seed in range(6):
        g = np.random.default_rng(seed)
        assert place(empty, [short(), free], WINDOW, FACTOR, config(), g, PlacementRequest(binarised=True)).source == "free.png"
    with pytest.raises(NoRoomError, match="looks like the surroundings"):
        place(empty, [short()], WINDOW, FACTOR, config(), np.random.default_rng(0), PlacementRequest(binarised=True))
    anywhere = np.ones((120, 120), bool)
    for wish in (
        PlacementRequest(),
        PlacementRequest(anywhere, binarised=True),
        PlacementRequest(likely=anywhere.astype(np.float32), binarised=True),
    ):
        assert place(empty, [short()], WINDOW, FACTOR, config(), np.random.default_rng(0), wish).source == "short.png", "the user said so"
