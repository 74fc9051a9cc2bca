"""Writing: a file is the old one or the whole new one, and nothing is lost unasked."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from flawsmith.core import files
from flawsmith.core.errors import DataError, DiskFullError


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
    with pytest.raises(DataError, match="line 2 is no JSON"):
        files.read_lines(path)


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


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names of open files are Linux's")
def test_the_name_is_on_the_disk_too_when_a_write_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    files.write_text(tmp_path / "new" / "folder" / "a.txt", "x")
    assert synced[0].endswith(".tmp") and synced[1:] == [str(tmp_path / "new/folder"), str(tmp_path / "new"), str(tmp_path)]


def test_a_folder_that_cannot_be_synced_is_none_the_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    files.write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_a_full_disk_is_told_with_numbers_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"a\.txt: could not be written, as the disk is full: [\d.]+ [GM]B of [\d.]+ [GM]B are free"):
        files.write_text(path, "new")
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_line_for_which_there_is_no_room_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match=r"log\.jsonl: could not be written, as the disk is full"):
        files.append_line(tmp_path / "log.jsonl", "{}")


def test_an_interrupt_right_when_a_file_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, mode: str) -> None:
        Path(path).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "open", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        files.write_text(tmp_path / "a.txt", "new")
    assert names(tmp_path) == []
