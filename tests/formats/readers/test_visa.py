"""VisA."""

from pathlib import Path

import pytest
from formats.layouts import areas, names, picture, plant, told, visa

import flawsmith as fs
from flawsmith.core.errors import DataError
from flawsmith.formats.visa_classes import CLASSES

ANOMALY = "Data/Images/Anomaly/00{}.JPG"


def test_classes_by_number_split_and_kinds(tmp_path: Path) -> None:
    root = plant(tmp_path, visa())
    data = fs.read(root / "pcb1")
    bent, both, scratch = (ANOMALY.format(i) for i in range(3))
    assert areas(data) == {(bent, "bent"): 20, (both, "bent"): 20, (both, "scratch"): 6, (scratch, "scratch"): 6}
    assert len(data.normals) == 2 and names(data, data.held_out_normals) == ["Data/Images/Normal/0002.JPG"]
    assert areas(fs.read(root)) == areas(data), "the only product in a folder"


def test_numbers_are_names_where_nothing_says_more(tmp_path: Path) -> None:
    tree = {name.replace("pcb1", "gear"): content for name, content in visa().items() if not name.endswith(".csv")}
    root = plant(tmp_path, tree)
    assert list(fs.read(root).defects) == ["1", "3"] and "--classes gives them names" in told(root)
    assert list(fs.read(root, classes="bent=1; scratch=3").defects) == ["bent", "scratch"]


def test_the_table_of_its_authors_names_what_image_anno_does_not(tmp_path: Path) -> None:
    tree = visa()
    del tree["pcb1/image_anno.csv"]
    root = plant(tmp_path, tree)
    assert list(fs.read(root).defects) == ["bent", "scratch"] and "the table of VisA's authors" in told(root)
    anomalies = "pcb1/Data/Images/Anomaly/00{}.JPG,{},x\n"
    kinds = "image,label,mask\n" + "".join(anomalies.format(i, '"bent,scratch"') for i in range(3))
    assert list(fs.read(plant(root, {"pcb1/image_anno.csv": kinds})).defects) == ["bent", "scratch"], "both in every picture"
    alone = plant(tmp_path / "alone", {f"pcb4/{name[5:]}": m for name, m in visa().items() if "000" in name})
    assert list(fs.read(alone).defects) == ["burnt"], "one class alone has its name, too"


def test_the_table_is_complete() -> None:
    assert {name: len(kinds) for name, kinds in CLASSES.items()} == {
        **{"candle": 8, "capsules": 5, "cashew": 9, "chewinggum": 6, "fryum": 8, "macaroni1": 7, "macaroni2": 7},
        **{"pcb1": 4, "pcb2": 4, "pcb3": 4, "pcb4": 7, "pipe_fryum": 9},
    }, "classes by product, as VisA's README counts them (but for pipe_fryum, of which it counts 6)"


def test_a_split_without_the_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a split of VisA and no product"):
        fs.read(plant(tmp_path, {"split_csv/1cls.csv": visa()["split_csv/1cls.csv"]}))
    tree = {name: content for name, content in visa().items() if "Masks" not in name and "Anomaly/002" not in name}
    said = told(plant(tmp_path, tree))
    assert said.count("has no mask; expected a mask of its name in Data/Masks/Anomaly") == 2
    assert "pictures that it names and that are not there: 1 (pcb1/Data/Images/Anomaly/002.JPG" in said


def test_products_are_learned_one_by_one(tmp_path: Path) -> None:
    plant(tmp_path, visa() | {"candle/Data/Images/Normal/0.JPG": picture(1)})
    with pytest.raises(DataError, match="2 products \\(candle, pcb1\\)"):
        fs.read(tmp_path)
