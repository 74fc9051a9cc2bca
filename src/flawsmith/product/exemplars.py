"""The real defects a model learned from, kept beside it: their shapes, their surroundings and where they were."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from flawsmith.core.errors import RunError
from flawsmith.core.tensors import read_safetensors, write_safetensors
from flawsmith.dataset.components import Component, centre, separate
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import Box, cut, inside

REACHED = 2  # pixels: a mask that comes this near to the picture's border reaches it


@dataclass(frozen=True)
class Exemplar:
    """One real defect."""

    defect: str
    image: np.ndarray  # (S, S, C) the window centred on it, as stored in the picture
    mask: np.ndarray  # (S, S) bool, the defect inside that window
    shape: np.ndarray  # (h, w) bool, the defect's mask cut to its bounding box; may be larger than the window
    place: tuple[float, float]  # row and column of its centre as a share of the picture's height and width
    area: int  # pixels of the mask
    source: str  # file name
    others: np.ndarray | None = None  # (S, S) bool, further defects of the picture in that window; None = none
    shown: np.ndarray | None = None  # (S, S) bool, the window's pixels that lie in the picture; None = all
    border: tuple[bool, bool, bool, bool] = (False,) * 4  # the picture's border that the defect reaches: top, left, bottom, right
    group: str | None = None  # the physical specimen it is on, where known

    @property
    def specimen(self) -> str:
        """What other exemplars must differ in to be independent of this one: the physical specimen where known, else the picture."""
        return self.source if self.group is None else f"group {self.group}"

    @property
    def around(self) -> np.ndarray:
        """The window's pixels (S, S) bool that show the product without a defect."""
        found = ~self.mask if self.shown is None else self.shown & ~self.mask
        return found if self.others is None else found & ~self.others

    def centre(self) -> tuple[int, int]:
        """Return the row and column of `shape` on which the window is centred."""
        return centre(Component(Box(0, 0, *self.shape.shape), self.shape), self.image.shape[0])


def collect_exemplars(defects: Mapping[str, Sequence[Sample]], window: int) -> list[Exemplar]:
    """Return one exemplar per separate defect (`separate`) of every picture, by defect; window: their side in pixels."""
    return [_exemplar(name, sample, one, window) for name, samples in defects.items() for sample in samples for one in _defects_of(sample)]


def _defects_of(sample: Sample) -> list[Component]:
    assert sample.mask is not None
    return separate(sample.mask)


def _exemplar(name: str, sample: Sample, one: Component, window: int) -> Exemplar:
    """Return one defect of a picture."""
    assert sample.mask is not None
    (height, width), box = sample.mask.shape, one.box
    row, column = centre(one, window)
    top, left = row - window // 2, column - window // 2
    shown = inside(top, left, window, window, (height, width))  # what is mirrored at the border is no second defect
    mask = one.window(top, left, window, window)
    return Exemplar(
        defect=name,
        image=cut(sample.image, top, left, window),
        mask=mask,
        shape=one.shape,
        place=(row / height, column / width),
        area=one.area,
        source=sample.source.name,
        others=cut(sample.mask, top, left, window) & shown & ~mask,
        shown=shown,
        border=(
            box.top <= REACHED,
            box.left <= REACHED,
            box.top + box.height >= height - REACHED,
            box.left + box.width >= width - REACHED,
        ),
        group=sample.group,
    )


def save_exemplars(path: Path, examples: list[Exemplar]) -> None:
    """Write the examples as one safetensors file."""
    tensors, rows = {}, []
    for i, e in enumerate(examples):
        image = e.image if e.image.dtype == np.uint8 else e.image.view(np.int16)  # safetensors has no common uint16
        tensors[f"{i}.image"] = np.ascontiguousarray(image)
        tensors[f"{i}.mask"] = np.ascontiguousarray(e.mask)
        tensors[f"{i}.shape"] = np.ascontiguousarray(e.shape)
        tensors[f"{i}.others"] = np.zeros(e.mask.shape, bool) if e.others is None else np.ascontiguousarray(e.others)
        tensors[f"{i}.shown"] = np.ones(e.mask.shape, bool) if e.shown is None else np.ascontiguousarray(e.shown)
        rows.append({"defect": e.defect, "place": e.place, "area": e.area, "source": e.source, "border": e.border, "group": e.group})
    write_safetensors(path, save(tensors, metadata={"examples": json.dumps(rows)}))


def load_exemplars(path: Path) -> list[Exemplar]:
    """Return the examples of a file that `save_library` wrote; raises RunError when it is missing or spoiled."""
    try:
        arrays, metadata = read_safetensors(path, "np")
        rows = json.loads(metadata["examples"])
        if not isinstance(rows, list) or not rows:
            raise ValueError("it holds no examples")
        return [_example(arrays, i, row) for i, row in enumerate(rows)]
    except FileNotFoundError:
        raise RunError(f"{path}: is missing; fit again, or copy the whole RUN folder.") from None
    except Exception as error:
        raise RunError(f"{path}: cannot be read ({error}); fit again, or copy the RUN folder anew.") from error


def _example(arrays: dict[str, np.ndarray], i: int, row: dict[str, Any]) -> Exemplar:
    image = arrays[f"{i}.image"]
    image = image.view(np.uint16) if image.dtype == np.int16 else image
    mask, shape = arrays[f"{i}.mask"], arrays[f"{i}.shape"]
    others = arrays.get(f"{i}.others", np.zeros_like(mask))  # files of before have none
    shown, border = arrays.get(f"{i}.shown"), tuple(row.get("border", (False,) * 4))
    return Exemplar(
        row["defect"], image, mask, shape, tuple(row["place"]), row["area"], row["source"], others, shown, border, row.get("group")
    )
