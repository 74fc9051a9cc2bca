"""A label format is one module: a pair of functions and a line that registers it."""

import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import flawsmith as fs
from flawsmith.core.errors import DataError
from flawsmith.formats import registry

BOXES = '''
"""Pictures beside text files: a line "name top left height width" for each box that somebody drew to mark all that is in it."""
from flawsmith.formats.labelled import Labelled, Object
from flawsmith.formats.registry import of_label_files, register
from flawsmith.formats.shapes import Rectangle

def recognise(files):
    return "there is a folder boxes" if (files.root / "boxes").is_dir() else None

def labelled(files, options):
    for label in files.of(".txt"):
        rows = [line.split() for line in label.read_text().splitlines()]
        boxes = [(name, *map(int, box)) for name, *box in rows]
        shapes = [Object(name, Rectangle(left, top, left + width, top + height)) for name, top, left, height, width in boxes]
        yield Labelled(f"{label.stem}.png", label, tuple(shapes))

register(of_label_files("boxes", "Boxes in text files", recognise, labelled, unlisted="normals"))
'''


@pytest.fixture
def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in a format that one module adds."""
    monkeypatch.setattr(registry, "_ADDED", {})
    exec(compile(BOXES, "boxes.py", "exec"), types.ModuleType("boxes").__dict__)
    root = tmp_path / "data"
    (root / "boxes").mkdir(parents=True)
    for i in range(3):
        Image.fromarray(np.full((20, 30), 100 + i, np.uint8)).save(root / f"{i}.png")
    (root / "boxes/1.txt").write_text("dent 2 3 4 5\nscratch 10 10 1 9\ndent 15 20 2 2\n")
    yield root


def test_one_module_adds_a_format(boxes: Path) -> None:
    (boxes / "groups.csv").write_text("path,group\n1.png,A\n")
    data = fs.read(boxes)
    assert data.normals == (boxes / "0.png", boxes / "2.png")
    found = list(data.samples())
    assert [(s.source, s.defect, s.group) for s in found] == [(boxes / "1.png", "dent", "A"), (boxes / "1.png", "scratch", "A")]
    assert [int(s.mask.sum()) for s in found if s.mask is not None] == [24, 9]
    assert found[0].mask is not None and found[0].mask.shape == (20, 30) and found[0].mask.dtype == bool and found[0].mask[2, 3]


def test_it_is_checked_like_any_other(boxes: Path) -> None:
    assert not fs.check(boxes).bad
    (boxes / "boxes/2.txt").write_text("dent 90 90 2 2\n")  # outside the picture
    report = fs.check(boxes)
    assert [(p.path, p.message[:16]) for p in report.problems] == [("boxes/2.txt", "2.png: is an emp")]


def test_what_no_format_recognises_is_told_what_all_expect(boxes: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError) as caught:
        fs.read(tmp_path / "other")
    for text in ("Boxes in text files (boxes)", "the MVTec AD layout", "a file flawsmith.yaml"):
        assert text in str(caught.value)


def test_a_data_set_yields_samples_and_paths(data8: Path) -> None:
    data = fs.read(data8)
    samples = list(data.samples())
    assert [s.defect for s in samples] == ["blob"] * 6 + ["line"] * 6
    assert all(s.mask is not None and s.mask.dtype == bool and s.mask.shape == s.image.shape[:2] and s.source.is_file() for s in samples)
    assert data.normals == tuple(sorted((data8 / "train/good").iterdir())) and len(data.held_out_normals) == 2
