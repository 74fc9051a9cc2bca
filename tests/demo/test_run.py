"""The demo's plumbing: what it asks for, in which order, and what it leaves. The model is replaced here; `make demo` runs the real one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flawsmith
from flawsmith.config.resolve import resolve
from flawsmith.config.schema import Config
from flawsmith.core.errors import DataError, OutputExistsError
from flawsmith.core.folders import mark
from flawsmith.demo import run as demo
from flawsmith.demo.cells import CELLS
from flawsmith.images.files import write_image, write_mask
from flawsmith.pairs.folder import PAIRS
from flawsmith.training.run_folder import RUN


def cell(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(90, 110, (64, 64, 1), np.uint8)


def spot() -> np.ndarray:
    mask = np.zeros((64, 64), bool)
    mask[20:40, 25:45] = True
    return mask


def write_cells(folder: Path) -> None:
    """Write a small data set of the demo's shape."""
    mark(folder, CELLS)
    for number in range(3):
        write_image(folder / "train" / "good" / f"cell{number}.png", cell(number))
        write_image(folder / "test" / "good" / f"cell{number}.png", cell(10 + number))
        for kind, defect in enumerate(demo.DEFECTS):
            picture = np.where(spot()[..., None], 9, cell(20 + 10 * kind + number)).astype(np.uint8)
            write_image(folder / "test" / defect / f"cell{number}.png", picture)
            write_mask(folder / "ground_truth" / defect / f"cell{number}_mask.png", spot())


class Fake:
    """Stands for `fit`, `load` and the generator; notes what it was asked for."""

    def __init__(self) -> None:
        self.config = Config()
        self.asked: dict[str, Any] = {}
        self.stop_at_fit = False

    def fit(self, data: Path, run: Path, **options: Any) -> dict[str, Any]:
        if self.stop_at_fit:
            raise KeyboardInterrupt
        self.config = options["config"]
        mark(run, RUN)
        (run / "log.jsonl").write_text('{"step": 10, "loss": 0.5, "seconds": 1.0}\n{"step": 20, "loss": 0.2, "seconds": 2.0}\n')
        return {}

    def load(self, run: Path, **options: Any) -> "Fake":
        return self

    def generate(self, out: Path, count: int, **options: Any) -> None:
        self.asked = {"count": count, **options}
        mark(out, PAIRS)
        normals = sorted(Path(options["onto"]).iterdir())
        rows = []
        for number in range(count):
            name, defect = f"{number:06d}", options["defect"][number % 2]
            row = {"id": name, "attempt": 0, "defect": defect, "verdict": "accepted", "reasons": [], "scores": {"visible": 1.0 + number}}
            row |= {
                "image": f"test/{defect}/{name}.png",
                "mask": f"ground_truth/{defect}/{name}_mask.png",
                "normal": str(normals[number % 3]),
            }
            write_image(out / str(row["image"]), cell(number))
            write_mask(out / str(row["mask"]), spot())
            rows.append(row)
        rows.append(
            {
                **rows[0],
                "id": "000099",
                "verdict": "rejected",
                "image": None,
                "mask": None,
                "reasons": ["invisible: x"],
            }
        )
        (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a fake in the place of the cells and the model."""
    stand_in = Fake()
    monkeypatch.setattr(demo, "write_cells", write_cells)
    monkeypatch.setitem(vars(flawsmith), "fit", stand_in.fit)
    monkeypatch.setitem(vars(flawsmith), "load", stand_in.load)
    return stand_in


def test_it_leaves_data_pairs_sheet_report_and_summary(fake: Fake, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    summary = demo.run_demo(folder, quiet=True)
    for name in ("data/train/good", "run/log.jsonl", "pairs/pairs.jsonl", "pairs/sheet.png", "report.html", "demo.json"):
        assert (folder / name).exists(), name
    assert json.loads((folder / "demo.json").read_text()) == summary
    assert (summary["finished"], summary["accepted"], summary["attempts"]) == (True, 24, 25)
    assert set(summary["seconds"]) == {"prepare", "check", "fit", "generate", "total"}
    page = (folder / "report.html").read_text()
    for words in ("3 good cells; labelled defects: 3 crack, 3 inactive", "24 of 25 attempts", "CC BY-NC-SA 4.0", "invisible (1)", "Loss"):
        assert words in page


def test_pairs_go_onto_good_cells_that_were_held_out(fake: Fake, tmp_path: Path) -> None:
    demo.run_demo(tmp_path / "demo", quiet=True)
    assert fake.asked["count"] == 24 and fake.asked["defect"] == ["crack", "inactive"]
    assert fake.asked["onto"] == tmp_path / "demo" / "data" / "test" / "good"


@pytest.mark.parametrize("quick", [False, True])
def test_the_settings_are_valid_and_reach_the_training(quick: bool, fake: Fake, tmp_path: Path) -> None:
    demo.run_demo(tmp_path / "demo", quick=quick, quiet=True)
    wanted = demo.DEMO_SETTINGS | (demo.QUICK_SETTINGS if quick else {})
    for key, value in wanted.items():
        group, name = key.split(".")
        assert getattr(getattr(fake.config, group), name) == (tuple(value) if isinstance(value, list) else value)


def test_quick_takes_less_of_everything() -> None:
    full = resolve(settings=[f"{key}={value}" for key, value in demo.DEMO_SETTINGS.items()])
    for key, value in demo.QUICK_SETTINGS.items():
        group, name = key.split(".")
        assert value < getattr(getattr(full, group), name), key
    assert demo.QUICK_SETTINGS["training.minutes"] <= 1, "two minutes with all the rest"


def test_it_replaces_only_its_own_folder_and_only_when_asked(fake: Fake, tmp_path: Path) -> None:
    mine, own = tmp_path / "mine", tmp_path / "own"
    mine.mkdir()
    (mine / "letter.txt").write_text("x")
    with pytest.raises(OutputExistsError):
        demo.run_demo(mine, overwrite=True, quiet=True)
    demo.run_demo(own, quiet=True)
    with pytest.raises(OutputExistsError):
        demo.run_demo(own, quiet=True)
    demo.run_demo(own, overwrite=True, quiet=True)
    assert (mine / "letter.txt").exists()


def test_an_interrupted_demo_can_be_started_again(fake: Fake, tmp_path: Path) -> None:
    fake.stop_at_fit = True
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(tmp_path / "demo", quiet=True)
    assert json.loads((tmp_path / "demo" / "demo.json").read_text())["finished"] is False
    fake.stop_at_fit = False
    assert demo.run_demo(tmp_path / "demo", overwrite=True, quiet=True)["finished"]


def test_bad_data_stops_it_before_the_training(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(folder: Path) -> None:
        write_cells(folder)
        (folder / "train" / "good" / "cell1.png").write_bytes(b"")

    monkeypatch.setattr(demo, "write_cells", broken)
    fake.stop_at_fit = True
    with pytest.raises(DataError, match=r"1\.png"):
        demo.run_demo(tmp_path / "demo")
    assert "2/4" in capsys.readouterr().err


def test_quiet_says_nothing(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.run_demo(tmp_path / "demo", quiet=True)
    assert capsys.readouterr() == ("", "")
