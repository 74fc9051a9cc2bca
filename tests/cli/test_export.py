"""`flawsmith export`: what it passes on, what it prints and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exported import DECODERS, hard_masks, write_out

from flawsmith.formats.options import ReadOptions


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pairs. Read only."""
    return write_out(tmp_path_factory.mktemp("pairs") / "out", hard_masks())


def test_it_says_what_was_written_and_how_to_open_it(run: Callable, out: Path, tmp_path: Path) -> None:
    result = run("export", out, "--to", "coco", "-o", tmp_path / "coco", "--polygons")
    assert result.exit_code == 0, result.stderr
    assert "train: 2 normal, 6 synthetic" in result.stdout and "2 instances with holes kept as run lengths" in result.stdout
    assert "Read again: 8 of 8 pictures with exactly the same masks." in result.stdout
    assert f'COCO("{tmp_path / "coco"}/annotations/instances_train.json")' in result.stdout
    assert "8 pictures were there already" in run("export", out, "--to", "coco", "-o", tmp_path / "coco", "--polygons").stdout
    assert run("export", out, "--to", "coco", "-o", tmp_path / "coco", "--polygons", "--quiet").stdout == ""


def test_the_words_arrive(run: Callable, replace: Callable[[str, Any], None]) -> None:
    asked: dict[str, Any] = {}

    def export(*given: Any, **options: Any) -> dict[str, Any]:
        asked.update(options, given=given)
        return {"added": 0}

    replace("export", export)
    words: tuple[str, ...] = ("--with", "real", "--split", "80,20", "--polygons", "--link", "--no-marker", "--no-normals", "--json")
    words += ("--review", "unrejected", "--mask", "labelled", "--synthetic", "all")
    result = run("export", "pairs", "--to", "yolo", "-o", "dir", *words)
    assert json.loads(result.stdout) == {"added": 0}
    expected = {"real": Path("real"), "split": "80,20", "polygons": True, "link": True, "marker": False, "normals": False, "quiet": True}
    expected |= {"labels": ReadOptions(), "review": "unrejected", "mask": "labelled", "synthetic": "all"}
    assert asked == {"given": (Path("pairs"), Path("dir"), "yolo"), **expected}


def test_the_iou_of_every_file_with_outlines_is_printed_and_poor_ones_are_listed(
    run: Callable, replace: Callable[[str, Any], None], out: Path, tmp_path: Path
) -> None:
    result = run("export", out, "--to", "yolo", "-o", tmp_path / "yolo")
    assert result.stdout.count("IoU 1.0000 with the mask, as flawsmith fills outlines") == 8
    back = {"compared": 2, "different": {"a.png": 0.97, "b.png": 0.9}, "poor": {"b.png": 0.9}}
    said = {
        "to": "yolo",
        "folder": "dir",
        "added": 2,
        "already_there": 0,
        "pictures": {},
        "told": {},
        "notes": ["val: no real defect"],
        "round_trip": back,
        "use": "",
        "review": None,
    }
    replace("export", lambda *_, **__: said | {"outlines": back["different"]})
    lines = run("export", out, "--to", "yolo", "-o", "dir").stdout.splitlines()
    assert lines[0] == "val: no real defect"
    words = "with the mask, as flawsmith fills outlines"
    assert lines[1:3] == [f"a.png: IoU 0.9700 {words}", f"b.png: IoU 0.9000 {words}"]
    assert lines[3:5] == ["Read again: 0 of 2 pictures with exactly the same masks. With IoU below 0.95:", "  b.png 0.9000"]


def test_list_names_every_format(run: Callable) -> None:
    lines = run("export", "pairs", "--to", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(DECODERS)


def test_a_folder_to_write_is_needed(run: Callable) -> None:
    result = run("export", "pairs", "--to", "coco")
    assert result.exit_code == 2 and "Missing option '-o'" in result.stderr


def test_ctrl_c_says_how_to_go_on(run: Callable, replace: Callable[[str, Any], None], tmp_path: Path) -> None:
    def stop(*_: Any, **__: Any) -> None:
        (tmp_path / "export.jsonl").touch()
        raise KeyboardInterrupt

    replace("export", stop)
    result = run("export", "pairs", "--to", "coco", "-o", tmp_path)
    assert result.exit_code == 130 and f"To go on: flawsmith export pairs --to coco -o {tmp_path}" in result.stderr
