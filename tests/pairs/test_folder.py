"""The folder OUT: what goes in comes out, torn and spoiled rows are named, and nothing of others is touched."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.core.errors import DataError, FileError, OutputExistsError
from flawsmith.images.pitch import Pitch, read_pitch
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reason import Reason

WHY = Reason("pick", "left out")


def image(number: int = 0) -> np.ndarray:
    return np.full((6, 8, 1), number, np.uint16)


def mask() -> np.ndarray:
    found = np.zeros((6, 8), bool)
    found[2:4, 3:5] = True
    return found


@pytest.fixture
def folder(tmp_path: Path) -> PairFolder:
    """Two accepted pairs, the later one first, and a rejected attempt."""
    made = PairFolder(tmp_path / "out")
    made.begin()
    made.add(Pair("000001", "dent", "accepted", normal=None), image(1), mask())
    made.append(Pair("000000", "crack", "rejected", reasons=(Reason("seam", "x"),)))
    made.add(Pair("000000", "crack", "accepted", 1, normal="n.png"), image(0), mask(), Pitch(1000, 2000))
    return made


def lines(folder: PairFolder) -> list[str]:
    return folder.rows.read_text().splitlines()


def test_what_goes_in_comes_out(folder: PairFolder) -> None:
    first, refused, last = folder.read()
    assert (first.id, refused.verdict, last.attempt) == ("000001", "rejected", 1)
    assert (last.image, last.mask) == ("test/crack/000000.png", "ground_truth/crack/000000_mask.png")
    accepted = folder.accepted()
    assert [pair.id for pair in accepted] == ["000000", "000001"], "by id"
    assert [int(folder.image(pair)[0, 0, 0]) for pair in accepted] == [0, 1] and folder.image(last).dtype == np.uint16
    assert all((folder.mask(pair) == mask()).all() for pair in accepted)
    assert read_pitch(folder.image_path(last)) == Pitch(1000, 2000) == read_pitch(folder.mask_path(last))


def test_a_normal_is_looked_for_where_it_was_and_in_the_folder(folder: PairFolder, tmp_path: Path) -> None:
    first, _, last = folder.read()
    assert folder.normal_path(first) is None and folder.normal_path(last) is None
    (folder.folder / "n.png").write_bytes(b"x")
    assert folder.normal_path(last) == folder.folder / "n.png"


def test_lost_files_are_named_or_left_out(folder: PairFolder) -> None:
    folder.mask_path(folder.read()[0]).unlink()
    assert [pair.id for pair in folder.present(folder.read())] == ["000000"]
    with pytest.raises(FileError, match="000001_mask.png: is missing, but pair 000001 names it"):
        folder.accepted()


def test_without_rows_the_pictures_are_the_pairs(folder: PairFolder) -> None:
    folder.rows.unlink()
    found = folder.accepted()
    assert [(pair.id, pair.defect, pair.size, pair.normal) for pair in found] == [
        ("crack/000000", "crack", (6, 8), ""),
        ("dent/000001", "dent", (6, 8), ""),
    ]
    assert int(folder.image(found[1])[0, 0, 0]) == 1
    with pytest.raises(DataError, match="pairs.jsonl: there is no such file"):
        folder.read()


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_without_pairs_is_an_error(tmp_path: Path, made: bool) -> None:
    folder = PairFolder(tmp_path / "out")
    if made:
        folder.begin()
    assert folder.first() is None
    with pytest.raises(DataError, match="holds no accepted pairs" if made else "there is no such folder; make it with"):
        folder.accepted()


@pytest.mark.parametrize("end", [b'{"id": "000002", "def', '{"id": "é'.encode()[:-1], b"{"])
def test_a_torn_last_line_is_named_and_dropped_by_resume(end: bytes, folder: PairFolder) -> None:
    before = folder.rows.read_bytes()
    folder.rows.write_bytes(before + end)
    with pytest.raises(DataError, match=r"pairs.jsonl: line 4 is cut off.*--resume"):
        folder.read()
    assert (first := folder.first()) is not None and first.id == "000001"
    assert len(folder.resume(lambda pair: True, lambda pair: pair.accepted)) == 3
    assert folder.rows.read_bytes() == before, "whole rows again, so that the next does not join the torn one"


def test_a_row_that_lost_only_its_line_end_is_whole(folder: PairFolder) -> None:
    before = folder.rows.read_bytes()
    folder.rows.write_bytes(before[:-1])
    assert len(folder.read()) == 3
    folder.resume(lambda pair: True, lambda pair: pair.accepted)
    assert folder.rows.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "told"),
    [("{", "line 2: "), ('{"id": "x"}', "line 2: has no defect"), ('{"id": 1, "defect": "a", "verdict": "failed"}', "line 2: id")],
)
def test_a_spoiled_row_is_named_by_its_line(line: str, told: str, folder: PairFolder) -> None:
    rows = lines(folder)
    folder.rows.write_text("\n".join([rows[0], line, *rows[1:]]) + "\n")
    before = folder.rows.read_bytes()
    with pytest.raises(DataError, match=told):
        folder.read()
    with pytest.raises(DataError, match=told):
        folder.resume(lambda pair: True, lambda pair: True)
    assert folder.rows.read_bytes() == before


def test_resume_drops_what_is_not_finished_and_keeps_the_rest_as_it_is(folder: PairFolder) -> None:
    rows = [json.loads(line) | {"later": 1} for line in lines(folder)]
    rows.append(rows[1] | {"id": "000002"})
    folder.rows.write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept = folder.resume(lambda pair: True, lambda pair: pair.accepted)
    assert [(pair.id, pair.attempt) for pair in kept] == [("000001", 0), ("000000", 0), ("000000", 1)]
    assert [json.loads(line) for line in lines(folder)] == rows[:3]


def test_resume_refuses_what_is_not_ours(folder: PairFolder, tmp_path: Path) -> None:
    before = folder.rows.read_bytes()
    with pytest.raises(OutputExistsError, match="pair 000001 there was made by another model"):
        folder.resume(lambda pair: pair.id == "000000", lambda pair: True)
    assert folder.rows.read_bytes() == before
    (tmp_path / "photos").mkdir()
    assert PairFolder(tmp_path / "photos").resume(lambda pair: True, lambda pair: True) == []
    (tmp_path / "photos/a.jpg").write_bytes(b"x")
    with pytest.raises(OutputExistsError, match="nothing to resume"):
        PairFolder(tmp_path / "photos").resume(lambda pair: True, lambda pair: True)


def test_what_is_not_kept_loses_its_files_and_says_why(folder: PairFolder) -> None:
    gone = folder.read()[0]
    files: list[Any] = [folder.image_path(gone), folder.mask_path(gone)]
    folder.keep({"000000"}, WHY)
    first, refused, last = folder.read()
    assert (first.verdict, first.image, first.mask, first.reasons) == ("rejected", None, None, (WHY,))
    assert refused.reasons == (Reason("seam", "x"),) and last.accepted and folder.image_path(last).is_file()
    assert not any(file.exists() for file in files)
    for file in files:  # killed between rows and files
        file.touch()
    folder.keep({"000000"}, WHY)
    assert not any(file.exists() for file in files) and folder.image_path(last).is_file()
