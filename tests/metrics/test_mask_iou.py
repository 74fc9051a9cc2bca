"""The answer of an independent segmenter to masks: overlap where it marks the same thing, nothing where it marks another."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from flawsmith.formats.reading import read
from flawsmith.images.files import read_mask, write_mask
from flawsmith.metrics.looking import look
from flawsmith.metrics.mask_iou import NOT_MEASURED, Answer, answer_to, summary
from flawsmith.metrics.measure import numbers_of, reference_of

pytest.importorskip("skimage")


@dataclass(frozen=True)
class Bright:
    """Marks what is brighter than the drawn product's texture."""

    report: ClassVar[dict[str, Any]] = {}

    def mark(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W) bool."""
        return np.asarray(cv2.blur(image[..., 0], (3, 3)) > 145)


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((20, 20), bool)
    mask[top : top + height, left : left + width] = True
    return mask


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        (box(4, 4, 4, 4), Answer(True, 1.0, 0.0)),
        (box(4, 4, 4, 2) | box(15, 15, 2, 2), Answer(True, 0.5, 0.01)),  # half of it, and something else elsewhere
        (box(4, 9, 4, 4), Answer(False, 0.0, 0.0)),  # within 2 px of it, but nothing of it
        (box(14, 14, 4, 4), Answer(False, 0.0, 0.04)),
        (box(0, 0, 0, 0), Answer(False, 0.0, 0.0)),
    ],
)
def test_an_answer_is_what_is_marked_near_the_mask(marked: np.ndarray, expected: Answer) -> None:
    assert answer_to(box(4, 4, 4, 4), marked) == expected


def test_several_answers_together() -> None:
    answers = [Answer(True, 0.8, 0.0), Answer(True, 0.4, 0.02), Answer(False, 0.0, 0.01)]
    found = summary(answers, [True, False])
    assert (found["count"], found["found"], found["iou"], found["by_chance"]) == (3, 2 / 3, 0.4, 0.5)
    assert found["iou_found"] == pytest.approx(0.6) and found["elsewhere"] == pytest.approx(0.01)
    assert summary(answers[2:])["iou_found"] is None and summary(answers)["by_chance"] is None


def test_the_judge_tells_masks_that_fit_from_masks_that_do_not(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    """Consistency cannot: here the mask lies beside the defect, and the segmenter says so."""
    items = [item for items in read(data8).defects.values() for item in items]
    reference = reference_of(items, small, judge=Bright())
    out = make_pairs(tmp_path / "out", data8, 6)
    honest = numbers_of(reference, look(reference, out), 0)["all"]["masks"]["mask_iou"]
    assert honest["value"] > 0.5 and honest["found"] == 1 and honest["by_chance"] == 0 and honest["count"] == 6
    for line in (out / "pairs.jsonl").read_text().splitlines():
        path = out / json.loads(line)["mask"]
        write_mask(path, np.roll(read_mask(path), 20, axis=1))
    moved = numbers_of(reference, look(reference, out), 0)["all"]["masks"]["mask_iou"]
    assert moved["value"] == 0 and moved["found"] < 0.5


def test_without_a_judge_the_number_says_how_to_get_it(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    items = [item for items in read(data8).defects.values() for item in items]
    reference = reference_of(items, small)
    found = numbers_of(reference, look(reference, make_pairs(tmp_path / "out", data8, 2)), 0)
    assert found["all"]["masks"]["mask_iou"] == {"value": None, "reason": NOT_MEASURED} and found["judge"] is None
