"""COCO's run lengths of what is marked, made from the box around it: a small defect costs no pass over the whole picture."""

from typing import Any

import numpy as np
from pycocotools import mask as coco

from flawsmith.dataset.components import Component, whole


def coco_runs(component: Component, size: tuple[int, int]) -> dict[str, Any]:
    """Return a component in a picture of `size` as COCO's compressed run lengths: {"size": [H, W], "counts": text}."""
    packed = coco.frPyObjects({"size": list(size), "counts": counts(component, size)}, *size)
    return {"size": list(size), "counts": packed["counts"].decode("ascii")}


def mask_runs(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask (H, W) bool as `coco_runs` does."""
    height, width = mask.shape
    if not mask.any():
        return {"size": [height, width], "counts": coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode("ascii")}
    return coco_runs(whole(mask), (height, width))


def counts(component: Component, size: tuple[int, int]) -> list[int]:
    """Return COCO's run lengths of a component in a picture of `size`: column by column, the first of what is outside it."""
    box, height = component.box, size[0]
    held = np.flatnonzero(component.shape.any(0))  # between defects that lie apart most columns are empty
    columns = np.zeros((len(held), box.height + 2), bool)
    columns[:, 1:-1] = component.shape[:, held].T
    of, turns = np.nonzero(columns[:, 1:] != columns[:, :-1])  # by turns where a run begins and behind its end
    turns += (box.left + held[of]) * height + box.top
    joined = turns[1:-1:2] == turns[2::2]  # a run that reaches the bottom goes on at the top of the next column
    kept = np.concatenate([[True], ~np.repeat(joined, 2), [True]])
    found: list[int] = np.diff(turns[kept], prepend=0, append=size[0] * size[1]).tolist()
    return found if found[-1] else found[:-1]
