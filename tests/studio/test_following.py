"""What was added to a file since the last look."""

import json
from pathlib import Path

import pytest

from flawsmith.core.files import append_line, write_text
from flawsmith.studio import following
from flawsmith.studio.following import START, added


def steps(path: Path, mark: str) -> list[int]:
    return [row["step"] for row in added(path, mark).rows]


def write(path: Path, *numbers: int) -> None:
    write_text(path, "".join(json.dumps({"step": number}) + "\n" for number in numbers))


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert added(path).rows == [] and not added(path).anew
    write(path, 1, 2)
    first = added(path)
    assert [row["step"] for row in first.rows] == [1, 2] and not first.anew and not first.more
    append_line(path, '{"step": 3}')
    second = added(path, first.mark)
    assert [row["step"] for row in second.rows] == [3] and not second.anew
    assert added(path, second.mark).rows == []


def test_a_row_that_is_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"st')
    first = added(path)
    assert [row["step"] for row in first.rows] == [1]
    path.write_text('{"step": 1}\n{"step": 2}\n')
    assert steps(path, first.mark) == [2]


def test_a_file_that_is_written_anew_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, 1, 2, 3)
    mark = added(path).mark
    write(path, 1, 2, 3, 4)  # as a fit that is resumed does
    again = added(path, mark)
    assert again.anew and [row["step"] for row in again.rows] == [1, 2, 3, 4]
    path.unlink()
    assert added(path, again.mark).anew


@pytest.mark.parametrize("mark", ["nonsense", "1.2.3", "7.-1", "7.99999999999999999999"])
def test_a_mark_that_is_none_begins_at_the_start(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "log.jsonl"
    write(path, 1)
    assert steps(path, mark) == [1]


def test_what_is_no_row_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\n[1]\n\xff\xfe\nnonsense\n{"step": 2}\n')
    assert steps(path, START) == [1, 2]


def test_a_long_file_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PIECE", 40)
    path = tmp_path / "log.jsonl"
    write(path, *range(10))
    found, mark, more = [], START, True
    while more:
        new = added(path, mark)
        found += [row["step"] for row in new.rows]
        mark, more = new.mark, new.more
    assert found == list(range(10))
