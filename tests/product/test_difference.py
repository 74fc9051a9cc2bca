"""What a picture has that its normals have not: on things that lie alike, and on surfaces that lie differently each time."""

import cv2
import numpy as np
import pytest

from flawsmith.product.difference import SEEN, brought_onto, difference, nearest, small
from flawsmith.product.inside import inside_box

SIZE = (120, 160)


def part(rng: np.random.Generator, shift: tuple[float, float] = (0, 0), turn: float = 0.0) -> np.ndarray:
    """Return a grey part (H, W, 1) uint8 with edges and holes, moved and turned."""
    board = np.full(SIZE, 50, np.uint8)
    cv2.rectangle(board, (30, 30), (130, 90), 170, -1)
    cv2.circle(board, (60, 60), 12, 90, -1)
    cv2.rectangle(board, (90, 45), (115, 60), 120, -1)
    matrix = cv2.getRotationMatrix2D((80, 60), turn, 1)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(board, matrix, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
    return noisy(rng, moved)


def noisy(rng: np.random.Generator, board: np.ndarray) -> np.ndarray:
    return np.clip(board + rng.normal(0, 2, board.shape), 0, 255).astype(np.uint8)[..., None]


def cloth(rng: np.random.Generator) -> np.ndarray:
    """Return a coloured surface (H, W, 3) uint8 that lies differently each time."""
    clouds = sum(cv2.GaussianBlur(rng.normal(0, scale * 12, SIZE), (0, 0), scale) for scale in (1, 3))
    return np.clip(np.stack([130 + clouds, 100 + clouds, 80 + clouds], 2), 0, 255).astype(np.uint8)


def test_a_normal_is_brought_onto_a_picture() -> None:
    rng = np.random.default_rng(0)
    image, normal = part(rng, (4, -3), 2), part(rng)
    before, after = (float(np.abs(image.astype(int) - each).mean()) for each in (normal, brought_onto(normal, image)))
    assert before > 6 and after < 3.5


@pytest.mark.parametrize("value", [75, 185])
def test_what_a_part_has_that_others_have_not(value: int) -> None:
    rng = np.random.default_rng(1)
    normals = [part(rng, (rng.uniform(-2, 2), rng.uniform(-2, 2)), rng.uniform(-1, 1)) for _ in range(5)]
    image = part(rng, (1, 1), 0.5)
    calm = difference(image, normals)
    assert calm.aligned and (calm.values >= SEEN).mean() < 0.004
    spot = np.zeros(SIZE, bool)
    spot[70:80, 40:55] = True
    found = difference(np.where(spot[..., None], noisy(rng, np.full(SIZE, value)), image), normals)
    seen = found.values >= SEEN
    assert (seen & spot).sum() > 0.9 * spot.sum() and (seen & ~spot).sum() < 0.5 * spot.sum()


def test_what_a_surface_has_that_others_have_not() -> None:
    rng = np.random.default_rng(2)
    normals, image = [cloth(rng) for _ in range(5)], cloth(rng)
    calm = difference(image, normals)
    assert not calm.aligned and (calm.values >= SEEN).mean() < 0.02
    spot = np.zeros(SIZE, np.uint8)
    cv2.ellipse(spot, (90, 60), (18, 12), 0, 0, 360, 1, -1)
    even = np.where(spot[..., None] > 0, np.array([130, 100, 80], np.uint8), image)  # as bright as all else, and without its clouds
    seen = difference(even, normals).values >= SEEN
    assert (seen & (spot > 0)).sum() > 0.5 * spot.sum() and (seen & (spot == 0)).mean() < 0.03


def test_the_most_alike_are_found() -> None:
    rng = np.random.default_rng(3)
    normals = np.stack([small(part(rng, (0, 0), turn)) for turn in (0, 10, 20, 90, 180)])
    assert nearest(small(part(rng, (0, 0), 11)), normals, 3)[0] == 1
    assert nearest(small(np.zeros((4, 4, 3), np.uint8)), normals, 9) == [0, 1, 2, 3, 4]  # of an even one nothing can be told


@pytest.mark.parametrize("box", [(25, 15, 60, 45), (30, 20, 50, 40), (0, 0, 160, 120), (40, 25, 41, 26)])
def test_what_stands_out_in_a_box(box: tuple[int, int, int, int]) -> None:
    rng = np.random.default_rng(4)
    disc = cv2.circle(np.zeros(SIZE, np.uint8), (40, 30), 9, 1, -1)
    image = noisy(rng, np.where(disc > 0, 150, 100))
    left, top, right, bottom = box
    found = inside_box(image, left, top, right, bottom)
    wanted = disc[top:bottom, left:right] > 0
    assert found.shape == wanted.shape and found.dtype == bool
    assert (found & wanted).sum() / (found | wanted).sum() > 0.8


def test_an_even_box_is_taken_as_a_whole() -> None:
    assert inside_box(np.full((50, 60, 3), 90, np.uint8), 10, 10, 30, 25).all()
