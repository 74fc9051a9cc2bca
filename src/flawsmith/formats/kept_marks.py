"""What is drawn of a picture's labels as text, to be kept and drawn again without reading the label file."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.formats.brush import Brush
from flawsmith.formats.drawing import Mark
from flawsmith.formats.shapes import Bitmap, Ellipse, Line, MaskFile, Polygon, Rectangle, Runs, Shape


def to_text(marks: Sequence[Mark]) -> str:
    """Return marks as JSON. Raises TypeError for a shape that a format of another package brought."""
    return json.dumps([_plain(mark) for mark in marks], separators=(",", ":"))


def from_text(text: str) -> tuple[Mark, ...]:
    """Return what `to_text` was given. Raises ValueError, TypeError or KeyError for other text."""
    return tuple(
        Mark(_SHAPES[said["is"]](said["shape"]), Path(said["source"]), _pair(said["size"]), _pair(said["units"]))
        for said in json.loads(text)
    )


def mask_files(marks: Sequence[Mark]) -> tuple[Path, ...]:
    """Return the mask pictures that are read when marks are drawn."""
    return tuple(mark.shape.path for mark in marks if isinstance(mark.shape, MaskFile))


def _plain(mark: Mark) -> dict[str, Any]:
    name = type(mark.shape).__name__
    if name not in _SHAPES:
        raise TypeError(f"a shape {name}")
    values = {one.name: _values(getattr(mark.shape, one.name)) for one in fields(mark.shape)}  # type: ignore[arg-type]
    return {"is": name, "shape": values, "source": str(mark.source), "size": mark.size, "units": mark.units}


def _values(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return [_values(each) for each in value] if isinstance(value, (tuple, list)) else value


def _pair(value: Any) -> Any:
    return None if value is None else tuple(value)


def _polygon(said: Mapping[str, Any]) -> Shape:
    return Polygon(tuple(np.array(ring, np.float64).reshape(-1, 2) for ring in said["rings"]))


def _line(said: Mapping[str, Any]) -> Shape:
    return Line(np.array(said["points"], np.float64).reshape(-1, 2), said["width"], said["joined"])


def _runs(said: Mapping[str, Any]) -> Shape:
    return Runs(said["counts"], _pair(said["size"]), said["kind"], _pair(said["corner"]))


_SHAPES: Mapping[str, Callable[[Mapping[str, Any]], Shape]] = {
    "Polygon": _polygon,
    "Rectangle": lambda said: Rectangle(**said),
    "Ellipse": lambda said: Ellipse(**said),
    "Line": _line,
    "Runs": _runs,
    "Bitmap": lambda said: Bitmap(said["data"], _pair(said["corner"])),
    "Brush": lambda said: Brush(base64.b64decode(said["data"]), _pair(said["size"])),
    "MaskFile": lambda said: MaskFile(**{**said, "path": Path(said["path"])}),
}
