"""What the judge of look sees: the defect against its surroundings, by one rule for all."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from flawsmith.benchmark.look.windows import CLEAR, VIEWS, Eye, ShownDefect, eye_for, shown_sample
from flawsmith.dataset.sample import Sample, load_sample
from flawsmith.dataset.windows import grow
from flawsmith.formats.reading import read
from flawsmith.images.pixel_range import PixelRange

RANGE = PixelRange(0.0, 255.0, "uint8")


def maps(x: Tensor) -> Sequence[Tensor]:
    """Return the grey picture and its means over 4 x 4 pixels: features without a network."""
    grey = x.mean(1, keepdim=True)
    return [grey, torch.nn.functional.avg_pool2d(grey, 4)]


EYE = Eye(maps, RANGE, 1, turns=True, binarised=False)


def disc(radius: int = 6, size: tuple[int, int] = (120, 160), place: tuple[int, int] = (70, 50), tone: int = 180) -> ShownDefect:
    """Return a bright disc on a grey surface with a little noise."""
    mask = cv2.circle(np.zeros(size, np.uint8), place, radius, 1, -1) > 0
    surface = np.random.default_rng(0).integers(78, 83, size)
    return ShownDefect("a.png", "disc", "unit", np.where(mask, tone, surface).astype(np.uint8)[..., None], mask)


def test_what_lies_in_the_defect_and_around_it_alike_is_not_kept() -> None:
    shown = disc()
    there = EYE.see(shown)
    assert there.features.shape == (VIEWS, 4) and (there.features[:, 0] > 0.05).all() and there.side == 13
    brighter = EYE.see(replace(shown, image=shown.image + np.uint8(40)))
    assert np.abs(brighter.features - there.features).max() < 0.01
    stronger = EYE.see(disc(tone=250))
    assert (stronger.features[:, 0] > there.features[:, 0] + 0.02).all()


def test_views_depend_on_the_picture_the_kind_and_the_seed_alone() -> None:
    shown = disc()
    one = EYE.see(shown).features
    assert np.array_equal(one, EYE.see(replace(shown, unit="other")).features)
    for other in (EYE.see(replace(shown, name="b.png")), EYE.see(replace(shown, kind="x")), replace(EYE, seed=1).see(shown)):
        assert not np.array_equal(one, other.features)
    assert len({row.tobytes() for row in one}) == VIEWS


def test_places_beside_show_no_defect() -> None:
    shown = disc()
    seen = EYE.see(shown)
    assert seen.beside is not None and len(seen.beside) > VIEWS / 2
    assert np.abs(seen.beside[:, 0]).max() < 0.01 < 0.05 < seen.features[:, 0].min()
    assert EYE.see(shown, beside=False).beside is None
    everywhere = np.ones(shown.mask.shape, bool)
    everywhere[:CLEAR] = False
    assert EYE.see(replace(shown, mask=everywhere)).beside is None


def test_a_defect_larger_than_the_window_is_seen_along_its_outline() -> None:
    shown = disc(radius=120, size=(400, 400), place=(200, 200))
    masks = [mask for _, mask, _ in EYE._views(shown, shown.image.astype(np.float32) / 255, beside=False)]
    assert all(0.2 < mask.mean() < 0.9 for mask in masks)
    small = [mask for _, mask, _ in EYE._views(disc(), disc().image.astype(np.float32), beside=False)]
    assert all(mask[54:74, 54:74].mean() > 0.9 and mask[0].mean() < 0.6 for mask in small)  # in the middle, with room around it


def test_how_wide_a_labeller_draws_is_lost_among_the_views() -> None:
    shown = disc(radius=9)
    exact, wide = (EYE.see(replace(shown, mask=mask)).features[:, 0] for mask in (shown.mask, grow(shown.mask, 2)))
    assert abs(exact.mean() - wide.mean()) < exact.std()


def test_of_binarised_pictures_faint_specks_are_not_seen() -> None:
    black_and_white = disc()
    black_and_white = replace(black_and_white, image=np.where(black_and_white.mask[..., None], 255, 0).astype(np.uint8))
    specks = np.random.default_rng(0).integers(0, 30, black_and_white.image.shape).astype(np.uint8)
    compressed = replace(black_and_white, image=np.where(black_and_white.mask[..., None], 255 - specks, specks))
    eye = replace(EYE, binarised=True)
    assert np.array_equal(eye.see(black_and_white).features, eye.see(compressed).features)
    assert not np.array_equal(EYE.see(black_and_white).features, EYE.see(compressed).features)


def test_surfaces_with_a_direction_keep_it() -> None:
    image = np.tile((np.arange(160) // 2 % 2 * 120).astype(np.uint8)[None, :, None], (120, 1, 1))  # upright stripes
    shown = replace(disc(), image=image)
    lying = []
    for turns in (False, True):
        views = [view[..., 0] for view, _, _ in replace(EYE, turns=turns)._views(shown, image.astype(np.float32), beside=False)]
        lying.append(sum(np.abs(np.diff(x, axis=0)).mean() > np.abs(np.diff(x, axis=1)).mean() for x in views))
    assert lying[0] == 0 < lying[1] < VIEWS


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_other_pixels_fill_the_mask_alone(dtype: str) -> None:
    shown = disc()
    shown = replace(shown, image=shown.image.astype(dtype))
    filled = shown.filled(np.full(shown.image.shape, 99.6))
    assert filled.image.dtype == dtype and (filled.image[shown.mask] == 100).all()
    assert np.array_equal(filled.image[~shown.mask], shown.image[~shown.mask])
    assert (shown.filled(np.full(shown.image.shape, 1e9)).image[shown.mask] == np.iinfo(dtype).max).all()


def test_the_eye_is_made_for_the_product(data8: Path, data16: Path) -> None:
    eye = eye_for(read(data16), maps)
    assert eye.scale.dtype == "uint16" and eye.scale.high < 5000 and eye.colours == 3
    dataset = read(data8)
    eye = eye_for(dataset, maps)
    assert eye.scale == RANGE and eye.colours == 1 and eye.turns and not eye.binarised
    item = dataset.defects["blob"][0]
    sample = load_sample(item)
    shown = shown_sample(sample)
    assert (shown.unit, shown.kind) == (item.image.as_posix(), "blob")
    assert shown_sample(Sample(sample.image, sample.mask, "blob", "part 7", item.image)).unit == "part 7"
    assert np.isfinite(eye.see(shown).features).all()
