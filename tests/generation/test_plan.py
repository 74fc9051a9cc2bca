"""Which pairs are wanted, the defects and normals they use."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flawsmith.errors import ConfigError, DataError
from flawsmith.generation.plan import choose_defects, list_pictures, wanted

DEFECTS = ["blob", "line", "stain"]
NORMALS = [Path(f"{i}.png") for i in range(7)]


def test_a_pair_depends_on_its_number_attempt_and_seed_alone() -> None:
    assert wanted(17, 0, DEFECTS, NORMALS, 3) == wanted(17, 0, DEFECTS, NORMALS, 3)
    others = [(17, 0, 3), (18, 0, 3), (17, 1, 3), (17, 0, 4)]
    assert len({wanted(index, attempt, DEFECTS, NORMALS, seed).seed for index, attempt, seed in others}) == 4
    assert wanted(17, 0, DEFECTS, NORMALS, 3).id == "000017"


def test_the_defects_take_turns_and_an_attempt_keeps_its_defect() -> None:
    assert [wanted(i, 0, DEFECTS, NORMALS, 0).defect for i in range(6)] == DEFECTS * 2
    assert {wanted(4, attempt, DEFECTS, NORMALS, 0).defect for attempt in range(5)} == {"line"}


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_every_round_through_the_normals_uses_each_once(count: int) -> None:
    normals = [Path(f"{i}.png") for i in range(count)]
    orders = []
    for turn in range(4):
        order = [wanted(turn * count + i, 0, DEFECTS, normals, 5).normal for i in range(count)]
        assert set(order) == set(normals)
        orders.append(tuple(order))
    assert count < 7 or len(set(orders)) == 4, "in another order every time"


def test_another_seed_takes_the_normals_in_another_order() -> None:
    assert [wanted(i, 0, DEFECTS, NORMALS, 0).normal for i in range(7)] != [wanted(i, 0, DEFECTS, NORMALS, 1).normal for i in range(7)]


def test_a_retry_takes_another_normal() -> None:
    normals = [Path(f"{i}.png") for i in range(40)]
    same = Counter(wanted(i, 0, DEFECTS, normals, 0).normal == wanted(i, 1, DEFECTS, normals, 0).normal for i in range(200))
    assert same[True] < 20, "chance would leave it at one in forty"
    assert len({wanted(3, attempt, DEFECTS, normals, 0).normal for attempt in range(6)}) >= 4


def test_without_normals_there_is_none() -> None:
    assert wanted(0, 0, DEFECTS, [], 0).normal is None


def test_defects_are_those_asked_for() -> None:
    assert choose_defects(DEFECTS, None) == DEFECTS
    assert choose_defects(DEFECTS, "line") == ["line"]
    assert choose_defects(DEFECTS, ["stain", "blob"]) == ["stain", "blob"]
    with pytest.raises(ConfigError, match="--defect lime: this model learned blob, line, stain"):
        choose_defects(DEFECTS, ["blob", "lime"])


def test_pictures_of_a_folder_are_sorted_and_other_files_are_passed_over(tmp_path: Path, save_picture: Callable[..., Path]) -> None:
    for name in ("b.png", "a.bmp", "c.tif"):
        save_picture(tmp_path / name, np.zeros((8, 8)))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "b.png").read_bytes())
    assert [path.name for path in list_pictures(tmp_path)] == ["a.bmp", "b.png", "c.tif"]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing: there is no such folder"):
        list_pictures(tmp_path / "nothing")
    with pytest.raises(DataError, match="there are no pictures in it"):
        list_pictures(tmp_path)
