"""The strict split: what may be learned from, and what stays unseen until the end."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.files import content_hash
from flawsmith.dataset.sample import Dataset, Item

NORMALS_ASIDE = 12  # normals of the validation part at most


@dataclass(frozen=True)
class Dropped:
    """A picture of a defect that is on neither side of a split."""

    item: Item
    reason: str


@dataclass(frozen=True)
class Split:
    """The two sides of a split, by defect, and what had to be left out so that nothing leaks."""

    train: dict[str, tuple[Item, ...]]
    test: dict[str, tuple[Item, ...]]
    dropped: tuple[Dropped, ...]


def strict_third(dataset: Dataset) -> tuple[dict[str, tuple[Item, ...]], dict[str, tuple[Item, ...]]]:
    """Return (train, test) by defect: of the sorted names the first floor(n / 3), and the rest; see `split_third`."""
    split = split_third(dataset)
    return split.train, split.test


def split_third(dataset: Dataset) -> Split:
    """Return the strict split of the defects: never more than floor(n / 3) of a defect's n pictures to learn from.

    Whole groups (physical specimens) are taken in the order of their first names, over all defects at once, where they still fit; a
    picture without a group is a group of its own. No group and no file content is on both sides; the data set's normals count
    as learned from and its held-out normals as unseen. A defect with few groups may have nothing to learn from.
    """
    # by text, as `Path` sorts differently on Windows; the listing's order must not matter
    items = [item for name in sorted(dataset.defects) for item in sorted(dataset.defects[name], key=lambda i: i.image.as_posix())]
    specimens: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        specimens.setdefault(_specimen(item), []).append(item)
    learned = {_specimen(item) for item in dataset.good}
    unseen = {_specimen(item) for item in dataset.held_out}
    room = {name: len(members) // 3 for name, members in dataset.defects.items()}

    train: list[Item] = []
    test: list[Item] = []
    dropped: list[Dropped] = []
    for specimen, members in specimens.items():
        counts = Counter(item.defect for item in members)
        fits = all(count <= room[name] for name, count in counts.items())
        if specimen in unseen and specimen in learned:
            dropped += [Dropped(item, "its group is among the normals and among the held-out normals") for item in members]
        elif fits and specimen not in unseen:
            train += members
            for name, count in counts.items():
                room[name] -= count
        elif specimen in learned:
            dropped += [Dropped(item, "its group is among the normals, and the third to learn from is full") for item in members]
        else:
            test += members

    everything = (*items, *dataset.good, *dataset.held_out)
    copies = {path: paths[0] for paths in duplicates(item.image for item in everything) for path in paths}
    train, gone = _without_copies(train, dataset.held_out, copies, "a held-out normal")
    dropped += gone
    test, gone = _without_copies(test, (*train, *dataset.good), copies, "a picture that is learned from")
    dropped += gone
    return Split(_by_defect(dataset, train), _by_defect(dataset, test), tuple(dropped))


@dataclass(frozen=True)
class Splits:
    """A data set cut in three: to learn from, to choose settings with, and to read once at the end."""

    learn: Dataset  # the few labelled defects and most normals
    validation: Dataset  # of the third that is not learned from: a quarter of its defects, and some normals
    test: Dataset  # the other two thirds of the defects, and the held-out normals
    notes: tuple[str, ...] = ()  # a sentence on each defect that has fewer pictures than was asked for, or is left out


def few_shot(dataset: Dataset, shots: int | None = None, validation: bool = True) -> Splits:
    """Return the parts of an experiment with `shots` labelled pictures per defect; None = all that the strict third leaves.

    Of the strict third the last quarter of a defect's groups is the validation part, whatever the number of shots; shots are taken
    from the groups in turn, so that three shots are three specimens where there are as many. A defect of which the third holds
    one group only has nothing in the validation part. Without `validation` nothing is kept aside. A defect with fewer pictures than
    `shots` has all it has; one with nothing to learn from or nothing to test on is left out of every part; the notes say both.
    Raises DataError where no defect is left.
    """
    split = split_third(dataset)
    aside = {part for items in split.train.values() for part in _last_quarter(items)} if validation else set()
    kept = {name: [i for i in items if _specimen(i) not in aside] for name, items in split.train.items()}
    for name, items in split.train.items():
        if not kept[name]:  # all its groups are another defect's validation: it needs them more
            aside -= {_specimen(item) for item in items}
    learn, chosen, notes = {}, {}, []
    for name, items in split.train.items():
        mine = _in_turn([item for item in items if _specimen(item) not in aside])
        chosen[name] = tuple(item for item in items if _specimen(item) in aside)
        has = f"{name}: of {len(dataset.defects[name])} labelled pictures"
        if not mine or not split.test[name]:
            what = "learn from (a third, by physical part)" if not mine else "test on (what the third leaves)"
            notes.append(f"{has} none is left to {what}; the defect is left out. Add pictures of it.")
            chosen.pop(name)
            continue
        if shots and len(mine) < shots:
            left = f"a third ({len(items)}) may be learned from, {len(chosen[name])} of them are kept for validation"
            notes.append(f"{has} {left}: {len(mine)} to learn from instead of {shots}.")
        learn[name] = tuple(sorted(mine[:shots], key=lambda i: i.image.as_posix()))
    if not learn:
        told = " ".join(notes)
        raise DataError(
            f"{dataset.root}: no defect can be tested. {told} Expected at least one defect with three pictures of three specimens."
        )
    # normals of a specimen that a held-out defect shows would teach how that very specimen looks
    held = {_specimen(i) for items in (*chosen.values(), *split.test.values(), dataset.held_out) for i in items}
    copies = {path: p[0] for p in duplicates(i.image for i in (*dataset.good, *dataset.held_out)) for path in p}
    free, _ = _without_copies([i for i in dataset.good if _specimen(i) not in held], dataset.held_out, copies, "a held-out normal")
    spare = _last_quarter(free) if validation and len(free) >= 8 else set()
    normals = tuple(item for item in free if _specimen(item) not in spare)
    spared = tuple(item for item in free if _specimen(item) in spare)[:NORMALS_ASIDE]
    return Splits(
        Dataset(dataset.root, normals, (), learn),
        Dataset(dataset.root, (), spared, {name: items for name, items in chosen.items() if items}),
        Dataset(dataset.root, (), dataset.held_out, {name: items for name, items in split.test.items() if name in learn}),
        tuple(notes),
    )


def _last_quarter(items: Sequence[Item]) -> set[tuple[str, str]]:
    """Return the last groups, in the order of their first names, that together hold at most a quarter of the items (rounded up)."""
    members = Counter(_specimen(item) for item in sorted(items, key=lambda i: i.image.as_posix()))
    taken: set[tuple[str, str]] = set()
    room = math.ceil(len(items) / 4)
    for part, count in reversed(members.items()):
        if len(members) > 1 and count <= room:
            taken.add(part)
            room -= count
    return taken


def _in_turn(items: Sequence[Item]) -> list[Item]:
    """Return the items with one of every group before the second of any."""
    seen: Counter[tuple[str, str]] = Counter()
    keyed = []
    for item in sorted(items, key=lambda i: i.image.as_posix()):
        keyed.append((seen[_specimen(item)], item))
        seen[_specimen(item)] += 1
    return [item for _, item in sorted(keyed, key=lambda pair: pair[0])]


def duplicates(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
    """Return the sets of files that have the same content, sorted; only files of the same length are read."""
    by_size: dict[int, list[Path]] = {}
    for path in sorted(set(paths), key=lambda p: p.as_posix()):
        try:
            by_size.setdefault(path.stat().st_size, []).append(path)
        except OSError as error:
            raise FileError(path, f"cannot be read ({error.strerror}). Check that it is still there.") from error
    same: dict[str, list[Path]] = {}
    for alike in by_size.values():
        for path in alike if len(alike) > 1 else ():
            same.setdefault(content_hash(path), []).append(path)
    return sorted(tuple(group) for group in same.values() if len(group) > 1)


def _specimen(item: Item) -> tuple[str, str]:
    return ("file", item.image.as_posix()) if item.group is None else ("group", item.group)


def _without_copies(items: list[Item], others: Iterable[Item], copies: dict[Path, Path], what: str) -> tuple[list[Item], list[Dropped]]:
    """Return the items whose content none of the others has, and those that went."""
    taken: dict[Path, Path] = {}
    for path in sorted((other.image for other in others), key=lambda p: p.as_posix()):
        if path in copies:
            taken.setdefault(copies[path], path)
    kept = [item for item in items if copies.get(item.image) not in taken]
    gone = [item for item in items if copies.get(item.image) in taken]
    return kept, [Dropped(item, f"the same content as {taken[copies[item.image]]}, {what}") for item in gone]


def _by_defect(dataset: Dataset, items: list[Item]) -> dict[str, tuple[Item, ...]]:
    ordered = sorted(items, key=lambda i: i.image.as_posix())
    return {name: tuple(item for item in ordered if item.defect == name) for name in sorted(dataset.defects)}
