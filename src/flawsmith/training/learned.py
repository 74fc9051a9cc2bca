"""From a data folder to what a training starts from: pictures in memory, the product's facts, the hashes of what is learned."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.config import Config
from flawsmith.data.image_files import image_size
from flawsmith.data.library import Example, collect
from flawsmith.data.pairs import BUDGET, Pool, keep_normal
from flawsmith.data.readers import load
from flawsmith.data.sample import Dataset, Item
from flawsmith.data.scale import PixelRange, find_range
from flawsmith.data.splits import strict_third
from flawsmith.data.windows import bounding_box, choose_window
from flawsmith.errors import DataError
from flawsmith.files import content_hash
from flawsmith.models.build import Shape
from flawsmith.models.store import Product


@dataclass(frozen=True)
class Learned:
    """What a training starts from."""

    pool: Pool
    product: Product
    examples: list[Example]
    record: dict[str, Any]  # for data.json


def prepare(data: Dataset, config: Config) -> Learned:
    """Return the pictures of `data` ready for training with `config`.

    Raises DataError when a defect has no example to learn from or a file is bad.
    """
    chosen = strict_third(data)[0] if config.data.split == "third" else data.defects
    for name, items in chosen.items():
        if not items:
            raise DataError(
                f"{data.root}: defect {name!r} has {len(data.defects[name])} pictures, too few for data.split=third (a third, rounded "
                "down, by group). Add pictures, or use --set data.split=all."
            )
    if not chosen:
        raise DataError(f"{data.root}: no labelled defects; put at least one picture under test/<defect> with its mask.")
    defects = {name: [load(item) for item in items] for name, items in chosen.items()}
    flawed = [s for samples in defects.values() for s in samples]
    sides = [bounding_box(s.mask).side for s in flawed if s.mask is not None]
    sizes = [image_size(item.image) for item in data.normals] + [s.mask.shape for s in flawed if s.mask is not None]
    window = config.data.window or choose_window(sides, sizes, config.model.cells)
    window = max(1, window // config.model.cells) * config.model.cells
    share = BUDGET // max(1, len(data.normals))
    normals = [crop for item in data.normals for crop in keep_normal(load(item), window, share)]
    pictures = normals + [s.image for s in flawed]
    colours = max(3 if picture.shape[2] >= 3 else 1 for picture in pictures)
    scale = find_range(pictures)
    areas = {name: _range([int(s.mask.sum()) for s in samples if s.mask is not None]) for name, samples in defects.items()}
    product = Product(Shape(tuple(defects), colours, window), scale, _noise(normals, colours, scale), areas)
    pool = Pool(normals, defects, config, window, colours, scale)
    record = {
        "root": str(data.root.resolve()),
        "split": config.data.split,
        "normals": _hashes(data.normals, data.root),
        "defects": {name: _hashes(items, data.root) for name, items in chosen.items()},
    }
    return Learned(pool, product, collect(defects, window), record)


def _range(values: list[int]) -> tuple[int, int]:
    return min(values), max(values)


def _hashes(items: tuple[Item, ...], root: Path) -> list[dict[str, str]]:
    rows = []
    for item in items:
        row = {"image": _relative(item.image, root), "sha256": content_hash(item.image)}
        if item.mask is not None:
            row |= {"mask": _relative(item.mask, root), "mask_sha256": content_hash(item.mask)}
        rows.append(row)
    return rows


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def _noise(normals: list[np.ndarray], colours: int, scale: PixelRange) -> float:
    """Return the typical noise of normals as a share of the value range: the median of |Laplacian| / 6 / 0.6745 over pixels.

    The kernel with weights 1, -2, 4 has norm 6 on independent noise (Immerkaer 1996); the median ignores edges.
    """
    values = []
    for image in normals[:20]:
        x = scale.to_model(image, colours).mean(0) / 2  # [-1, 1] spans two units: a share of the range
        if min(x.shape) < 3:
            continue
        d = x[:-2] - 2 * x[1:-1] + x[2:]
        d = d[:, :-2] - 2 * d[:, 1:-1] + d[:, 2:]
        values.append(float(np.median(np.abs(d))) / 6 / 0.6745)
    return float(np.median(values)) if values else 0.0
