"""Checkpoints take about 1 % of the time of a training, however fast its steps and its disk are."""

import time

import pytest

from flawsmith.training.clock import FIRST, Clock


@pytest.mark.parametrize(("step", "save"), [(0.01, 0.2), (0.5, 1.0), (7.0, 0.4), (2.0, 30.0)])
def test_checkpoints_take_one_percent_of_the_time(monkeypatch: pytest.MonkeyPatch, step: float, save: float) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock, moments = Clock(spent=500.0), []
    while clock.seconds < 500.0 + 20 * max(FIRST, 100 * save):
        now += step
        if clock.is_time_to_save(1, every=0):
            with clock.on("save"):
                now += save
            moments.append(now)
    share = clock.split["save"] / (now - 1000.0)
    assert moments[0] == pytest.approx(1000.0 + FIRST + save, abs=step) and clock.split["save"] == pytest.approx(save * len(moments))
    assert 0.004 < share < 0.015  # a long step, or the first minute, moves it


def test_an_interval_in_steps_is_kept_to() -> None:
    clock = Clock(0.0)
    assert [step for step in range(1, 10) if clock.is_time_to_save(step, every=3)] == [3, 6, 9]
