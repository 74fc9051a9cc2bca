"""Room on a disk is asked for in numbers before the work."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from flawsmith.core.cache import cache_folder
from flawsmith.core.disk import SPARE, full_disk_told, require_room
from flawsmith.core.errors import DiskFullError

Usage = namedtuple("Usage", ["total", "used", "free"])


def test_what_does_not_fit_is_refused_with_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def usage(path: Path) -> Usage:
        asked.append(path)
        return Usage(200_000_000_000, 0, 1_000_000_000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    require_room(tmp_path / "new/run", 1_000_000_000 - SPARE, "a model")
    said = r"new/run: a model may need 3\.2 GB, and 1\.0 GB of 200\.0 GB are free there; nothing was written\. Free 2\.2 GB, or name"
    with pytest.raises(DiskFullError, match=said):
        require_room(tmp_path / "new/run", 3_190_000_000, "a model")
    assert set(asked) == {tmp_path} and not (tmp_path / "new").exists(), "the disk where the folder would be"


@pytest.mark.parametrize("answer", [OSError(errno.ENOSYS, "unknown"), Usage(0, 0, 0)])
def test_a_file_system_that_does_not_tell_has_room(answer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def usage(_: Path) -> object:
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(shutil, "disk_usage", usage)
    require_room(tmp_path, 1e15, "a model")


def test_a_quota_is_told_and_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="your quota on that disk is used up"), full_disk_told(tmp_path):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
    with pytest.raises(PermissionError), full_disk_told(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_a_user_without_a_home_has_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOME", "XDG_CACHE_HOME", "FLAWSMITH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cache_folder().parent == tmp_path and cache_folder().is_dir()
