"""Crops for detectors: what they show, in what proportion, and that they depend on (seed, step) alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flawsmith.benchmark.detectors.crops import TINT, Crops, _tinted, by_kind
from flawsmith.benchmark.labelled import LabelledImage, from_sample
from flawsmith.dataset.sample import Sample


def picture(value: int, defect: str = "dent", group: str | None = None, size: tuple[int, int] = (96, 120)) -> LabelledImage:
    """Return a flat picture with a checkered square as its defect, or a flat normal."""
    image = np.full((*size, 1), value, np.uint8)
    image[::2] += np.uint8(value // 3)  # so that defects stand out by different numbers of deviations
    mask = None
    if defect != "good":
        mask = np.zeros(size, bool)
        mask[40:60, 30:50] = True
        image[mask] = 250
    return from_sample(Sample(image, mask, defect, group, Path(f"{value}.png")), 1)


def test_the_shares_of_made_and_normal_crops_are_kept() -> None:
    real, made = [picture(100), picture(60, "good")], [picture(30, "scratch")]
    names = {id(x.image): x.defect for x in (*real, *made)}
    for share, expected in ((0.0, {"dent"}), (1.0, {"scratch"}), (0.5, {"dent", "scratch"})):
        crops = Crops(real, made, share, 32, 0.25, seed=0)
        tree = {"real": crops._real, "made": crops._made}
        assert set(tree["real"]) == {"dent", "good"} and set(tree["made"]) == {"scratch"}
        empty = 0
        for step in range(40):
            _, mask = crops.batch(step, 8)
            empty += int((mask.flatten(1).sum(1) == 0).sum())
        assert 50 <= empty <= 120  # a quarter of 320
        assert expected <= set(names.values())


def test_only_made_defects_are_shown_at_share_one() -> None:
    real, made = [picture(100), picture(60, "good")], [picture(30)]
    made_only = Crops(real, made, 1.0, 32, 0.0, seed=0, tone=False).batch(0, 16)[0]
    real_only = Crops(real, made, 0.0, 32, 0.0, seed=0, tone=False).batch(0, 16)[0]
    brightest = [float(np.median(x[x > x.max() / 2])) for x in (made_only.numpy(), real_only.numpy())]
    expected = [float(p.standard(p.image)[45, 40, 0]) for p in (made[0], real[0])]
    assert brightest == pytest.approx(expected, abs=0.2) and abs(expected[0] - expected[1]) > 0.5


def test_a_crop_depends_on_seed_and_step_only() -> None:
    crops = Crops([picture(100), picture(60, "good")], [], 0.0, 32, 0.25, seed=3)
    x, mask = crops.batch(5, 4)
    crops.batch(6, 4)
    again, mask2 = Crops([picture(100), picture(60, "good")], [], 0.0, 32, 0.25, seed=3).batch(5, 8)
    assert torch.equal(x, again[:4]) and torch.equal(mask, mask2[:4])
    assert not torch.equal(x, crops.batch(6, 4)[0])


def test_crops_show_the_defect_and_its_mask_fits() -> None:
    x, mask = Crops([picture(100)], [], 0.0, 32, 0.0, seed=0, tone=False).batch(0, 32)
    assert x.shape == (32, 1, 32, 32) and mask.shape == (32, 1, 32, 32) and set(mask.unique().tolist()) == {0.0, 1.0}
    bright = (x > (x.max() + x.min()) / 2).float()
    assert (bright - mask).abs().mean() < 0.03  # the warped border may differ by a pixel


def test_a_part_taken_many_times_counts_once() -> None:
    tree = by_kind([picture(1, group="a"), picture(2, group="a"), picture(3, group="b"), picture(4)])
    assert [len(group) for group in tree["dent"]] == [2, 1, 1]


def test_crops_of_a_surface_with_a_direction_are_not_turned_by_quarters() -> None:
    image = np.tile(np.arange(120, dtype=np.uint8)[None, :, None] % 8 * 20, (96, 1, 1))  # vertical stripes
    mask = np.zeros((96, 120), bool)
    mask[40:60, 30:50] = True
    one = from_sample(Sample(image, mask, "dent", None, Path("a.png")), 1)

    def lying(turns: bool) -> int:
        x = Crops([one], [], 0.0, 32, 0.0, seed=0, turns=turns, tone=False).batch(0, 32)[0]
        return int(sum(x.diff(dim=2).abs().mean((1, 2, 3)) > x.diff(dim=3).abs().mean((1, 2, 3))))

    assert lying(turns=False) == 0 and 8 <= lying(turns=True) <= 24


def coloured(value: int) -> LabelledImage:
    """Return a flat colour picture with a darker square as its defect."""
    image = np.full((96, 120, 3), value, np.uint8)
    image[::2] += 20
    mask = np.zeros((96, 120), bool)
    mask[40:60, 30:50] = True
    image[mask] = value // 2
    return from_sample(Sample(image, mask, "dent", None, Path(f"{value}.png")), 3)


def hues(x: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """Return (B,) the mean of the first colour less the last inside the defect, of crops (B, 3, S, S) and masks (B, 1, S, S)."""
    return (((x[:, :1] - x[:, 2:]) * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))).numpy()


def test_real_and_made_defects_have_the_same_colour_jitter() -> None:
    pictures = [coloured(200)]
    real = Crops(pictures, [], 0.0, 32, 0.0, seed=0).batch(0, 64)
    made = Crops(pictures, pictures, 1.0, 32, 0.0, seed=0).batch(0, 64)
    assert np.abs(hues(*real)).std() > 0.05 and np.array_equal(hues(*real), hues(*made))


def test_half_of_the_colour_defects_are_tinted_and_their_surroundings_are_not() -> None:
    g = np.random.default_rng(0)
    image, mask = np.zeros((40, 40, 3), np.float32), np.zeros((40, 40), bool)
    mask[12:28, 12:28] = True
    tinted = [_tinted(image, mask, g) for _ in range(200)]
    changed = [x for x in tinted if x.any()]
    assert 70 <= len(changed) <= 130
    assert all(np.abs(x[20, 20]).max() > 100 * np.abs(x[0]).max() for x in changed)
    assert np.std([x[20, 20] for x in changed]) == pytest.approx(TINT, rel=0.3)


def test_grey_defects_are_not_tinted() -> None:
    g = np.random.default_rng(0)
    image, mask = np.zeros((8, 8, 1), np.float32), np.ones((8, 8), bool)
    assert all(_tinted(image, mask, g) is image for _ in range(20))
