"""What detectors mark on pictures of the test part, and made defects beside the real ones learned from: tiles for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.benchmark.detectors.segment import anomaly_map
from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.labelled import resized
from flawsmith.benchmark.protocol import REAL
from flawsmith.benchmark.training import load_column
from flawsmith.benchmark.workspace import Workspace, defects_of
from flawsmith.dataset.components import components
from flawsmith.dataset.sample import GOOD, Item, load_sample
from flawsmith.pairs.folder import PairFolder
from flawsmith.reports.drawing import crop_picture, fit, limits, outline, square, to_display, view
from flawsmith.reports.sheets import turns
from flawsmith.reports.strips import RULE

TILE = 256  # pixels a side of an example's pictures
SMALL = 128  # pixels a side of a made or learned defect
SHOWN = (32, 42, 64, SMALL)  # pixels of a picture that a small tile shows: such as fill it when enlarged by a whole number; or more
MOST_REAL, MOST_MADE = 4, 8  # of a kind, side by side


@dataclass(frozen=True)
class DefectExample:
    """One picture of the test part with what two detectors mark on it."""

    image: str  # its path in the data folder
    defect: str
    iou: tuple[float, float]  # of the marks and the truth: real defects alone, and the other column
    pictures: tuple[np.ndarray, ...]  # (TILE, TILE, 3) uint8: the picture, the truth, and the marks of the two


def ranked(real: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], most: int) -> tuple[list[str], list[str]]:
    """Return the pictures with a defect whose IoU rose most and those whose IoU fell most, at most `most` of each.

    real, other: "pictures" of two columns' tests, over the same pictures.
    """
    before = {row["image"]: row["iou"] for row in real}
    changes = [(row["iou"] - before[row["image"]], row["image"]) for row in other if row["defect"] != GOOD and row["image"] in before]
    rose = sorted((each for each in changes if each[0] > 0), key=lambda each: (-each[0], each[1]))
    fell = sorted(each for each in changes if each[0] < 0)
    return [name for _, name in rose[:most]], [name for _, name in fell[:most]]


def examples(work: Workspace, column: str, most: int = 4) -> tuple[list[DefectExample], list[DefectExample]]:
    """Return the test pictures where `column` gained most over real defects alone, and where it lost most.

    Both detectors mark the pictures again with their saved weights and the threshold that gave their best F1. Raises FlawsmithError or
    OSError where the pictures or the weights are no longer there.
    """
    tested = {name: read_result(work.tested(name)) for name in (REAL, column)}
    chosen = ranked(tested[REAL]["pictures"], tested[column]["pictures"], most)
    if not any(chosen):
        return [], []
    test = work.parts.test
    items = {item.image.relative_to(test.root).as_posix(): item for item in defects_of(test)}
    wanted = [items[image] for names in chosen for image in names]
    marked = {name: _marks(work, name, result["threshold"], wanted) for name, result in tested.items()}
    iou = {name: {row["image"]: row["iou"] for row in tested[name]["pictures"]} for name in tested}
    groups = []
    for names in chosen:
        found = []
        for image in names:
            marks = [marked[name][items[image].image] for name in (REAL, column)]
            pictures = _pictures(work, items[image], marks)
            found.append(DefectExample(image, items[image].defect, (iou[REAL][image], iou[column][image]), pictures))
        groups.append(found)
    return groups[0], groups[1]


def _marks(work: Workspace, column: str, threshold: float | None, items: Sequence[Item]) -> dict[Path, np.ndarray]:
    """Return what a column's detector marks on the pictures, (H, W) bool by file."""
    model, facts = load_column(work, column)
    found = {}
    for item in items:
        image = resized(load_sample(item), work.settings.resize).image
        anomaly = anomaly_map(model, image, facts["colours"], work.settings.device, facts["precision"])
        found[item.image] = np.zeros(anomaly.shape, bool) if threshold is None else anomaly >= threshold
    return found


def _pictures(work: Workspace, item: Item, marks: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Return a picture and three masks outlined on it, each (TILE, TILE, 3) uint8: the truth, and the marks (H, W) bool of two."""
    sample = resized(load_sample(item), work.settings.resize)
    truth = np.zeros(sample.image.shape[:2], bool) if sample.mask is None else sample.mask
    frame = view(np.logical_or.reduce([truth, *marks]), TILE // 2)  # all that is marked anywhere, and small things enlarged
    shown = to_display(crop_picture(sample.image, frame), *limits(sample.image))
    return (fit(shown, TILE), *(_outlined(shown, crop_picture(mask, frame), TILE) for mask in (truth, *marks)))


def _outlined(picture: np.ndarray, mask: np.ndarray, tile: int) -> np.ndarray:
    """Return the picture (h, w, 3) uint8 in a tile, with a line round the mask (h, w) bool that is wide enough to be seen there."""
    return fit(outline(picture, mask, width=-(-max(mask.shape) // tile)), tile)


def specimens(work: Workspace, made: str) -> dict[str, tuple[np.ndarray, np.ndarray | None, int]]:
    """Return for each defect a sheet of real ones learned from, one of made ones (None where there are none), and the pixels shown.

    Sheets (H, W, 3) uint8 show each defect plain, and below it with its outline; all of a kind at one scale. The first of each, by name.
    Raises FlawsmithError or OSError where the pictures are no longer there.
    """
    folder = PairFolder(work.pairs(made))
    generated = turns(folder.present(folder.read())) if folder.begun else []
    found = {}
    for defect, items in work.parts.learn.defects.items():
        samples = [load_sample(item) for item in items[:MOST_REAL]]
        real = [(s.image, s.mask) for s in samples if s.mask is not None and s.mask.any()]
        if not real:
            continue
        needed = int(1.5 * max(components(mask)[0].box.side for _, mask in real))
        side = next((shown for shown in SHOWN if shown >= needed), needed)
        mine = [pair for pair in generated if pair.defect == defect][:MOST_MADE]
        pairs = [(folder.image(pair), folder.mask(pair)) for pair in mine]
        sheets = [_grid([_specimen(image, mask, side) for image, mask in each]) for each in (real, pairs) if each]
        found[defect] = sheets[0], sheets[1] if pairs else None, side
    return found


def _specimen(image: np.ndarray, mask: np.ndarray, side: int) -> np.ndarray:
    """Return a defect plain, and below it with its outline: (2 SMALL + gap, SMALL, 3)."""
    if mask.any():
        box = components(mask)[0].box
        middle = box.top + box.height // 2, box.left + box.width // 2
    else:
        middle = mask.shape[0] // 2, mask.shape[1] // 2
    frame = square(middle, side, mask.shape)
    shown, inside = to_display(crop_picture(image, frame), *limits(image)), crop_picture(mask, frame)
    return np.concatenate([_framed(fit(shown, SMALL)), _gap(2, SMALL), _framed(_outlined(shown, inside, SMALL))])


def _framed(tile: np.ndarray) -> np.ndarray:
    """Return the tile (h, w, 3) uint8 with a grey line at its edge: white pictures end there, on a white page too."""
    tile[[0, -1]] = RULE
    tile[:, [0, -1]] = RULE
    return tile


def _grid(cells: Sequence[np.ndarray], across: int = 4) -> np.ndarray:
    """Return the cells (h, w, 3) in rows of `across`, with white gaps."""
    height, width = cells[0].shape[:2]
    rows = []
    for start in range(0, len(cells), across):
        pieces = [piece for cell in cells[start : start + across] for piece in (cell, _gap(height, 6))]
        missing = min(across, len(cells)) * (width + 6) - sum(piece.shape[1] for piece in pieces)
        rows += [np.concatenate([*pieces, _gap(height, missing)], 1)[:, :-6], _gap(8, min(across, len(cells)) * (width + 6) - 6)]
    return np.concatenate(rows[:-1])


def _gap(height: int, width: int) -> np.ndarray:
    """Return white pixels (height, width, 3) uint8."""
    return np.full((height, width, 3), 255, np.uint8)
