"""What is said of data that are odd, so that nothing goes into a fit or out of it unseen."""

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from formats.small import labels, pictures
from PIL import Image

import flawsmith as fs
from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.folders import Kind, mark
from flawsmith.dataset.check_text import report_lines
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import read_telling

SQUARE = [3, 3, 9, 3, 9, 9, 3, 9]


def labelme(root: Path, *names: str, label: str = "scratch", points: list[int] = SQUARE) -> Path:
    """Draw pictures with a polygon each, labelled with LabelMe, and return their folder."""
    for name in names:
        shape = {"label": label, "points": [points[i : i + 2] for i in range(0, len(points), 2)], "shape_type": "polygon"}
        tree = {"shapes": [shape], "imagePath": name, "imageHeight": 20, "imageWidth": 30}
        labels(pictures(root, name) / f"{Path(name).stem}.json", tree)
    return root


def plain(root: Path) -> Path:
    pictures(root, "good/1.png", "good/2.png", "bad/3.png")
    Image.fromarray(np.pad(np.full((4, 4), 255, np.uint8), ((3, 13), (3, 23)))).save(root / "bad/3_mask.png")
    return root


def yolo(root: Path) -> Path:
    labels(pictures(root, "images/1.png", "images/2.png", "images/3.png") / "labels/3.txt", "0 0.1 0.1 0.4 0.1 0.4 0.5\n")
    labels(root / "data.yaml", "train: images\nnames: [scratch]\n")
    return root


def cvat(root: Path) -> Path:
    pictures(root, "1.png", "2.png", "3.png")
    drawn = '<polygon label="scratch" points="3,3;9,3;9,9"/>'
    images = "".join(f'<image id="{n}" name="{n}.png" width="30" height="20">{drawn if n == 3 else ""}</image>' for n in (1, 2, 3))
    names = "<labels><label><name>scratch</name></label><label><name>dust</name></label></labels>"
    labels(root / "annotations.xml", f"<annotations><version>1.1</version><meta><task>{names}</task></meta>{images}</annotations>")
    return root


def mvtec(root: Path) -> Path:
    pictures(root, "train/good/1.png", "train/good/2.png", "test/scratch/3.png")
    (root / "ground_truth/scratch").mkdir(parents=True)
    Image.fromarray(np.pad(np.full((4, 4), 255, np.uint8), ((3, 13), (3, 23)))).save(root / "ground_truth/scratch/3_mask.png")
    return root


def coco(root: Path) -> Path:
    pictures(root, "1.png", "2.png", "3.png")
    row = {"id": 1, "image_id": 3, "category_id": 1, "segmentation": [SQUARE], "bbox": [3, 3, 6, 6]}
    images = [{"id": n, "file_name": f"{n}.png", "height": 20, "width": 30} for n in (1, 2, 3)]
    categories = [{"id": 1, "name": "scratch"}, {"id": 2, "name": "dust"}]
    labels(root / "a.json", {"images": images, "annotations": [row], "categories": categories})
    return root


def pictures_of(data: Path) -> tuple[list[Path], dict[str, list[Path]]]:
    """Return the normals and the pictures of defects that are read."""
    found = fs.read(data)
    return [*found.normals, *found.held_out_normals], {name: [item.image for item in items] for name, items in found.defects.items()}


LAYOUTS = [lambda root: labelme(pictures(root, "1.png", "2.png"), "3.png"), plain, yolo, cvat, mvtec, coco]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["pairs", "run", "export", "studio"])
def test_what_flawsmith_wrote_into_a_data_folder_is_not_read_as_data(layout: Callable[[Path], Path], kind: str, tmp_path: Path) -> None:
    data = layout(tmp_path / "data")
    before = pictures_of(data)
    for inside in ("out", "deeper/out"):
        mark(data / inside, Kind(kind, ()))
        labelme(data / inside / "train", "made.png")
        mvtec(data / inside)
    assert pictures_of(data) == before
    said = f"folders that flawsmith wrote, of which nothing is read as data: 2 (deeper/out ({kind}), out ({kind}))."
    assert said in fs.check(data).notes


def test_data_of_the_demo_are_read(tmp_path: Path) -> None:
    mvtec(tmp_path / "data/cells")
    mark(tmp_path / "data/cells", Kind("data", ()))
    assert len(fs.read(tmp_path / "data").good) == 2


@pytest.mark.parametrize("layout", [yolo, cvat, mvtec, coco])
@pytest.mark.parametrize("classes", ["ignore=scrach", "good=Scratch", "dent=scrtch"])
def test_a_class_that_is_not_there_is_an_error(layout: Callable[[Path], Path], classes: str, tmp_path: Path) -> None:
    data = layout(tmp_path / "data")
    name = classes.partition("=")[2].split(",")[-1]
    with pytest.raises(DataError, match=rf"--classes names the class '{name}', and there is none .*it has .*Did you mean 'scratch'"):
        fs.read(data, classes=classes)
    assert any(name in problem.message for problem in fs.check(data, classes=classes).problems)


@pytest.mark.parametrize("layout", [cvat, coco])
def test_a_class_that_is_listed_and_not_used_is_there(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    assert list(fs.read(layout(tmp_path), classes="ignore=dust").defects) == ["scratch"]


@pytest.mark.parametrize("layout", [cvat, mvtec, coco])
def test_defects_that_are_called_good_are_said(layout: Callable[[Path], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = read_telling(layout(tmp_path), ReadOptions(classes="good=scratch"), quiet=False)
    assert len(data.good) == 3 and not data.defects
    assert "pictures that are normals only because --classes calls their" in capsys.readouterr().err


def test_normals_are_looked_for_below_their_folder_and_there_must_be_some(tmp_path: Path) -> None:
    data = labelme(tmp_path / "data", "a.png")
    pictures(tmp_path / "more", "monday/1.png", "tuesday/late/2.png", "0.png")
    found = fs.check(data, normals=str(tmp_path / "more"))
    assert found.normals == 3 and not found.warnings[1:] and any("3, 2 of them in folders below it" in note for note in found.notes)
    (tmp_path / "empty/deep").mkdir(parents=True)
    with pytest.raises(ConfigError, match="empty holds no pictures"):
        fs.read(data, normals=str(tmp_path / "empty"))


@pytest.mark.parametrize("layout", [yolo, cvat, coco])
def test_frames_that_are_listed_without_a_label_are_counted(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    assert "pictures that label files list without any label: 2, taken as normals." in fs.check(layout(tmp_path)).notes


def test_missing_pictures_are_counted_at_the_end(tmp_path: Path) -> None:
    data = labelme(pictures(tmp_path, *(f"{n}.png" for n in range(3))), "a.png", "b.png")
    (data / "b.png").unlink()
    text = report_lines(fs.check(data))
    assert text[-1] == "Nothing to mend, but 1 labelled pictures are not there; look at the warnings (2)."
    assert "  missing   1 labelled pictures are not there; their labels are left out" in text


def test_a_row_that_cannot_be_used_leaves_its_picture_alone(tmp_path: Path) -> None:
    data = yolo(tmp_path)
    labels(data / "labels/2.txt", "0 0.1 0.1 7 0.1 0.4 0.5\n")
    found = fs.check(data)
    assert [problem.path for problem in found.problems] == ["labels/2.txt"]
    assert not any("no label file names" in note for note in found.notes), "one does"


def test_corners_outside_and_hidden_pictures_are_said(tmp_path: Path) -> None:
    data = labelme(tmp_path, "a.png", points=[3, 3, 99, 3, 99, 9])
    labelme(data, "b.png", points=[3, 3, 30, 3, 30, 20])
    shutil.copy(data / "b.png", data / ".c.png")
    shutil.copy(data / "b.png", data / "._d.png")
    notes = fs.check(data).notes
    assert "labels that reach over the border of their picture: 1 (a.png), cut off there." in notes
    assert "pictures left out as their names begin with a dot: 1 (.c.png, ...)." in notes


def test_archives_are_named_where_something_is_missing(tmp_path: Path) -> None:
    data = labelme(tmp_path / "data", "a.png")
    with zipfile.ZipFile(data / "images.zip", "w") as archive:
        archive.write(data / "a.png", "a.png")
    assert not any("images.zip" in problem.path for problem in fs.check(data).problems), "nothing is missing"
    (data / "a.png").unlink()
    assert any(p.path == "images.zip" and "unpack it" in p.message for p in fs.check(data).problems)
    (data / "a.json").unlink()
    with pytest.raises(DataError, match=r"Archives inside it are not looked into \(images\.zip\)"):
        fs.check(data)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(data / "images.zip", "images.zip")
    with pytest.raises(DataError, match="Archives inside it are not looked into"):
        fs.check(tmp_path / "outer.zip")
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as tar:
        tar.add(data / "images.zip", "images.zip")
    with pytest.raises(DataError, match=r"all\.tar\.gz: is an archive that is not unpacked here"):
        fs.check(tmp_path / "all.tar.gz")


def test_what_no_other_program_can_read_is_named(tmp_path: Path) -> None:
    (pictures(tmp_path, "a.png") / "parts.hdict").write_bytes(b"HALCON")
    with pytest.raises(DataError, match=r"parts\.hdict is of HALCON .*: export COCO or masks there"):
        fs.read(tmp_path)


def test_nothing_is_told_twice(tmp_path: Path) -> None:
    data = coco(tmp_path / "coco")
    Image.new("L", (90, 20)).save(data / "3.png")
    found = fs.check(data)
    assert [str(problem) for problem in found.problems] == [
        "a.json: 3.png: was labelled at 30x20, and is 90x20: another shape. Use the picture that was labelled, or label this one."
    ]
    assert not any("scaled" in warning.message for warning in found.warnings), "they are not"
    data = plain(tmp_path / "plain")
    (data / "bad/3.png").write_bytes(b"none")
    assert [problem.path for problem in fs.check(data).problems] == ["bad/3.png"]
    data = plain(tmp_path / "size")
    Image.new("L", (9, 9), 255).save(data / "bad/3_mask.png")
    (problem,) = fs.check(data).problems
    assert problem.message.startswith("3.png: mask is 9x9 but the picture is 30x20")


def test_boxes_alone_name_what_opens_them(tmp_path: Path) -> None:
    data = labelme(tmp_path / "my parts", "a.png")
    tree = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "dent"}]}
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [3, 3, 6, 6], "segmentation": []}
    (data / "a.json").unlink()
    labels(data / "coco.json", {**tree, "annotations": [row]})
    (problem,) = (p for p in fs.check(data).problems if "a mask is not invented" in p.message)
    assert f"`flawsmith studio '{data}'`" in problem.message and "--region rect:X,Y,WIDTH,HEIGHT" in problem.message
