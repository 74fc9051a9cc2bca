"""What can begin, what cannot, and when all has ended; and how long the rest takes."""

from collections.abc import Callable

import pytest

from flawsmith.sweeps.board import Board
from flawsmith.sweeps.estimate import ASSUMED, estimate, hours
from flawsmith.sweeps.job import DONE, FAILED, LOST, RUNNING, WAITING, Job, State, read_state


def test_a_job_waits_for_what_it_needs_and_fails_with_it(job: Callable[..., Job]) -> None:
    jobs = [job("a", "fit"), job("b", "fit"), job("a", "generate", "fit a"), job("b", "generate", "fit b")]
    board = Board(jobs)
    assert [one.name for one in board.ready()] == ["fit a", "fit b"] and not board.over
    board.put("fit a", State(RUNNING))
    board.put("fit b", State(FAILED, reason="bad"))
    assert board.ready() == [] and board.now("generate b").reason == "it needs fit b, which failed"
    board.put("fit a", State(DONE))
    assert [one.name for one in board.ready()] == ["generate a"]
    board.put("generate a", State(DONE))
    assert board.over and [one.name for one, _ in board.failed()] == ["fit b", "generate b"]


def test_a_lost_job_is_begun_again_as_often_as_was_said(job: Callable[..., Job]) -> None:
    board = Board([job("a", "fit")], retries=1)
    board.put("fit a", State(LOST, tries=1, reason="killed by SIGKILL"))
    assert [one.name for one in board.ready()] == ["fit a"]
    board.put("fit a", State(LOST, tries=2, reason="killed by SIGKILL"))
    assert board.over and read_state(board.jobs["fit a"]).reason == "killed by SIGKILL"


def test_the_next_sweep_does_what_is_not_done(job: Callable[..., Job], ended: Callable[..., State]) -> None:
    jobs = [job("a", "fit"), job("b", "fit"), job("c", "fit"), job("d", "fit")]
    for one, state in zip(jobs, (DONE, FAILED, RUNNING, WAITING), strict=True):
        ended(one, state, tries=3)
    board = Board(jobs, retries=1)
    board.begin_anew()
    assert [one.name for one in board.ready()] == ["fit b", "fit c", "fit d"]
    board.put("fit b", State(LOST, tries=4))  # the tries of the earlier sweep do not count
    assert board.now("fit b").state == WAITING


def test_the_estimate_is_of_jobs_that_ended_here(job: Callable[..., Job], ended: Callable[..., State]) -> None:
    jobs = [*(job(name, "fit") for name in "abcd"), *(job(name, "generate", f"fit {name}", amount=100) for name in "abcd")]
    fixed, each = ASSUMED["generate"]
    alone = 4 * ASSUMED["fit"][0] + 4 * (fixed + 100 * each)
    assert hours(Board(jobs), 1) == pytest.approx(alone / 3600)
    ended(jobs[0], DONE, seconds=100)
    ended(jobs[4], DONE, seconds=50)
    fits, pairs = estimate(Board(jobs))
    assert (fits.left, fits.seconds, fits.measured) == (3, 300, 1) and (pairs.left, pairs.seconds, pairs.measured) == (3, 150, 1)
    # two side by side: fits until 100 and 100, then 200; the last pairs begin with the end of what they need
    assert hours(Board(jobs), 2) == pytest.approx(250 / 3600) and hours(Board(jobs), 3) == pytest.approx(150 / 3600)
