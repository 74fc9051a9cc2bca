"""Which picture a label file means."""

from pathlib import Path

import pytest

from flawsmith.core.errors import DataError
from flawsmith.formats.files import Files
from flawsmith.formats.pictures import Finder, plain_parts


def finder(root: Path, *names: str) -> Finder:
    """Return what finds pictures in a folder with these files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return Finder(Files(root))


@pytest.mark.parametrize(
    "written",
    [
        "part 1.png",
        "..\\pictures\\part 1.png",
        "C:\\Users\\anna\\part 1.png",
        "file:///C:/data/part%201.png",
        "https://host/upload/part%201.png?x=1",
        "images/3bdda4e5-part 1.png",
        "./part 1.PNG",
        "part 1",
        "part 1.jpg",
    ],
)
def test_names_of_other_machines(tmp_path: Path, written: str) -> None:
    found = finder(tmp_path, "images/part 1.png", "images/part 2.png")
    assert found.find(written, tmp_path) == tmp_path / "images/part 1.png"


def test_of_several_the_one_that_fits_best_or_none(tmp_path: Path) -> None:
    found = finder(tmp_path, "train/a.png", "valid/a.png", "old/valid/a.png")
    assert found.find("valid/a.png", tmp_path / "old") == tmp_path / "old/valid/a.png"
    assert found.find("a.png", tmp_path, part="train") == tmp_path / "train/a.png"
    assert found.find("a.png", tmp_path / "valid") == tmp_path / "valid/a.png"
    with pytest.raises(DataError, match=r"may be any of train/a\.png, valid/a\.png"):
        found.find("a.png", tmp_path)


@pytest.mark.parametrize("written", ["../../../etc/passwd", "/etc/passwd", "", "..", "\0.png", "b.png", "passwd.txt"])
def test_nothing_outside_is_found(tmp_path: Path, written: str) -> None:
    (tmp_path / "b.png").touch()
    with pytest.raises(DataError, match="is not there|without a name"):
        finder(tmp_path / "data", "a.png").find(written, tmp_path / "data")


def test_plain_parts_hold_no_way_up() -> None:
    assert plain_parts("../x/./..\\y.png") == ("x", "y.png")


def test_a_picture_without_a_suffix_is_one_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "image2").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (tmp_path / "notes").write_text("no picture")
    found = finder(tmp_path, "a.png")
    assert found.find("/image2", tmp_path) == tmp_path / "image2"
    with pytest.raises(DataError, match="is not there"):
        found.find("notes", tmp_path)
