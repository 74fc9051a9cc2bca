"""What is no file is refused at once."""

import os
from pathlib import Path

import pytest

from flawsmith.core.opening import open_plain
from flawsmith.core.text import read_text


def test_a_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    with open_plain(tmp_path / "x") as stream:
        assert stream.read() == b"abc"
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "y")


@pytest.mark.skipif(os.name == "nt", reason="pipes with names are POSIX's")
def test_pipes_devices_and_folders_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for path, said in ((tmp_path / "pipe", "pipe or a device"), (tmp_path / "zeros", "pipe or a device"), (tmp_path, "folder")):
        with pytest.raises(OSError, match=said):
            open_plain(path)
        with pytest.raises(OSError, match=said):
            read_text(path)
