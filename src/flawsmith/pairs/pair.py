"""A pair: one attempt at a picture with its mask, as a row of OUT/pairs.jsonl says it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from flawsmith.core.paths import leads_out
from flawsmith.dataset.windows import Box
from flawsmith.pairs.reason import Reason

ACCEPTED, REJECTED, FAILED = VERDICTS = ("accepted", "rejected", "failed")
T = TypeVar("T")


@dataclass(frozen=True)
class PlacedDefect:
    """One defect in the picture of a pair."""

    defect: str  # its kind
    box: Box | None = None  # of its mask, pixels of the picture; None where nothing was drawn
    area: int = 0  # pixels of its mask
    region: Box | None = None  # around the pixels it was allowed to change; None for a picture from noise
    shape: str = "given"  # "given": of a real defect; "free": left to the model
    source: str = ""  # the real defect that its shape is from
    severity: float = 1.0  # as asked; 1 as learned
    scores: Mapping[str, float] = field(default_factory=dict)  # by name
    reasons: tuple[Reason, ...] = ()  # why it does not count
    follows: tuple[str, ...] = ()  # the defects it follows: names of pictures learned from, and whole paths of others (`--like`)
    more: Mapping[str, Any] = field(default_factory=dict)  # keys of a row that this version does not know


@dataclass(frozen=True)
class Pair:
    """One attempt at a pair."""

    id: str  # the pair's name in OUT, such as "000017"
    defect: str  # its folder: the kind of its defects, or "combined"
    verdict: str  # "accepted", "rejected" (made again) or "failed" (given up)
    attempt: int = 0  # counted from 0 for each id
    image: str | None = None  # path in OUT with forward slashes; None unless accepted
    mask: str | None = None  # the same of its mask
    mask_form: str = ""  # of FORMS (`pairs/forms.py`); "" where it is not known
    other_mask: str | None = None  # path in OUT of its mask in the other form; None where there is none
    reasons: tuple[Reason, ...] = ()  # why it does not count; empty where it does
    scores: Mapping[str, float] = field(default_factory=dict)  # of the defect that fared worst
    seed: int = 0  # of this attempt
    normal: str | None = ""  # file of the normal it was made on; None for a picture from noise, "" where it is not known
    model: str = ""  # hash of the weights, or the name of a baseline
    settings: str = ""  # hash of all else that shapes a pair
    source_format: str | None = None  # of the normal's file, such as "PNG"
    size: tuple[int, int] | None = None  # (H, W) pixels
    region: Box | None = None  # around the pixels that may differ from the normal
    severity: float = 1.0  # the greatest of its defects'
    defects: tuple[PlacedDefect, ...] = ()  # in the order they were drawn; empty where they are not told apart
    more: Mapping[str, Any] = field(default_factory=dict)  # keys of a row that this version does not know

    @property
    def accepted(self) -> bool:
        """Whether it counts."""
        return self.verdict == ACCEPTED

    @property
    def from_noise(self) -> bool:
        """Whether the whole picture was made from noise: it then shows a window, without a place on the product."""
        return self.normal is None

    def placed(self) -> tuple[PlacedDefect, ...]:
        """Return the defects that something was drawn of."""
        return tuple(defect for defect in self.defects if defect.box is not None)

    def to_row(self) -> dict[str, Any]:
        """Return the row's content, plain JSON values; `from_row` gives this pair back."""
        return _to_json(self)

    @classmethod
    def from_row(cls, row: Any) -> "Pair":
        """Return the pair of a row's content; keys it does not know are kept in `more`. Raises ValueError for what is no row.

        Older rows, which say "parts" for "defects", are read as well.
        """
        if not isinstance(row, dict):
            raise ValueError(f"is a {type(row).__name__}, expected an object")
        row = dict(row)
        if "parts" in row:
            row.setdefault("defects", row.pop("parts"))
        pair = cls(**_values(row, cls, _PAIR))
        if pair.verdict not in VERDICTS:
            raise ValueError(f"verdict: got {pair.verdict!r}, expected {', '.join(VERDICTS)}")
        if pair.accepted and not (pair.image and pair.mask):
            raise ValueError("is accepted, but has no image or no mask")
        return pair


def _to_json(value: Any) -> Any:
    if isinstance(value, Reason):
        return value.to_json()
    if isinstance(value, Box):
        return [value.top, value.left, value.height, value.width]
    if isinstance(value, (Pair, PlacedDefect)):
        known = {each.name: _to_json(getattr(value, each.name)) for each in fields(value) if each.name != "more"}
        return {**known, **value.more}
    if isinstance(value, (tuple, list)):
        return [_to_json(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


def _values(row: dict[str, Any], kind: type, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Return the arguments of a dataclass from a row's values; raises ValueError that names the key."""
    known: dict[str, Any] = {}
    for key, value in row.items():
        if key in readers:
            try:
                known[key] = readers[key](value)
            except (TypeError, ValueError, KeyError) as error:
                raise ValueError(f"{key}: {error}") from error
    if missing := [name for name in ("id", "defect", "verdict") if name in readers and name not in known]:
        raise ValueError(f"has no {missing[0]}")
    assert set(readers) == {each.name for each in fields(kind)} - {"more"}
    return known | {"more": {key: value for key, value in row.items() if key not in readers}}


def _of(*kinds: type) -> Callable[[Any], Any]:
    """Return the reader of a value of one of the types."""

    def read(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"got {value!r}, expected {' or '.join(kind.__name__ for kind in kinds)}")
        return value

    return read


def _tuple_of(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    return lambda values: tuple(read(value) for value in _of(list, tuple)(values))


def _or_none(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else read(value)


def _name(value: Any) -> str:
    """Return a name that files and folders are called by; raises ValueError for one that would lead out of theirs."""
    text: str = _TEXT(value)
    if not text.strip() or leads_out(text):
        raise ValueError(f"got {value!r}, expected a name that can be a folder's")
    return text


def _path(value: Any) -> str:
    """Return a path in OUT; raises ValueError for one that leads out of it."""
    text: str = _TEXT(value)
    if leads_out(text):
        raise ValueError(f"got {value!r}, expected a path inside the folder, with forward slashes")
    return text


def _box(value: Any) -> Box:
    values = _tuple_of(_of(int))(value)
    if len(values) != 4:
        raise ValueError(f"got {value!r}, expected [top, left, height, width]")
    return Box(*values)


def _size(value: Any) -> tuple[int, int]:
    height, width = _tuple_of(_of(int))(value)
    return height, width


def _placed(value: Any) -> PlacedDefect:
    row = dict(_of(dict)(value))
    if "defect" not in row:
        raise ValueError("one of them has no defect")
    if row.get("shape") == "invented":  # an older word for "free"
        row["shape"] = "free"
    return PlacedDefect(**_values(row, PlacedDefect, _PLACED))


_TEXT, _WHOLE, _NUMBER = _of(str), _of(int), _of(int, float)
_REASONS = _tuple_of(Reason.from_json)
_PLACED: Mapping[str, Callable[[Any], Any]] = {
    "defect": _name,
    "box": _or_none(_box),
    "area": _WHOLE,
    "region": _or_none(_box),
    "shape": _TEXT,
    "source": _TEXT,
    "severity": _NUMBER,
    "scores": _of(dict),
    "reasons": _REASONS,
    "follows": _tuple_of(_TEXT),
}
_PAIR: Mapping[str, Callable[[Any], Any]] = {
    "id": _name,
    "defect": _name,
    "verdict": _TEXT,
    "attempt": _WHOLE,
    "image": _or_none(_path),
    "mask": _or_none(_path),
    "mask_form": _TEXT,
    "other_mask": _or_none(_path),
    "reasons": _REASONS,
    "scores": _of(dict),
    "seed": _WHOLE,
    "normal": _or_none(_TEXT),
    "model": _TEXT,
    "settings": _TEXT,
    "source_format": _or_none(_TEXT),
    "size": _or_none(_size),
    "region": _or_none(_box),
    "severity": _NUMBER,
    "defects": _tuple_of(_placed),
}
