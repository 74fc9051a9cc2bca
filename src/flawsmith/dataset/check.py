"""One pass over a data folder: every bad file by name, and what the good ones hold."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.core.processors import cores
from flawsmith.core.progress import Advance, progress
from flawsmith.dataset.sample import EMPTY_MASK, FEWEST_NORMALS, Item, mask_trouble
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.dataset.splits import duplicates
from flawsmith.dataset.spots import Spots, spots_of
from flawsmith.dataset.windows import bounding_box, choose_grid
from flawsmith.images.files import SUFFIXES, orientation, read_image, read_mask, type_of

MOSTLY = 0.5  # share of a picture: a mask that marks more may be inverted
ALL_AROUND = 0.95  # share of the border that it then marks
SHRUNK, ENCODED = 512, 8  # what latent diffusion does to a picture: both sides to 512 pixels, then 8 pixels to a latent cell


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the largest of some numbers."""

    least: float
    median: float
    most: float


@dataclass(frozen=True)
class DefectSummary:
    """What the usable pictures of one kind of defect hold."""

    pictures: int  # that can be read and have a usable mask
    groups: int  # specimens among them; a picture without a group is a specimen of its own
    spots: Spread  # connected marked areas in a mask
    area: Spread  # marked pixels of a mask
    cells: Spread  # the same in latent cells of the window
    box: Spread  # longer side in pixels of the box around everything marked in a mask
    vanish: tuple[str, ...]  # pictures whose defect fills half of no latent cell of the window
    vanish_shrunk: float  # share of pictures where that would be so after shrinking to 512 pixels and encoding by 8


@dataclass(frozen=True)
class Report:
    """What `check` found."""

    root: Path
    format: str  # what it was read as, and by what that was recognised
    notes: tuple[str, ...]  # what was decided about odd things, in sentences
    normals: int
    held_out_normals: int
    missing: int  # labelled pictures that are not there
    groups: int  # physical specimens that groups.csv names
    heights: tuple[int, int] | None  # least and largest, in pixels; None when no picture could be read
    widths: tuple[int, int] | None
    depths: dict[int, int]  # bits a channel: how many pictures
    channels: dict[int, int]  # channels: how many pictures
    window: int  # side in pixels of the windows for training; 0 when there is no usable defect to choose it by
    factor: float  # pixels along the side of a latent cell of such a window
    summary: dict[str, DefectSummary]  # by defect; only those with a usable picture
    problems: tuple[Problem, ...]  # what must be mended, sorted by path
    warnings: tuple[Problem, ...]  # what should be looked at
    spots: dict[str, Spots]  # where the usable labels of each kind of defect lie, and how large each is

    @property
    def bad(self) -> bool:
        """Whether anything must be mended."""
        return bool(self.problems)

    def to_dict(self, spots: bool = False) -> dict[str, Any]:
        """Return the report as values that JSON can hold; spots: with what it says of single labels."""
        numbers = {key: {str(k): n for k, n in getattr(self, key).items()} for key in ("depths", "channels")}
        said = {**asdict(self), **numbers, "root": str(self.root), "bad": self.bad}
        return said if spots else {key: value for key, value in said.items() if key != "spots"}


@dataclass(frozen=True)
class _Mark:
    """A usable mask."""

    picture: Path
    size: tuple[int, int]  # (H, W) of the picture
    spots: int
    corner: tuple[int, int]  # top, left of the box around what is marked
    shape: np.ndarray  # the mask, cut to that box


@dataclass
class _Seen:
    """What decoding every file brought up."""

    shapes: dict[Path, tuple[int, ...]] = field(default_factory=dict)  # (H, W, C) of each readable picture
    depths: dict[Path, int] = field(default_factory=dict)  # bits a channel of each readable picture
    marks: dict[str, list[_Mark]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def examine(found: Scan, window: int = 0, cells: int = 0, quiet: bool = True) -> Report:
    """Return what a format found, and everything that is wrong with it; every file is decoded once.

    window: side in pixels of the windows for training, cells: side of their latent grid; 0 = the one that training would choose.
    quiet: no bar on a terminal.
    """
    files = sum(1 for _ in found.pictures()) + sum(map(len, found.defects.values())) + len(found.lone_masks)
    with progress("check", files, quiet, "files", stays=False) as advance:
        seen = _look(found, advance)
    sides = [max(mark.shape.shape) for marks in seen.marks.values() for mark in marks]
    learned = seen.shapes.keys() - set(found.held_out_normals)
    window, cells = choose_grid(window, cells, sides, [(seen.shapes[p][0], seen.shapes[p][1]) for p in learned])
    factor = window / cells
    summary = {name: _summarise(found, marks, factor) for name, marks in seen.marks.items()}
    warnings = [
        *found.warnings,
        *_few_normals(found),
        *seen.warnings,
        *_mixed(found, seen.depths, "bits a channel"),
        *_mixed(found, {path: shape[2] for path, shape in seen.shapes.items()}, "channels"),
        *_turned(found, seen),
        *_copies(found, seen.shapes),
        *_shared_groups(found),
        *_vanishing(found, summary, window),
    ]
    heights, widths = ([shape[axis] for shape in seen.shapes.values()] for axis in (0, 1))
    return Report(
        root=found.root,
        format=found.format,
        notes=tuple(found.notes),
        normals=len(found.normals),
        held_out_normals=len(found.held_out_normals),
        missing=found.missing,
        groups=len(set(found.groups.values())),
        heights=(min(heights), max(heights)) if heights else None,
        widths=(min(widths), max(widths)) if widths else None,
        depths=dict(sorted(Counter(seen.depths.values()).items())),
        channels=dict(sorted(Counter(shape[2] for shape in seen.shapes.values()).items())),
        window=window,
        factor=factor,
        summary=summary,
        problems=tuple(sorted((*found.problems, *found.stale_rows, *seen.problems), key=lambda p: p.path)),
        warnings=tuple(sorted(warnings, key=lambda p: p.path)),
        spots={name: spots_of((mark.shape, mark.corner, mark.size) for mark in marks) for name, marks in seen.marks.items()},
    )


def fills_a_cell(mask: np.ndarray, height: float, width: float) -> bool:
    """Return whether some cell of height x width pixels, wherever it lies, is at least half covered by the mask (H, W).

    A defect that fills none fades when pixels are averaged into cells: one 3 pixels wide in cells of 31 leaves a tenth of its contrast.
    """
    rows, columns = max(1, round(height)), max(1, round(width))
    padded = np.pad(mask, ((rows, rows), (columns, columns))).astype(np.float32)
    return bool(cv2.boxFilter(padded, -1, (columns, rows), normalize=False).max() * 2 >= rows * columns)


def _look(found: Scan, advance: Advance) -> _Seen:
    """Decode every file, several side by side and each counted by `advance`, and return what came up."""
    seen = _Seen()
    labelled = [(name, item) for name, items in found.defects.items() for item in items]
    with ThreadPoolExecutor(cores()) as pool:
        pictures = list(found.pictures())
        for picture, (shape, depth, problems) in zip(pictures, pool.map(_picture, pictures), strict=True):
            seen.problems += [Problem(found.name(picture), what) for what in problems]
            if shape:
                seen.shapes[picture], seen.depths[picture] = shape, depth
            advance()
        shapes = [seen.shapes.get(item.image) for _, item in labelled]
        for (name, item), (mark, problems, warnings) in zip(
            labelled, pool.map(_label, (item for _, item in labelled), shapes), strict=True
        ):
            assert item.mask is not None
            own = f"{item.image.name}: " if item.draw else ""  # many pictures may be labelled in one file
            seen.problems += [Problem(found.name(item.mask), own + what.removeprefix(own)) for what in problems]
            seen.warnings += [Problem(found.name(item.mask), own + what) for what in warnings]
            if mark:
                seen.marks.setdefault(name, []).append(mark)
            advance()
    for path in found.lone_masks:
        _, problems = _decode(read_mask, path)
        seen.problems += [Problem(found.name(path), what) for what in problems]
        advance()
    return seen


def _picture(path: Path) -> tuple[tuple[int, ...], int, list[str]]:
    """Return a picture's shape (H, W, C), its bits a channel, and what is wrong with it; the shape is empty where it cannot be read."""
    image, problems = _decode(read_image, path)
    return (image.shape, 8 * image.itemsize, problems) if image is not None else ((), 0, problems)


def _label(item: Item, shape: tuple[int, ...] | None) -> tuple[_Mark | None, list[str], list[str]]:
    """Return what a label marks, what is wrong with it, and what should be looked at; shape: of its picture, None for one that is bad."""
    assert item.mask is not None
    if item.draw and shape is None:
        return None, [], []  # it is drawn in the picture's size; that the picture is bad is told
    mask, problems = _decode(lambda _: item.read_mask(), item.mask, item.draw is not None)
    warnings: list[str] = []
    if mask is None:
        return None, problems, warnings
    trouble = mask_trouble(mask.shape, item.image, shape) if shape else None
    if not mask.any():
        trouble = EMPTY_MASK
    elif mask.all():
        warnings.append("marks every pixel of the picture. Check that the defect is marked and not everything.")
    elif looks_inverted(mask):
        message = f"marks {mask.mean():.0%} of the picture and nearly all of its border, as a mask does that is inverted."
        warnings.append(f"{message} Make the defect 255 and everything else 0.")
    problems += [trouble] if trouble else []
    return (_measure(item.image, mask) if shape and not trouble else None), problems, warnings


def looks_inverted(mask: np.ndarray) -> bool:
    """Return whether a mask (H, W) bool marks most of the picture and nearly all of its border: a defect that is no picture does not."""
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return bool(mask.mean() > MOSTLY and border.mean() >= ALL_AROUND)


def _decode(read: Callable[[Path], np.ndarray], path: Path, drawn: bool = False) -> tuple[np.ndarray | None, list[str]]:
    """Return what `read` returns, or None when the file cannot be used, and what is wrong; drawn: the file is no picture."""
    problems = []
    kind, suffix = type_of(path), path.suffix
    if not drawn and suffix and kind in SUFFIXES.values() and kind != SUFFIXES[suffix.lower()]:
        right = next(s for s, k in SUFFIXES.items() if k == kind)
        problems.append(f"has the wrong suffix: it is a {kind}, not a {SUFFIXES[suffix.lower()]}. Rename it {path.stem}{right}.")
    try:
        return read(path), problems
    except FileError as error:
        return None, [*problems, error.what]


def _measure(picture: Path, mask: np.ndarray) -> _Mark:
    box = bounding_box(mask)
    shape = mask[box.top : box.top + box.height, box.left : box.left + box.width].copy()
    labels = cv2.connectedComponentsWithStats(shape.astype(np.uint8), connectivity=8)[0]
    return _Mark(picture, (mask.shape[0], mask.shape[1]), labels - 1, (box.top, box.left), shape)  # label 0 is what is not marked


def _summarise(found: Scan, marks: Sequence[_Mark], factor: float) -> DefectSummary:
    areas = [int(mark.shape.sum()) for mark in marks]
    shrunk = [fills_a_cell(mark.shape, *(ENCODED * side / SHRUNK for side in mark.size)) for mark in marks]
    return DefectSummary(
        pictures=len(marks),
        groups=len({found.groups.get(mark.picture, mark.picture) for mark in marks}),
        spots=_spread([mark.spots for mark in marks]),
        area=_spread(areas),
        cells=_spread([round(area / factor**2, 2) for area in areas]),
        box=_spread([max(mark.shape.shape) for mark in marks]),
        vanish=tuple(found.name(mark.picture) for mark in marks if not fills_a_cell(mark.shape, factor, factor)),
        vanish_shrunk=1 - sum(shrunk) / len(marks),
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(min(values), float(np.median(values)), max(values))


def _few_normals(found: Scan) -> list[Problem]:
    if not 0 < len(found.normals) < FEWEST_NORMALS:
        return []
    message = f"holds {len(found.normals)} normals, and where the product ends is told from {FEWEST_NORMALS} or more: defects will be put"
    return [Problem(".", f"{message} anywhere in the picture. Add normals, or give `flawsmith generate` --foreground or --region.")]


def _mixed(found: Scan, values: dict[Path, int], what: str) -> list[Problem]:
    """Return a warning for each value that some pictures have and most others have not."""
    counts = Counter(values.values()).most_common()
    warnings = []
    for value, _ in counts[1:]:
        odd = [found.name(path) for path, own in values.items() if own == value]
        message = f"pictures with {value} {what}, where most have {counts[0][0]}: {len(odd)} ({_some(odd)}). Convert them alike."
        warnings.append(Problem(".", message))
    return warnings


def _turned(found: Scan, seen: _Seen) -> list[Problem]:
    masked = [mark.picture for marks in seen.marks.values() for mark in marks]
    turned = [found.name(picture) for picture in masked if orientation(picture) != 1]
    if not turned:
        return []
    message = f"pictures of defects that are stored turned or mirrored (EXIF) and used upright: {len(turned)} ({_some(turned)})."
    return [Problem(".", f"{message} Check that their masks were drawn on the upright picture.")]


def _copies(found: Scan, readable: Iterable[Path]) -> list[Problem]:
    """Return a warning for each set of pictures with the same content."""
    roles = {picture: name for name, items in found.defects.items() for picture in (item.image for item in items)}
    roles |= dict.fromkeys(found.held_out_normals, "held-out normals") | dict.fromkeys(found.normals, "normals")
    warnings = []
    for same in duplicates(readable):
        uses = sorted({roles.get(path, "no mask") for path in same})
        others = _some([found.name(path) for path in same[1:]])
        advice = f"They are in {' and '.join(uses)}: keep the one that is right." if len(uses) > 1 else "Keep one of them."
        warnings.append(Problem(found.name(same[0]), f"has the same content as {others}. {advice}"))
    return warnings


def _shared_groups(found: Scan) -> list[Problem]:
    learned, unseen = ({found.groups[p] for p in side if p in found.groups} for side in (found.normals, found.held_out_normals))
    shared = sorted(learned & unseen)
    if not shared:
        return []
    message = f"groups among both the normals and the held-out normals: {len(shared)} ({_some(shared)}). Keep each on one side."
    return [Problem("groups.csv", message)]


def _vanishing(found: Scan, summary: dict[str, DefectSummary], window: int) -> list[Problem]:
    warnings = []
    for name, defect in summary.items():
        if defect.vanish:
            message = f"defects that fill half of no latent cell in windows of {window} px: {len(defect.vanish)} of {defect.pictures}"
            warnings.append(Problem(name, f"{message} ({_some(defect.vanish)}). Choose a smaller data.window, or leave them out."))
    return warnings


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
