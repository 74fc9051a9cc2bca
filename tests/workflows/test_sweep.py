"""A sweep from end to end: products side by side, one that fails, and a second call that does what is left."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from flawsmith.cli.main import main

FIT = (
    "--set model.width=32 --set model.depth=1 --set model.head_dim=16 --set model.pixels=4 --set data.window=32 --set training.init=none "
    "--set training.batch=4 --set training.learning_rate=0.003 --set training.ema=0.9 "
    "--set training.precision=fp32 --max-steps 60 --max-minutes 0"
)
GENERATE = (
    "--set generation.steps=2 --set generation.attempts=1 --set generation.precision=fp32 --set quality.visible=0 "
    "--set quality.consistency=0 --set quality.outside=1 --set quality.margin=100"
)


def test_products_are_done_and_one_that_fails_stops_no_other(tmp_path: Path, make_product: Callable[..., Path]) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    for name in ("good", "torn"):
        make_product(root / name, each=2)
    victim = root / "torn/train/good/000.png"
    whole = victim.read_bytes()
    victim.write_bytes(whole[:100])

    def sweep(*words: str) -> tuple[int, str]:
        steps = ["--steps", "fit,generate", "--pairs", "3", "--device", "cpu", "--workers", "2", "--fit", FIT, "--generate", GENERATE]
        result = CliRunner().invoke(main, ["sweep", str(root), "-o", str(out), *steps, *words])
        return result.exit_code, result.output

    status, told = sweep("--dry-run", "--json")
    assert status == 0 and json.loads(told)["jobs"] == {"waiting": 4} and not out.exists()
    status, told = sweep()
    states = {path.relative_to(out / "products").as_posix(): json.loads(path.read_text()) for path in out.glob("products/*/*.json")}
    assert status == 1 and states["good/generate.json"]["state"] == "done" and states["torn/fit.json"]["state"] == "failed"
    assert "torn/generate.json" not in states and "fit torn" in told and "000.png" in told and str(out / "products/torn/fit.log") in told
    assert "What failed" in (out / "report.html").read_text()

    victim.write_bytes(whole)
    before = (out / "products/good/pairs/pairs.jsonl").stat().st_mtime_ns
    status, told = sweep("--quiet")
    report = json.loads((out / "report.json").read_text())
    assert status == 0, told
    assert report["jobs"]["counts"] == {"done": 4} and [row["product"] for row in report["pairs"]] == ["good", "torn"]
    assert (out / "products/good/pairs/pairs.jsonl").stat().st_mtime_ns == before
    status, told = sweep("--pairs", "4")
    assert status == 1 and "was begun with pairs 3, got 4" in told
    assert shlex.split(FIT)[1] in json.loads((out / "sweep.json").read_text())["settings"]["fit"]


def test_what_is_of_a_cluster_needs_one(tmp_path: Path) -> None:
    for words in (["--ship"], ["--ray", "auto", "--results", "stay"], ["--ray", "auto", "--place", "x"]):
        result = CliRunner().invoke(main, ["sweep", str(tmp_path), "-o", str(tmp_path / "out"), *words])
        assert result.exit_code == 2 and "--ship needs --ray" in result.stderr
