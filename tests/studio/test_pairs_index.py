"""The rows of pairs and what was decided of them are in the database as they are in the files, whoever wrote there and however."""

import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from drawn_set import project_in, row, write_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from flawsmith.core.errors import DataError
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.review import DECISIONS, decide, read_review, redo, undo
from flawsmith.quality.ratings import ratings, read_bounds
from flawsmith.studio import pairs_index, review_board
from flawsmith.studio.home import Home
from flawsmith.studio.pairs_index import pair_of, rows_after
from flawsmith.studio.project import Project
from flawsmith.studio.review_queue import Wanted, changed_after, counts, items, order


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_in(tmp_path)


def ids(project: Project, name: str = "first") -> list[str]:
    return [each["id"] for each in rows_after(project, name, 0, 10**6)]


def whole(project: Project, name: str) -> None:
    """Have all rows of a set in the database."""
    while not pairs_index.look(project, name).complete:
        time.sleep(0.01)


def test_rows_come_as_they_are_written(project: Project) -> None:
    out = write_rows(project, "first", range(3))
    reach = pairs_index.look(project, "first")
    assert reach.complete and reach.count == 3 and ids(project) == ["000000", "000001", "000002"]
    with (out / "pairs.jsonl").open("ab") as stream:
        stream.write(b'{"id": "0000')  # is being written
    reach = pairs_index.look(project, "first")
    assert reach.complete and reach.count == 3 and reach.place < reach.size
    with (out / "pairs.jsonl").open("r+b") as stream:
        stream.truncate(reach.place)
    write_rows(project, "first", [3], verdict="rejected")
    write_rows(project, "first", [3])
    assert pairs_index.look(project, "first").count == 5
    assert [each["id"] for each in rows_after(project, "first", 3)] == ["000003", "000003"]
    refused = rows_after(project, "first", 3, 1)[0]
    assert (refused["verdict"], refused["why"]) == ("rejected", "its border is 20 px wide")
    assert pair_of(project, "first", "000003") == PairFolder(out).read()[4]
    assert order(project, "first", Wanted()) == ["000000", "000001", "000002", "000003"], "what counts"


def test_who_looks_while_a_thread_takes_rows_waits_for_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(project, "first", range(3))
    pairs_index.look(project, "first")
    write_rows(project, "first", range(3, 5))
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    monkeypatch.setitem(pairs_index._threads, (project.folder, "first"), other)
    other.start()
    try:
        with project.database.writing():  # what the thread holds
            reach = pairs_index.look(project, "first")
    finally:
        end.set()
        other.join()
    assert reach.count == 3 and not reach.complete and reach.place < reach.size
    assert pairs_index.look(project, "first").count == 5


def test_what_was_refused_is_counted_by_check(project: Project) -> None:
    out = write_rows(project, "first", range(4))
    write_rows(project, "second", [0], verdict="failed")
    write_rows(project, "first", [5, 6], verdict="rejected")
    with (out / "pairs.jsonl").open("a") as stream:
        several = {**row(7, "rejected"), "reasons": ["edge: a", "edge: b", "copy: c"]}
        stream.write(json.dumps(several) + "\n")
    pairs_index.look(project, "first")
    assert pairs_index.tally(project, "first") == ({"accepted": 4, "rejected": 3, "failed": 0}, {"edge": 3, "copy": 1})
    PairFolder(out).resume(lambda pair: True, lambda pair: pair.id in ("000001", "000005"))
    pairs_index.look(project, "first")
    assert pairs_index.tally(project, "first") == ({"accepted": 1, "rejected": 1, "failed": 0}, {"edge": 1})
    pairs_index.look(project, "second")
    assert pairs_index.tally(project, "second") == ({"accepted": 0, "rejected": 0, "failed": 1}, {"edge": 1})
    assert pairs_index.tally(project, "third") == ({"accepted": 0, "rejected": 0, "failed": 0}, {})


def test_ratings_stand_in_columns(project: Project) -> None:
    out = write_rows(project, "first", range(20))
    pairs_index.look(project, "first")
    bounds = read_bounds(out)
    for pair, found in zip(PairFolder(out).read(), rows_after(project, "first", 0), strict=True):
        rated = ratings(pair, bounds)
        names = ("realism", "weakest", "consistency", "novelty", "contrast", "size")
        assert tuple(found[name] for name in names) == tuple(getattr(rated, name) for name in names)
        assert json.loads(found["boxes"]) == [row(int(pair.id))["defects"][0]["box"]]


def test_a_file_that_was_written_anew_is_taken_anew(project: Project) -> None:
    out = write_rows(project, "first", range(6))
    decide(out, "anna", ["000001", "000005"], "accept")
    pairs_index.look(project, "first")
    review_board.look(project, "first")
    PairFolder(out).resume(lambda pair: True, lambda pair: pair.id != "000001")  # as `generate --resume` does
    write_rows(project, "first", [6, 1])
    assert pairs_index.look(project, "first").complete
    assert ids(project) == ["000000", "000002", "000003", "000004", "000005", "000006", "000001"]
    assert items(project, "first", ["000001"])[0]["verdict"] == "accepted", "what was decided stays"
    path = out / "pairs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("r+b") as stream:  # in place, as an editor may: the inode is the same
        stream.write(lines[3] + lines[2] + lines[1])
        stream.truncate()
    assert pairs_index.look(project, "first").complete and ids(project) == ["000004", "000003", "000002"]
    path.unlink()
    path.write_bytes(b"")
    assert pairs_index.look(project, "first").complete and ids(project) == []


def test_a_row_that_is_none_is_told_and_left_out(project: Project) -> None:
    out = write_rows(project, "first", range(2))
    size = (out / "pairs.jsonl").stat().st_size
    with (out / "pairs.jsonl").open("a") as stream:
        stream.write(json.dumps({**row(2), "image": "../../../etc/passwd"}) + "\n[]\n")
    write_rows(project, "first", [3])
    reach = pairs_index.look(project, "first")
    assert ids(project) == ["000000", "000001", "000003"] and reach.count == 3
    assert f"the row at byte {size} is left out: image" in reach.error


def test_sets_are_told_apart_and_one_that_is_not_there_is_a_404(project: Project) -> None:
    write_rows(project, "first", range(2))
    write_rows(project, "second", range(5, 8))
    for name in ("first", "second"):
        pairs_index.look(project, name)
    assert set(pairs_index.sets(project)) == {"first", "second"} and ids(project, "second") == ["000005", "000006", "000007"]
    for wrong in (lambda: pairs_index.look(project, "third"), lambda: pair_of(project, "first", "000005")):
        with pytest.raises(HTTPException, match="404"):
            wrong()
    with pytest.raises(DataError, match="cannot be a name"):
        pairs_index.look(project, "../first")


def test_many_rows_are_taken_in_the_background_and_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_index, "SOON", 20_000)
    monkeypatch.setattr(pairs_index, "AT_ONCE", 4_000)
    write_rows(project, "first", range(400))
    assert not pairs_index.look(project, "first").complete, "whoever asks does not wait"
    other = Home(project.folder.parent / "home").project(project.key)  # as another server has it
    looking = [threading.Thread(target=whole, args=(each, "first")) for each in (project, other, project)]
    for thread in looking:
        thread.start()
    for thread in looking:
        thread.join()
    assert ids(project) == [f"{number:06d}" for number in range(400)]


names = st.sampled_from(["anna", "ben"])
some = st.lists(st.sampled_from([f"{number:06d}" for number in range(4)]), min_size=1, max_size=3, unique=True)
acts: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.sampled_from(DECISIONS), names, some),
    st.tuples(st.sampled_from(["undo", "redo"]), names, st.just([])),
    st.tuples(st.just("look"), st.just(""), st.just([])),
    st.tuples(st.just("torn"), st.just(""), st.just([])),
)


@given(st.lists(acts, max_size=14))
@settings(max_examples=12, deadline=None)
def test_tables_say_what_the_file_says(found: list[tuple[str, str, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = project_in(Path(folder))
        out = write_rows(project, "first", range(4))
        pairs_index.look(project, "first")
        for act, reviewer, about in found:
            if act == "look":
                review_board.look(project, "first")
            elif act == "torn":
                with (out / "review.jsonl").open("ab") as stream:
                    stream.write(b'{"act": "accept", "reviewer": "a')
            elif act in DECISIONS:
                decide(out, reviewer, about, act, ["too soft"])
            else:
                {"undo": undo, "redo": redo}[act](out, reviewer)
        review_board.look(project, "first")
        review = read_review(out)
        for item in items(project, "first", [f"{number:06d}" for number in range(4)]):
            assert item["verdict"] == review.verdict(item["id"])
            expected = {name: (one.decision, list(one.reasons), one.at) for name, one in review.by_pair.get(item["id"], {}).items()}
            assert {name: tuple(said.values()) for name, said in item["opinions"].items()} == expected
        for name in ("anna", "ben"):  # and what comes next is the same
            step = review.undo(name)
            assert sorted(review_board.next_step(project, "first", name, undone=False)) == sorted(change.id for change in step)


def test_a_review_that_was_put_back_is_taken_anew(project: Project) -> None:
    out = write_rows(project, "first", range(4))
    pairs_index.look(project, "first")
    decide(out, "anna", ["000000"], "accept")
    early = (out / "review.jsonl").read_bytes()
    decide(out, "anna", ["000001", "000000"], "reject")
    review_board.look(project, "first")
    assert counts(project, "first")["verdicts"]["rejected"] == 2
    (out / "old").write_bytes(early)
    os.replace(out / "old", out / "review.jsonl")
    assert review_board.look(project, "first").count == 1
    assert counts(project, "first")["verdicts"] == {"accepted": 1, "rejected": 0, "disputed": 0, "skipped": 0, "open": 3}
    (out / "review.jsonl").unlink()
    review_board.look(project, "first")
    assert counts(project, "first")["verdicts"]["open"] == 4 and not review_board.next_step(project, "first", "anna", undone=False)


def test_a_line_that_nobody_knows_stops_the_room_and_not_the_others(project: Project) -> None:
    out = write_rows(project, "first", range(2))
    decide(out, "anna", ["000000"], "accept")
    with (out / "review.jsonl").open("a") as stream:
        stream.write('{"act": "praise", "reviewer": "anna", "at": 1}\n')
    with pytest.raises(DataError, match=r"review\.jsonl: the line at byte \d+ has the act 'praise'"):
        review_board.look(project, "first")
    assert pairs_index.look(project, "first").count == 2


def test_many_are_decided_in_one_step(project: Project) -> None:
    out = write_rows(project, "first", range(1200))
    whole(project, "first")
    everything = order(project, "first", Wanted())
    decide(out, "anna", everything, "accept")
    review_board.look(project, "first")
    assert counts(project, "first")["verdicts"]["accepted"] == 1200
    undo(out, "anna")
    review_board.look(project, "first")
    assert counts(project, "first")["verdicts"]["open"] == 1200 and counts(project, "first")["reviewers"] == {}
    assert len(review_board.next_step(project, "first", "anna", undone=True)) == 1200


@pytest.mark.parametrize("sort", ["realism", "consistency", "novelty", "contrast", "size", "kind"])
@pytest.mark.parametrize("down", [False, True])
def test_it_is_sorted_and_what_is_not_known_comes_last(sort: str, down: bool, project: Project) -> None:
    out = write_rows(project, "first", range(30))
    with (out / "pairs.jsonl").open("a") as stream:
        bare = {**row(30), "id": "000030", "defects": [], "scores": {}}
        stream.write(json.dumps(bare) + "\n")
    pairs_index.look(project, "first")
    found = order(project, "first", Wanted(sort, down))
    assert len(found) == 31 and (found[-1] == "000030" or sort == "kind")
    shown = items(project, "first", found[: 31 if sort == "kind" else 30])
    values = [each["kind"] if sort == "kind" else abs(each["ratings"][sort]) for each in shown]
    assert values == sorted(values, reverse=down)


def test_filters(project: Project) -> None:
    out = write_rows(project, "first", range(9))
    pairs_index.look(project, "first")
    decide(out, "anna", ["000000", "000001", "000002"], "accept")
    decide(out, "ben", ["000001"], "reject")
    decide(out, "ben", ["000003"], "skip")
    review_board.look(project, "first")

    def find(**wanted: Any) -> str:
        return "".join(id[-1] for id in order(project, "first", Wanted(**wanted)))

    assert find(kind="dent") == "147"
    assert [find(verdict=each) for each in ("accepted", "disputed", "rejected", "skipped", "open")] == ["02", "1", "", "3", "45678"]
    assert find(reviewer="ben") == "13" and find(reviewer="ben", decision="reject") == "1"
    assert find(reviewer="anna", decision="none") == "345678" and find(reviewer="anna", decision="none", kind="dent") == "47"
    assert order(project, "first", Wanted("disputed", True))[0] == "000001"
    assert changed_after(project, "first", 1, 10) == ["000001", "000003"]
    for wrong in (Wanted("beauty"), Wanted(verdict="nice"), Wanted(reviewer="anna", decision="maybe")):
        with pytest.raises(DataError, match="expected one of"):
            order(project, "first", wrong)
