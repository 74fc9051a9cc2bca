"""What the tests of generation do with a run and with the OUT folders they make."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from flawsmith.dataset.windows import bounding_box
from flawsmith.generation import generator as module
from flawsmith.generation.generator import Summary
from flawsmith.quality.limits import load_limits
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.workflows.generate import LoadedRun, load

KEYS = {"id", "attempt", "defect", "image", "mask", "verdict", "reasons", "scores", "seed", "normal", "source_format"}
KEYS |= {"region", "model", "settings", "mask_form", "other_mask"}
FILES = ("image", "mask", "other_mask")
KEYS |= {"size", "severity", "defects"}
LENIENT = ("quality.visible=0", "quality.change=0.001", "quality.consistency=0", "quality.outside=1", "quality.duplicate=1")
PART = {"defect", "region", "box", "area", "shape", "source", "severity", "scores", "reasons", "follows"}


class Pairs:
    """Functions that make pairs and look at what was made."""

    @staticmethod
    def start(run: Path, *settings: str) -> LoadedRun:
        return load(run, device="cpu", threads=1, settings=settings)

    @staticmethod
    def loose(run: Path, *settings: str) -> LoadedRun:
        """Return a generator whose checks let nearly all pass: only "copy", "place", a wrong size and nothing to see are left."""
        with patch.object(module, "load_limits", lambda path: replace(load_limits(path), kinds={})):
            return load(run, device="cpu", threads=1, settings=[*LENIENT, *settings])

    @staticmethod
    def rows(out: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]

    @staticmethod
    def plain(path: Path | str) -> np.ndarray:
        """Return a file's pixels as another program reads them."""
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        return np.asarray(pixels)

    @staticmethod
    def snapshot(root: Path) -> dict[str, bytes]:
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def everything(self, out: Path) -> dict[str, Any]:
        """Return the rows and the bytes of the pictures of OUT, by the pair's number."""
        found: dict[str, Any] = {}
        for row in sorted(self.rows(out), key=lambda row: (row["id"], row["attempt"])):
            files = [(out / row[kind]).read_bytes() for kind in FILES if row[kind]]
            found.setdefault(row["id"], []).append((row, files))
        return found

    @staticmethod
    def folder(root: Path, size: tuple[int, int], dtype: str, channels: int, save: Callable[..., Path], count: int = 3) -> Path:
        """Return a folder with pictures of noise."""
        g = np.random.default_rng(0)
        for i in range(count):
            save(root / f"part {i}.png", g.uniform(60, 160, size), dtype, channels)
        return root

    def check(self, out: Path, summary: Summary, first: int, count: int) -> list[dict[str, Any]]:
        """Return the rows of OUT after checking everything the contract says of them."""
        rows = self.rows(out)
        verdicts = Counter(row["verdict"] for row in rows)
        assert [verdicts[name] for name in ("accepted", "rejected", "failed")] == [summary.accepted, summary.rejected, summary.failed]
        assert sum(summary.reasons.values()) == sum(len(row["reasons"]) for row in rows)
        finished = [row["id"] for row in rows if row["verdict"] != "rejected"]
        assert finished == [f"{i:06d}" for i in range(first, first + count)], "every pair ends once, as accepted or failed, in its turn"
        for row in rows:
            assert row["attempt"] == sum(r["id"] == row["id"] and r["attempt"] < row["attempt"] for r in rows), "attempts count from 0"
            self._check_row(row)
            if row["verdict"] == "accepted":
                self._check_files(out, row)
        pictures = {path.relative_to(out).as_posix() for path in out.rglob("*.png")} - {"sheet.png"}
        assert pictures == {row[kind] for row in rows for kind in FILES if row[kind]}, "no picture without its row"
        assert cv2.imread(str(out / "sheet.png")) is not None and (out / "report.html").is_file()
        return rows

    @staticmethod
    def _check_row(row: dict[str, Any]) -> None:
        assert set(row) == KEYS and isinstance(row["seed"], int) and isinstance(row["model"], str) and row["model"]
        kinds = {part["defect"] for part in row["defects"]}
        assert row["verdict"] != "accepted" or row["defect"] == (kinds.pop() if len(kinds) == 1 else "combined")
        assert (row["source_format"] is None) == (row["normal"] is None)
        said = [reason for part in row["defects"] for reason in part["reasons"]]
        assert said == row["reasons"][: len(said)], "the reasons of each defect, then those of the whole"
        for part in row["defects"]:
            assert set(part) == PART and part["shape"] in ("given", "free")
        for scores in (row["scores"], *(part["scores"] for part in row["defects"])):
            assert all(isinstance(value, (int, float)) for value in scores.values())
        assert row["scores"] in [part["scores"] for part in row["defects"]] or not row["defects"]
        if row["verdict"] != "accepted":
            assert all(row[kind] is None for kind in FILES) and row["reasons"]
            return
        assert row["reasons"] == []
        assert row["image"] == f"test/{row['defect']}/{row['id']}.png"
        assert row["mask"] == f"ground_truth/{row['defect']}/{row['id']}_mask.png"
        other = "labelled" if row["mask_form"] == "exact" else "exact"
        assert row["other_mask"] == f"{other}/{row['defect']}/{row['id']}_mask.png"

    def _check_files(self, out: Path, row: dict[str, Any]) -> None:
        image, mask = self.plain(out / row["image"]), self.plain(out / row["mask"])
        assert list(image.shape[:2]) == list(mask.shape) == row["size"]
        assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}, "0 and 255, and never empty"
        left = mask > 0
        for part in row["defects"]:
            top, start, height, width = part["box"]
            inside = np.zeros_like(left)
            inside[top : top + height, start : start + width] = left[top : top + height, start : start + width]
            assert part["area"] == inside.sum(), "its own pixels, and no other's"
            box = bounding_box(inside)
            assert part["box"] == [box.top, box.left, box.height, box.width]
            left &= ~inside
        assert not left.any(), "every pixel of the mask belongs to a defect"
        other = self.plain(out / row["other_mask"]) > 0
        exact, labelled = (mask > 0, other) if row["mask_form"] == "exact" else (other, mask > 0)
        assert not (exact & ~labelled).any(), "what changed is labelled"
        assert sum(part["scores"]["area"] for part in row["defects"]) == labelled.sum(), (
            "what is held to real labels is measured as they are"
        )
        if row["normal"] is None:
            return
        normal = self.plain(row["normal"])
        assert image.dtype == normal.dtype and image.shape == normal.shape
        outside = np.ones(mask.shape, bool)
        for part in row["defects"]:
            for top, start, height, width in (part["region"], row["region"]):
                assert 0 <= top < top + height <= mask.shape[0] and 0 <= start < start + width <= mask.shape[1]
            top, start, height, width = part["region"]
            outside[top : top + height, start : start + width] = False
        top, start, height, width = row["region"]
        assert not mask[outside].any() and np.array_equal(image[outside], normal[outside])
        assert outside[:top].all() and outside[top + height :].all() and outside[:, :start].all() and outside[:, start + width :].all()


@pytest.fixture
def pairs() -> Pairs:
    """The functions that make pairs and look at what was made."""
    return Pairs()


@pytest.fixture
def run_copy(run8: Path, tmp_path: Path) -> Path:
    """A copy of the 8-bit product's run, to be spoiled."""
    return Path(shutil.copytree(run8, tmp_path / "copy"))


def disc(task: Task, radius: float = 3) -> np.ndarray:
    """Return the mask (H, W) float32 of a disc in the middle of a task's region."""
    centre = np.argwhere(task.region).mean(0).round()
    distance = np.hypot(*(np.indices(task.region.shape) - centre[:, None, None]))
    return (distance <= radius).astype(np.float32)


def noisy(tasks: Sequence[Task], alike: bool) -> Iterator[Drawn]:
    """Yield noise in every pixel of each canvas, and a disc as the mask; alike: the same noise around every disc."""
    for task in tasks:
        colours = 1 if task.normal is None else task.normal.shape[0]
        mask, size = disc(task), (colours, *task.region.shape)
        g = np.random.default_rng(0 if alike else task.seed)
        whole = g.uniform(-1.2, 1.2, size).astype(np.float32)
        if alike:
            row, column = np.argwhere(mask).mean(0).astype(int)
            whole = np.roll(whole, (row, column), (1, 2))
        yield Drawn(whole, whole * mask, mask)


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put noise in the network's place: in every pixel of the canvas, with a disc in the middle of the region as the mask."""
    monkeypatch.setattr(module, "draw", lambda _model, tasks, *_: list(noisy(tasks, alike=False)))


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give canvases a disc as the mask on which a barely trained network invents none."""
    draw = module.draw

    def drawn(*args: Any) -> list[Drawn]:
        canvases = zip(args[1], draw(*args), strict=True)
        return [found if (found.mask > 0.5).any() else replace(found, mask=disc(task)) for task, found in canvases]

    monkeypatch.setattr(module, "draw", drawn)


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a network in the model's place that draws one and the same defect everywhere."""
    monkeypatch.setattr(module, "draw", lambda _model, tasks, *_: list(noisy(tasks, alike=True)))
