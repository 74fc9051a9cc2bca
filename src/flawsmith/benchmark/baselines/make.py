"""Folders of baseline pairs in the layout of `generate`, so that whatever reads those reads these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np

from flawsmith.benchmark.baselines.copy_paste import copy_paste
from flawsmith.benchmark.baselines.cutpaste import cutpaste
from flawsmith.benchmark.baselines.material import BaselineContext, gather
from flawsmith.benchmark.baselines.perlin import perlin
from flawsmith.benchmark.baselines.poisson import poisson
from flawsmith.core.errors import ConfigError, DataError, NoRoomError
from flawsmith.core.folders import check_output, prepare_output
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Dataset, Item, Sample, load_sample
from flawsmith.dataset.windows import bounding_box
from flawsmith.generation.plan import SamplingPlan
from flawsmith.images.files import read_pitch, type_of
from flawsmith.pairs.folder import PAIRS, PairFolder
from flawsmith.pairs.pair import ACCEPTED, Pair, PlacedDefect

TRIES = 8  # normals tried for one pair
KEPT = 64  # normals kept in memory

Make = Callable[[BaselineContext, Sample, str, np.random.Generator], Sample]


@dataclass(frozen=True)
class Baseline:
    """A classical way to make pairs."""

    make: Make  # (material, normal, defect, generator) to a pair
    labelled: bool  # whether it uses labelled defects, and its pairs have their names; else its pairs have the baseline's


BASELINES: Mapping[str, Baseline] = {
    "copy-paste": Baseline(copy_paste, labelled=True),
    "poisson": Baseline(poisson, labelled=True),
    "perlin": Baseline(perlin, labelled=False),
    "cutpaste": Baseline(cutpaste, labelled=False),
}


class Pictures(Sequence[Sample]):
    """Pictures on disk that are decoded when they are asked for; a few are kept."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._load = lru_cache(maxsize=KEPT)(load_sample)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "Pictures": ...
    def __getitem__(self, index: int | slice) -> "Sample | Pictures":
        return Pictures(self._items[index]) if isinstance(index, slice) else self._load(self._items[index])


def write_baseline(name: str, learn: Dataset, out: Path, count: int, seed: int, overwrite: bool = False) -> dict[str, Any]:
    """Write `count` pairs in all, the learned defects in turn, into the folder `out`; return what was made.

    learn: all that is looked at. Pair k depends on the seed, on k and on `learn`, not on the other pairs. Pairs of baselines that use
    no labelled defects have the baseline's name for a defect. Raises ConfigError for an unknown name, DataError where `learn` has too
    little, OutputExistsError as `folders.prepare_output` does; an `out` that was begun and left has fewer rows than asked for.
    """
    if name not in BASELINES:
        raise ConfigError(f"baseline {name!r}: expected one of {', '.join(BASELINES)}.")
    if count < 1:
        raise ConfigError(f"baseline {name!r}: got {count} pairs to make, expected at least 1.")
    baseline = BASELINES[name]
    if not learn.good:
        raise DataError(f"{learn.root}: has no normals to put defects into; add pictures under train/good.")
    if baseline.labelled and not any(learn.defects.values()):
        raise DataError(f"{learn.root}: has no labelled defects, which {name} pastes; add some, or use perlin or cutpaste.")
    check_output(out, PAIRS, overwrite, [item.image for item in learn.good])
    defects = {key: [load_sample(item) for item in items] for key, items in learn.defects.items() if items} if baseline.labelled else {}
    pictures = Pictures(learn.good)
    material = gather(defects, pictures)
    asked = SamplingPlan(sorted(defects) or [name], [item.image for item in learn.good], seed)
    places = {item.image: i for i, item in enumerate(learn.good)}
    prepare_output(out, PAIRS, overwrite)
    folder = PairFolder(out)
    folder.begin()
    made: dict[str, int] = {}
    for index in range(count):
        pair = _write_pair(name, asked, index, material, pictures, places, folder)
        made[pair.defect] = made.get(pair.defect, 0) + 1
    return {"baseline": name, "accepted": count, "defects": made, "seed": seed, "normals": len(learn.good)}


def _write_pair(
    name: str, asked: SamplingPlan, index: int, material: BaselineContext, pictures: Pictures, places: Mapping[Path, int], out: PairFolder
) -> Pair:
    """Write one pair and return it; a normal without room gives way to another."""
    for attempt in range(TRIES):
        wanted = asked(index, attempt)
        assert wanted.normal is not None
        normal = pictures[places[wanted.normal]]
        if attempt == TRIES - 1:
            material = replace(material, choosy=False)
        try:
            sample = BASELINES[name].make(material, normal, wanted.defect, numpy_generator(wanted.seed, name))
            break
        except NoRoomError:
            if attempt == TRIES - 1:
                raise
    assert sample.mask is not None and wanted.normal is not None
    box = bounding_box(sample.mask)
    pair = Pair(
        wanted.id,
        wanted.defect,
        ACCEPTED,
        wanted.attempt,
        seed=wanted.seed,
        normal=str(wanted.normal),
        model=name,
        source_format=type_of(wanted.normal),
        size=(sample.image.shape[0], sample.image.shape[1]),
        region=box,
        defects=(PlacedDefect(wanted.defect, box, int(sample.mask.sum()), box),),
    )
    return out.add(pair, sample.image, sample.mask, read_pitch(wanted.normal))
