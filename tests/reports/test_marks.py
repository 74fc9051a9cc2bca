"""Marks: the same measures of generated and of real defects, from rows of either form."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flawsmith.dataset.sample import Sample
from flawsmith.images.files import write_image
from flawsmith.pairs.folder import PairFolder
from flawsmith.product.exemplars import Exemplar, collect_exemplars, save_exemplars
from flawsmith.reports import marks


def test_a_pair_whose_defects_are_not_told_apart_is_measured_by_its_mask(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted", "rejected"], boxes=[(10, 40, 9, 17)], size=(50, 100))
    (mark,) = marks.generated_marks(out, PairFolder(out).read())
    assert (mark.defect, mark.side, mark.area) == ("crack", 17, int(mark.shape.sum())) and mark.shape.shape == (9, 17)
    assert mark.extent == pytest.approx((0.2, 0.4, 0.38, 0.57)) and mark.middle == pytest.approx((0.29, 0.485))


def test_every_defect_of_a_pair_is_a_mark_of_its_own(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(boxes=[(5, 5, 9, 9), (30, 50, 21, 11)])
    first, second = marks.generated_marks(out, PairFolder(out).read())
    assert (first.defect, second.defect) == ("part0", "part1") and (first.side, second.side) == (9, 21)
    assert first.shape.shape == (9, 9) and second.shape.shape == (21, 11) and second.shape[10, 5] and not second.shape[0, 0]


def test_a_pair_from_noise_has_a_size_but_no_place(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs()
    (mark,) = marks.generated_marks(out, [replace(pair, normal=None) for pair in PairFolder(out).read()])
    assert mark.extent is None and mark.middle is None and mark.side == 17


def test_a_lost_mask_is_left_out(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted"] * 2)
    (out / "ground_truth/crack/000001_mask.png").unlink()
    assert len(marks.generated_marks(out, PairFolder(out).read())) == 1


def test_a_large_shape_is_kept_small_and_a_line_in_it_whole(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(boxes=[(100, 50, 1, 900)], size=(400, 1000))
    (mark,) = marks.generated_marks(out, PairFolder(out).read())
    assert mark.side == 900 and mark.shape.shape == (1, marks.FINEST) and mark.shape.all()


def write_run(run: Path, size: tuple[int, int] | None) -> Path:
    """Write the parts of RUN that marks are read from: one defect of 10 x 20 pixels in the middle of a picture of `size`."""
    shape = np.zeros((10, 20), bool)
    shape[4] = True
    window = np.zeros((32, 32), bool)
    example = Exemplar("crack", np.zeros((32, 32, 1), np.uint8), window, shape, (0.5, 0.5), 20, "7.png")
    save_exemplars(run / "model/exemplars.safetensors", [example])
    if size is not None:
        write_image(run / "data/test/crack/7.png", np.zeros((*size, 1), np.uint8))
    defects = {"crack": [{"image": "test/crack/7.png", "sha256": ""}]}
    record = {"root": str(run / "data"), "split": "all", "normals": [], "defects": defects}
    (run / "data.json").write_text(json.dumps(record))
    return run


@pytest.mark.parametrize(("size", "height", "width"), [((100, 400), 0.1, 0.05), (None, 0.05, 0.1)])
def test_a_real_mark_is_measured_in_its_own_picture(size: tuple[int, int] | None, height: float, width: float, tmp_path: Path) -> None:
    (mark,) = marks.real_marks(write_run(tmp_path, size), (200.0, 200.0))
    assert (mark.defect, mark.area, mark.side) == ("crack", 20, 20) and mark.shape[4].all() and mark.shape.sum() == 20
    rows, columns = size or (200, 200)
    assert mark.extent == pytest.approx((0.5 - height / 2, 0.5 - width / 2, 0.5 + height / 2, 0.5 + width / 2), abs=1 / min(rows, columns))


def test_a_defect_larger_than_the_window_is_where_it_was() -> None:
    mask = np.zeros((200, 200), bool)
    mask[20:180, 20:30] = mask[170:180, 20:180] = True  # an L, whose middle is not on it
    (example,) = collect_exemplars({"crack": [Sample(np.zeros((200, 200, 1), np.uint8), mask, "crack", None, Path("a.png"))]}, 64)
    mark = marks._real_mark(example, (200, 200))
    assert mark.extent == pytest.approx((0.1, 0.1, 0.9, 0.9), abs=0.006)


def test_a_run_without_its_record_still_has_marks(tmp_path: Path) -> None:
    run = write_run(tmp_path, (100, 400))
    (run / "data.json").unlink()
    assert len(marks.real_marks(run, (200, 200))) == 1


def test_without_a_run_there_are_no_real_marks(tmp_path: Path) -> None:
    assert marks.real_marks(None, (9, 9)) == [] and marks.real_marks(tmp_path, (9, 9)) == []
