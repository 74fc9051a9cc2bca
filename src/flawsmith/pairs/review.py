"""What people decided of pairs: OUT/review.jsonl, to which lines are only added, and what follows from them.

A line is one act of one reviewer: a decision on one pair or on many, undo or redo of that reviewer's last, or a corrected mask. Nothing
is ever changed, so that a kill costs the last line at most, and tabs, servers and people may write at the same time. `fold` is the one
rule of what a line does; it works on any `Board`: on `Review`, which is held in memory, and on the studio's database.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.files import append_line
from flawsmith.core.folders import mark, read_marker
from flawsmith.core.parsing import parse_json
from flawsmith.core.paths import leads_out
from flawsmith.dataset.sample import EMPTY_MASK, mask_trouble
from flawsmith.images.files import image_size, write_mask
from flawsmith.images.pitch import read_pitch
from flawsmith.pairs.folder import PAIRS, REVIEW, PairFolder
from flawsmith.pairs.pair import Pair

ACCEPT, REJECT, SKIP = DECISIONS = ("accept", "reject", "skip")
UNDO, REDO, MASK = "undo", "redo", "mask"
ACCEPTED, REJECTED, DISPUTED, SKIPPED, OPEN = VERDICTS = ("accepted", "rejected", "disputed", "skipped", "open")
LONGEST = 40  # characters of a reviewer's name
MOST_REASONS = 20  # of one decision
CORRECTED = "reviewed"  # folder of corrected masks in OUT


class Opinion(NamedTuple):
    """What one reviewer thinks of one pair."""

    decision: str  # of DECISIONS
    reasons: tuple[str, ...] = ()
    at: float = 0.0  # seconds since 1970


class Change(NamedTuple):
    """What an act changes for one pair."""

    id: str
    before: Opinion | None  # None: no opinion
    after: Opinion | None


Step = tuple[Change, ...]  # what is undone and redone as one


class Correction(NamedTuple):
    """A mask that was corrected by hand."""

    mask: str  # path in OUT
    reviewer: str
    at: float


@dataclass(frozen=True)
class Line:
    """One act."""

    act: str  # of DECISIONS, or UNDO, REDO, MASK
    reviewer: str
    ids: tuple[str, ...] = ()  # the pairs it is about; none for UNDO and REDO
    reasons: tuple[str, ...] = ()
    mask: str | None = None  # path in OUT of a corrected mask; None where the generated one counts again
    at: float = field(default_factory=time.time)  # seconds since 1970


class Board(Protocol):
    """Where lines are folded into: who thinks what, what each reviewer can undo and redo, and which masks were corrected."""

    def opinions(self, reviewer: str, ids: Sequence[str]) -> Mapping[str, Opinion]:
        """Return what a reviewer thinks of some pairs, by id, as far as there is anything."""

    def form(self, reviewer: str, opinions: Iterable[tuple[str, Opinion | None]]) -> None:
        """Note what a reviewer thinks of pairs from now on; None = nothing."""

    def push(self, reviewer: str, step: Step) -> None:
        """Add a step to what a reviewer can undo; nothing is left to redo."""

    def undo(self, reviewer: str) -> Step:
        """Move a reviewer's last step to what can be redone, and return it; () where there is none."""

    def redo(self, reviewer: str) -> Step:
        """Move the step that was undone last back to what can be undone, and return it; () where there is none."""

    def correct(self, ids: Iterable[str], correction: Correction | None) -> None:
        """Note a corrected mask; None = the generated one counts."""


def fold(board: Board, line: Line) -> Step:
    """Do what a line says on the board, and return what it changed in its reviewer's opinions; () where nothing."""
    if line.act == MASK:
        board.correct(line.ids, None if line.mask is None else Correction(line.mask, line.reviewer, line.at))
        return ()
    if line.act in DECISIONS:
        before, after = board.opinions(line.reviewer, line.ids), Opinion(line.act, line.reasons, line.at)
        step = tuple(Change(id, before.get(id), after) for id in line.ids)
        board.push(line.reviewer, step)
    elif line.act == UNDO:
        step = tuple(Change(change.id, change.after, change.before) for change in board.undo(line.reviewer))
    else:
        step = board.redo(line.reviewer)
    board.form(line.reviewer, ((change.id, change.after) for change in step))
    return step


class Review:
    """What comes of all lines: a board in memory."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        """lines: in the order they were written."""
        self.by_pair: dict[str, dict[str, Opinion]] = {}  # opinions by pair and reviewer
        self.corrections: dict[str, Correction] = {}  # corrected masks by pair
        self._done: dict[str, list[Step]] = {}
        self._undone: dict[str, list[Step]] = {}
        for line in lines:
            fold(self, line)

    @property
    def begun(self) -> bool:
        """Whether anybody has accepted or rejected anything."""
        return any(opinion.decision != SKIP for opinions in self.by_pair.values() for opinion in opinions.values())

    @property
    def reviewers(self) -> list[str]:
        """Who accepted, rejected or skipped something, sorted."""
        return sorted({name for opinions in self.by_pair.values() for name in opinions})

    def verdict(self, id: str) -> str:
        """Return what all reviewers together say of a pair, of VERDICTS."""
        return verdict_of(opinion.decision for opinion in self.by_pair.get(id, {}).values())

    def opinions(self, reviewer: str, ids: Sequence[str]) -> Mapping[str, Opinion]:
        """Return what a reviewer thinks of some pairs, by id."""
        return {id: self.by_pair[id][reviewer] for id in ids if reviewer in self.by_pair.get(id, {})}

    def form(self, reviewer: str, opinions: Iterable[tuple[str, Opinion | None]]) -> None:
        """Note what a reviewer thinks of pairs; None = nothing."""
        for id, opinion in opinions:
            own = self.by_pair.setdefault(id, {})
            if opinion is None:
                own.pop(reviewer, None)
            else:
                own[reviewer] = opinion

    def push(self, reviewer: str, step: Step) -> None:
        """Add a step to what can be undone."""
        self._done.setdefault(reviewer, []).append(step)
        self._undone.pop(reviewer, None)

    def undo(self, reviewer: str) -> Step:
        """Return the last step, which can be redone from now on."""
        return _move(self._done, self._undone, reviewer)

    def redo(self, reviewer: str) -> Step:
        """Return the step that was undone last, which can be undone again."""
        return _move(self._undone, self._done, reviewer)

    def correct(self, ids: Iterable[str], correction: Correction | None) -> None:
        """Note a corrected mask; None = the generated one counts."""
        for id in ids:
            if correction is None:
                self.corrections.pop(id, None)
            else:
                self.corrections[id] = correction


def _move(source: dict[str, list[Step]], target: dict[str, list[Step]], reviewer: str) -> Step:
    if not source.get(reviewer):
        return ()
    step = source[reviewer].pop()
    target.setdefault(reviewer, []).append(step)
    return step


def verdict_of(decisions: Iterable[str]) -> str:
    """Return what decisions of several people come to: ACCEPTED where somebody accepts and nobody rejects, DISPUTED where both do."""
    found = set(decisions)
    if ACCEPT in found:
        return DISPUTED if REJECT in found else ACCEPTED
    return REJECTED if REJECT in found else SKIPPED if SKIP in found else OPEN


# out of the file


def read_review(out: Path) -> Review:
    """Return what was decided in a folder of pairs, nothing where nobody has.

    Raises DataError for a line that is none of ours, and for a file without any that is.
    """
    lines, end = read_lines(out / REVIEW)
    if end and not lines:
        raise DataError(
            f"{out / REVIEW}: holds no line of a review; expected what the studio writes. Put the right file there, or remove it."
        )
    return Review(lines)


def read_lines(path: Path, start: int = 0) -> tuple[list[Line], int]:
    """Return the lines of a review from a byte on, and the byte after the last whole one.

    One that was cut off by a kill, at the end or where another was written behind it, is left out. Raises DataError for one that is whole
    and says nothing that we know.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            content = stream.read()
    except FileNotFoundError:
        return [], 0
    whole = content[: content.rfind(b"\n") + 1]
    found, place = [], start
    for text in whole.splitlines(keepends=True):
        try:
            line = parse_line(text)
        except ValueError as error:
            raise DataError(
                f"{path}: the line at byte {place} {error}; expected what the studio writes. A newer flawsmith may read it."
            ) from error
        found += [] if line is None else [line]
        place += len(text)
    return found, start + len(whole)


def parse_line(text: bytes) -> Line | None:
    """Return the line that a text is; None for one that was cut off. Raises ValueError for one that says nothing we know."""
    try:
        said = parse_json(text)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    if not isinstance(said, dict):
        raise ValueError("is no object")
    act, reviewer, mask, at = (said.get(key) for key in ("act", "reviewer", "mask", "at"))
    if act not in (*DECISIONS, UNDO, REDO, MASK):
        raise ValueError(f"has the act {act!r}")
    if not isinstance(reviewer, str) or not isinstance(at, (int, float)):
        raise ValueError("does not say who acted, and when")
    texts = {key: said.get(key, []) for key in ("ids", "reasons")}
    if any(not isinstance(value, list) or not all(isinstance(each, str) for each in value) for value in texts.values()):
        raise ValueError("has ids or reasons that are no list of texts")
    if mask is not None and (not isinstance(mask, str) or leads_out(mask)):
        raise ValueError(f"has the mask {mask!r}, which is no path inside the folder")
    return Line(act, reviewer, tuple(texts["ids"]), tuple(texts["reasons"]), mask, float(at))


# into the file


def decide(out: Path, reviewer: str, ids: Iterable[str], decision: str, reasons: Iterable[str] = ()) -> None:
    """Note a reviewer's decision, of DECISIONS, on pairs; on many it is one step to undo. Raises DataError for what cannot be one."""
    ids, reasons = tuple(dict.fromkeys(ids)), tuple(dict.fromkeys(reasons))
    if decision not in DECISIONS:
        raise DataError(f"decision: got {decision!r}, expected one of {', '.join(DECISIONS)}.")
    if not ids or len(reasons) > MOST_REASONS:
        raise DataError(f"a decision is about at least one pair, for at most {MOST_REASONS} reasons; got {len(ids)} and {len(reasons)}.")
    _append(out, Line(decision, reviewer, ids, reasons))


def undo(out: Path, reviewer: str) -> None:
    """Note that a reviewer takes the last step back, if there is one."""
    _append(out, Line(UNDO, reviewer))


def redo(out: Path, reviewer: str) -> None:
    """Note that a reviewer does again what was undone last, if there is anything."""
    _append(out, Line(REDO, reviewer))


def correct_mask(out: Path, pair: Pair, mask: np.ndarray | None, reviewer: str) -> Path | None:
    """Write a corrected mask of a pair to OUT/reviewed/DEFECT/ID_mask.png, and return its path.

    mask: (H, W) bool; None = the generated one counts again. The generated mask stays as it is; the corrected one counts in its place where
    the review counts. Raises FileError for a mask of another size or without a pixel, and DataError for a pair without a picture.
    """
    if pair.image is None:
        raise DataError(f"{out}: pair {pair.id} was not accepted, so it has no picture whose mask could be corrected.")
    if mask is None:
        _append(out, Line(MASK, reviewer, (pair.id,)))
        return None
    name = f"{CORRECTED}/{pair.defect}/{Path(pair.image).stem}_mask.png"
    picture = PairFolder(out).image_path(pair)
    if trouble := mask_trouble(mask.shape, picture, image_size(picture)):
        raise FileError(out / name, trouble)
    if not mask.any():
        raise FileError(out / name, f"{EMPTY_MASK.split('.')[0]}. Mark the defect, or reject the pair.")
    _ready(out, reviewer)
    write_mask(out / name, mask, read_pitch(picture))
    _append(out, Line(MASK, reviewer, (pair.id,), mask=name))
    return out / name


def checked_reviewer(name: str) -> str:
    """Return a reviewer's name without spaces around it; raises DataError for what is none."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise DataError(f"{name!r}: is no name of a reviewer; expected 1 to {LONGEST} characters.")
    return name


def _ready(out: Path, reviewer: str) -> None:
    """Raise DataError for a name that is none; have the marker of a folder of an earlier version name the files of a review."""
    if checked_reviewer(reviewer) != reviewer:
        raise DataError(f"{reviewer!r}: is no name of a reviewer; expected {checked_reviewer(reviewer)!r}.")
    found = read_marker(out)
    if found is not None and found.name == PAIRS.name and found.files != PAIRS.files:
        mark(out, PAIRS)


def _append(out: Path, line: Line) -> None:
    """Write a line; it is on the disk when this returns."""
    _ready(out, line.reviewer)
    said: dict[str, Any] = {"at": round(line.at, 3), "reviewer": line.reviewer, "act": line.act}
    said |= {"ids": line.ids} if line.ids else {}
    said |= {"reasons": line.reasons} if line.reasons else {}
    said |= {"mask": line.mask} if line.act == MASK else {}
    path = out / REVIEW
    # one that was cut off gets its end, so that it spoils none but itself
    append_line(path, ("" if _ends_whole(path) else "\n") + json.dumps(said), sync=True)


def _ends_whole(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            if stream.seek(0, 2) == 0:
                return True
            stream.seek(-1, 2)
            return stream.read(1) == b"\n"
    except FileNotFoundError:
        return True
