"""How far beyond their labels defects still show."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import distance_outside
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar, collect_exemplars
from flawsmith.product.halo import INSIDE, MOST, halo, rim, seen_rim

SIDE = 96
EIGHT = PixelRange(0, 255, "uint8")


def defect(fade: float, seed: int, radius: int = 12, contrast: float = -80, colours: int = 1, soft: float = 0) -> Exemplar:
    """Return a disc on a rough surface, labelled up to `radius`, whose contrast falls to nothing over `fade` pixels beyond.

    soft: pixels inside the label over which it rises from half of the contrast to all of it.
    """
    g = np.random.default_rng(seed)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    mask = (rows - SIDE // 2) ** 2 + (columns - SIDE // 2) ** 2 <= radius**2
    left = np.clip(1 - distance_outside(mask) / (fade + 1), 0, 1)[..., None]
    if soft:
        left *= np.where(mask, np.clip(0.5 + 0.5 * distance_outside(~mask) / soft, 0, 1), 1)[..., None]
    surface = 150 + g.normal(0, 5, (SIDE, SIDE, colours))
    surface[:, 30:34] -= 60  # a line that runs by
    image = np.clip(surface + contrast * left, 0, 255).astype(np.uint8)
    (found,) = collect_exemplars({"soft": [Sample(image, mask, "soft", None, Path(f"{seed}.png"))]}, SIDE)
    return found


@pytest.mark.parametrize("contrast", [-80, 60])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("fade", [0, 3, 6, 9])
def test_a_fading_defect_has_a_halo_as_wide_as_it_shows(fade: int, colours: int, contrast: float) -> None:
    own = [defect(fade, seed, contrast=contrast, colours=colours) for seed in range(5)]
    visible = 0 if fade == 0 else 0.85 * (fade + 1)  # where 15 % are left
    assert halo(own, EIGHT, colours) == pytest.approx(visible, abs=1)


def test_one_defect_beside_something_else_does_not_decide() -> None:
    own = [defect(0, seed) for seed in range(5)]
    beside = own[0].image.copy()
    beside[distance_outside(own[0].mask) < 8] = 40
    assert halo([replace(own[0], image=beside)], EIGHT, 1) >= 6
    assert halo([replace(own[0], image=beside), *own[1:]], EIGHT, 1) == 0


def test_what_cannot_be_said_is_no_halo() -> None:
    assert halo([], EIGHT, 1) == 0
    assert halo([defect(6, 0, contrast=0)], EIGHT, 1) == 0, "no contrast"
    assert halo([defect(6, 0, radius=60)], EIGHT, 1) == 0, "no surroundings"
    assert halo([defect(60, 0)], EIGHT, 1) <= MOST


@pytest.mark.parametrize("contrast", [-80, 60])
def test_the_rim_says_where_inside_a_defect_has_its_contrast(contrast: float) -> None:
    soft = rim([defect(0, seed, 20, contrast, soft=8) for seed in range(3)], EIGHT, 1)
    expected = np.clip(0.5 + 0.5 * (np.arange(INSIDE) + 0.75) / 8, 0, 1)
    assert np.abs(soft - expected).max() < 0.1
    hard = rim([defect(0, seed, 20, contrast) for seed in range(3)], EIGHT, 1)
    assert hard.min() > 0.93
    known = seen_rim([defect(0, seed, 20, contrast) for seed in range(3)], EIGHT, 1)
    assert known is not None and np.array_equal(known, hard)


def test_thin_defects_and_those_without_a_tone_of_their_own_have_no_rim() -> None:
    assert seen_rim([], EIGHT, 1) is None and seen_rim([defect(0, 0, radius=4, soft=8)], EIGHT, 1) is None
    assert (rim([], EIGHT, 1) == 1).all() and (rim([defect(0, 0, radius=4, soft=8)], EIGHT, 1) == 1).all()
    ring = defect(0, 0, 24)
    image = ring.image.copy()
    image[(distance_outside(~ring.mask) > 0) & (distance_outside(~ring.mask) < 11)] = 152  # the outer part is as what surrounds it
    assert (rim([replace(ring, image=image)], EIGHT, 1) == 1).all()
