"""Which products there are, and which commands come of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.folders import MARKER
from flawsmith.sweeps.plan import SweepSettings, plan, words_of
from flawsmith.sweeps.products import Product, find_products

BOTTLE = Product("line/bottle", Path("data/line/bottle"), ("broken", "dirt"))


def test_products_are_found_at_any_depth_and_bad_ones_named(tmp_path: Path, make_product: Callable[..., Path]) -> None:
    make_product(tmp_path / "line/bottle", each=1)
    make_product(tmp_path / "made", each=1)
    (tmp_path / "made" / MARKER).write_text("{}")
    (tmp_path / "empty/train/good").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    empty, bottle = find_products(tmp_path)
    assert (bottle.name, bottle.defects, bottle.problem) == ("line/bottle", ("blob", "line"), "")
    assert empty.name == "empty" and "without a defect" in empty.problem
    assert [one.name for one in find_products(tmp_path / "line/bottle")] == ["bottle"]
    with pytest.raises(DataError, match="no folder in it is in a known layout"):
        find_products(tmp_path / "notes")


def test_a_product_becomes_commands_that_need_each_other(tmp_path: Path) -> None:
    settings = SweepSettings(steps=("fit", "generate", "evaluate", "benefit"), preset="small", pairs=7, fit=("--max-steps", "3"), threads=2)
    bad = Product("bad", Path("bad"), problem="no normals")
    jobs = {job.name: job for job in plan([bad, BOTTLE], tmp_path, settings)}
    home, data = tmp_path / "products/line/bottle", str(Path("data/line/bottle").resolve())
    assert list(jobs) == [f"{step} line/bottle" for step in settings.steps]
    fit, generate, evaluate, benefit = jobs.values()
    common = ("--device", "auto", "--threads", "2", "--quiet")
    assert fit.words == ("fit", data, "--preset", "small", "--max-steps", "3", "-o", str(home / "run"), *common)
    assert generate.words[:4] == ("generate", str(home / "run"), "--count", "14") and generate.needs == ("fit line/bottle",)
    assert evaluate.words[:3] == ("evaluate", data, str(home / "pairs")) and evaluate.needs == ("generate line/bottle",)
    assert benefit.words[:4] == ("benefit", data, "--preset", "small") and benefit.needs == ()


def test_the_published_preset_has_a_model_for_each_defect(tmp_path: Path) -> None:
    jobs = {job.name: job for job in plan([BOTTLE], tmp_path, SweepSettings(preset="sd15-paper", pairs=5))}
    assert list(jobs) == [f"{step} line/bottle/{kind}" for step in ("fit", "generate") for kind in BOTTLE.defects] + ["benefit line/bottle"]
    words = jobs["fit line/bottle/dirt"].words
    assert words[words.index("--classes") + 1] == "ignore=broken" and jobs["generate line/bottle/dirt"].amount == 5
    with pytest.raises(ConfigError, match="cannot be left out"):
        plan([Product("a", Path("a"), ("x,y", "z"))], tmp_path, SweepSettings(per_defect=True))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"steps": ("fti",)}, "got 'fti'"),
        ({"steps": ("generate",)}, "generate needs fit"),
        ({"steps": ()}, "at least one"),
        ({"preset": "x"}, "x"),
    ],
)
def test_what_cannot_be_done_is_refused(said: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        SweepSettings(**said)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="quotation"):
        words_of("--set 'a")
