"""The real defects kept beside a model: what is taken, and that it comes back from disk as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from unsigned import unsigned

from flawsmith.core.errors import RunError
from flawsmith.dataset.sample import Sample
from flawsmith.product.exemplars import Exemplar, collect_exemplars, load_exemplars, save_exemplars

WINDOW = 16


def sample(mask: np.ndarray, dtype: str = "uint8", channels: int = 1, name: str = "a.png") -> Sample:
    image = np.random.default_rng(0).integers(0, 60000 if dtype == "uint16" else 250, (*mask.shape, channels)).astype(dtype)
    return Sample(image, mask, "dent", None, Path("folder") / name)


def marked(*boxes: tuple[slice, slice], size: tuple[int, int] = (40, 50)) -> np.ndarray:
    mask = np.zeros(size, bool)
    for box in boxes:
        mask[box] = True
    return mask


def test_an_example_is_the_window_around_a_defect() -> None:
    s = sample(marked((slice(20, 24), slice(30, 37))), channels=3)
    (example,) = collect_exemplars({"dent": [s]}, WINDOW)
    assert example.defect == "dent" and example.source == "a.png" and example.area == 28
    assert example.shape.shape == (4, 7) and example.shape.all()
    assert np.array_equal(example.image, s.image[14:30, 25:41]), "with the defect's centre in the middle"
    assert np.array_equal(example.mask, s.mask[14:30, 25:41])  # type: ignore[index]
    assert example.place == pytest.approx((22 / 40, 33 / 50))


def test_separate_defects_are_separate_examples_and_specks_are_none() -> None:
    mask = marked((slice(9, 15), slice(9, 15)), (slice(25, 30), slice(30, 36)), (slice(17, 18), slice(17, 19)))
    examples = collect_exemplars({"dent": [sample(mask)]}, WINDOW)
    assert sorted(e.area for e in examples) == [30, 36]
    assert all(e.shape.all() for e in examples)
    for e in examples:
        assert e.mask.sum() == e.area, "an example shows its own defect alone"
        assert e.others is not None and not (e.others & e.mask).any()
    a, b = examples
    assert a.others is not None and b.others is not None
    assert a.others.sum() == 2, "only what lies in the window: the specks"
    assert not b.others.any()


def test_what_is_mirrored_at_the_border_is_no_second_defect() -> None:
    (example,) = collect_exemplars({"dent": [sample(marked((slice(0, 4), slice(1, 7))))]}, WINDOW)
    assert example.mask.sum() == example.area == 24


def test_specks_go_with_a_defect_that_is_alone() -> None:
    mask = marked((slice(2, 12), slice(2, 12)), (slice(14, 15), slice(12, 14)))
    (example,) = collect_exemplars({"dent": [sample(mask)]}, WINDOW)
    assert example.others is not None and not example.others.any()
    assert example.area == 102 and example.shape.shape == (13, 12)


def test_a_defect_larger_than_the_window_is_seen_at_one_of_its_own_pixels() -> None:
    mask = marked((slice(2, 4), slice(2, 46)), (slice(2, 38), slice(2, 4)))  # an L whose centre is no part of it
    (example,) = collect_exemplars({"dent": [sample(mask)]}, WINDOW)
    assert example.mask[WINDOW // 2, WINDOW // 2], "the middle of the window lies on the defect"
    assert example.shape.shape == (36, 44) and example.area == mask.sum()


def test_a_window_over_the_border_is_reflected() -> None:
    s = sample(marked((slice(0, 3), slice(0, 3))))
    (example,) = collect_exemplars({"dent": [s]}, WINDOW)
    assert example.image.shape == (WINDOW, WINDOW, 1)
    assert np.array_equal(example.image[7:, 7:, 0], s.image[:9, :9, 0]), "the picture begins at 7, so that (1, 1) is in the middle"
    assert np.array_equal(example.image[:7, 7:, 0], s.image[1:8, :9, 0][::-1])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_library_comes_back_as_it_was(dtype: str, channels: int, tmp_path: Path) -> None:
    first = sample(marked((slice(5, 9), slice(5, 9))), dtype, channels, "ä b.png")
    first.image[0, 0] = 65535 if dtype == "uint16" else 255  # values that are negative as signed numbers
    second = sample(marked((slice(2, 4), slice(2, 46))), dtype, channels)
    examples = collect_exemplars({"dent": [first], "scratch": [second]}, WINDOW)
    examples[1] = replace(examples[1], others=~examples[1].mask)
    path = tmp_path / "exemplars.safetensors"
    save_exemplars(path, examples)
    back = load_exemplars(path)
    assert len(back) == len(examples) == 2
    for a, b in zip(examples, back, strict=True):
        assert (a.defect, a.area, a.source) == (b.defect, b.area, b.source) and tuple(b.place) == pytest.approx(a.place)
        for name in ("image", "mask", "shape", "others"):
            one, other = getattr(a, name), getattr(b, name)
            assert one.dtype == other.dtype and np.array_equal(one, other), name


def test_turned_arrays_are_kept_as_they_look(tmp_path: Path) -> None:
    image = np.arange(48, dtype=np.uint16).reshape(4, 4, 3)
    mask = np.eye(4, dtype=bool)
    turned = Exemplar("dent", np.rot90(image), np.rot90(mask)[::-1], mask[:2], (0.5, 0.5), 4, "a.png")
    save_exemplars(tmp_path / "l.safetensors", [turned])
    (back,) = load_exemplars(tmp_path / "l.safetensors")
    assert np.array_equal(back.image, np.rot90(image)) and np.array_equal(back.mask, np.rot90(mask)[::-1])


def test_a_missing_library_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.safetensors: is missing; fit again"):
        load_exemplars(tmp_path / "none.safetensors")


def test_a_spoiled_library_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "exemplars.safetensors"
    save_exemplars(path, collect_exemplars({"dent": [sample(marked((slice(5, 9), slice(5, 9))))]}, WINDOW))
    content = path.read_bytes()
    for spoiled in (b"", content[:20], content[: len(content) // 2], b"\xff" * 100):
        path.write_bytes(spoiled)
        with pytest.raises(RunError, match="cannot be read.*fit again"):
            load_exemplars(path)
    save_file({"0.image": np.zeros((2, 2))}, path)  # a safetensors file of something else
    with pytest.raises(RunError, match="cannot be read"):
        load_exemplars(path)


def test_a_library_of_before_has_no_other_defects(tmp_path: Path) -> None:
    path = tmp_path / "exemplars.safetensors"
    save_exemplars(path, collect_exemplars({"dent": [sample(marked((slice(5, 9), slice(5, 9))))]}, WINDOW))
    with safe_open(path, framework="np") as file:
        metadata = unsigned(file.metadata())
    save_file({name: array for name, array in load_file(path).items() if name != "0.others"}, path, metadata)
    (example,) = load_exemplars(path)
    assert example.others is not None and example.others.shape == (WINDOW, WINDOW) and not example.others.any()


@pytest.mark.parametrize("gone", ["image", "mask", "shape"])
def test_a_library_that_lacks_a_part_of_an_example_says_what_to_do(gone: str, tmp_path: Path) -> None:
    path = tmp_path / "exemplars.safetensors"
    save_exemplars(path, collect_exemplars({"dent": [sample(marked((slice(5, 9), slice(5, 9))))]}, WINDOW))
    with safe_open(path, framework="np") as file:
        metadata = unsigned(file.metadata())
    save_file({name: array for name, array in load_file(path).items() if name != f"0.{gone}"}, path, metadata)
    with pytest.raises(RunError, match=rf"exemplars\.safetensors: cannot be read.*0\.{gone}.*fit again"):
        load_exemplars(path)


def test_the_borders_that_a_defect_reaches_are_kept(tmp_path: Path) -> None:
    boxes = {"top": (slice(0, 4), slice(20, 26)), "right": (slice(20, 26), slice(44, 49)), "inside": (slice(20, 26), slice(20, 26))}
    examples = [collect_exemplars({"dent": [sample(marked(box))]}, WINDOW)[0] for box in boxes.values()]
    assert [e.border for e in examples] == [(True, False, False, False), (False, False, False, True), (False,) * 4]
    assert [None if e.shown is None else int(e.shown.sum()) for e in examples] == [16 * 10, 12 * 16, 16 * 16]
    save_exemplars(tmp_path / "exemplars.safetensors", examples)
    for before, after in zip(examples, load_exemplars(tmp_path / "exemplars.safetensors"), strict=True):
        assert before.border == after.border and np.array_equal(before.shown, after.shown)  # type: ignore[arg-type]
