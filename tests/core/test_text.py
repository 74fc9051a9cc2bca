"""Text files as editors write them: every file a user may write is read with a byte order mark, too."""

import codecs
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flawsmith.config.resolve import resolve
from flawsmith.core.files import read_lines
from flawsmith.core.text import read_text
from flawsmith.generation.plan import PlanFile

WRITTEN = {
    "plain": lambda text: text.encode(),
    "Notepad": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
    "PowerShell": lambda text: codecs.BOM_UTF16_LE + text.replace("\n", "\r\n").encode("utf-16-le"),
}


@pytest.fixture(params=list(WRITTEN))
def write(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Write a text file as one of some programs does."""

    def write(path: Path, text: str) -> None:
        path.write_bytes(WRITTEN[request.param](text))

    return write


def test_text_is_read(write: Callable[[Path, str], None], tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "Prüfling\n2")
    assert read_text(tmp_path / "a.txt") == "Prüfling\n2"


def test_a_mark_inside_is_text_and_other_codes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\ufeffb", encoding="utf-8")
    assert read_text(tmp_path / "a.txt") == "a\ufeffb"
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(UnicodeDecodeError):
        read_text(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"")
    assert read_text(tmp_path / "a.txt") == ""


def test_a_plan_is_read(write: Callable[[Path, str], None], tmp_path: Path, save_picture: Callable[..., Path]) -> None:
    normal = save_picture(tmp_path / "a.png", np.zeros((20, 20)))
    write(tmp_path / "plan.jsonl", '{"defect": "blob", "seed": 3}\n{"defect": "blob"}\n')
    assert len(PlanFile(tmp_path / "plan.jsonl", ["blob"], [normal], 0)) == 2


def test_a_configuration_is_read(write: Callable[[Path, str], None], tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", "training: {steps: 7}\n")
    assert resolve(None, tmp_path / "mine.yaml").training.steps == 7


def test_rows_are_read(write: Callable[[Path, str], None], tmp_path: Path) -> None:
    write(tmp_path / "pairs.jsonl", json.dumps({"a": 1}) + "\n" + json.dumps({"a": 2}) + "\n")
    assert [row["a"] for row in read_lines(tmp_path / "pairs.jsonl")] == [1, 2]
