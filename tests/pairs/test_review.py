"""What people decide of pairs: lines are only added, and what follows from them is the same however they came."""

import json
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.core.errors import DataError, FileError, OutputExistsError
from flawsmith.core.folders import MARKER, check_output, mark, prepare_output
from flawsmith.images.files import read_mask
from flawsmith.images.pitch import Pitch, read_pitch
from flawsmith.pairs.folder import PAIRS, PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.review import (
    DECISIONS,
    DISPUTED,
    REDO,
    UNDO,
    Line,
    Opinion,
    Review,
    correct_mask,
    decide,
    read_lines,
    read_review,
    redo,
    undo,
    verdict_of,
)

IDS = [f"{number:06d}" for number in range(5)]
names = st.sampled_from(["anna", "ben"])
decisions = st.builds(
    Line,
    st.sampled_from(DECISIONS),
    names,
    st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True).map(tuple),
    st.lists(st.sampled_from(["too soft", "wrong place"]), max_size=2).map(tuple),
)
acts = st.one_of(decisions, st.builds(Line, st.sampled_from([UNDO, REDO]), names))
lines = st.lists(acts, max_size=30)
few = settings(max_examples=25, deadline=None)  # each line waits for the disk


def state(review: Review, reviewer: str) -> dict[str, Opinion]:
    return dict(review.opinions(reviewer, IDS))


def say(path: Path, found: Sequence[Line]) -> None:
    for line in found:
        if line.act in DECISIONS:
            decide(path, line.reviewer, line.ids, line.act, line.reasons)
        else:
            {UNDO: undo, REDO: redo}[line.act](path, line.reviewer)


@given(lines)
def test_it_is_as_a_list_of_states_that_one_walks_along(found: list[Line]) -> None:
    """The model: each reviewer's states one after the other, and a place in them."""
    history: dict[str, list[dict[str, Opinion]]] = {name: [{}] for name in ("anna", "ben")}
    place = {"anna": 0, "ben": 0}
    for line in found:
        own, here = history[line.reviewer], place[line.reviewer]
        if line.act == UNDO:
            place[line.reviewer] = max(0, here - 1)
        elif line.act == REDO:
            place[line.reviewer] = min(len(own) - 1, here + 1)
        else:
            own[here + 1 :] = [own[here] | {id: Opinion(line.act, line.reasons, line.at) for id in line.ids}]
            place[line.reviewer] += 1
    review = Review(found)
    for name in ("anna", "ben"):
        assert state(review, name) == history[name][place[name]]
    for id in IDS:
        assert review.verdict(id) == verdict_of(
            history[name][place[name]][id].decision for name in place if id in history[name][place[name]]
        )


@given(lines)
def test_all_that_was_done_can_be_undone_and_done_again(found: list[Line]) -> None:
    done = Review(found)
    undone = Review([*found, *[Line(UNDO, "anna")] * len(found)])
    assert state(undone, "anna") == {} and state(undone, "ben") == state(done, "ben"), "of one's own only"
    assert undone.begun == any(opinion.decision != "skip" for opinion in state(done, "ben").values())
    depth = sum(line.act in DECISIONS and line.reviewer == "anna" for line in found)
    again = Review([line for line in found if line.act in DECISIONS] + [Line(UNDO, "anna")] * depth + [Line(REDO, "anna")] * depth)
    assert state(again, "anna") == state(Review([line for line in found if line.act in DECISIONS]), "anna")


@given(lines, lines)
def test_another_reviewer_changes_nothing_of_mine(mine: list[Line], others: list[Line]) -> None:
    own = [replace(line, reviewer="anna") for line in mine]
    theirs = [replace(line, reviewer="ben") for line in others]
    mixed = [line for two in zip(own, theirs, strict=False) for line in two] + own[len(theirs) :] + theirs[len(own) :]
    assert state(Review(mixed), "anna") == state(Review(own), "anna")


@given(st.lists(acts, min_size=1, max_size=6), st.integers(0, 1000), st.booleans())
@few
def test_a_kill_costs_the_line_that_was_being_written(found: list[Line], share: int, back: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        path = out / "review.jsonl"
        say(out, found)
        content = path.read_bytes()
        ends = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
        cut = ends[share % len(ends)] - 1 if back else share * len(content) // 1000  # before the end of a line, or anywhere
        path.write_bytes(content[:cut])
        whole = sum(end <= cut for end in ends)
        kept = read_lines(path)[0]
        assert [(line.act, line.ids) for line in kept] == [(line.act, line.ids) for line in found[:whole]]
        decide(out, "anna", ["000009"], "accept")  # goes on behind what was cut off
        after = read_lines(path)[0]
        lost_only_its_end = cut + 1 in ends
        assert [line.act for line in after] == [line.act for line in found[: whole + lost_only_its_end]] + ["accept"]
        assert after[-1].ids == ("000009",)


@given(st.lists(acts, max_size=6), st.integers(0, 6))
@few
def test_it_can_be_read_piece_by_piece(found: list[Line], first: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        say(out, found[:first])
        before, place = read_lines(out / "review.jsonl")
        with (out / "review.jsonl").open("ab") as stream:
            stream.write(b'{"act": "acc')  # somebody is writing
        assert read_lines(out / "review.jsonl", place) == ([], place)
        say(out, found[first:])
        more, end = read_lines(out / "review.jsonl", place)
        assert before + more == read_lines(out / "review.jsonl")[0]
        assert [line.act for line in before + more] == [line.act for line in found]
        assert end == (out / "review.jsonl").stat().st_size if found[first:] else end == place


def test_two_people_disagree(tmp_path: Path) -> None:
    decide(tmp_path, "anna", IDS[:3], "accept")
    decide(tmp_path, "ben", IDS[1:2], "reject", ["too soft", "too soft"])
    decide(tmp_path, "ben", IDS[2:4], "skip")
    review = read_review(tmp_path)
    assert [review.verdict(id) for id in IDS] == ["accepted", DISPUTED, "accepted", "skipped", "open"]
    assert review.by_pair[IDS[1]]["ben"][:2] == ("reject", ("too soft",)) and review.reviewers == ["anna", "ben"]
    undo(tmp_path, "ben")
    undo(tmp_path, "ben")
    undo(tmp_path, "ben")  # nothing is left
    assert read_review(tmp_path).verdict(IDS[1]) == "accepted"
    redo(tmp_path, "ben")
    assert read_review(tmp_path).verdict(IDS[1]) == DISPUTED


def test_many_may_write_at_once(tmp_path: Path) -> None:
    def write(name: str) -> None:
        for id in IDS * 4:
            decide(tmp_path, name, [id], "accept", [name * 100])

    writing = [threading.Thread(target=write, args=(name,)) for name in ("anna", "ben", "cleo")]
    for thread in writing:
        thread.start()
    for thread in writing:
        thread.join()
    found = read_lines(tmp_path / "review.jsonl")[0]
    assert len(found) == 3 * 4 * len(IDS)
    assert [line.ids[0] for line in found if line.reviewer == "ben"] == IDS * 4, "each one's in turn"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[]", "is no object"),
        ('{"act": "praise", "reviewer": "anna", "at": 1}', "has the act 'praise'"),
        ('{"act": "undo", "at": 1}', "does not say who acted"),
        ('{"act": "skip", "reviewer": "anna", "at": 1, "ids": [1]}', "ids or reasons that are no list of texts"),
        ('{"act": "mask", "reviewer": "anna", "at": 1, "ids": ["a"], "mask": "../../etc/passwd"}', "no path inside the folder"),
    ],
)
def test_a_line_that_says_nothing_we_know_is_named(line: str, told: str, tmp_path: Path) -> None:
    decide(tmp_path, "anna", IDS, "accept")
    size = (tmp_path / "review.jsonl").stat().st_size
    with (tmp_path / "review.jsonl").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(DataError, match=f"line at byte {size} .*{told}"):
        read_review(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda out: decide(out, "anna", [], "accept"),
        lambda out: decide(out, "anna", IDS, "maybe"),
        lambda out: decide(out, "anna", IDS, "reject", map(str, range(21))),
        lambda out: decide(out, " anna", IDS, "accept"),
        lambda out: decide(out, "", IDS, "accept"),
        lambda out: decide(out, "a" * 41, IDS, "accept"),
        lambda out: undo(out, "an\nna"),
    ],
)
def test_what_is_no_decision_is_not_written(wrong: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(DataError):
        wrong(tmp_path)
    assert not (tmp_path / "review.jsonl").exists()


@pytest.fixture
def folder(tmp_path: Path) -> PairFolder:
    """A folder with one pair."""
    made = PairFolder(tmp_path / "out")
    made.begin()
    mask = np.zeros((6, 8), bool)
    mask[2, 3] = True
    made.add(Pair("000001", "dent", "accepted", normal=None), np.zeros((6, 8, 1), np.uint8), mask, Pitch(1000, 2000))
    made.append(Pair("000002", "dent", "rejected"))
    return made


def test_a_mask_is_corrected_beside_the_generated_one(folder: PairFolder) -> None:
    pair, refused = folder.read()
    before = folder.mask_path(pair).read_bytes()
    mask = np.zeros((6, 8), bool)
    mask[1:3, 2:5] = True
    path = correct_mask(folder.folder, pair, mask, "anna")
    assert path == folder.folder / "reviewed/dent/000001_mask.png" and (read_mask(path) == mask).all()
    assert folder.mask_path(pair).read_bytes() == before and read_pitch(path) == Pitch(1000, 2000)
    review = read_review(folder.folder)
    assert review.corrections["000001"][:2] == ("reviewed/dent/000001_mask.png", "anna") and not review.begun, "that is no decision"
    with pytest.raises(FileError, match="mask is 9x6 but 000001.png is 8x6"):
        correct_mask(folder.folder, pair, np.ones((6, 9), bool), "anna")
    with pytest.raises(FileError, match="no pixel is marked|empty mask"):
        correct_mask(folder.folder, pair, ~np.ones((6, 8), bool), "anna")
    with pytest.raises(DataError, match="pair 000002 was not accepted"):
        correct_mask(folder.folder, refused, mask, "anna")
    assert correct_mask(folder.folder, pair, None, "anna") is None
    assert not read_review(folder.folder).corrections


def test_what_a_review_leaves_is_the_folders_own(folder: PairFolder) -> None:
    mark(folder.folder, replace(PAIRS, files=PAIRS.files[:-1]))  # as an earlier version did
    pair = folder.read()[0]
    correct_mask(folder.folder, pair, np.ones((6, 8), bool), "anna")
    decide(folder.folder, "anna", ["000001"], "accept")
    check_output(folder.folder, PAIRS, overwrite=True)
    (folder.folder / "reviewed/notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="notes.txt"):
        check_output(folder.folder, PAIRS, overwrite=True)
    (folder.folder / "reviewed/notes.txt").unlink()
    prepare_output(folder.folder, PAIRS, overwrite=True)
    assert [path.name for path in folder.folder.iterdir()] == [MARKER]


def test_lines_are_plain_json(tmp_path: Path) -> None:
    decide(tmp_path, "Jürgen", ["000001"], "reject", ["zu weich"])
    (line,) = (tmp_path / "review.jsonl").read_text().splitlines()
    said = json.loads(line)
    assert said.pop("at") > 1.6e9
    assert said == {"reviewer": "Jürgen", "act": "reject", "ids": ["000001"], "reasons": ["zu weich"]}
