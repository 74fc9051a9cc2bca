"""From a data folder to what a training starts from: pictures in memory, the product's facts, the hashes of what is learned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flawsmith.config.schema import Config
from flawsmith.core.errors import DataError
from flawsmith.core.text import normal_form
from flawsmith.dataset.memory import BUDGET, keep_normal
from flawsmith.dataset.record import data_record
from flawsmith.dataset.sample import Dataset, Item, Sample, load_sample
from flawsmith.dataset.splits import strict_third
from flawsmith.dataset.windows import bounding_box, choose_grid
from flawsmith.images.files import bit_depth, image_size
from flawsmith.product.background import shrink
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.learn import learn_product, looked_at
from flawsmith.product.product import Product
from flawsmith.quality.calibrate import calibrate
from flawsmith.quality.limits import Limits
from flawsmith.training.pool import Pool


@dataclass(frozen=True)
class TrainingData:
    """What a training starts from."""

    config: Config  # as given, but for what the pictures decide
    pool: Pool
    product: Product
    examples: list[Exemplar]
    limits: Limits  # what the checks allow, from these real defects
    record: dict[str, Any]  # for data.json


def prepare_training(data: Dataset, config: Config) -> TrainingData:
    """Return the pictures of `data` ready for training with `config`.

    Raises DataError when a defect has no example to learn from or a file is bad.
    """
    data.require()
    chosen = _asked(data, strict_third(data)[0] if config.data.split == "third" else data.defects, config.data.defects)
    for name, items in chosen.items():
        if not items:
            raise DataError(
                f"{data.root}: defect {name!r} has {len(data.defects[name])} pictures, too few for data.split=third (a third, rounded "
                "down, by group). Add pictures, or use --set data.split=all."
            )
    defects = {name: [load_sample(item) for item in items] for name, items in chosen.items()}
    flawed = [s for samples in defects.values() for s in samples]
    sides = [bounding_box(s.mask).side for s in flawed if s.mask is not None]
    sizes = [image_size(item.image) for item in data.good] + [s.mask.shape for s in flawed if s.mask is not None]
    window, cells = choose_grid(config.data.window, config.model.cells, sides, sizes)
    called = config.model.product or (data.root.resolve().name if config.model.backbone else "")  # in prompts
    config = replace(config, model=replace(config.model, cells=cells, product=called))
    share = BUDGET // max(1, len(data.good))
    whole = {data.good[i].image for i in looked_at(len(data.good))}
    normals, small = [], []
    names: list[str] = []  # of the normals' files
    for item in data.good:
        normal = load_sample(item)
        normals += keep_normal(normal, window, share)
        names += [item.image.name] * (len(normals) - len(names))
        if item.image in whole:
            small.append(shrink(normal.image))
    pictures = normals + [s.image for s in flawed]
    _check_depths(data, defects, pictures)
    product, examples = learn_product(normals, small, defects, window)
    if config.data.rotations and product.directed:
        config = replace(config, data=replace(config.data, rotations=False))
    limits = calibrate(examples, normals, product, config)
    pool = Pool(normals, defects, config, window, product.shape.colours, product.scale, product.halos, names)
    return TrainingData(config, pool, product, examples, limits, data_record(data, chosen, config.data.split))


def _asked(data: Dataset, defects: Mapping[str, tuple[Item, ...]], names: str) -> dict[str, tuple[Item, ...]]:
    """Return the defects that are named in data.defects, all for an empty text; raises DataError for one that is not there."""
    wanted = [normal_form(name.strip()) for name in names.split(",") if name.strip()] or list(defects)
    for name in wanted:
        if name not in defects:
            raise DataError(f"{data.root}: data.defects names {name!r}; expected some of {', '.join(defects)}.")
    return {name: defects[name] for name in defects if name in wanted}


def _check_depths(data: Dataset, defects: dict[str, list[Sample]], pictures: list[np.ndarray]) -> None:
    """Raise DataError when 8-bit and 16-bit pictures are mixed: they have no range of values in common."""
    if len({picture.dtype for picture in pictures}) > 1:
        deep = [item.image for item in data.good if bit_depth(item.image) == 16]
        deep += [s.source for samples in defects.values() for s in samples if s.image.dtype == np.uint16]
        raise DataError(f"{deep[0]}: has 16 bits per channel, but other pictures of this product have 8; bring all to one depth.")
