"""An export read again: every mask beside the one it was made from."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from flawsmith.core.errors import DataError
from flawsmith.core.paths import relative
from flawsmith.dataset.sample import Item
from flawsmith.formats.reading import read
from flawsmith.formats.registry import recognised
from flawsmith.formats.writers.names import folder_names
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import SEVERAL, Line, Place
from flawsmith.formats.writers.run_lengths import mask_runs

ENOUGH = 0.95  # of IoU: outlines below are listed
THREADS = 2
WHOLE = ""  # the name of what formats with one name a picture hold


@dataclass(frozen=True)
class RoundTrip:
    """How masks came back."""

    iou: dict[str, float]  # by picture in the folder, of the class that came back worst; 1 for a normal that came back as one

    @property
    def different(self) -> dict[str, float]:
        """Those of whose masks any pixel differs."""
        return {image: iou for image, iou in self.iou.items() if iou < 1}

    @property
    def poor(self) -> dict[str, float]:
        """Those below ENOUGH."""
        return {image: iou for image, iou in self.iou.items() if iou < ENOUGH}


def compare(writer: Writer, place: Place, pictures: Collection[str]) -> RoundTrip | None:
    """Return how the masks of some pictures of an export come back, read from its files; None where there is no reader of its format.

    pictures: their paths in the folder. Raises DataError where the folder cannot be read again.
    """
    if writer.read is None and not recognised(place.folder):
        return None
    found = _back(writer, place, pictures)
    lines = (line for line in place.lines() if line.image in pictures)
    return RoundTrip({line.image: _agreement(_expected(line, writer, place), found.get(line.image), line.size) for line in lines})


def _back(writer: Writer, place: Place, pictures: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the masks of pictures as run lengths by class, as they are read from the folder."""
    found: dict[str, dict[str, Any]] = {}
    for image, masks in _read(place.folder) if writer.read is None else _coded(writer.read(place)):
        if image in pictures:
            known = found.setdefault(image, {})
            for name, runs in masks.items():
                name = name if writer.classes else WHOLE
                known[name] = coco.merge([known[name], runs]) if name in known else runs
    return found


def _coded(found: Iterable[tuple[str, Mapping[str, np.ndarray]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for image, masks in found:
        yield image, {name: mask_runs(mask) for name, mask in masks.items()}


def _read(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what our own reader of the format finds: a picture's path in the folder, and run lengths by class."""
    try:
        data = read(folder)
    except DataError as error:
        raise DataError(f"the export was written, but cannot be read again: {error}") from error
    for item in (*data.good, *data.held_out):
        yield relative(item.image, folder), {}
    with ThreadPoolExecutor(THREADS) as pool:  # what waits there is as small as run lengths are
        for items in data.defects.values():
            yield from pool.map(partial(_labelled, folder), items)


def _labelled(folder: Path, item: Item) -> tuple[str, dict[str, Any]]:
    return relative(item.image, folder), {item.defect: mask_runs(item.read_mask())}


def _expected(line: Line, writer: Writer, place: Place) -> dict[str, Any]:
    """Return the run lengths of a row's masks, under the names that are read back."""
    runs = {name: {"size": list(line.size), "counts": counts} for name, counts in line.masks.items()}
    if not writer.classes:
        return {WHOLE: coco.merge(list(runs.values()))} if runs else {}
    names = folder_names((*place.classes, SEVERAL))
    return {names[name]: found for name, found in runs.items()}


def _agreement(expected: Mapping[str, Any], found: Mapping[str, Any] | None, size: tuple[int, int]) -> float:
    """Return the least IoU over the classes of a picture; 0 where it is missing or a class is."""
    if found is None or set(expected) != set(found):
        return 0.0
    return min((_iou(expected[name], found[name], size) for name in expected), default=1.0)


def _iou(expected: Any, found: Any, size: tuple[int, int]) -> float:
    if list(found["size"]) != list(size):
        return 0.0
    if _text(expected["counts"]) == _text(found["counts"]):
        return 1.0
    return float(coco.iou([expected], [found], [0])[0, 0])


def _text(counts: str | bytes) -> str:
    return counts if isinstance(counts, str) else counts.decode("ascii")
