"""Which pairs are wanted: from the command line or from a plan, each by its own number and seed alone."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.seeds import derive
from flawsmith.generation.plan import (
    COMBINED,
    MOST_DEFECTS,
    SHOWN,
    DefectSpec,
    PairSpec,
    PlanFile,
    SamplingPlan,
    choose_defects,
    list_pictures,
    parse_per_image,
    parse_severity,
    plan_row,
)
from flawsmith.placement.shapes import Size, parse_size

DEFECTS = ["blob", "line", "stain"]
NORMALS = [Path(f"{i}.png") for i in range(7)]


# from the command line


def test_a_pair_depends_on_its_number_attempt_and_seed_alone() -> None:
    asked = SamplingPlan(DEFECTS, NORMALS, 3, None, None, (0.5, 1.5), (1, 3), True)
    first = asked(17, 0)
    for other in (2, 90, 16, 18):
        asked(other, 1)
    assert asked(17, 0) == first == SamplingPlan(DEFECTS, NORMALS, 3, None, None, (0.5, 1.5), (1, 3), True)(17, 0)
    assert first.id == "000017"
    others = [(17, 0, 3), (18, 0, 3), (17, 1, 3), (17, 0, 4)]
    assert len({SamplingPlan(DEFECTS, NORMALS, seed)(index, attempt).seed for index, attempt, seed in others}) == 4


def test_an_attempt_keeps_what_was_asked_for_and_has_a_seed_of_the_pairs_own() -> None:
    asked = SamplingPlan(DEFECTS, NORMALS, 3, "rect:1,2,3,4", parse_size("20-60px"), (0.5, 1.5), (1, 3), True)
    for index in range(20):
        attempts = [asked(index, attempt) for attempt in range(4)]
        assert len({a.defects for a in attempts}) == len({a.base for a in attempts}) == 1
        assert [a.seed for a in attempts] == [derive(attempts[0].base, i) for i in range(4)]
        assert all(p.region == "rect:1,2,3,4" and p.size == Size(20, 60, False) for p in attempts[0].defects)
    assert len({asked(index, 0).base for index in range(20)}) == 20


def test_the_defects_take_turns_and_an_attempt_keeps_its_defect() -> None:
    asked = SamplingPlan(DEFECTS, NORMALS)
    assert [asked(i, 0).defect for i in range(6)] == DEFECTS * 2
    assert {asked(4, attempt).defect for attempt in range(5)} == {"line"}


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_every_round_through_the_normals_uses_each_once(count: int) -> None:
    normals = [Path(f"{i}.png") for i in range(count)]
    orders = []
    for turn in range(4):
        order = [SamplingPlan(DEFECTS, normals, 5)(turn * count + i, 0).normal for i in range(count)]
        assert set(order) == set(normals)
        orders.append(tuple(order))
    assert count < 7 or len(set(orders)) == 4, "in another order every time"


def test_another_seed_takes_the_normals_in_another_order() -> None:
    assert [SamplingPlan(DEFECTS, NORMALS, 0)(i, 0).normal for i in range(7)] != [
        SamplingPlan(DEFECTS, NORMALS, 1)(i, 0).normal for i in range(7)
    ]


def test_a_retry_takes_another_normal() -> None:
    asked = SamplingPlan(DEFECTS, [Path(f"{i}.png") for i in range(40)])
    same = Counter(asked(i, 0).normal == asked(i, 1).normal for i in range(200))
    assert same[True] < 20, "chance would leave it at one in forty"
    assert len({asked(3, attempt).normal for attempt in range(6)}) >= 4


def test_without_normals_there_is_none() -> None:
    assert SamplingPlan(DEFECTS, [])(0, 0).normal is None


def test_the_number_of_defects_is_drawn_from_its_range() -> None:
    counts = Counter(len(SamplingPlan(DEFECTS, NORMALS, per_image=(1, 3))(i, 0).defects) for i in range(300))
    assert set(counts) == {1, 2, 3} and min(counts.values()) > 60
    assert {len(SamplingPlan(DEFECTS, NORMALS, per_image=(2, 2))(i, 0).defects) for i in range(20)} == {2}
    assert {len(SamplingPlan(DEFECTS, NORMALS)(i, 0).defects) for i in range(20)} == {1}


def test_kinds_in_one_picture_differ_only_when_mixed() -> None:
    for i in range(30):
        wanted = SamplingPlan(DEFECTS, NORMALS, per_image=(3, 3))(i, 0)
        assert {part.defect for part in wanted.defects} == {DEFECTS[i % 3]} and wanted.defect == DEFECTS[i % 3]
    mixed = [SamplingPlan(DEFECTS, NORMALS, per_image=(3, 3), mix=True)(i, 0) for i in range(60)]
    assert [wanted.defects[0].defect for wanted in mixed] == DEFECTS * 20, "the first still takes its turn"
    assert {part.defect for wanted in mixed for part in wanted.defects[1:]} == set(DEFECTS)
    for wanted in mixed:
        kinds = {part.defect for part in wanted.defects}
        assert wanted.defect == (COMBINED if len(kinds) > 1 else kinds.pop())
    assert {wanted.defect for wanted in mixed} > {COMBINED}


def test_severities_are_drawn_from_their_range_one_for_each_defect() -> None:
    drawn = [[p.severity for p in SamplingPlan(DEFECTS, NORMALS, severity=(0.5, 1.5), per_image=(2, 2))(i, 0).defects] for i in range(200)]
    assert 0.5 <= np.min(drawn) < 0.52 and 1.48 < np.max(drawn) <= 1.5 and all(a != b for a, b in drawn)
    assert {p.severity for i in range(9) for p in SamplingPlan(DEFECTS, NORMALS, severity=(0.123456, 0.123456))(i, 0).defects} == {0.123456}
    assert min(SamplingPlan(DEFECTS, NORMALS, severity=(1e-5, 2e-5))(i, 0).defects[0].severity for i in range(9)) >= 1e-5, (
        "never rounded to 0"
    )


# from a plan


@pytest.fixture
def folder(tmp_path: Path, save_picture: Callable[..., Path]) -> Path:
    """A folder with two normals of 40 x 60 pixels and a mask."""
    for name in ("good/a.png", "good/b.png"):
        save_picture(tmp_path / name, np.full((40, 60), 100.0))
    mask = np.zeros((40, 60))
    mask[5:15, 5:25] = 255
    save_picture(tmp_path / "masks/here.png", mask)
    save_picture(tmp_path / "masks/nowhere.png", np.zeros((40, 60)))
    save_picture(tmp_path / "masks/small.png", np.full((20, 30), 255.0))
    return tmp_path


def written(folder: Path, *rows: dict[str, Any] | str) -> Path:
    path = folder / "plan.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def opened(folder: Path, *rows: dict[str, Any] | str, free: bool = False, known: list[str] | None = None) -> PlanFile:
    normals = [] if free else [folder / "good/a.png", folder / "good/b.png"]
    return PlanFile(written(folder, *rows), known or DEFECTS, normals, 7)


def test_a_row_says_what_is_wanted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "masks")  # paths are read from the plan's own folder, not from here
    row = {"normal": "good/b.png", "defect": "line", "region": "masks/here.png", "size": "20-40px", "severity": 0.7, "seed": 11}
    plan = opened(folder, row)
    assert len(plan) == 1 and plan.normals == [folder / "good/b.png"]
    part = DefectSpec("line", str(folder / "masks/here.png"), Size(20, 40, False), 0.7)
    assert plan(0, 2) == PairSpec(0, 2, (part,), folder / "good/b.png", derive(11, 2), 11)
    regions = plan.regions()
    assert list(regions) == [part.region]
    assert regions[str(part.region)][folder / "good/b.png"].sum() == 200


def test_what_a_row_leaves_out_is_as_without_a_plan(folder: Path) -> None:
    plan = opened(folder, {"defect": "blob"}, "", {"defect": "blob", "size": None, "region": None}, {"defect": "stain"})
    assert len(plan) == 3, "an empty line is no row"
    assert [plan(i, 0).normal for i in range(3)] == [folder / f"good/{name}.png" for name in "aba"]
    assert [plan(i, 0).defects for i in range(3)] == [(DefectSpec("blob"),), (DefectSpec("blob"),), (DefectSpec("stain"),)]
    assert [plan(i, 0).base for i in range(3)] == [SamplingPlan(DEFECTS, NORMALS, 7)(i, 0).base for i in range(3)]
    assert plan.regions() == {}
    assert opened(folder, {}, known=["blob"])(0, 0).defect == "blob", "the only one there is"


def test_a_row_may_have_several_defects(folder: Path) -> None:
    defects = [{"defect": "blob", "region": "rect:10%,10%,50%,50%"}, {"defect": "line", "size": "0.5x", "severity": 2}]
    plan = opened(folder, {"defects": defects, "seed": 1})
    assert plan(0, 0).defects == (DefectSpec("blob", "rect:10%,10%,50%,50%"), DefectSpec("line", None, Size(0.5, 0.5, True), 2.0))
    assert plan(0, 0).defect == COMBINED and list(plan.regions()) == ["rect:10%,10%,50%,50%"]


def test_an_absolute_path_is_taken_as_it_is(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    row = {"defect": "blob", "normal": str(folder / "good/a.png"), "region": str(folder / "masks/here.png")}
    wanted = PlanFile(written(elsewhere, row), DEFECTS, [Path("x.png")], 0)(0, 0)
    assert wanted.normal == folder / "good/a.png" and wanted.defects[0].region == str(folder / "masks/here.png")


BAD = {
    "not json": ("{defect: blob}", "is not JSON"),
    "no object": ("[1, 2]", "is a list; expected an object"),
    "unknown key": ({"defect": "blob", "sevirity": 1}, "unknown key 'sevirity'"),
    "unknown key in a part": ({"defects": [{"defect": "blob", "color": 1}]}, "unknown key 'color' in its defects"),
    "seed in a part": ({"defects": [{"defect": "blob", "seed": 1}]}, "unknown key 'seed' in its defects"),
    "normal in a part": ({"defects": [{"defect": "blob", "normal": "good/a.png"}]}, "unknown key 'normal' in its defects"),
    "missing normal": ({"defect": "blob", "normal": "good/c.png"}, "normal good/c.png: is no picture"),
    "normal is a folder": ({"defect": "blob", "normal": "good"}, "normal good: is no picture"),
    "normal is text": ({"defect": "blob", "normal": "plan.jsonl"}, "normal plan.jsonl: is no picture"),
    "seed is text": ({"defect": "blob", "seed": "7"}, "seed: got '7'"),
    "seed below 0": ({"defect": "blob", "seed": -1}, "seed: got -1"),
    "seed is true": ({"defect": "blob", "seed": True}, "seed: got True"),
    "an older key": ({"parts": [{"defect": "blob"}]}, "has the key 'parts', which is called 'defects' now"),
    "defects are no list": ({"defects": {"defect": "blob"}}, "defects: expected a list of 1"),
    "no defects": ({"defects": []}, "defects: expected a list of 1"),
    "too many defects": ({"defects": [{"defect": "blob"}] * (MOST_DEFECTS + 1)}, f"defects: expected a list of 1 to {MOST_DEFECTS}"),
    "defects are numbers": ({"defects": [1]}, "defects: expected a list of 1"),
    "defect beside defects": ({"defect": "blob", "defects": [{"defect": "blob"}]}, "has 'defect' beside 'defects'"),
    "size beside defects": ({"size": "9px", "defects": [{"defect": "blob"}]}, "has 'size' beside 'defects'"),
    "no defect": ({"seed": 1}, "defect: got None, expected blob or line or stain"),
    "unknown defect": ({"defect": "bolb"}, "defect: got 'bolb', expected blob or line or stain"),
    "defect is a list": ({"defect": ["blob"]}, "defect: got ['blob']"),
    "size": ({"defect": "blob", "size": "40cm"}, "--size 40cm: expected pixels"),
    "severity": ({"defect": "blob", "severity": "much"}, "--severity much: expected a number"),
    "severity 0": ({"defect": "blob", "severity": 0}, "--severity 0: expected a number above 0"),
    "severity range": ({"defect": "blob", "severity": "0.5-1"}, "severity: got the range 0.5-1"),
    "box of three": ({"defect": "blob", "region": "rect:1,2,3"}, "--region rect:1,2,3: got 3 numbers"),
    "box outside": ({"defect": "blob", "region": "rect:100,2,3,4"}, "lies outside b.png, which is 60x40"),
    "missing mask": ({"defect": "blob", "region": "masks/none.png"}, "masks/none.png: there is no such file"),
    "empty mask": ({"defect": "blob", "region": "masks/nowhere.png"}, "masks/nowhere.png: is empty"),
    "mask of another size": ({"defect": "blob", "region": "masks/small.png"}, "small.png: is 30x20 but b.png is 60x40"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_with_its_number(name: str, folder: Path) -> None:
    row, message = BAD[name]
    with pytest.raises(DataError) as caught:
        opened(folder, {"defect": "blob"}, "", row, {"defect": "line"})  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.startswith(f"--plan {folder / 'plan.jsonl'}: row 3: ") and message in text and "\n" not in text.strip()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"defect": "blob", "normal": "good/a.png"}, "normal good/a.png: there is none with --free"),
        ({"defect": "blob", "region": "rect:1,1,5,5"}, "region: says where on a normal, and there is none with --free"),
        ({"defect": "blob", "size": "9px"}, "there is none with --free"),
        ({"defect": "blob", "severity": 2}, "there is none with --free"),
        ({"defects": [{"defect": "blob"}, {"defect": "line"}]}, "asks for several defects"),
    ],
)
def test_a_row_about_a_normal_does_not_go_with_free(row: dict[str, Any], message: str, folder: Path) -> None:
    with pytest.raises(DataError, match=f"row 1: .*{message}"):
        opened(folder, row, free=True)
    wanted = opened(folder, {"defect": "line", "seed": 3}, {"defects": [{"defect": "blob"}]}, free=True)
    assert wanted(0, 0) == PairSpec(0, 0, (DefectSpec("line"),), None, derive(3, 0), 3) and wanted(1, 0).defect == "blob"
    assert wanted.normals == [] and wanted.regions() == {}


def test_several_bad_rows_are_named_at_once_and_the_rest_counted(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        opened(folder, {"defect": "bolb"}, {"defect": "blob"}, {"defect": "blob", "size": "?"}, "[")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 and "row 1: defect" in lines[0] and lines[1].startswith("row 3: --size") and lines[2].startswith("row 4: is not")
    with pytest.raises(DataError, match=r"row 10: .*\n\(5 more\)") as caught:
        opened(folder, *[{"defect": "bolb"}] * (SHOWN + 5))
    assert "row 11" not in str(caught.value)


def test_a_plan_that_is_none_is_an_error(folder: Path) -> None:
    with pytest.raises(DataError, match="nothing.jsonl: there is no such file; expected JSON lines"):
        PlanFile(folder / "nothing.jsonl", DEFECTS, [], 0)
    with pytest.raises(DataError, match="there is no such file"):
        PlanFile(folder, DEFECTS, [], 0)
    with pytest.raises(DataError, match="is empty; expected JSON lines such as"):
        opened(folder, "", "  ")
    with pytest.raises(DataError, match="good/a.png: is not UTF-8 text"):
        PlanFile(folder / "good/a.png", DEFECTS, [], 0)


def test_a_planned_row_asks_for_the_same_pair_from_any_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    normals = [Path("good/a.png"), Path("good/b.png")]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    sizes = [None, parse_size("0.123456789-2x"), parse_size("40px")]
    for region in (None, "masks/here.png", "ellipse:10%,10%,50%,50%"):
        asked = SamplingPlan(DEFECTS, normals, 3, region, sizes[len(region or "") % 3], (0.5, 1.5), (1, 3), True)
        wanted = [asked(i, 0) for i in range(12)]
        plan = PlanFile(written(elsewhere, *[plan_row(w) for w in wanted]), DEFECTS, [Path("other.png")], 99)
        for i, before in enumerate(wanted):
            after = plan(i, 0)
            assert (after.index, after.seed, after.base, after.normal) == (i, before.seed, before.base, (folder / str(before.normal)))
            assert [(p.defect, p.size, p.severity) for p in after.defects] == [(p.defect, p.size, p.severity) for p in before.defects]
            mine = None if region is None else str(folder / region) if region.endswith("png") else region
            assert {p.region for p in after.defects} == {mine}
            assert plan(i, 1).seed == asked(i, 1).seed, "and so do its later attempts"
            assert plan_row(after) == plan_row(before)


# what is given in words


@pytest.mark.parametrize(
    ("given", "expected"),
    [("0.7", (0.7, 0.7)), ("0.5-1.5", (0.5, 1.5)), (" 1 - 2 ", (1, 2)), (1, (1, 1)), (0.3, (0.3, 0.3)), ((0.5, 4.0), (0.5, 4.0))],
)
def test_a_severity_is_read(given: Any, expected: tuple[float, float]) -> None:
    assert parse_severity(given) == expected


@pytest.mark.parametrize("given", ["", "0", "0-1", "1.5-0.5", "4.1", "1-5", "-1", "1-", "much", "1.2.3", ".", "nan", 0, -1.0, (2.0, 1.0)])
def test_a_bad_severity_is_refused_by_name(given: Any) -> None:
    with pytest.raises(ConfigError, match="--severity .*: expected a number above 0 and at most 4"):
        parse_severity(given)


@pytest.mark.parametrize(("given", "expected"), [("2", (2, 2)), ("1-3", (1, 3)), (4, (4, 4)), ((1, 2), (1, 2)), (" 1 - 16 ", (1, 16))])
def test_a_number_of_defects_is_read(given: Any, expected: tuple[int, int]) -> None:
    assert parse_per_image(given) == expected and all(isinstance(n, int) for n in parse_per_image(given))


@pytest.mark.parametrize("given", ["", "0", "0-2", "3-1", "17", "1-17", "1.5", "1-2.5", "-1", "few", 0, (0, 1), (2, 1), (1.5, 2)])
def test_a_bad_number_of_defects_is_refused_by_name(given: Any) -> None:
    with pytest.raises(ConfigError, match="--per-image .*: expected a whole number from 1 to 16"):
        parse_per_image(given)


def test_defects_are_those_asked_for() -> None:
    assert choose_defects(DEFECTS, None) == DEFECTS
    assert choose_defects(DEFECTS, "line") == ["line"]
    assert choose_defects(DEFECTS, ["stain", "blob"]) == ["stain", "blob"]
    with pytest.raises(ConfigError, match="--defect lime: this model learned blob, line, stain"):
        choose_defects(DEFECTS, ["blob", "lime"])
    with pytest.raises(ConfigError, match="--defect: got an empty list; this model learned blob, line, stain"):
        choose_defects(DEFECTS, [])


def test_pictures_of_a_folder_are_sorted_and_other_files_are_passed_over(tmp_path: Path, save_picture: Callable[..., Path]) -> None:
    for name in ("b.png", "a.bmp", "c.tif"):
        save_picture(tmp_path / name, np.zeros((8, 8)))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "b.png").read_bytes())
    assert [path.name for path in list_pictures(tmp_path)] == ["a.bmp", "b.png", "c.tif"]


@pytest.mark.parametrize("form", [".txt", ".jsonl"])
def test_pictures_of_a_list_keep_its_order(tmp_path: Path, save_picture: Callable[..., Path], form: str) -> None:
    for name in ("b.png", "more/a.png"):
        save_picture(tmp_path / name, np.zeros((8, 8)))
    found, names = tmp_path / f"chosen{form}", ["more/a.png", str(tmp_path / "b.png"), "more/a.png"]
    lines = [json.dumps({"image": name}) for name in names] if form == ".jsonl" else names
    found.write_text("\n".join(lines))
    assert list_pictures(found) == [tmp_path / "more/a.png", tmp_path / "b.png"]
    found.write_text(lines[0].replace("a.png", "gone.png"))
    with pytest.raises(DataError, match=r"--onto .*gone.png, which is no picture"):
        list_pictures(found)
    found.write_text("\n")
    with pytest.raises(DataError, match="names no picture"):
        list_pictures(found)


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing: there is no such folder"):
        list_pictures(tmp_path / "nothing")
    with pytest.raises(DataError, match="there are no pictures in it"):
        list_pictures(tmp_path)
