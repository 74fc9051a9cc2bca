"""What counts as missed, and by how many detectors."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flawsmith.benchmark.misses import missed, often_missed
from flawsmith.dataset.sample import GOOD, Item


def disc(at: tuple[int, int]) -> np.ndarray:
    rows, columns = np.indices((40, 40))
    return np.hypot(rows - at[0], columns - at[1]) <= 4


def test_a_picture_with_a_defect_that_hardly_any_pixel_is_marked_of_is_missed() -> None:
    two = disc((10, 10)) | disc((30, 30))
    masks = [disc((10, 10)), two, two, disc((10, 10)), np.zeros((40, 40), bool)]
    grazed = disc((10, 10)) & (np.indices((40, 40))[0] <= 6)  # 3 of its 49 pixels
    marked = [disc((10, 10)), two, disc((10, 10)), grazed, np.zeros((40, 40), bool)]
    items = [Item(Path(f"data/{i}.png"), None, GOOD if i == 4 else "dent") for i in range(5)]
    maps = [m.astype(np.float32) for m in marked]
    assert missed(Path("data"), items, maps, masks) == ["2.png", "3.png"], "one of two defects, and one that is grazed"
    everywhere = [np.ones((40, 40), np.float32)] * 5
    assert missed(Path("data"), items, everywhere, masks) == []
    assert missed(Path("data"), items[4:], maps[4:], masks[4:]) == [], "normals alone"


@pytest.mark.parametrize(
    ("told", "expected"),
    [([["a", "b"], ["a"], ["a"]], ["a"]), ([["a", "b"], ["a"]], ["a", "b"]), ([[], []], []), ([None, ["b"]], ["b"]), ([None], [])],
)
def test_half_of_the_detectors_have_to_miss_it(told: list[list[str] | None], expected: list[str], tmp_path: Path) -> None:
    works: list[Any] = []
    for number, own in enumerate(told):
        result = tmp_path / f"{number}.json"
        result.write_text(json.dumps({"missed": own}))
        validation = SimpleNamespace(root=Path("data"))
        works.append(SimpleNamespace(trained=lambda _column, _share, result=result: result, parts=SimpleNamespace(validation=validation)))
    assert often_missed(works) == [Path("data") / name for name in expected]
