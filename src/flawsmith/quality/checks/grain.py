"""`grain`: the inside is as sharp and as noisy against its surroundings as that of real defects."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from flawsmith.compositing.roughness import grain
from flawsmith.quality.registry import Check, Rule, each_by_itself
from flawsmith.quality.view import View

SOFT, ROUGH = 2.0, 0.1  # sigma in pixels of the blur, and of the noise in shares of the value range, that the faults have


def measure(view: View) -> dict[str, float]:
    """Return log2 of the roughness inside against that around it (compositing/roughness.py); nothing where the mask is too thin."""
    value = grain(view.picture, view.mask, view.others)
    return {} if value is None else {"grain": value}


def learn(views: Sequence[View]) -> dict[str, list[float]]:
    """Return what real defects show; nothing of binarised pictures, where what is rough are the edges of other things."""
    return {} if views[0].known.binarised else each_by_itself(measure)(views)


def faults(view: View, _: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the real defect with its inside blurred, and with noise in it."""
    picture = view.picture
    for worse in (cv2.GaussianBlur(picture, (0, 0), SOFT).reshape(picture.shape), picture + generator.normal(0, ROUGH, picture.shape)):
        yield "grain", view.showing(np.where(view.mask[..., None], worse, picture).astype(np.float32))


RULES = {"grain": Rule("its inside is 2^{:.2f} times as rough as its surroundings", True, True, False, 0.5, "few")}
CHECK = Check("grain", "Are sharpness and noise inside like those around it?", faults, measure, rules=RULES, learn=learn)
