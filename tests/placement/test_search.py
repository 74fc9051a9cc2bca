"""Where defects go: inside window, picture and the user's region, near what real ones were near, the same for the same generator."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placing import FACTOR, HOW, SHAPES, WINDOW, config, disc, example, region_in_picture, surface

from flawsmith.config.schema import Config
from flawsmith.core.errors import DataError, NoRoomError
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import Box, bounding_box, distance_outside, grow
from flawsmith.placement.canvas import FILL
from flawsmith.placement.request import PlacementRequest
from flawsmith.placement.search import place, place_cost
from flawsmith.placement.shapes import parse_size
from flawsmith.product.exemplars import Exemplar, collect_exemplars


@settings(max_examples=60, deadline=None)
@given(
    st.integers(10, 150),
    st.integers(10, 150),
    st.integers(0, 10**6),
    st.sampled_from(HOW),
    st.sampled_from(sorted(SHAPES)),
    st.integers(1, 3),
)
def test_the_region_lies_on_the_canvas_and_in_the_picture(height: int, width: int, seed: int, how: str, shape: str, canvas: int) -> None:
    p = place(surface((height, width)), [example(SHAPES[shape])], WINDOW, FACTOR, config(how, canvas=canvas), np.random.default_rng(seed))
    assert p.region.dtype == bool and p.shape.any() and p.source == "a.png" and p.side is None
    assert p.shape.shape == p.region.shape and not (p.shape & ~p.region).any()
    region_in_picture(p, (height, width))
    for corner, length, side in zip((p.top, p.left), (height, width), p.region.shape, strict=True):
        assert side % FACTOR == 0 and WINDOW <= side <= canvas * WINDOW
        if length >= side:
            assert 0 <= corner <= length - side, "a canvas shows the picture where it can"
        else:
            assert corner == (length - side) // 2


def test_the_region_has_room_for_the_halo() -> None:
    bare, haloed = (
        place(
            surface((200, 300)), [example(disc())], WINDOW, FACTOR, config("uniform"), np.random.default_rng(3), PlacementRequest(halo=by)
        )
        for by in (0, 5)
    )
    assert np.array_equal(bare.shape, haloed.shape) and (bare.top, bare.left) == (haloed.top, haloed.left)
    assert (grow(bare.region, 4) & ~haloed.region).sum() == 0 and haloed.region.sum() > bare.region.sum()


def test_a_canvas_is_a_window_for_a_small_defect_and_larger_for_a_large_one() -> None:
    image = surface((200, 300))
    for seed in range(9):
        p = place(image, [example(disc())], WINDOW, FACTOR, config("uniform"), np.random.default_rng(seed))
        assert p.region.shape == (WINDOW, WINDOW)
    for seed in range(9):
        p = place(image, [example(SHAPES["large"])], WINDOW, FACTOR, config("uniform", turned=False), np.random.default_rng(seed))
        box = bounding_box(p.shape)
        assert WINDOW < p.region.shape[0] < p.region.shape[1] <= 4 * WINDOW, "as wide and as high as it needs"
        assert box.height <= FILL * p.region.shape[0] + 1 and box.width <= FILL * p.region.shape[1] + 1, "with room around it"
    p = place(image, [example(SHAPES["large"])], WINDOW, FACTOR, config("uniform", canvas=1), np.random.default_rng(0))
    assert p.region.shape == (WINDOW, WINDOW) and bounding_box(p.shape).side <= FILL * WINDOW + 1


@pytest.mark.parametrize(("asked", "reached"), [(12, 12), (40, 40), (90, 90), (500, FILL * 4 * WINDOW)])
def test_a_size_asked_for_is_reached_up_to_the_largest_canvas(asked: int, reached: float) -> None:
    for seed in range(8):
        wish = PlacementRequest(size=parse_size(f"{asked}px"))
        p = place(surface((300, 400)), [example(disc(8))], WINDOW, FACTOR, config("uniform"), np.random.default_rng(seed), wish)
        assert p.side == asked and abs(bounding_box(p.shape).side - reached) <= max(1.5, 0.1 * reached)


@pytest.mark.parametrize("how", HOW)
def test_the_same_generator_gives_the_same_place(how: str) -> None:
    image, examples = surface((100, 120)), [example(disc()), example(SHAPES["line"])]
    first, second, other = (place(image, examples, WINDOW, FACTOR, config(how), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first.top, first.left) == (second.top, second.left) and np.array_equal(first.region, second.region)
    assert (first.top, first.left) != (other.top, other.left) or not np.array_equal(first.region, other.region)


@pytest.mark.usefixtures("untouched_generators")
def test_placing_touches_no_global_generator() -> None:
    place(surface((60, 60)), [example(disc())], WINDOW, FACTOR, config(), np.random.default_rng(0))


def test_all_examples_are_used() -> None:
    examples = [dataclasses.replace(example(disc()), source=f"{i}.png") for i in range(3)]
    sources = {place(surface((60, 60)), examples, WINDOW, FACTOR, config("uniform"), np.random.default_rng(i)).source for i in range(40)}
    assert sources == {"0.png", "1.png", "2.png"}


def centres(image: np.ndarray, examples: list[Exemplar], conf: Config, count: int = 40) -> np.ndarray:
    """Return the centres (count, 2) of the regions that are proposed."""
    found = []
    for i in range(count):
        p = place(image, examples, WINDOW, FACTOR, conf, np.random.default_rng(i))
        found.append(np.argwhere(region_in_picture(p, image.shape[:2])).mean(0))
    return np.array(found)


def test_by_position_defects_go_where_real_ones_were() -> None:
    image, examples = surface((200, 300)), [example(disc(), (0.25, 0.8))]
    near = centres(image, examples, config("position")) / (200, 300)
    assert np.abs(near.mean(0) - (0.25, 0.8)).max() < 0.05 and np.abs(near - (0.25, 0.8)).max() < 0.25
    anywhere = centres(image, examples, config("uniform")) / (200, 300)
    assert (anywhere.std(0) > 0.2).all() and (anywhere.min(0) < 0.2).all() and (anywhere.max(0) > 0.8).all()


def test_by_context_defects_go_to_a_planted_place_that_looks_alike() -> None:
    # A bright seam runs down the picture at column 61; the real defect sat on such a seam, though elsewhere in its picture.
    image = surface((120, 160)).copy()
    image[:, 58:65] = 220
    real, mask = surface((120, 160), 1).copy(), np.zeros((120, 160), bool)
    real[:, 118:125] = 220
    mask[56:65, 117:126] = True
    examples = collect_exemplars({"dent": [Sample(real, mask, "dent", None, Path("a.png"))]}, WINDOW)
    found = centres(image, examples, config(turned=False))
    on = np.abs(found[:, 1] - 61) <= 4
    assert on.mean() > 0.7, "on the seam"
    assert found[on, 0].std() > 10, "anywhere along it"
    assert (np.abs(centres(image, examples, config("uniform"))[:, 1] - 61) <= 4).mean() < 0.2, "which chance does not find"


def test_the_context_of_a_place_itself_costs_least() -> None:
    g = np.random.default_rng(0)
    image = g.integers(0, 4000, (60, 70, 3)).astype(np.uint16)
    mask = np.zeros((60, 70), bool)
    mask[30:35, 40:44] = True
    (e,) = collect_exemplars({"dent": [Sample(image, mask, "dent", None, Path("a.png"))]}, WINDOW)
    spots = np.argwhere(np.ones(image.shape[:2], bool))
    cost = place_cost(image, e.image, e.mask, spots)
    assert cost.shape == (len(spots),) and (cost >= 0).all()
    assert tuple(spots[cost.argmin()]) == (32, 42) and cost.min() == pytest.approx(0)
    brighter = (image + 500).astype(np.uint16)
    assert tuple(spots[place_cost(brighter, e.image, e.mask, spots).argmin()]) == (32, 42), "under another exposure too"


def test_places_over_the_border_cost_more_than_a_plain_surface() -> None:
    flat = np.full((60, 60, 1), 100, np.uint8)
    e = dataclasses.replace(example(disc()), image=flat[:WINDOW, :WINDOW])
    cost = place_cost(flat, e.image, e.mask, np.array([[30, 30], [1, 30], [30, 59], [0, 0]]))
    assert cost[0] == 0 and (cost[1:] > 0).all() and cost[3] > cost[1]


def test_the_halo_of_a_defect_is_none_of_its_surroundings() -> None:
    """A dark area with soft borders on a bright surface looks, close around its label, like a place in the dark."""
    side, halo = 48, 7
    rows, columns = np.ogrid[:side, :side]
    mask = (rows - side // 2) ** 2 + (columns - side // 2) ** 2 <= 16
    soft = np.clip(1 - distance_outside(mask) / (halo + 6), 0, 1)[..., None]
    picture = (200 - 180 * soft).astype(np.uint8)
    image = np.full((100, 200, 1), 200, np.uint8)
    image[:, 100:] = 120
    spots = np.array([[50, 40], [50, 160]])  # in the bright and in the dark
    near, beyond = (place_cost(image, picture, mask, spots, even=0.0, halo=h) for h in (0, halo))
    assert near.argmin() == 1 and beyond.argmin() == 0 and 0 < beyond[0] < 0.5 * beyond[1]

    one = [dataclasses.replace(example(disc()), image=picture, mask=mask)]
    how, bright = config(turned=False), []
    for wish in (PlacementRequest(), PlacementRequest(halo=halo)):
        found = [place(image, one, side, FACTOR, how, np.random.default_rng(seed), wish) for seed in range(12)]
        bright.append(np.mean([p.left + np.nonzero(p.shape)[1].mean() < 100 for p in found]))
    assert bright[0] < 0.2 and bright[1] > 0.8


@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_no_part_of_the_context(channels: int) -> None:
    g = np.random.default_rng(0)
    image, spots = np.repeat(surface((60, 60)), channels, axis=2), np.array([[30, 30], [5, 50], [40, 12]])
    e = dataclasses.replace(example(disc()), image=image[:WINDOW, :WINDOW])
    plain = place_cost(image, e.image, e.mask, spots)
    picture, own = (np.concatenate([a, g.integers(0, 256, (*a.shape[:2], 1), dtype=np.uint8)], axis=2) for a in (image, e.image))
    for there, here in ((picture, e.image), (image, own), (picture, own)):
        assert np.array_equal(place_cost(there, here, e.mask, spots), plain)


@pytest.mark.parametrize("how", HOW)
def test_the_users_region_is_respected(how: str) -> None:
    allowed = np.zeros((120, 160), bool)
    allowed[20:100, 90:110] = True
    regions = []
    for seed in range(20):
        p = place(
            surface((120, 160)), [example(disc())], WINDOW, FACTOR, config(how), np.random.default_rng(seed), PlacementRequest(allowed)
        )
        region = region_in_picture(p, allowed.shape)
        assert region.any() and not (region & ~allowed).any()
        regions.append(region)
    assert len({r.tobytes() for r in regions}) > 10, "a large region is used here and there"


@pytest.mark.parametrize("width", [14, 20, 28])  # up to nine tenths of the window
def test_a_region_that_fits_the_window_is_taken_as_it_is(width: int) -> None:
    allowed = np.zeros((120, 160), bool)
    allowed[100:110, 160 - width :] = True  # at the border
    allowed[104, 150] = False
    for seed in range(5):
        p = place(surface((120, 160)), [example(disc())], WINDOW, FACTOR, config(), np.random.default_rng(seed), PlacementRequest(allowed))
        assert np.array_equal(region_in_picture(p, allowed.shape), allowed)


def test_a_region_in_a_picture_smaller_than_the_window() -> None:
    allowed = np.zeros((20, 24), bool)
    allowed[5:15, 3:12] = True
    p = place(surface((20, 24)), [example(disc())], WINDOW, FACTOR, config(), np.random.default_rng(0), PlacementRequest(allowed))
    assert np.array_equal(region_in_picture(p, allowed.shape), allowed)


@pytest.mark.parametrize("how", HOW)
def test_a_region_of_far_dots_is_met_even_by_a_hollow_defect(how: str) -> None:
    ring = cv2.circle(np.zeros((17, 17), np.uint8), (8, 8), 8, 1, 1).astype(bool)
    allowed = np.zeros((120, 160), bool)
    allowed[10, 10] = allowed[100, 150] = True
    for seed in range(10):
        p = place(surface((120, 160)), [example(ring)], WINDOW, FACTOR, config(how), np.random.default_rng(seed), PlacementRequest(allowed))
        region = region_in_picture(p, allowed.shape)
        assert region.any() and not (region & ~allowed).any()
        assert p.shape.any(), "the dot is the shape where the defect goes around it"


def test_a_small_region_is_given_whole_but_for_the_defects_it_has() -> None:
    allowed, full = np.zeros((120, 160), bool), np.zeros((120, 160), bool)
    allowed[50:78, 60:88] = True
    full[48:60, 58:70] = True  # the box and two pixels around it
    for seed in range(20):
        wish = PlacementRequest(allowed, taken=[Box(50, 60, 8, 8)])
        try:
            p = place(surface((120, 160)), [example(disc(2))], WINDOW, FACTOR, config(), np.random.default_rng(seed), wish)
        except NoRoomError:
            continue
        assert np.array_equal(region_in_picture(p, allowed.shape), allowed & ~full)


def test_a_large_region_holds_a_defect_larger_than_the_window() -> None:
    allowed = np.zeros((200, 300), bool)
    allowed[30:170, 40:260] = True
    for seed in range(8):
        p = place(
            surface((200, 300)),
            [example(SHAPES["large"])],
            WINDOW,
            FACTOR,
            config(),
            np.random.default_rng(seed),
            PlacementRequest(allowed),
        )
        region = region_in_picture(p, allowed.shape)
        assert region.any() and not (region & ~allowed).any() and max(p.region.shape) > WINDOW


def test_a_defect_in_a_small_region_is_no_larger_than_the_region() -> None:
    allowed = np.zeros((200, 300), bool)
    allowed[100:120, 100:120] = True
    for seed in range(8):
        p = place(
            surface((200, 300)),
            [example(SHAPES["large"])],
            WINDOW,
            FACTOR,
            config(),
            np.random.default_rng(seed),
            PlacementRequest(allowed),
        )
        assert p.region.shape == (WINDOW, WINDOW) and 0 < bounding_box(p.shape).side <= 17


@pytest.mark.parametrize("how", HOW)
def test_pixels_lie_within_their_extent_and_places_are_preferred_where_little_is_cut_off(how: str) -> None:
    within, extent = np.zeros((120, 160), bool), np.zeros((120, 160), bool)
    within[20:100, 20:140] = extent[20:100, 20:140] = True
    whole = 0
    for seed in range(20):
        wish = PlacementRequest(within=within, extent=extent)
        p = place(surface((120, 160)), [example(SHAPES["line"])], WINDOW, FACTOR, config(how), np.random.default_rng(seed), wish)
        assert not (region_in_picture(p, extent.shape) & ~extent).any() and p.shape.any()
        free = place(
            surface((120, 160)),
            [example(SHAPES["line"])],
            WINDOW,
            FACTOR,
            config(how),
            np.random.default_rng(seed),
            PlacementRequest(within=within),
        )
        whole += p.shape.sum() >= 0.9 * free.shape.sum()
    assert whole >= 15, "most defects lie where nothing of them is lost"


@pytest.mark.parametrize("how", HOW)
def test_an_extent_that_leaves_nothing_of_a_defect_gives_way(how: str) -> None:
    within, extent = np.zeros((120, 160), bool), np.zeros((120, 160), bool)
    within[40:60, 40:60] = extent[110:, 150:] = True
    for seed in range(5):
        wish = PlacementRequest(within=within, extent=extent)
        p = place(surface((120, 160)), [example(disc())], WINDOW, FACTOR, config(how), np.random.default_rng(seed), wish)
        assert p.shape.any() and not (region_in_picture(p, extent.shape) & extent).any()


@pytest.mark.parametrize("how", HOW)
def test_centres_lie_within_what_is_allowed_and_likely(how: str) -> None:
    image = surface((120, 160))
    within, likely = np.zeros((120, 160), bool), np.zeros((120, 160), np.float32)
    within[:, 80:] = True
    likely[20:100, 20:140] = 1
    for seed in range(20):
        p = place(
            image,
            [example(disc(3))],
            WINDOW,
            FACTOR,
            config(how),
            np.random.default_rng(seed),
            PlacementRequest(within=within, likely=likely),
        )
        row, column = np.argwhere(region_in_picture(p, (120, 160))).mean(0)
        assert 18 <= row <= 102 and 78 <= column <= 142
    with pytest.raises(DataError, match="--region, --place-map and --foreground leave no place"):
        place(
            image,
            [example(disc())],
            WINDOW,
            FACTOR,
            config(how),
            np.random.default_rng(0),
            PlacementRequest(within=within, likely=likely * ~within),
        )


def test_every_picture_s_defect_comes_as_often_and_its_larger_parts_more() -> None:
    whole = dataclasses.replace(example(disc(6)), source="whole.png")
    shapes = (disc(4), 70), (disc(1), 5), (disc(1), 5)
    parts = [dataclasses.replace(example(shape), source="parts.png", area=area) for shape, area in shapes]
    taken = {"whole.png": 0, "parts.png": 0}
    large = 0
    for seed in range(120):
        p = place(surface((80, 80)), [*parts, whole], WINDOW, FACTOR, config("uniform"), np.random.default_rng(seed))
        taken[p.source] += 1
        large += p.source == "parts.png" and p.shape.sum() > 20
    assert 40 <= taken["whole.png"] <= 80, "half of them, though it is one of four"
    assert large >= 0.7 * taken["parts.png"], "seven eighths"


def test_how_many_are_near_real_ones_can_be_said() -> None:
    image, examples = surface((200, 300)), [example(disc(), (0.2, 0.2))]
    near = [
        place(image, examples, WINDOW, FACTOR, config("uniform"), np.random.default_rng(i), PlacementRequest(near=1.0)) for i in range(20)
    ]
    assert max(abs(p.top + WINDOW / 2 - 40) for p in near) < 40 and max(abs(p.left + WINDOW / 2 - 60) for p in near) < 60
    far = [
        place(image, examples, WINDOW, FACTOR, config("position"), np.random.default_rng(i), PlacementRequest(near=0.0)) for i in range(20)
    ]
    assert np.std([p.left for p in far]) > 50


@pytest.mark.parametrize("how", HOW)
def test_a_second_defect_keeps_off_the_first(how: str) -> None:
    size, taken = (100, 120), [Box(20, 20, 30, 30), Box(60, 70, 10, 40)]
    full = np.zeros(size, bool)
    for box in taken:
        full[box.top - 2 : box.top + box.height + 2, box.left - 2 : box.left + box.width + 2] = True
    found = 0
    for seed in range(40):
        try:
            p = place(
                surface(size), [example(disc())], WINDOW, FACTOR, config(how), np.random.default_rng(seed), PlacementRequest(taken=taken)
            )
        except NoRoomError:
            continue
        found += 1
        assert not (region_in_picture(p, size) & full).any()
        box = bounding_box(p.shape)
        for other in taken:
            gaps = (
                p.top + box.top - (other.top + other.height),
                other.top - (p.top + box.top + box.height),
                p.left + box.left - (other.left + other.width),
                other.left - (p.left + box.left + box.width),
            )
            assert max(gaps) >= 7
    assert found >= 20


@pytest.mark.parametrize("how", HOW)
def test_a_full_picture_has_no_room(how: str) -> None:
    for taken in ([Box(0, 0, 60, 60)], [Box(10, 10, 40, 40)]):
        with pytest.raises(NoRoomError, match="no place is left for one more defect"):
            place(
                surface((60, 60)), [example(disc())], WINDOW, FACTOR, config(how), np.random.default_rng(0), PlacementRequest(taken=taken)
            )
    assert issubclass(NoRoomError, DataError)


def test_without_others_there_is_always_room() -> None:
    place(surface((10, 12)), [example(SHAPES["large"])], WINDOW, FACTOR, config(), np.random.default_rng(0))


def test_a_picture_smaller_than_the_window_lies_in_the_middle_of_the_canvas() -> None:
    for seed in range(8):
        p = place(surface((20, 24)), [example(disc())], WINDOW, FACTOR, config(), np.random.default_rng(seed))
        assert (p.top, p.left) == (-6, -4) and p.region.shape == (WINDOW, WINDOW)
        assert not p.region[:6].any() and not p.region[26:].any() and not p.region[:, :4].any() and not p.region[:, 28:].any()
