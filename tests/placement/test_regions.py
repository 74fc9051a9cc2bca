"""The user's wishes for where: what they say, and that those that cannot be met are errors before anything is drawn."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from flawsmith.core.errors import ConfigError, DataError, FlawsmithError
from flawsmith.images import files as image_files
from flawsmith.images.pixel_range import PixelRange
from flawsmith.placement import regions as module
from flawsmith.placement.regions import Foregrounds, PlaceMap, Regions, parse_box, possible_places
from flawsmith.product.background import Background, learn_background

SIZE = (20, 30)
SCALE = PixelRange(0.0, 255.0, "uint8")
Save = Callable[..., Path]


@pytest.fixture
def normals(tmp_path: Path, save_picture: Save) -> list[Path]:
    return [save_picture(tmp_path / f"normals/{name}.png", np.full(SIZE, 100.0)) for name in ("a", "b")]


def region(path: Path, columns: slice, save_picture: Save, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size)
    mask[:, columns] = 255
    save_picture(path, mask)
    return mask > 0


def box(rows: slice, columns: slice, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[rows, columns] = True
    return mask


# --region


def test_one_mask_is_for_every_normal(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    expected = region(tmp_path / "r.png", slice(3, 9), save_picture)
    regions = Regions(tmp_path / "r.png", normals)
    assert all(np.array_equal(regions[normal], expected) for normal in normals)
    assert np.array_equal(Regions(str(tmp_path / "r.png"), normals)[normals[0]], expected), "as text too"


def test_a_folder_has_a_mask_for_each_normal(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    first = region(tmp_path / "r/a.png", slice(3, 9), save_picture)
    second = region(tmp_path / "r/b_mask.png", slice(10, 12), save_picture)
    region(tmp_path / "r/c.png", slice(0, 1), save_picture, (5, 5))  # of no normal: passed over
    (tmp_path / "r/a.txt").write_text("notes")
    regions = Regions(tmp_path / "r", normals)
    assert np.array_equal(regions[normals[0]], first) and np.array_equal(regions[normals[1]], second)


def test_subfolders_tell_normals_of_one_name_apart(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    other = save_picture(tmp_path / "more/normals/a.png", np.full(SIZE, 100.0))
    first = region(tmp_path / "r/normals/a.png", slice(3, 9), save_picture)
    nearer = region(tmp_path / "r/more/normals/a_mask.png", slice(10, 12), save_picture)
    plain = region(tmp_path / "r/b.png", slice(1, 2), save_picture)
    (tmp_path / "r/normals/again").symlink_to(tmp_path / "r")
    regions = Regions(tmp_path / "r", [*normals, other])
    assert [np.array_equal(regions[one], mask) for one, mask in zip([*normals, other], (first, plain, nearer), strict=True)] == [True] * 3
    with pytest.raises(DataError, match="no mask for c.png"):
        Regions(tmp_path / "r", [save_picture(tmp_path / "else/c.png", np.full(SIZE, 100.0))])


def test_unusable_regions_are_errors_before_anything_is_drawn(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    region(tmp_path / "small/a.png", slice(3, 9), save_picture, (19, 30))
    region(tmp_path / "empty/a.png", slice(0, 0), save_picture)
    region(tmp_path / "one/a.png", slice(3, 9), save_picture)
    for name in ("a.png", "a.bmp", "b.png"):
        region(tmp_path / f"two/{name}", slice(3, 9), save_picture)
    (tmp_path / "text.png").write_text("not a picture")
    for name, message in {
        "none": "there is no such file or folder",
        "small/a.png": "is 30x19 but a.png is 30x20; they must be of one size",
        "empty/a.png": "is empty; mark",
        "one": "has no mask for b.png; expected b.png or b_mask.png",
        "two": "has 2 masks for a.png, a.bmp and a.png; remove all but one",
        "text.png": "text.png",
    }.items():
        with pytest.raises(FlawsmithError, match=message):
            Regions(tmp_path / name, normals)


def test_one_mask_is_read_once_and_pictures_not_at_all(
    tmp_path: Path, normals: list[Path], save_picture: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    region(tmp_path / "r.png", slice(3, 9), save_picture)
    read: list[Path] = []

    def noting(reader: Callable[[Path], np.ndarray]) -> Callable[[Path], np.ndarray]:
        def note(path: Path) -> np.ndarray:
            read.append(path)
            return reader(path)

        return note

    for name in ("read_mask", "read_image"):
        monkeypatch.setattr(module, name, noting(getattr(image_files, name)))
    Regions(tmp_path / "r.png", normals)
    assert read == [tmp_path / "r.png"]
    Regions("rect:1,1,2,2", normals)
    PlaceMap(tmp_path / "r.png", normals)
    assert read == 2 * [tmp_path / "r.png"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rect:3,2,5,4", box(slice(2, 6), slice(3, 8))),
        ("rect:10%,20%,30%,10%", box(slice(4, 6), slice(3, 12))),
        ("RECT: 10% , 4, 30% ,2", box(slice(4, 6), slice(3, 12))),
        ("rect:2.6,0,1.8,20", box(slice(0, 20), slice(3, 4))),
        ("rect:-4,-2,10,5", box(slice(0, 3), slice(0, 6))),
        ("rect:25,15,50%,100%", box(slice(15, 20), slice(25, 30))),
        ("rect:7,7,0.1%,0.1%", box(slice(7, 8), slice(7, 8))),
        ("ellipse:3,2,1,1", box(slice(2, 3), slice(3, 4))),
        ("ellipse:0,0,2,2", box(slice(0, 2), slice(0, 2))),
    ],
)
def test_a_box_by_numbers(normals: list[Path], text: str, expected: np.ndarray) -> None:
    assert np.array_equal(Regions(text, normals)[normals[0]], expected)


@pytest.mark.parametrize(("x", "y", "width", "height"), [(4, 3, 21, 13), (-10, -4, 30, 20), (10, 5, 40, 11)])
def test_an_ellipse_is_what_lies_in_it(normals: list[Path], x: int, y: int, width: int, height: int) -> None:
    found = Regions(f"ellipse:{x},{y},{width},{height}", normals)[normals[0]]
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    expected = ((columns - x - width / 2) / (width / 2)) ** 2 + ((rows - y - height / 2) / (height / 2)) ** 2 <= 1
    assert found.dtype == bool and np.array_equal(found, expected)


def test_percent_are_of_each_picture(tmp_path: Path, save_picture: Save) -> None:
    normals = [save_picture(tmp_path / f"n/{h}.png", np.zeros((h, 2 * h))) for h in (10, 100)]
    regions = Regions("rect:50%,0,50%,10%", normals)
    assert np.array_equal(regions[normals[0]], box(slice(0, 1), slice(10, 20), (10, 20)))
    assert np.array_equal(regions[normals[1]], box(slice(0, 10), slice(100, 200), (100, 200)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rect:1,2,3", "got 3 numbers; expected rect:X,Y,W,H .*for example rect:10%,20%,30%,10%"),
        ("rect:", "got 0 numbers"),
        ("ellipse:1,2,3,4,5", "got 5 numbers; expected ellipse:X,Y,W,H"),
        ("rect:1,b,3,4", "got 'b' for Y"),
        ("rect:1,2,3px,4", "got '3px' for W"),
        ("rect:1,,3,4", "got '' for Y"),
        ("rect:1,2,0,4", "got 0 for W, which must be above 0"),
        ("rect:1,2,3,-4%", "got -4% for H, which must be above 0"),
    ],
)
def test_numbers_that_are_no_box(normals: list[Path], text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Regions(text, normals)


@pytest.mark.parametrize("text", ["rect:30,0,5,5", "rect:0,100%,5,5", "rect:-5,0,5,5", "rect:0,-9,5,9", "ellipse:-20,-20,24,24"])
def test_a_box_outside_the_picture_names_its_size(normals: list[Path], text: str) -> None:
    with pytest.raises(DataError, match=r"lies outside a.png, which is 30x20 \(columns 0 to 29, rows 0 to 19\)"):
        Regions(text, normals)


def test_a_box_must_lie_in_the_smallest_picture_too(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    small = save_picture(tmp_path / "small.png", np.zeros((8, 8)))
    with pytest.raises(DataError, match="lies outside small.png, which is 8x8"):
        Regions("rect:9,9,5,5", [*normals, small])


def test_other_texts_are_no_box() -> None:
    assert parse_box("rectangles/mask.png") is None and parse_box("masks") is None


# --place-map


def test_a_place_map_reaches_one_at_its_brightest(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    grey = np.zeros(SIZE)
    grey[5, 5:8] = (50, 100, 200)
    for dtype in ("uint8", "uint16"):
        path = save_picture(tmp_path / f"{dtype}.png", grey, dtype)
        likely = PlaceMap(path, normals)[normals[1]]
        assert likely.dtype == np.float32 and likely.shape == SIZE
        assert likely[5, 5:8] == pytest.approx((0.25, 0.5, 1.0), abs=0.001) and np.count_nonzero(likely) == 3


def test_a_folder_has_a_place_map_for_each_normal(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    region(tmp_path / "m/a.png", slice(3, 9), save_picture)
    second = region(tmp_path / "m/b_mask.png", slice(10, 12), save_picture)
    assert np.array_equal(PlaceMap(tmp_path / "m", normals)[normals[1]], second.astype(np.float32))


def test_a_small_place_map_is_enlarged_and_its_zeros_stay_zeros(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    path = save_picture(tmp_path / "m.png", np.array([[0, 100, 200], [0, 100, 100]]))
    likely = PlaceMap(path, normals)[normals[0]]
    assert likely.shape == SIZE and likely.max() == 1
    assert (likely[:, :10] == 0).all() and (likely[:, 10:] > 0).all()
    assert likely[0, 15] == pytest.approx(0.5, abs=0.06) and 0.55 < likely[0, 20] < 0.95, "with a smooth passage"


def test_a_large_place_map_is_reduced_by_area(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    fine = np.zeros((200, 300))
    fine[40:50, 30:40], fine[100:105, 100:110] = 200, 200  # one pixel of the normal, and half of one
    fine[0, 299] = 200  # a hundredth
    likely = PlaceMap(save_picture(tmp_path / "m.png", fine), normals)[normals[0]]
    assert likely[4, 3] == 1 and likely[10, 10] == pytest.approx(0.5) and likely[0, 29] == pytest.approx(0.01)
    assert np.count_nonzero(likely) == 3


def test_grey_stored_as_colour_is_grey_and_alpha_says_nothing(tmp_path: Path, normals: list[Path]) -> None:
    grey = np.tile(np.arange(30, dtype=np.uint8), (20, 1))
    planes = [grey, grey, grey, 255 - grey]
    assert cv2.imwrite(str(tmp_path / "m.png"), np.stack(planes, axis=-1))
    assert PlaceMap(tmp_path / "m.png", normals)[normals[0]][0] == pytest.approx(np.arange(30) / 29)


def test_unusable_place_maps_are_errors_before_anything_is_drawn(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    save_picture(tmp_path / "black.png", np.zeros(SIZE))
    save_picture(tmp_path / "square.png", np.full((20, 20), 9))
    save_picture(tmp_path / "colour.png", np.full(SIZE, 90), channels=3)
    save_picture(tmp_path / "one/a.png", np.full(SIZE, 9))
    for name, message in {
        "none": "--place-map .*there is no such file or folder; expected a map, or a folder with a map per picture",
        "black.png": "black.png: is black; expected a grey picture, brighter where defects are likelier",
        "square.png": "is 20x20 but a.png is 30x20; a map needs its picture's ratio of width to height, at most 2% off",
        "colour.png": "is in colour; expected a grey picture",
        "one": "has no map for b.png",
    }.items():
        with pytest.raises(DataError, match=message):
            PlaceMap(tmp_path / name, normals)


def test_a_place_map_may_be_two_percent_off(tmp_path: Path, save_picture: Save) -> None:
    normal = save_picture(tmp_path / "n.png", np.zeros((300, 400)))
    assert PlaceMap(save_picture(tmp_path / "near.png", np.full((76, 100), 9)), [normal])[normal].shape == (300, 400)
    with pytest.raises(DataError, match="at most 2% off"):
        PlaceMap(save_picture(tmp_path / "far.png", np.full((77, 100), 9)), [normal])


# --foreground


def disc(i: int) -> np.ndarray:
    """Return a picture (80, 100, 1) of a dark disc on a bright background."""
    mask = cv2.circle(np.zeros((80, 100), np.uint8), (45 + i, 40), 20, 1, -1)
    return np.where(mask > 0, 60, 200).astype(np.uint8)[..., None]


@pytest.fixture(scope="module")
def background() -> Background:
    found = learn_background([disc(i) for i in range(4)], SCALE)
    assert found is not None
    return replace(found, reaches={"dent": 0.0, "chip": 0.05, "dust": 0.3}, extents={"dent": 0.05, "chip": 0.0, "dust": 0.3})


def test_the_users_masks_hold_for_every_defect(tmp_path: Path, normals: list[Path], save_picture: Save, background: Background) -> None:
    first = region(tmp_path / "f/a.png", slice(3, 9), save_picture)
    region(tmp_path / "f/b.png", slice(10, 12), save_picture)
    objects = Foregrounds(tmp_path / "f", background, SCALE, normals)
    assert objects.given
    for defect in ("dent", "dust", "unknown"):
        found = objects.mask_for(normals[0], np.zeros((*SIZE, 1), np.uint8), defect)
        assert found is not None and np.array_equal(found, first)


def test_the_learned_object_holds_for_the_defects_that_were_on_it(background: Background) -> None:
    objects = Foregrounds(None, background, SCALE, [])
    image = disc(7)
    on, near = (objects.mask_for(Path("a.png"), image, defect) for defect in ("dent", "chip"))
    assert not objects.given and on is not None and near is not None
    assert on.shape == image.shape[:2] and (on & ~near).sum() == 0
    assert on[40, 52] and not on[40, 77] and near[40, 75] and not near[40, 82], "the chip may be five pixels beside it"
    assert objects.mask_for(Path("a.png"), image, "dust") is None and objects.mask_for(Path("a.png"), image, "unknown") is None


def test_the_pixels_of_a_defect_go_no_farther_from_the_learned_object_than_real_ones(
    tmp_path: Path, normals: list[Path], save_picture: Save, background: Background
) -> None:
    objects = Foregrounds(None, background, SCALE, [])
    far, near = (objects.extent_for(disc(7), defect) for defect in ("dent", "chip"))
    assert far is not None and near is not None
    assert far[40, 75] and not far[40, 82] and near[40, 70] and not near[40, 75]
    assert objects.extent_for(disc(7), "dust") is None and objects.extent_for(disc(7), "unknown") is None, "they are not bound to it"
    for name in "ab":
        region(tmp_path / f"f/{name}.png", slice(3, 9), save_picture)
    assert Foregrounds(tmp_path / "f", background, SCALE, normals).extent_for(disc(7), "chip") is None, "the user's masks are for centres"


def test_without_masks_and_background_defects_may_be_anywhere() -> None:
    assert Foregrounds(None, None, SCALE, []).extent_for(disc(0), "dent") is None
    assert Foregrounds(None, None, SCALE, []).mask_for(Path("a.png"), disc(0), "dent") is None


def test_unusable_foregrounds_are_errors_before_anything_is_drawn(tmp_path: Path, normals: list[Path], save_picture: Save) -> None:
    region(tmp_path / "small/a.png", slice(3, 9), save_picture)
    region(tmp_path / "small/b.png", slice(3, 9), save_picture, (19, 30))
    region(tmp_path / "empty/a.png", slice(3, 9), save_picture)
    region(tmp_path / "empty/b.png", slice(0, 0), save_picture)
    region(tmp_path / "one/a.png", slice(3, 9), save_picture)
    for name, message in {
        "none": "--foreground .*there is no such file or folder",
        "one/a.png": "is a file; expected a folder",
        "small": "b.png: is 30x19 but b.png is 30x20",
        "empty": "b.png: is empty; mark .255. where the object is",
        "one": "has no mask for b.png",
    }.items():
        with pytest.raises(DataError, match=message):
            Foregrounds(tmp_path / name, None, SCALE, normals)


# all of them together

LEFT, RIGHT, TOP = box(slice(None), slice(0, 20)), box(slice(None), slice(20, 30)), box(slice(0, 5), slice(None))


def test_a_defect_may_be_where_all_wishes_meet() -> None:
    likely = TOP.astype(np.float32) / 3
    assert possible_places(Path("a.png"), None, None, None, False) is None
    for given in (True, False):
        found = possible_places(Path("a.png"), LEFT, likely, LEFT, given)
        assert found is not None and np.array_equal(found, LEFT & TOP)
        only = possible_places(Path("a.png"), None, None, TOP, given)
        assert only is not None and np.array_equal(only, TOP)


def test_the_users_own_wishes_must_meet() -> None:
    with pytest.raises(DataError, match="a.png: --region and --foreground have no pixel in common"):
        possible_places(Path("a.png"), LEFT, None, RIGHT, True)
    with pytest.raises(DataError, match="a.png: --region and --place-map have no pixel in common"):
        possible_places(Path("a.png"), LEFT, RIGHT.astype(np.float32), None, False)


def test_what_was_learned_gives_way_to_the_user() -> None:
    found = possible_places(Path("a.png"), LEFT, None, RIGHT, False)
    assert found is not None and np.array_equal(found, LEFT)
    assert possible_places(Path("a.png"), None, None, np.zeros(SIZE, bool), False) is None
