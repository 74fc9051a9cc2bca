"""Writing: a file is the old one or the whole new one, and nothing is lost unasked."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flawsmith.core import files
from flawsmith.core.errors import OutputExistsError


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_what_is_written_is_what_is_read_and_nothing_stays_behind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"
    files.write_bytes(path, b"one")
    files.write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["a.bin"]


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_the_new_file_appears_only_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    seen = []
    replace = os.replace

    def watch(source: str, target: Path) -> None:
        seen.append((Path(target).read_text(), Path(source).read_text(), Path(source).parent == path.parent))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    files.write_text(path, "new")
    assert seen == [("old", "new", True)]
    assert path.read_text() == "new"


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_files_have_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_files_are_written_where_their_mode_may_not_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)  # as CIFS, NTFS and mounted buckets do
    files.write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_a_half_written_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    files.append_line(path, '{"step": 1}')
    files.append_line(path, '{"step": 2}')
    with path.open("a") as stream:
        stream.write('{"ste')
    assert files.read_lines(path) == [{"step": 1}, {"step": 2}]


def test_a_broken_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"ste\n{"step": 3}\n')
    with pytest.raises(ValueError):
        files.read_lines(path)


def test_prepare_output_makes_a_missing_folder(tmp_path: Path) -> None:
    files.prepare_output(tmp_path / "a" / "b", overwrite=False)
    assert (tmp_path / "a" / "b").is_dir()


def test_prepare_output_takes_an_empty_folder(tmp_path: Path) -> None:
    files.prepare_output(tmp_path, overwrite=False)
    assert names(tmp_path) == []


def test_prepare_output_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError, match="is a file"):
            files.prepare_output(tmp_path / "a", overwrite)
    assert (tmp_path / "a").read_text() == "mine"


def test_prepare_output_refuses_a_full_folder_and_names_the_way_on(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text("")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        files.prepare_output(tmp_path, overwrite=False)
    assert names(tmp_path) == ["pairs.jsonl"]


@pytest.mark.parametrize("marker", files.OUR_FILES)
def test_overwrite_empties_a_folder_that_flawsmith_wrote(marker: str, tmp_path: Path) -> None:
    (tmp_path / marker).write_text("{}")
    (tmp_path / "test" / "crack").mkdir(parents=True)
    (tmp_path / "test" / "crack" / "000000.png").write_text("x")
    files.prepare_output(tmp_path, overwrite=True)
    assert names(tmp_path) == []


def test_overwrite_refuses_to_empty_a_folder_that_flawsmith_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_text("x")
    with pytest.raises(OutputExistsError, match="only folders that flawsmith wrote"):
        files.prepare_output(tmp_path, overwrite=True)
    assert names(tmp_path) == ["photos", "thesis.tex"]
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert (tmp_path / "photos" / "one.png").exists()


def test_overwrite_removes_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "one.png").write_text("x")
    out = tmp_path / "out"
    out.mkdir()
    (out / "pairs.jsonl").write_text("")
    (out / "link").symlink_to(precious, target_is_directory=True)
    files.prepare_output(out, overwrite=True)
    assert names(out) == []
    assert (precious / "one.png").exists()


def test_content_hash_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000  # more than one block
    (tmp_path / "a").write_bytes(content)
    assert files.content_hash(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_pieces_are_written_one_after_the_other(tmp_path: Path) -> None:
    path, seen = tmp_path / "a.bin", []

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            seen.append(names(tmp_path))
            yield bytes([number]) * 100_000

    files.write_pieces(path, pieces())
    assert path.read_bytes() == b"".join(bytes([number]) * 100_000 for number in range(3))
    assert names(tmp_path) == ["a.bin"] and all(entry != "a.bin" for entries in seen for entry in entries)


def test_pieces_that_fail_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"old")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        files.write_pieces(path, pieces())
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.bin"]
