"""Folders that flawsmith writes: nothing is lost unasked, and nothing ever that it did not write."""

import json
from pathlib import Path

import pytest

from flawsmith.core.errors import OutputExistsError
from flawsmith.core.folders import MARKER, Kind, check_output, is_empty, mark, prepare_output, read_marker

PAIRS = Kind("pairs", (r"pairs\.jsonl", r"test/[^/]+/\d{6,}\.png"))
DEMO = Kind("demo", (r"demo\.json", r"pairs/"))


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A folder as flawsmith leaves it."""
    folder = tmp_path / "out"
    prepare_output(folder, PAIRS, overwrite=False)
    put(folder / "pairs.jsonl")
    put(folder / "test/crack/000000.png")
    return folder


def test_a_missing_folder_is_made_and_an_empty_one_is_taken(tmp_path: Path) -> None:
    for folder in (tmp_path / "a" / "b", tmp_path):
        folder.mkdir(parents=True, exist_ok=True) if folder == tmp_path / "c" else None
        prepare_output(folder / "new", PAIRS, overwrite=False)
        assert is_empty(folder / "new") and tree(folder / "new") == {MARKER}
    (tmp_path / "empty").mkdir()
    prepare_output(tmp_path / "empty", PAIRS, overwrite=False)
    assert read_marker(tmp_path / "empty") == PAIRS


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    put(tmp_path / "a", "mine")
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError, match="is a file"):
            prepare_output(tmp_path / "a", PAIRS, overwrite)
    assert (tmp_path / "a").read_text() == "mine"


def test_a_full_folder_is_refused_and_the_way_on_is_named(ours: Path) -> None:
    before = tree(ours)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        prepare_output(ours, PAIRS, overwrite=False)
    assert tree(ours) == before


def test_overwrite_empties_a_folder_that_flawsmith_wrote(ours: Path) -> None:
    put(ours / ".pairs.jsonl.0a1b2c3d.tmp")  # of a write that was killed
    prepare_output(ours, PAIRS, overwrite=True)
    assert tree(ours) == {MARKER} and [path.name for path in ours.iterdir()] == [MARKER]


@pytest.mark.parametrize("name", ["data.json", "report.json", "pairs.jsonl", "benefit.json", "demo.json", "plan.png", "thesis.tex"])
def test_a_strangers_folder_is_never_emptied_whatever_its_files_are_called(name: str, tmp_path: Path) -> None:
    put(tmp_path / name, "years of work")
    put(tmp_path / "photos/one.png")
    with pytest.raises(OutputExistsError, match=r"no \.flawsmith\.json"):
        prepare_output(tmp_path, PAIRS, overwrite=True)
    assert tree(tmp_path) == {name, "photos/one.png"} and (tmp_path / name).read_text() == "years of work"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"kind": "pairs"}', '{"kind": "pairs", "files": [".*"], "format": 99}'])
def test_a_marker_that_cannot_be_read_is_none(content: str, tmp_path: Path) -> None:
    put(tmp_path / MARKER, content)
    put(tmp_path / "mine.txt")
    with pytest.raises(OutputExistsError, match="so flawsmith|says so"):
        prepare_output(tmp_path, PAIRS, overwrite=True)
    assert tree(tmp_path) == {MARKER, "mine.txt"}


@pytest.mark.parametrize("name", ["notes.txt", "test/crack/best of all.png", "test/crack/000000.png.bak", "deep/down/here", "demo.json"])
def test_a_strangers_file_in_our_folder_stops_everything(name: str, ours: Path) -> None:
    put(ours / name, "mine")
    before = tree(ours)
    with pytest.raises(OutputExistsError, match="flawsmith did not write it, so nothing was removed") as caught:
        prepare_output(ours, PAIRS, overwrite=True)
    assert str(ours / name) in str(caught.value) and tree(ours) == before


def test_another_kind_is_not_replaced(ours: Path) -> None:
    before = tree(ours)
    with pytest.raises(OutputExistsError, match="holds a pairs of flawsmith, expected a demo"):
        prepare_output(ours, DEMO, overwrite=True)
    assert tree(ours) == before


def test_a_link_stops_it_and_what_it_points_to_is_safe(ours: Path, tmp_path: Path) -> None:
    precious = put(tmp_path / "precious/one.png")
    (ours / "link").symlink_to(precious.parent, target_is_directory=True)
    (ours / "test/crack/000001.png").symlink_to(precious)
    with pytest.raises(OutputExistsError, match="did not write it"):
        prepare_output(ours, PAIRS, overwrite=True)
    (ours / "link").unlink()
    with pytest.raises(OutputExistsError, match="did not write it"):
        prepare_output(ours, PAIRS, overwrite=True)
    assert precious.exists()


def test_a_folder_in_a_folder_goes_by_its_own_marker_where_it_belongs(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    prepare_output(demo, DEMO, overwrite=False)
    put(demo / "demo.json")
    mark(demo / "pairs", PAIRS)
    put(demo / "pairs/test/crack/000000.png")
    other = put(demo / "mine/pairs.jsonl")
    mark(demo / "mine", PAIRS)  # made there by a command of the user's
    with pytest.raises(OutputExistsError, match="did not write it"):
        check_output(demo, DEMO, overwrite=True)
    assert other.exists()
    for path in (other, demo / "mine" / MARKER):
        path.unlink()
    prepare_output(demo, DEMO, overwrite=True)
    assert tree(demo) == {MARKER}


def test_the_litter_of_file_managers_is_neither_counted_nor_removed(ours: Path, tmp_path: Path) -> None:
    put(ours / ".DS_Store")
    prepare_output(ours, PAIRS, overwrite=True)
    assert tree(ours) == {MARKER, ".DS_Store"}
    put(tmp_path / "new/Thumbs.db")
    prepare_output(tmp_path / "new", PAIRS, overwrite=False)


def test_an_interrupted_removal_can_be_repeated(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def stop(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".png":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare_output(ours, PAIRS, overwrite=True)
    monkeypatch.undo()
    prepare_output(ours, PAIRS, overwrite=True)
    assert tree(ours) == {MARKER}


def test_the_inputs_are_not_written_over(ours: Path) -> None:
    with pytest.raises(OutputExistsError, match="lies in the output folder"):
        check_output(ours, PAIRS, True, [ours / "test/crack/000000.png"])


def test_the_marker_names_kind_version_and_files(ours: Path) -> None:
    said = json.loads((ours / MARKER).read_text())
    assert said["kind"] == "pairs" and said["format"] == 1 and said["flawsmith"] and said["files"] == list(PAIRS.files)
