"""The demo's data: real solar cells of the package elpv-dataset with the defects that this project outlined in some of them."""

import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from flawsmith.core.errors import DataError, FlawsmithError
from flawsmith.core.files import write_bytes
from flawsmith.core.folders import Kind, prepare_output
from flawsmith.dataset.sample import GOOD
from flawsmith.images.files import write_mask

HELD_OUT = 24  # good cells at the end of normals.txt that nothing is learned from
CELLS = Kind("data", (r"(train|test)/[^/]+/cell\d+\.png", r"ground_truth/[^/]+/cell\d+_mask\.png"))


@dataclass(frozen=True)
class LabelShape:
    """One outlined defect, in LabelMe's coordinates: the pixel in row 0, column 0 covers 0 to 1 in both directions."""

    defect: str  # the defect's name
    kind: str  # "polygon", the filled inside, or "linestrip", a stroke along the points
    points: tuple[tuple[float, float], ...]  # (x, y) in pixels
    width: float = 0.0  # of a linestrip's stroke, pixels


@dataclass(frozen=True)
class Label:
    """The defects of one cell, all of one kind."""

    cell: str  # file name in elpv-dataset, such as "cell0370.png"
    height: int  # of the picture, pixels
    width: int  # of the picture, pixels
    shapes: tuple[LabelShape, ...]

    @property
    def defect(self) -> str:
        """The kind of defect the cell shows. Raises DataError when it shows none or several: the cell would belong to no single folder."""
        names = sorted({shape.defect for shape in self.shapes})
        if len(names) != 1:
            raise DataError(f"{self.cell}: got the defects {names}, expected exactly one kind; split or drop this label.")
        return names[0]


def write_cells(folder: Path) -> Path:
    """Return `folder`, filled with a data folder in the MVTec AD layout: good cells, cells with cracks, cells with inactive areas.

    The pictures are copied as they are; the masks are drawn from the labels.
    Raises FlawsmithError when the package elpv-dataset is not installed, OutputExistsError when `folder` is not empty.
    """
    pictures = cells_folder()
    prepare_output(folder, CELLS, overwrite=False)
    learned, held_out = normals()
    for name in learned:
        _copy(pictures / name, folder / "train" / GOOD / name)
    for name in held_out:
        _copy(pictures / name, folder / "test" / GOOD / name)
    for label in labels():
        _copy(pictures / label.cell, folder / "test" / label.defect / label.cell)
        mask = rasterise(label.shapes, label.height, label.width)
        write_mask(folder / "ground_truth" / label.defect / f"{Path(label.cell).stem}_mask.png", mask)
    return folder


def cells_folder() -> Path:
    """Return the folder of elpv-dataset's pictures. Raises FlawsmithError when the package is not installed."""
    found = importlib.util.find_spec("elpv_dataset")  # not imported: only its files are of use
    if found is None or not found.submodule_search_locations:
        raise FlawsmithError("The demo needs the package elpv-dataset, which holds its pictures: pip install 'flawsmith[demo]'")
    return Path(next(iter(found.submodule_search_locations))) / "data" / "images"


def normals() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the file names of the good cells to learn from, and of those held out to generate onto."""
    text = resources.files(__package__).joinpath("normals.txt").read_text(encoding="utf-8")
    names = tuple(line for line in text.splitlines() if line and not line.startswith("#"))
    return names[:-HELD_OUT], names[-HELD_OUT:]


def labels() -> tuple[Label, ...]:
    """Return the labelled cells, sorted by file name."""
    files = [file for file in resources.files(__package__).joinpath("labels").iterdir() if file.name.endswith(".json")]
    return tuple(parse_label(file.read_text(encoding="utf-8")) for file in sorted(files, key=lambda file: file.name))


def parse_label(text: str) -> Label:
    """Return the content of a LabelMe file; a linestrip's stroke is given in its description, as in `width 6`."""
    content = json.loads(text)
    shapes = tuple(
        LabelShape(
            defect=shape["label"],
            kind=shape["shape_type"],
            points=tuple((float(x), float(y)) for x, y in shape["points"]),
            width=float(shape["description"].removeprefix("width ")) if shape["shape_type"] == "linestrip" else 0.0,
        )
        for shape in content["shapes"]
    )
    return Label(content["imagePath"], content["imageHeight"], content["imageWidth"], shapes)


def rasterise(shapes: Iterable[LabelShape], height: int, width: int) -> np.ndarray:
    """Return the union of the shapes as (height, width) bool: true where a pixel's centre is in a polygon or under a stroke.

    A polygon that crosses itself is filled by the even-odd rule. Raises DataError for another kind of shape, one with too few points,
    and a stroke without width.
    """
    y, x = np.mgrid[0:height, 0:width] + 0.5
    mask = np.zeros((height, width), bool)
    for shape in shapes:
        if shape.kind == "polygon" and len(shape.points) >= 3:
            mask |= _inside(shape.points, x, y)
        elif shape.kind == "linestrip" and len(shape.points) >= 2 and shape.width > 0:
            mask |= _distance(shape.points, x, y) <= shape.width / 2
        else:
            raise DataError(
                f"{shape.defect}: got a {shape.kind} of {len(shape.points)} points and width {shape.width:g}, expected a polygon of "
                "at least 3 points, or a linestrip of at least 2 points with a width above 0."
            )
    return mask


def _inside(points: tuple[tuple[float, float], ...], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return where a ray from (x, y) to the right crosses the polygon's outline an odd number of times, (H, W) bool; x, y: (H, W)."""
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if y0 != y1:  # a ray cannot cross an edge it runs along
            odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return odd


def _distance(points: tuple[tuple[float, float], ...], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the distance in pixels from (x, y) to the nearest point of the line through the points, (H, W); x, y: (H, W)."""
    nearest = np.full(x.shape, np.inf)
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / ((dx * dx + dy * dy) or 1.0), 0.0, 1.0)  # or: both points are the same
        nearest = np.minimum(nearest, np.hypot(x - x0 - along * dx, y - y0 - along * dy))
    return nearest


def _copy(source: Path, target: Path) -> None:
    """Copy a picture's bytes. Raises DataError when the installed elpv-dataset does not have it."""
    if not source.is_file():
        raise DataError(
            f"{source}: not found, though elpv-dataset is installed; the demo's labels are for version 1.0: "
            "pip install --force-reinstall 'elpv-dataset>=1.0,<2'"
        )
    write_bytes(target, source.read_bytes())
