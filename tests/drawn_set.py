"""Sets of pairs of a project that are written row by row, with pictures that are as small as can be, or none."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.core.folders import mark
from flawsmith.images.files import write_image, write_mask
from flawsmith.pairs.folder import PAIRS
from flawsmith.quality.ratings import LIMITS
from flawsmith.studio.home import Home
from flawsmith.studio.project import Project

KINDS = ("crack", "dent", "stain")
BOUNDS = {
    "softness": {"low": 0.0, "high": 4.0, "least": 1.0, "median": 2.0, "most": 3.0},
    "tone0": {"low": -2.0, "high": 1.0, "least": -1.5, "median": -1.0, "most": 0.0},
    "consistency": {"low": 0.5, "high": None, "least": None, "median": None, "most": None},
    "copy": {"low": None, "high": 0.85, "least": None, "median": None, "most": None},
}


def project_in(folder: Path, home: Path | None = None) -> Project:
    """Make a data folder and its project, and return it."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    return Home(home or folder / "home").open(folder / "parts")


def row(number: int, verdict: str = "accepted", size: tuple[int, int] = (64, 96), normal: str = "") -> dict[str, Any]:
    """Return a row of pairs.jsonl; what it says follows from its number."""
    g = np.random.default_rng(number)
    kind, id = KINDS[number % len(KINDS)], f"{number:06d}"
    side = int(g.integers(4, 20))
    box = [int(g.integers(0, size[0] - side)), int(g.integers(0, size[1] - side)), side, side]
    scores = {"softness": 2 + 1.9 * float(g.uniform(-1, 1)), "tone0": -1 + 0.9 * float(g.uniform(-1, 1))}
    scores |= {"consistency": float(g.uniform(0.5, 1)), "copy": float(g.uniform(0.1, 0.8)), "area": float(side**2)}
    scores = {name: round(value, 4) for name, value in scores.items()}
    placed = {"defect": kind, "box": box, "area": side**2, "region": box, "source": f"{number % 7:03d}.png", "scores": scores}
    ours = verdict == "accepted"
    return {
        **{"id": id, "defect": kind, "verdict": verdict, "reasons": [] if ours else ["edge: its border is 20 px wide"], "seed": number},
        **{"image": f"test/{kind}/{id}.png" if ours else None, "mask": f"ground_truth/{kind}/{id}_mask.png" if ours else None},
        **{"mask_form": "exact", "scores": scores, "normal": normal, "model": "drawn", "settings": "drawn", "size": list(size)},
        "defects": [placed | {"follows": [placed["source"], f"{(number + 1) % 7:03d}.png"]}],
    }


def write_rows(project: Project, name: str, numbers: Iterable[int], **more: Any) -> Path:
    """Append rows to a set of pairs, without pictures, and return its folder."""
    out = project.place("pairs", name)
    if not (out / "pairs.jsonl").exists():
        mark(out, PAIRS)
        (out / LIMITS).write_text(json.dumps(dict.fromkeys(KINDS, BOUNDS)))
    with (out / "pairs.jsonl").open("a") as stream:
        stream.writelines(json.dumps(row(number, **more)) + "\n" for number in numbers)
    return out


def write_set(project: Project, name: str, count: int, size: tuple[int, int] = (64, 96)) -> Path:
    """Write a set of pairs with pictures of noise, a bright square as the defect of each, made on one normal of the data."""
    g = np.random.default_rng(0)
    normal = project.data / "train/good/000.png"
    ground = g.integers(60, 110, (*size, 1), np.uint8)
    write_image(normal, ground)
    out = write_rows(project, name, range(count), size=size, normal=str(normal))
    for number in range(count):
        said = row(number)
        top, left, height, width = row(number, size=size)["defects"][0]["box"]
        mask = np.zeros(size, bool)
        mask[top : top + height, left : left + width] = True
        write_image(out / said["image"], np.where(mask[..., None], 220, ground).astype(np.uint8))
        write_mask(out / said["mask"], mask)
    return out
