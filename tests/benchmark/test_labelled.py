"""Pictures for detectors: standardised, cut down, read from folders of pairs."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from flawsmith.benchmark.labelled import accepted_pairs, colours_of, from_sample, learned_pictures, resized, standardise, with_colours
from flawsmith.benchmark.protocol import GENERATED, form_of, made_of
from flawsmith.core.errors import DataError
from flawsmith.dataset.sample import Sample
from flawsmith.formats.reading import read
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.forms import Masks
from flawsmith.pairs.pair import Pair


def test_standardised_pictures_have_mean_zero_and_deviation_one() -> None:
    image = np.random.default_rng(0).integers(0, 60000, (20, 30, 3)).astype(np.uint16)
    x = standardise(image, 3)
    assert x.dtype == np.float32 and abs(x.mean()) < 1e-5 and abs(x.std() - 1) < 1e-5
    assert np.isfinite(standardise(np.full((5, 5, 1), 9, np.uint8), 1)).all()  # a flat picture


def test_pieces_are_standardised_as_the_whole_is() -> None:
    g = np.random.default_rng(0)
    image, mask = g.integers(0, 255, (80, 90, 1)).astype(np.uint8), np.zeros((80, 90), bool)
    mask[40:44, 50:53] = True
    whole = standardise(image, 1)
    piece = from_sample(Sample(image, mask, "dent", None, Path("x.png")), 1, reach=10)
    assert piece.image.shape == (24, 23, 1) and piece.mask.sum() == 12
    assert np.allclose(piece.standard(piece.image), whole[30:54, 40:63], atol=1e-5)


def test_channels_are_brought_to_one_number() -> None:
    g = np.random.default_rng(0)
    rgba = g.integers(0, 255, (4, 5, 4)).astype(np.uint8)
    assert np.array_equal(with_colours(rgba, 3), rgba[..., :3])
    grey = with_colours(rgba[..., :1], 3)
    assert grey.shape == (4, 5, 3) and np.array_equal(grey[..., 0], grey[..., 2])
    assert with_colours(rgba, 1).shape == (4, 5, 1)
    samples = [Sample(rgba[..., :c], None, "good", None, Path("x")) for c in (1, 4, 2)]
    assert colours_of(samples) == 3 and colours_of(samples[:1]) == 1


def test_resized_is_a_square_with_a_binary_mask() -> None:
    image, mask = np.zeros((40, 80, 3), np.uint16), np.zeros((40, 80), bool)
    mask[10:20, 20:40], image[10:20, 20:40] = True, 4000
    small = resized(Sample(image, mask, "dent", None, Path("x")), 20)
    assert small.image.shape == (20, 20, 3) and small.image.dtype == np.uint16 and small.image.max() == 4000
    assert small.mask is not None and np.array_equal(small.mask, small.image[..., 0] > 2000)
    assert resized(small, 0) is small


def test_learned_pictures_keep_normals_without_defects(data8: Path) -> None:
    data = read(data8)
    items = [*data.defects["blob"], *data.good]
    pictures = learned_pictures(items, 1, 16)
    assert [x.defect for x in pictures].count("good") == len(data.good)
    assert all(x.mask.any() == (x.defect == "blob") for x in pictures) and all(x.image.shape[:2] == x.mask.shape for x in pictures)


def write_pairs(out: Path, verdicts: list[str]) -> Path:
    rows = []
    for i, verdict in enumerate(verdicts):
        row = {"id": f"{i:06d}", "defect": "dent", "verdict": verdict, "image": None, "mask": None}
        if verdict == "accepted":
            row |= {"image": f"test/dent/{i:06d}.png", "mask": f"ground_truth/dent/{i:06d}_mask.png"}
            for name, value in ((row["image"], i), (row["mask"], 255)):
                (out / str(name)).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(out / str(name)), np.full((8, 8), value, np.uint8))
        rows.append(json.dumps(row))
    out.mkdir(exist_ok=True)
    (out / "pairs.jsonl").write_text("\n".join(reversed(rows)) + "\n")
    return out


def test_accepted_pairs_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    samples = accepted_pairs(write_pairs(tmp_path / "out", ["accepted", "rejected", "accepted"]))
    assert [int(s.image[0, 0, 0]) for s in samples] == [0, 2] and samples[0].group != samples[1].group
    assert samples[0].mask is not None and samples[0].mask.all()


def test_a_column_of_labelled_masks_learns_from_the_same_pictures_with_those(tmp_path: Path) -> None:
    exact, wide = np.zeros((2, 8, 8), bool)
    exact[4], wide[2:7] = True, True
    pair = Pair("000000", "dent", "accepted", mask_form="exact")
    PairFolder(tmp_path / "out").add(pair, np.full((8, 8, 1), 9, np.uint8), Masks(exact, wide))
    for column, mask in (("real + generated", exact), ("real + generated (labelled)", wide), ("generated (labelled) only", wide)):
        assert made_of(column) == GENERATED
        (sample,) = accepted_pairs(tmp_path / "out", form_of(column))
        assert (sample.image == 9).all() and sample.mask is not None and np.array_equal(sample.mask, mask)


@pytest.mark.parametrize("verdicts", [[], ["failed"]])
def test_a_folder_without_pairs_is_an_error(tmp_path: Path, verdicts: list[str]) -> None:
    with pytest.raises(DataError, match="no accepted pairs"):
        accepted_pairs(write_pairs(tmp_path / "out", verdicts))
    with pytest.raises(DataError, match="there is no such folder; make it"):
        accepted_pairs(tmp_path / "nothing")
