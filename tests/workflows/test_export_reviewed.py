"""An export holds exactly the pairs that people left, with the masks that they corrected."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from exported import DECODERS, SIZE, hard_masks, same, write_out

import flawsmith as fs
from flawsmith.cli.main import main
from flawsmith.core.errors import ConfigError, DataError, FileError, OutputExistsError
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.review import correct_mask, decide, undo

ALL = [f"{number:06d}" for number in range(6)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Six pairs; 0, 1 and 5 accepted, 2 rejected, 3 disagreed on, 4 not looked at. The last one has two kinds."""
    made = write_out(tmp_path / "out", hard_masks())
    decide(made, "anna", ["000000", "000001", "000003", "000005"], "accept")
    decide(made, "ben", ["000002", "000003"], "reject", ["too soft"])
    return made


def exported(folder: Path) -> list[str]:
    return [json.loads(line)["id"] for line in (folder / "pairs.jsonl").read_text().splitlines()]


def row(folder: Path, id: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    return next(row for row in rows if row["id"] == id)


@pytest.mark.parametrize(
    ("review", "left"),
    [("", "015"), ("accepted", "015"), ("unrejected", "0145"), ("ignored", "012345")],
)
def test_the_choice_says_which_pairs(review: str, left: str, out: Path, tmp_path: Path) -> None:
    result = fs.export(out, tmp_path / "to", "coco", review=review, normals=False, quiet=True)
    assert exported(tmp_path / "to") == [f"00000{number}" for number in left]
    assert result["added"] == len(left) == len(DECODERS["coco"](tmp_path / "to"))
    counts = {"accepted": 3, "rejected": 1, "disputed": 1, "skipped": 0, "open": 1, "corrected_masks": 0, "reviewers": ["anna", "ben"]}
    assert result["review"] == (None if review == "ignored" else {"which": review or "accepted", **counts})


def test_without_a_review_all_come(tmp_path: Path) -> None:
    out = write_out(tmp_path / "out", hard_masks())
    decide(out, "anna", ALL[:2], "accept")
    undo(out, "anna")
    decide(out, "anna", ALL[:2], "skip")
    result = fs.export(out, tmp_path / "to", "coco", quiet=True)
    assert exported(tmp_path / "to") == ALL and result["review"] is None
    assert "No person has reviewed them." in (tmp_path / "to/DATACARD.md").read_text()


@pytest.mark.parametrize("to", ["coco", "mvtec", "labelme", "yolo"])
def test_a_corrected_mask_goes_in_the_place_of_the_generated_one(to: str, out: Path, tmp_path: Path) -> None:
    folder = PairFolder(out)
    by_id = {pair.id: pair for pair in folder.read()}
    mask = np.zeros(SIZE, bool)
    mask[8:20, 9:30] = True
    correct_mask(out, by_id["000000"], np.ones(SIZE, bool), "ben")
    correct_mask(out, by_id["000000"], mask, "anna")
    correct_mask(out, by_id["000001"], mask, "anna")
    correct_mask(out, by_id["000001"], None, "anna")
    result = fs.export(out, tmp_path / "to", to, normals=False, quiet=True)
    assert result["review"]["corrected_masks"] == 1 and not result["round_trip"]["poor"] and result["round_trip"]["compared"] == 3
    assert to == "yolo" or not result["round_trip"]["different"]
    said = row(tmp_path / "to", "000000")
    assert said["review"]["accepted_by"] == ["anna"] and said["review"]["mask"]["corrected_by"] == "anna"
    assert said["defects"][0]["box"] == [8, 9, 12, 21] and said["defects"][0]["area"] == 252
    assert row(tmp_path / "to", "000001")["review"] == {"accepted_by": ["anna"]}
    found = DECODERS[to](tmp_path / "to")
    names = {line["pair"]["id"]: line["name"] for line in map(json.loads, (tmp_path / "to/export.jsonl").read_text().splitlines())}
    if to != "yolo":
        assert same(found[names["000000"]], {"scratch": mask}) and same(found[names["000001"]], hard_masks()[1])
    assert fs.export(out, tmp_path / "bare", to, review="ignored", normals=False, quiet=True)["review"] is None
    assert "review" not in row(tmp_path / "bare", "000000")


def test_pixels_of_two_kinds_go_to_the_nearest_box_and_one_that_was_erased_is_gone(out: Path, tmp_path: Path) -> None:
    pair = next(pair for pair in PairFolder(out).read() if pair.id == "000005")
    wedge, dent = hard_masks()[5]["scratch"], hard_masks()[5]["dent"]
    more = wedge.copy()
    more[32:34, 5:8] = True  # below its box
    correct_mask(out, pair, more | dent, "anna")
    fs.export(out, tmp_path / "both", "coco", normals=False, quiet=True)
    (name,) = [
        line["name"] for line in map(json.loads, (tmp_path / "both/export.jsonl").read_text().splitlines()) if len(line["classes"]) == 2
    ]
    assert same(DECODERS["coco"](tmp_path / "both")[name], {"scratch": more, "dent": dent})
    correct_mask(out, pair, more, "anna")
    fs.export(out, tmp_path / "one", "coco", normals=False, quiet=True)
    assert same(DECODERS["coco"](tmp_path / "one")[name], {"scratch": more})
    assert [one["defect"] for one in row(tmp_path / "one", "000005")["defects"]] == ["scratch"]


def test_an_export_that_says_otherwise_by_now_is_not_added_to(out: Path, tmp_path: Path) -> None:
    fs.export(out, tmp_path / "to", "coco", quiet=True)
    before = (tmp_path / "to/export.jsonl").read_bytes()
    decide(out, "anna", ["000004"], "accept")
    assert fs.export(out, tmp_path / "to", "coco", quiet=True)["added"] >= 1
    decide(out, "ben", ["000001"], "reject")
    with pytest.raises(OutputExistsError, match=r"holds 1 pairs that were rejected since.*\(000001\)"):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    undo(out, "ben")
    pair = PairFolder(out).read()[0]
    correct_mask(out, pair, np.ones(SIZE, bool), "anna")
    with pytest.raises(OutputExistsError, match=r"whose mask was corrected \(000000\)"):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    assert (tmp_path / "to/export.jsonl").read_bytes().startswith(before)


def test_what_cannot_be_exported_is_told(out: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--review all: expected accepted, unrejected or ignored"):
        fs.export(out, tmp_path / "to", "coco", review="all", quiet=True)
    decide(out, "ben", ALL, "reject")
    with pytest.raises(DataError, match="no pair: 0 accepted, 2 rejected, 4 disagreed on. Review some, or .* --review ignored, as if"):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    undo(out, "ben")
    path = correct_mask(out, PairFolder(out).read()[0], np.ones(SIZE, bool), "anna")
    assert path is not None
    path.unlink()
    with pytest.raises(FileError, match="is missing, but anna corrected the mask of pair 000000"):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    assert not (tmp_path / "to").exists()


def test_where_nothing_was_accepted_and_some_not_rejected_these_are_what_is_advised(tmp_path: Path) -> None:
    out = write_out(tmp_path / "out", hard_masks())
    decide(out, "anna", ALL[:2], "reject")
    with pytest.raises(DataError, match="2 rejected, 4 not looked at. Review some, or choose --review unrejected, which takes all"):
        fs.export(out, tmp_path / "to", "coco", quiet=True)


def test_a_review_that_is_none_is_refused_and_a_line_that_was_cut_off_is_not(tmp_path: Path) -> None:
    out = write_out(tmp_path / "out", hard_masks())
    (out / "review.jsonl").write_text("no review\nat all\n")
    with pytest.raises(DataError, match=r"review\.jsonl: holds no line of a review"):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    (out / "review.jsonl").write_text('{"at": 1.0, "revie')
    assert fs.export(out, tmp_path / "to", "coco", quiet=True)["review"] is None


def test_the_command_and_the_card_tell_it_in_words(out: Path, tmp_path: Path) -> None:
    correct_mask(out, PairFolder(out).read()[0], np.ones(SIZE, bool), "anna")
    result = CliRunner().invoke(main, ["export", str(out), "--to", "coco", "-o", str(tmp_path / "to"), "--review", "unrejected"])
    words = "3 accepted, 1 rejected, 1 disagreed on, 1 not looked at; 1 mask corrected by hand"
    assert result.exit_code == 0 and f"Reviewed by people: {words}. Exported: all that nobody rejected." in result.output
    assert f"- Reviewed by anna, ben: {words}. Here are all that nobody rejected." in (tmp_path / "to/DATACARD.md").read_text()
