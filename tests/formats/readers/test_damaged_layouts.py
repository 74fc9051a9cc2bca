"""Folders in which files are missing, cut, renamed, exchanged or filled with something else: read, or refused with a reason."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.layouts import TREES, plant
from formats.mutations import mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import FlawsmithError

CONTENTS = st.sampled_from([b"", b"\0", b"\x89PNG\r\n\x1a\n", b"{", b'{"a": [[[[', b"file_name,mask\n../x,\0\n", b"\xff" * 99])


@pytest.mark.parametrize("name", TREES)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_folders_are_refused_or_read(name: str, tmp_path: Path, data: st.DataObject) -> None:
    root = tmp_path / "data"
    shutil.rmtree(root, ignore_errors=True)
    files = sorted(path for path in plant(root, _mutated_tables(TREES[name](), data)).rglob("*") if path.is_file())
    for _ in range(data.draw(st.integers(1, 3))):
        _damage(data, root, files)
    for format in ("", name):
        try:
            report = fs.check(root, format=format)
            assert report.format
            for sample in fs.read(root, format=format).samples():
                assert sample.mask is not None and sample.mask.shape == sample.image.shape[:2]
        except FlawsmithError as error:
            assert str(error)


def _mutated_tables(tree: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Return a tree in which something is changed in the values of JSON and CSV files."""
    found = dict(tree)
    for name, content in tree.items():
        if not isinstance(content, (list, dict)) and not (isinstance(content, str) and name.endswith((".jsonl", ".csv"))):
            continue
        if data.draw(st.booleans()):
            continue
        if isinstance(content, (list, dict)):
            found[name] = mutated(content, data.draw)
        elif name.endswith(".jsonl"):
            found[name] = "\n".join(json.dumps(row) for row in mutated([json.loads(line) for line in content.splitlines()], data.draw))
        else:
            rows = mutated([line.split(",") for line in content.splitlines()], data.draw)
            found[name] = "\n".join(",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)
    return found


def _damage(data: st.DataObject, root: Path, files: list[Path]) -> None:
    path, other = data.draw(st.sampled_from(files)), data.draw(st.sampled_from(files))
    how = data.draw(st.sampled_from(["remove", "cut", "rename", "exchange", "fill", "folder"]))
    if not path.is_file():
        return
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    elif how == "fill":
        path.write_bytes(data.draw(CONTENTS))
    elif how == "rename":
        target = path.with_name(data.draw(st.sampled_from(["x", "x_mask", "0", "good", "a b"])) + path.suffix)
        if not target.is_dir():  # as another damage may have left it
            path.rename(target)
    elif how == "exchange" and other.is_file():
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif how == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.unlink()


def test_masks_of_impossible_sizes_are_told(tmp_path: Path) -> None:
    """A small file that says to be a picture of 60000 x 60000 is not unfolded."""
    root = plant(tmp_path, TREES["kolektor"]())
    header = (root / "kos01/Part1_label.bmp").read_bytes()
    sides = np.array([60_000, 60_000], "<i4").tobytes()
    (root / "kos01/Part1_label.bmp").write_bytes(header[:18] + sides + header[26:])
    assert any("larger than 178 megapixels" in str(problem) for problem in fs.check(root).problems)
