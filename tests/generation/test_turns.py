"""Attempts are finished in the order of their pairs, whoever draws them when, and few of them wait."""

import random

import pytest

from flawsmith.generation.attempt import Attempt
from flawsmith.generation.plan import DefectSpec, PairSpec
from flawsmith.generation.turns import HELD, Turns
from flawsmith.pairs.reason import Reason

COUNT, ATTEMPTS = 40, 3
REFUSED, ALIKE = Reason("change", "too faint"), Reason("duplicate", "like an earlier one")


def attempt(index: int, number: int) -> Attempt:
    """Return an attempt whose fate is its own, but that any may be refused for being like an earlier one as it is finished."""
    spec = PairSpec(index, number, (DefectSpec("scratch"),), None, 0)
    return Attempt(spec, None, reasons=[REFUSED] if random.Random(f"{index} {number}").random() < 0.4 else [])


def finished(most: int, seed: int) -> tuple[list[tuple[int, int]], int, int]:
    """Return which attempts are finished, in their order, how many rounds it takes, and how many that count wait at most."""
    turns, chance, order, rounds, held = Turns(range(COUNT), ATTEMPTS), random.Random(seed), [], 0, 0
    waiting: set[tuple[int, int]] = set()
    while wanted := turns.wanted(most):
        assert len(wanted) <= most
        rounds += 1
        for one in chance.sample(wanted, len(wanted)):  # drawn by whoever came first
            drawn = attempt(*one)
            waiting |= set() if drawn.reasons else {one}
            turns.add(drawn)
        held = max(held, len(waiting))
        for drawn in turns.ready():
            one = (drawn.spec.index, drawn.spec.attempt)
            if not drawn.reasons and random.Random(f"alike {one}").random() < 0.2:
                drawn.reasons.append(ALIKE)
            order.append(one)
            waiting.discard(one)
    assert not waiting
    return order, rounds, held


@pytest.mark.parametrize("most", [2, 5, 8])
def test_the_order_is_that_of_one_after_the_other(most: int) -> None:
    alone, _, held = finished(1, 0)
    assert held == 1
    assert [index for index, number in alone if number == 0] == list(range(COUNT)) and alone == sorted(alone)
    assert max(number for _, number in alone) == ATTEMPTS - 1
    order, rounds, held = finished(most, most)
    assert order == alone
    assert rounds < 2 * len(alone) / most + ATTEMPTS and held <= HELD * most
