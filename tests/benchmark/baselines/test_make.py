from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flawsmith.benchmark.baselines import make
from flawsmith.benchmark.baselines.make import BASELINES, Baseline, Pictures, write_baseline
from flawsmith.benchmark.labelled import accepted_pairs
from flawsmith.benchmark.protocol import BASELINES as NAMES
from flawsmith.core.errors import ConfigError, DataError, NoRoomError, OutputExistsError
from flawsmith.core.files import read_lines
from flawsmith.dataset.sample import Dataset, load_sample
from flawsmith.dataset.windows import bounding_box
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image, read_mask


@pytest.fixture(scope="module")
def learn(data8: Path) -> Dataset:
    data = read(data8)
    return Dataset(data.root, data.good, (), {name: items[:2] for name, items in data.defects.items()})


def test_the_baselines_are_those_an_experiment_knows():
    assert tuple(BASELINES) == NAMES


@pytest.mark.parametrize("name", BASELINES)
def test_a_folder_holds_its_pairs(learn, tmp_path, name, untouched_generators):
    summary = write_baseline(name, learn, tmp_path / "out", 4, 0)
    rows = read_lines(tmp_path / "out" / "pairs.jsonl")
    wanted = {"blob": 2, "line": 2} if BASELINES[name].labelled else {name: 4}
    assert summary["defects"] == wanted and summary["accepted"] == len(rows) == 4
    for row, pair in zip(rows, accepted_pairs(tmp_path / "out"), strict=True):
        image, mask = read_image(tmp_path / "out" / row["image"]), read_mask(tmp_path / "out" / row["mask"])
        box = bounding_box(mask)
        assert row["region"] == [box.top, box.left, box.height, box.width] and row["size"] == list(mask.shape)
        assert row["image"] == f"test/{row['defect']}/{row['id']}.png" and row["model"] == name and row["verdict"] == "accepted"
        assert row["normal"] in {str(item.image) for item in learn.good}
        assert (pair.image == image).all() and pair.defect == row["defect"]


def test_a_pair_depends_on_its_number_and_the_seed_alone(learn, tmp_path):
    for out, count, seed in (("few", 2, 5), ("many", 5, 5), ("other", 2, 6)):
        write_baseline("copy-paste", learn, tmp_path / out, count, seed)
    few, many, other = (_content(tmp_path / out) for out in ("few", "many", "other"))
    assert few == many[:2]
    assert few != other


def _content(out: Path) -> list[tuple[bytes, bytes]]:
    return [(pair.image.tobytes(), b"" if pair.mask is None else pair.mask.tobytes()) for pair in accepted_pairs(out)]


def test_unlabelled_baselines_read_no_defect(learn, tmp_path):
    gone = {
        name: tuple(replace(item, image=tmp_path / "gone.png", mask=tmp_path / "gone_mask.png") for item in items)
        for name, items in learn.defects.items()
    }
    for name in ("perlin", "cutpaste"):
        write_baseline(name, replace(learn, defects=gone), tmp_path / name, 2, 0)


def test_nothing_is_overwritten_unasked(learn, tmp_path):
    write_baseline("cutpaste", learn, tmp_path / "out", 2, 0)
    with pytest.raises(OutputExistsError):
        write_baseline("cutpaste", learn, tmp_path / "out", 1, 0)
    write_baseline("cutpaste", learn, tmp_path / "out", 1, 0, overwrite=True)
    assert len(list((tmp_path / "out").rglob("*_mask.png"))) == 1


def test_what_cannot_be_made_is_said(learn, tmp_path):
    with pytest.raises(ConfigError, match="copy-paste, poisson"):
        write_baseline("cut", learn, tmp_path / "out", 1, 0)
    with pytest.raises(ConfigError, match="0 pairs"):
        write_baseline("perlin", learn, tmp_path / "out", 0, 0)
    with pytest.raises(DataError, match="no normals"):
        write_baseline("perlin", replace(learn, good=()), tmp_path / "out", 1, 0)
    with pytest.raises(DataError, match="no labelled defects"):
        write_baseline("poisson", replace(learn, defects={}), tmp_path / "out", 1, 0)
    assert not (tmp_path / "out").exists()


def test_a_normal_without_room_gives_way_to_another(learn, tmp_path, monkeypatch):
    refused: list[str] = []

    def fussy(material, normal, defect, g):
        if material.choosy and not refused:
            refused.append(str(normal.source))
            raise NoRoomError("no")
        return BASELINES["cutpaste"].make(material, normal, defect, g)

    monkeypatch.setattr(make, "BASELINES", {"fussy": Baseline(fussy, labelled=False)} | dict(BASELINES))
    write_baseline("fussy", learn, tmp_path / "out", 1, 0)
    (row,) = read_lines(tmp_path / "out" / "pairs.jsonl")
    assert row["normal"] not in refused and row["attempt"] == 1


def test_16_bits_in_colour(data16, tmp_path):
    data = read(data16)
    for name in BASELINES:
        write_baseline(name, data, tmp_path / name, 2, 0)
        normals = {str(item.image): load_sample(item).image for item in data.good}
        for row in read_lines(tmp_path / name / "pairs.jsonl"):
            image, mask = read_image(tmp_path / name / row["image"]), read_mask(tmp_path / name / row["mask"])
            assert image.dtype == np.uint16 and image.shape[2] == 3
            assert (image != normals[row["normal"]]).any(-1)[mask].mean() > 0.3


def test_pictures_are_decoded_when_asked_for(learn):
    pictures = Pictures(learn.good)
    assert len(pictures) == 5 and pictures[1].source == learn.good[1].image
    assert [p.source for p in pictures[1:3]] == [i.image for i in learn.good[1:3]]
