"""The strict third: rounded down, from sorted names, and nothing on both sides."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.core.errors import DataError, FileError
from flawsmith.dataset.sample import Dataset, Item
from flawsmith.dataset.splits import duplicates, few_shot, split_third, strict_third

Row = tuple[str, str, str | None, int]  # role, name, group, content


def build(root: Path, rows: list[Row]) -> Dataset:
    """Write a file for each row and return their data set, in the order of the rows."""
    sides: dict[str, list[Item]] = {"normal": [], "held": []}
    for role, name, group, content in rows:
        path = root / role / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{content:05}".encode())
        normal = role in ("normal", "held")
        sides.setdefault(role, []).append(Item(path, None if normal else path, "good" if normal else role, group))
    normals, held = tuple(sides.pop("normal")), tuple(sides.pop("held"))
    return Dataset(root, normals, held, {name: tuple(items) for name, items in sides.items()})


def names(items: tuple[Item, ...]) -> list[str]:
    return [item.image.stem for item in items]


@pytest.mark.parametrize(("count", "third"), [(1, 0), (2, 0), (3, 1), (5, 1), (6, 2), (7, 2), (8, 2), (9, 3), (22, 7)])
def test_the_third_is_rounded_down(tmp_path: Path, count: int, third: int) -> None:
    data = build(tmp_path, [("crack", f"{i:03}", None, i) for i in range(count)])
    train, test = strict_third(data)
    assert names(train["crack"]) == [f"{i:03}" for i in range(third)]
    assert names(test["crack"]) == [f"{i:03}" for i in range(third, count)]


def test_an_unsorted_listing_gives_the_same_split(tmp_path: Path) -> None:
    rows: list[Row] = [(defect, f"{i:03}", None, 100 * n + i) for n, defect in enumerate(("b", "a")) for i in range(9)]
    split = split_third(build(tmp_path, rows))
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert split_third(build(tmp_path, rows)) == split
    assert list(split.train) == ["a", "b"] and names(split.train["a"]) == ["000", "001", "002"]


def test_groups_stay_whole_and_never_round_up(tmp_path: Path) -> None:
    groups = ["x", "x", "y", "y", "z", "z", "z", "x", "w"]  # 9 pictures, so 3 to learn from: x; y does not fit
    data = build(tmp_path, [("crack", str(i), g, i) for i, g in enumerate(groups)])
    train, test = strict_third(data)
    assert names(train["crack"]) == ["0", "1", "7"] and names(test["crack"]) == ["2", "3", "4", "5", "6", "8"]


def test_a_group_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    data = build(tmp_path, [("crack", str(i), g, i) for i, g in enumerate(["x", "x", "x", "y", "z", "z"])])
    assert names(strict_third(data)[0]["crack"]) == ["3"]


def test_too_few_groups_leave_nothing_to_learn_from(tmp_path: Path) -> None:
    data = build(tmp_path, [("crack", str(i), "xy"[i % 2], i) for i in range(6)])
    train, test = strict_third(data)
    assert train["crack"] == () and len(test["crack"]) == 6


def test_a_group_is_on_one_side_for_every_defect(tmp_path: Path) -> None:
    rows: list[Row] = [("a", "0", "part 1", 0), ("a", "1", "part 2", 1), ("a", "2", "part 3", 2)]
    rows += [("b", "0", "part 4", 3), ("b", "1", "part 1", 4), ("b", "2", "part 5", 5)]
    train, test = strict_third(build(tmp_path, rows))
    assert names(train["a"]) == ["0"] and names(train["b"]) == ["1"] and names(test["b"]) == ["0", "2"]


def test_parts_of_normals_are_no_test_and_parts_of_held_out_normals_are_not_learned_from(tmp_path: Path) -> None:
    rows: list[Row] = [("normal", "n", "late", 90), ("held", "h", "first", 91)]
    rows += [("crack", str(i), g, i) for i, g in enumerate(["first", "a", "b", "c", "d", "late"])]
    split = split_third(build(tmp_path, rows))
    assert names(split.train["crack"]) == ["1", "2"] and names(split.test["crack"]) == ["0", "3", "4"]
    assert [(d.item.image.stem, d.reason) for d in split.dropped] == [
        ("5", "its group is among the normals, and the third to learn from is full")
    ]


def test_copies_of_what_is_learned_from_are_dropped_from_the_test(tmp_path: Path) -> None:
    rows: list[Row] = [("normal", "n", None, 50), ("held", "h", None, 51)]
    rows += [("crack", str(i), None, content) for i, content in enumerate([0, 51, 2, 3, 0, 50, 3, 7, 8])]
    split = split_third(build(tmp_path, rows))
    assert names(split.train["crack"]) == ["0", "2"]  # 1 is a held-out normal
    assert names(split.test["crack"]) == ["3", "6", "7", "8"]  # 3 and 6 are alike, on one side
    reasons = {d.item.image.stem: d.reason for d in split.dropped}
    assert reasons.keys() == {"1", "4", "5"}
    assert "crack/0.png" in reasons["4"] and "normal/n.png" in reasons["5"] and "held/h.png" in reasons["1"]


def test_duplicates(tmp_path: Path) -> None:
    for name, text in {"b": "same", "a": "same", "c": "diff", "d": "longer", "e": "longer", "f": "single one"}.items():
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in "fedcba"]
    assert duplicates([*paths, paths[0]]) == [(tmp_path / "a", tmp_path / "b"), (tmp_path / "d", tmp_path / "e")]
    with pytest.raises(FileError, match="gone"):
        duplicates([tmp_path / "gone"])


rows_of_data = st.lists(
    st.tuples(
        st.sampled_from(["normal", "held", "crack", "dent", "scratch"]),
        st.text("abAB019_- é", min_size=1, max_size=4),
        st.sampled_from([None, None, "1", "2", "3", "4", "5"]),
        st.integers(0, 25),
    ),
    max_size=40,
    unique_by=lambda row: (row[0], row[1].casefold()),
)


@settings(max_examples=80, deadline=None)
@given(rows_of_data, st.randoms(use_true_random=False))
def test_nothing_leaks(rows: list[Row], shuffle: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = build(Path(folder), rows)
        split = split_third(data)
        shuffled = list(rows)
        shuffle.shuffle(shuffled)
        assert split_third(build(Path(folder), shuffled)) == split

        train = [item for items in split.train.values() for item in items]
        test = [item for items in split.test.values() for item in items]
        dropped = [d.item for d in split.dropped]
        everything = [item for items in data.defects.values() for item in items]
        assert sorted(i.image for i in (*train, *test, *dropped)) == sorted(i.image for i in everything)
        for name, items in data.defects.items():
            assert len(split.train[name]) <= len(items) // 3
            assert all(item.defect == name for item in (*split.train[name], *split.test[name]))

        def groups(*sides: object) -> set[str]:
            return {item.group for side in sides for item in side if item.group is not None}  # type: ignore[attr-defined]

        def contents(*sides: object) -> set[bytes]:
            return {item.image.read_bytes() for side in sides for item in side}  # type: ignore[attr-defined]

        for what in (groups, contents):
            assert not what(train) & what(test, data.held_out)
            assert not what(train, data.good) & what(test)
        if not dropped and all(group is None for *_, group, _ in rows):
            for name, items in data.defects.items():
                assert len(split.train[name]) == len(items) // 3
                if split.train[name] and split.test[name]:
                    assert split.train[name][-1].image.as_posix() < split.test[name][0].image.as_posix()


def product(root: Path, each: int = 16, normals: int = 16) -> Dataset:
    rows: list[Row] = [("held", "h", None, 2000)]
    rows += [("normal", f"{i:03}", None, 1000 + i) for i in range(normals)]
    rows += [(name, f"{i:03}", None, 100 * n + i) for n, name in enumerate(("crack", "dent")) for i in range(each)]
    return build(root, rows)


def test_shots_come_first_and_the_validation_part_last_of_the_third(tmp_path: Path) -> None:
    data = product(tmp_path)  # a third of 16 is 5, its last quarter 2
    for shots, learned in ((None, ["000", "001", "002"]), (2, ["000", "001"]), (1, ["000"])):
        parts = few_shot(data, shots)
        assert {name: names(items) for name, items in parts.learn.defects.items()} == {"crack": learned, "dent": learned}
        assert names(parts.validation.defects["crack"]) == ["003", "004"]
        assert names(parts.test.defects["dent"]) == [f"{i:03}" for i in range(5, 16)]
        assert len(parts.learn.good) == 12 and len(parts.validation.held_out) == 4
        assert names(parts.test.held_out) == ["h"] and parts.test.good == ()


def test_without_validation_the_whole_third_is_learned_from(tmp_path: Path) -> None:
    parts = few_shot(product(tmp_path), validation=False)
    assert names(parts.learn.defects["crack"]) == ["000", "001", "002", "003", "004"] and len(parts.learn.good) == 16
    assert parts.validation.defects == {} and parts.validation.held_out == ()


def test_shots_are_of_different_parts(tmp_path: Path) -> None:
    groups = ["a"] * 4 + ["b"] * 3 + ["c", "d"] + ["e"] * 20
    parts = few_shot(build(tmp_path, [("crack", f"{i:03}", g, i) for i, g in enumerate(groups)]), 3)
    assert names(parts.learn.defects["crack"]) == ["000", "001", "004"]
    assert {item.group for item in parts.learn.defects["crack"]} == {"a", "b"}  # c and d are the validation part
    assert names(parts.validation.defects["crack"]) == ["007", "008"]


def test_a_defect_with_fewer_pictures_than_shots_has_all_of_them_and_it_is_said(tmp_path: Path) -> None:
    parts = few_shot(product(tmp_path), 4)
    assert len(parts.learn.defects["crack"]) == 3
    assert any("crack: of 16 labelled pictures" in note and "3 to learn from instead of 4" in note for note in parts.notes)
    assert few_shot(product(tmp_path), 1).notes == ()


def test_a_defect_that_cannot_be_tested_is_left_out_of_every_part(tmp_path: Path) -> None:
    rows: list[Row] = [("crack", str(i), None, i) for i in range(7)]
    rows += [("dent", "x", None, 10), ("dent", "y", None, 11)]
    parts = few_shot(build(tmp_path / "some", rows), 3)
    assert len(parts.learn.defects["crack"]) == 1 and len(parts.validation.defects["crack"]) == 1 and len(parts.test.defects["crack"]) == 5
    assert all("dent" not in part.defects for part in (parts.learn, parts.validation, parts.test))
    assert len(parts.notes) == 2 and "dent: of 2 labelled pictures none is left to learn from" in parts.notes[1]
    with pytest.raises(DataError, match="no defect can be tested. dent: of 2 labelled pictures none"):
        few_shot(build(tmp_path / "none", rows[-2:]), 3)


@settings(max_examples=60, deadline=None)
@given(rows_of_data, st.integers(1, 3))
def test_nothing_leaks_between_the_parts(rows: list[Row], shots: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            parts = few_shot(build(Path(folder), rows), shots)
        except DataError:
            return
        sides = [
            [*part.good, *part.held_out, *(item for items in part.defects.values() for item in items)]
            for part in (parts.learn, parts.validation, parts.test)
        ]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            assert not {item.image for item in sides[a]} & {item.image for item in sides[b]}
        for a, b in ((0, 2), (1, 2)):  # defects; normals of one part may be on both sides of the validation cut only
            groups = [{item.group for item in sides[side] if item.group is not None} for side in (a, b)]
            assert not groups[0] & groups[1]
            assert not {item.image.read_bytes() for item in sides[a]} & {item.image.read_bytes() for item in sides[b]}
