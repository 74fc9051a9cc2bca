"""The judge of look tells what differs, and nothing else."""

import numpy as np
import pytest

from flawsmith.benchmark.look.judge import FOLDS, compare, deal, halves, matched_weights
from flawsmith.benchmark.look.windows import SeenDefect
from flawsmith.core.errors import DataError

WIDTH, VIEWS = 12, 3


def defects(
    count: int, seed: int, shift: float = 0.0, kinds: str = "a", side: int = 20, beside: float | None = None, units: int = 0
) -> list[SeenDefect]:
    """Return defects of the kinds in turn, whose first feature is moved by `shift`; units: on so many of them, 0 = one each."""
    g = np.random.default_rng(seed)
    found = []
    for i in range(count):
        own = g.normal(size=WIDTH) + np.eye(WIDTH)[0] * shift
        views = own + 0.3 * g.normal(size=(VIEWS, WIDTH))
        other = None if beside is None else g.normal(size=(VIEWS, WIDTH)) + np.eye(WIDTH)[0] * beside
        found.append(SeenDefect(kinds[i % len(kinds)], f"{seed} {i % units if units else i}", side, views, other))
    return found


def test_what_is_alike_gives_a_half_and_what_differs_more() -> None:
    alike = [compare(defects(24, seed), defects(40, 100 + seed), seed=seed).auroc() for seed in range(12)]
    assert np.mean(alike) == pytest.approx(0.5, abs=0.06)
    for shift, least in ((-1.5, 0.7), (-4.0, 0.97)):
        assert compare(defects(24, 0), defects(40, 1, shift)).auroc() > least


def test_it_has_learned_from_nothing_of_the_same_group() -> None:
    # six defects that are pasted ten times each are known again by who has seen them, and look like the real ones
    values = []
    for seed in range(8):
        six = defects(6, 50 + seed)
        g = np.random.default_rng(seed)
        pasted = [SeenDefect("a", f"normal {i}", 20, six[i % 6].features + 0.1 * g.normal(size=(VIEWS, WIDTH)), None) for i in range(60)]
        real = defects(30, seed)
        values.append([compare(real, pasted, groups, seed).auroc() for groups in (None, [str(i % 6) for i in range(60)])])
    known, new = np.mean(values, 0)
    assert known > 0.7 and new == pytest.approx(0.5, abs=0.1)


def test_kinds_are_compared_with_their_like_and_count_alike_on_both_sides() -> None:
    def of(count_a: int, count_b: int, seed: int) -> list[SeenDefect]:
        return [*defects(count_a, seed, 5.0, "a"), *defects(count_b, seed + 1, -5.0, "b")]

    values = [compare(of(24, 8, 4 * seed), of(8, 24, 4 * seed + 2), seed=seed).auroc() for seed in range(8)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.08)
    verdict = compare(defects(40, 0, kinds="ab"), [*defects(20, 1, -4.0, "a"), *defects(20, 2, 0.0, "b")])
    assert verdict.auroc("a") > 0.9 and verdict.auroc("b") < 0.75 and verdict.auroc("b") < verdict.auroc() < verdict.auroc("a")


def test_sizes_that_one_side_lacks_are_left_out() -> None:
    real = [*defects(10, 0, side=22), *defects(10, 1, side=80)]
    made = [*defects(10, 2, side=24), *defects(30, 3, side=8), *defects(5, 4, kinds="b", side=22)]
    ours, theirs = matched_weights(real, made)
    assert ours.tolist() == [1] * 10 + [0] * 10 and theirs.tolist() == [1] * 10 + [0] * 35
    ours, theirs = matched_weights(real, made, np.inf)
    assert ours.tolist() == [1] * 20 and theirs == pytest.approx([0.5] * 40 + [0] * 5)
    verdict = compare(real, made)
    assert (len(verdict.real), len(verdict.made)) == (10, 10)
    assert verdict.auroc_of_size() == 0.0  # 22 is never above 24
    same = compare(defects(10, 0), defects(10, 2))
    assert same.auroc_of_size() == 0.5


def test_the_same_judges_are_asked_about_places_beside() -> None:
    real, made = defects(24, 0, beside=0.0), defects(40, 1, -4.0, beside=-4.0)
    value = compare(real, made).auroc_beside()
    assert value is not None and value > 0.9
    value = compare(real, defects(40, 1, -4.0, beside=0.0)).auroc_beside()
    assert value is not None and 0.3 < value < 0.7
    assert compare(real, defects(40, 1, -4.0)).auroc_beside() is None


def test_the_interval_is_over_units() -> None:
    real, made, widths = defects(24, 0), defects(24, 1, -1.0), []
    for times in (1, 5):  # more pictures of the same specimens say nothing new
        verdict = compare(real * times, made * times)
        low, high = verdict.estimate().interval()
        assert low < verdict.auroc() < high
        widths.append(high - low)
    assert widths[1] > 0.8 * widths[0]


def test_too_few_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match="3 of 3 generated defects, on 3 parts, .* needs 4 parts. Give it more pairs"):
        compare(defects(10, 0), defects(3, 1))
    with pytest.raises(DataError, match="0 of 10 real defects, on 0 parts"):
        compare(defects(10, 0, kinds="a"), defects(10, 1, kinds="b"))


def test_groups_stay_whole_and_kinds_are_spread() -> None:
    kinds = ["a"] * 20 + ["b"] * 10
    groups = [f"{i // 2}" for i in range(20)] + [f"{i}" for i in range(10)]  # the pictures of b show groups that those of a show, too
    folds = deal(kinds, groups, np.random.default_rng(0))
    assert all(len({f for f, name in zip(folds, groups, strict=True) if name == group}) == 1 for group in groups)
    assert np.bincount(folds[:20], minlength=FOLDS).tolist() == [4] * FOLDS
    other = deal(kinds, groups, np.random.default_rng(1))
    assert not np.array_equal(folds, other)


def test_halves_are_of_whole_units_and_of_every_kind() -> None:
    found = defects(40, 0, kinds="ab", units=20)
    first = halves(found, np.random.default_rng(0))
    assert not {x.unit for x, mine in zip(found, first, strict=True) if mine} & {
        x.unit for x, mine in zip(found, first, strict=True) if not mine
    }
    assert all(sum(mine for x, mine in zip(found, first, strict=True) if x.kind == kind) == 10 for kind in "ab")
