"""What is unpacked is kept, up to a limit: what was not used for longest goes, and nothing that is in use."""

import os
import time
from pathlib import Path

import pytest

from flawsmith.core import cache
from flawsmith.core.cache import kept_file, kept_folder
from flawsmith.core.errors import FileError

MIB, DAY = 1 << 20, 86_400


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is unpacked into; it may hold 3 MiB."""
    monkeypatch.setenv("FLAWSMITH_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "MOST_KEPT", 3 * MIB)
    return tmp_path / "unpacked"


def unpack(name: str, days: float = 0) -> Path:
    """Unpack 1 MiB, as one that was used some days ago."""

    def fill(folder: Path) -> None:
        (folder / "within").mkdir()
        (folder / "within/x").write_bytes(bytes(MIB))

    folder = kept_folder(name, Path("x.zip"), MIB, fill)
    os.utime(folder, times=(time.time() - days * DAY,) * 2)
    return folder


def test_the_longest_unused_go_and_those_in_use_stay(place: Path) -> None:
    for name, days in (("oldest", 30.0), ("recent", 6.0), ("old", 20.0)):
        unpack(name, days)
    assert len(list(place.iterdir())) == 3, "as many as there is room for"
    unpack("oldest")  # is used again
    unpack("new")
    assert sorted(p.name for p in place.iterdir()) == ["new", "oldest", "recent"], "the one unused for 20 days is gone"
    unpack("newer")
    assert len(list(place.iterdir())) == 4, "of what was used within a week nothing goes"


def test_single_files_count_and_go_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SOMETIMES", "")
    first = kept_file(bytes(2 * MIB), "a.png")
    os.utime(first, times=(time.time() - 9 * DAY,) * 2)
    kept_file(bytes(MIB), "b.png")
    assert first.is_file()
    kept_file(bytes(2 * MIB), "a.png")
    assert time.time() - first.stat().st_mtime < DAY, "used again"
    os.utime(first, times=(time.time() - 9 * DAY,) * 2)
    kept_file(bytes(MIB + 1), "c.png")
    assert sorted(p.name.partition("-")[2] for p in place.iterdir()) == ["b.png", "c.png"]


def test_what_was_left_half_unpacked_goes(place: Path) -> None:
    for name, days in (("part-old", 8), ("part-now", 0)):
        (place / name).mkdir(parents=True)
        os.utime(place / name, times=(time.time() - days * DAY,) * 2)
    unpack("a")
    assert sorted(p.name for p in place.iterdir()) == ["a", "part-now"]


def test_a_folder_that_cannot_be_filled_leaves_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(folder: Path) -> None:
        (folder / "x").write_bytes(b"x")
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        kept_folder("a", Path("x.zip"), 1, fill)
    assert not list(place.iterdir())
    with pytest.raises(FileError, match=r"x.zip: unfolds to \d+ MiB, and .* FLAWSMITH_CACHE to a larger disk"):
        kept_folder("a", Path("x.zip"), 1 << 60, fill)
