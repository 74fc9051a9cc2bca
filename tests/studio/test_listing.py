"""The pictures of a project's data: found, named, drawn, and nothing beside them."""

import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_files import mvtec  # noqa: F401
from PIL import Image
from starlette.exceptions import HTTPException

from flawsmith.studio import listing, reading
from flawsmith.studio.home import Home
from flawsmith.studio.listing import DEFECT, HELD_OUT, NORMAL, UNLABELLED, Which, listed, masks_of, number, numbers, picture_of
from flawsmith.studio.project import Project


@pytest.fixture
def opened(home: Path) -> Callable[[Path], Project]:
    """Return what opens data and reads them."""

    def open_it(data: Path) -> Project:
        project = Home(home).open(data)
        assert reading.main(project.folder, always=False) == 0
        return project

    return open_it


def save(path: Path, size: tuple[int, int] = (10, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return path


def names(project: Project, which: Which = listing.ALL) -> list[str]:
    return [each.name for each in listed(project, 0, 1000, which)]


def test_pictures_have_roles_kinds_sizes_and_masks(opened: Callable[[Path], Project], mvtec: Path) -> None:  # noqa: F811
    (mvtec / "groups.csv").write_text("path,group\ntest/crack/000.png,p1\ntest/crack/001.png,p2\n")
    save(mvtec / "test/crack/lone.png")
    project = opened(mvtec)
    assert numbers(project) == {"roles": {NORMAL: 4, HELD_OUT: 2, DEFECT: 6, UNLABELLED: 1}, "kinds": {"crack": 3, "dent": 3}}
    first = listed(project, 0, 1)[0]
    assert (first.name, first.role, first.kinds, first.group, first.size) == ("test/crack/000.png", DEFECT, ("crack",), "p1", (48, 64))
    (label,) = masks_of(project, "test/crack/001.png")
    drawn = np.asarray(Image.open(mvtec / "ground_truth/crack/001_mask.png")) > 0
    assert label.kind == "crack" and np.array_equal(label.read(), drawn)
    assert masks_of(project, "train/good/000.png") == ()
    assert "MVTec" in listing.reading(project).format and not listing.reading(project).error


def test_pages_of_the_listing_and_what_is_asked_for(opened: Callable[[Path], Project], mvtec: Path) -> None:  # noqa: F811
    project = opened(mvtec)
    every = names(project)
    assert every == sorted(every) and len(every) == number(project) == 12
    assert [each.name for each in listed(project, 5, 4)] == every[5:9]
    assert names(project, Which(kind="dent")) == [f"test/dent/00{i}.png" for i in range(3)]
    assert names(project, Which(role=NORMAL, text="GOOD/003")) == ["train/good/003.png"]
    assert number(project, Which(text="%")) == 0
    assert listing.place(project, "test/dent/002.png", Which(kind="dent")) == 2


def test_labels_of_label_files_are_drawn_again(opened: Callable[[Path], Project], tmp_path: Path) -> None:
    data = save(tmp_path / "data/a.png", (30, 20)).parent
    shape = {"label": "scratch", "points": [[2, 2], [12, 2], [12, 9], [2, 9]], "shape_type": "polygon"}
    said = {"imagePath": "a.png", "imageHeight": 20, "imageWidth": 30, "shapes": [shape]}
    (data / "a.json").write_text(json.dumps(said))
    (label,) = masks_of(opened(data), "a.png")
    assert label.kind == "scratch" and label.read().sum() == 70


def test_pictures_without_any_label_are_listed(opened: Callable[[Path], Project], tmp_path: Path) -> None:
    save(tmp_path / "flat/a.png")
    save(tmp_path / "flat/b/c.jpg")
    project = opened(tmp_path / "flat")
    assert names(project, Which(role=UNLABELLED)) == ["a.png", "b/c.jpg"]
    assert "no layout was recognised" in listing.reading(project).error


def test_pictures_with_boxes_alone_and_those_no_label_names_are_listed(opened: Callable[[Path], Project], tmp_path: Path) -> None:
    for name in ("boxed.png", "other.png"):
        save(tmp_path / "data" / name)
    said = {
        "images": [{"id": 1, "file_name": "boxed.png", "width": 10, "height": 8}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3], "area": 9}],
        "categories": [{"id": 1, "name": "dent"}],
    }
    (tmp_path / "data/labels.json").write_text(json.dumps(said))
    project = opened(tmp_path / "data")
    assert names(project, Which(role=UNLABELLED)) == ["boxed.png", "other.png"]
    assert listing.boxed(project, ["boxed.png", "other.png"]) == {"boxed.png"}


def test_options_of_labels_are_kept_to(opened: Callable[[Path], Project], mvtec: Path, tmp_path: Path) -> None:  # noqa: F811
    save(tmp_path / "more/x.png")
    project = opened(mvtec)
    project.change(labels={"classes": "crack=dent", "normals": str(tmp_path / "more")})
    reading.main(project.folder, always=False)
    assert numbers(project)["kinds"] == {"crack": 6}
    assert picture_of(project, "__/more/x.png") == mvtec / "../more/x.png" or picture_of(project, "__/more/x.png").is_file()


def test_what_changed_is_read_again_and_nothing_else(opened: Callable[[Path], Project], mvtec: Path) -> None:  # noqa: F811
    project = opened(mvtec)
    before = listing.reading(project)
    reading.main(project.folder, always=False)
    assert listing.reading(project) == before
    save(mvtec / "train/good/new.png", (5, 4))
    reading.main(project.folder, always=False)
    assert listing.reading(project).at > before.at
    assert listing.picture(project, "train/good/new.png").size == (4, 5)
    (mvtec / "train/good/new.png").unlink()
    reading.main(project.folder, always=False)
    with pytest.raises(HTTPException):
        picture_of(project, "train/good/new.png")


@pytest.mark.parametrize(
    "name", ["../outside.png", "/etc/passwd", "test/crack/../crack/000.png", "train/good/secret.png", "", "nothing.png"]
)
def test_what_is_not_listed_or_lies_outside_is_not_given(
    opened: Callable[[Path], Project],
    mvtec: Path,  # noqa: F811
    tmp_path: Path,
    name: str,
) -> None:
    (mvtec / "train/good/secret.png").symlink_to(save(tmp_path / "outside.png"))
    project = opened(mvtec)
    assert not listing.picture(project, "train/good/secret.png").shown
    for ask in (picture_of, masks_of):
        with pytest.raises(HTTPException):
            ask(project, name)


def test_a_mask_that_lies_outside_is_not_given(opened: Callable[[Path], Project], mvtec: Path, tmp_path: Path) -> None:  # noqa: F811
    mask = mvtec / "ground_truth/crack/000_mask.png"
    mask.rename(tmp_path / "away.png")
    mask.symlink_to(tmp_path / "away.png")
    with pytest.raises(HTTPException):
        masks_of(opened(mvtec), "test/crack/000.png")


def test_an_archive_is_shown_from_where_it_is_unpacked(
    opened: Callable[[Path], Project],
    mvtec: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLAWSMITH_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in mvtec.rglob("*.png"):
            archive.write(path, path.relative_to(mvtec))
    project = opened(tmp_path / "set.zip")
    assert number(project) == 12
    assert picture_of(project, "test/crack/000.png").is_relative_to(tmp_path / "cache")
    assert masks_of(project, "test/crack/000.png")[0].read().any()
    shutil.rmtree(tmp_path / "cache")  # which keeps nothing for ever
    reading.main(project.folder, always=False)
    assert picture_of(project, "test/crack/000.png").is_file()


def test_a_project_beside_its_label_file_is_no_part_of_the_data(opened: Callable[[Path], Project], tmp_path: Path) -> None:
    save(tmp_path / "set/a.png")
    said = {"images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 8}], "annotations": [], "categories": []}
    (tmp_path / "set/labels.json").write_text(json.dumps(said))
    project = opened(tmp_path / "set/labels.json")
    before = reading.stamp_of(project)
    save(project.folder / "thumbnails/ab/c.jpg")
    assert reading.stamp_of(project) == before
    reading.main(project.folder, always=True)
    assert names(project) == ["a.png"]


def test_names_that_are_no_text_are_listed(opened: Callable[[Path], Project], tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    try:
        save(tmp_path / "odd/a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/odd/\xff.png"))
    except OSError:
        pytest.skip("this file system takes no such names")
    project = opened(tmp_path / "odd")
    assert names(project) == ["\ufffd.png"] and picture_of(project, "\ufffd.png").is_file()


def test_a_bad_picture_has_no_size(opened: Callable[[Path], Project], mvtec: Path) -> None:  # noqa: F811
    (mvtec / "train/good/000.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert listing.picture(opened(mvtec), "train/good/000.png").size is None


def test_it_is_read_in_the_background_once(home: Path, mvtec: Path) -> None:  # noqa: F811
    project = Home(home).open(mvtec)
    reading.renew(project)
    reading.renew(project)
    end = time.monotonic() + 60
    while reading.is_reading(project):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert number(project) == 12
    assert not (project.folder / "reading").exists()


def test_what_is_asked_for_while_they_are_read_is_read_afterwards(home: Path, mvtec: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    project = Home(home).open(mvtec)
    run, asked, go_on = reading.subprocess.run, [], threading.Event()

    def late(command: list[str], **how: Any) -> Any:
        """Read the data, and end when told to."""
        asked.append("--always" in command)
        done = run(command, **how)
        assert go_on.wait(60)
        return done

    monkeypatch.setattr(reading.subprocess, "run", late)
    reading.renew(project)
    end = time.monotonic() + 60
    while number(project) == 0:
        assert time.monotonic() < end
        time.sleep(0.05)
    save(mvtec / "train/good/new.png", (64, 48))
    reading.renew(project)
    reading.renew(project, always=True)
    go_on.set()
    while reading.is_reading(project):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert number(project) == 13 and asked == [False, True]


def test_data_that_are_gone_are_told(home: Path, mvtec: Path) -> None:  # noqa: F811
    project = Home(home).open(mvtec)
    project.change(data=str(mvtec / "gone"))
    reading.main(project.folder, always=False)
    assert "there is no such folder" in listing.reading(project).error and number(project) == 0


def test_boxes_and_neighbours(opened: Callable[[Path], Project], tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"boxed/{name}.png")
    annotations = [{"id": i, "image_id": 1, "category_id": 1, "bbox": [2 + i, 1, 3, 4]} for i in range(2)]
    images = [{"id": i, "file_name": f"{name}.png", "width": 10, "height": 8} for i, name in enumerate("abc")]
    tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dent"}]}
    (tmp_path / "boxed/labels.json").write_text(json.dumps(tree))
    project = opened(tmp_path / "boxed")
    assert [(one.kind, int(one.read().sum()), int(one.read()[1].argmax())) for one in listing.boxes_of(project, "b.png")] == [
        ("dent", 12, 2),
        ("dent", 12, 3),
    ]
    assert listing.boxes_of(project, "a.png") == ()
    unlabelled = Which(role=UNLABELLED)
    assert names(project, unlabelled) == ["b.png"]
    assert [listing.neighbour(project, "b.png", forward) for forward in (True, False)] == ["c.png", "a.png"]
    assert [listing.neighbour(project, name, True, unlabelled) for name in ["a.png", "b.png"]] == ["b.png", None]


def test_what_is_labelled_meanwhile_is_listed(opened: Callable[[Path], Project], mvtec: Path) -> None:  # noqa: F811
    project = opened(mvtec)
    mask = save(project.folder / "labels/mask.png", (64, 48))
    with listing.database(project).writing() as to:
        listing.relabel(to, "train/good/000.png", DEFECT, {"hole": mask})
        listing.relabel(to, "test/crack/000.png", NORMAL, {})
    assert numbers(project)["kinds"] == {"crack": 2, "dent": 3, "hole": 1}
    assert [label.files for label in masks_of(project, "train/good/000.png")] == [(mask,)]
    assert (listing.picture(project, "test/crack/000.png").role, masks_of(project, "test/crack/000.png")) == (NORMAL, ())


@pytest.mark.parametrize(("code", "said", "told"), [(-9, "", "was killed"), (1, "x\ndatabase or disk is full\n", "disk is full")])
def test_a_reading_that_dies_is_told(
    home: Path,
    mvtec: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    said: str,
    told: str,
) -> None:
    project = Home(home).open(mvtec)
    reading.main(project.folder, always=False)
    monkeypatch.setattr(reading.subprocess, "run", lambda *_, **__: reading.subprocess.CompletedProcess([], code, "", said))
    reading.renew(project)
    end = time.monotonic() + 10
    while reading.is_reading(project):
        assert time.monotonic() < end
    assert told in listing.reading(project).error and number(project) == 12, "the pictures stay listed"
