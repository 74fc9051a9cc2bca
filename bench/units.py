"""Are defects made of this unit's material? A drawn product whose units come in three colours; the labelled ones are all blue.

    python bench/units.py make DATA
    python bench/units.py measure DATA [OUT ...] [--pairs 60] [--seed 0] [--threads 1]

`make` writes DATA: normals of blue, red and yellow units, with prints and a grain, and SHOTS labelled pictures of each kind of defect, all
of blue ones. Every defect is of the unit's own material: worn areas are darker, scratches show a lighter layer of the same pigment below,
fibres fray out of the unit's own yarn. `measure` prints JSON. Each OUT is a folder that `flawsmith generate` wrote onto DATA's normals.
Over the accepted pairs on red and yellow units (blue ones can say nothing):

own          share whose mean colour in the mask is nearer to the unit's, under the same mask in its normal, than to the labelled
             defects' of this kind, by Euclidean distance in RGB
off          distance in RGB, in grey levels, of the change of the mean colour from that of defects drawn as they should be, of this kind
             on units of this colour: what is too weak or too strong has the unit's colour and is off, too

on_others    share of all accepted pairs that are on red and yellow units, two thirds of the normals: less where checks refuse them there

`truth` is the same for defects drawn as they should be on red and yellow units, which is the best that can be reached. Copy-paste and
Poisson paste, `--pairs` of each kind, learn from the same pictures.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import describe

from flawsmith.benchmark.baselines.make import write_baseline
from flawsmith.core.devices import use_threads
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import load_sample
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image, write_image, write_mask
from flawsmith.pairs.folder import PairFolder

COLOURS = {"blue": (52, 84, 176), "red": (186, 48, 44), "yellow": (214, 172, 40)}  # RGB
LABELLED = "blue"
KINDS = ("worn", "scratch", "fray")
SIDE = 192  # pixels
NORMALS = 14  # of each colour
SHOTS = 3  # labelled pictures of each kind
TRUTHS = 40  # of each kind and colour, drawn to say what can be reached

OTHERS = tuple(colour for colour in COLOURS if colour != LABELLED)

Drawn = tuple[np.ndarray, np.ndarray]  # picture (SIDE, SIDE, 3) uint8 and mask (SIDE, SIDE) bool


@dataclass(frozen=True)
class Change:
    """What a defect did to its unit."""

    kind: str
    colour: str  # of the unit
    drawn: np.ndarray  # (3,) mean RGB in the mask
    own: np.ndarray  # (3,) the same of the unit without the defect


def make(folder: Path) -> None:
    """Write the data folder, in the MVTec AD layout."""
    for colour in COLOURS:
        for number in range(NORMALS):
            write_image(folder / "train" / "good" / f"{colour}_{number:03d}.png", stored(unit(colour, numpy_generator(0, colour, number))))
    for kind in KINDS:
        for number in range(SHOTS):
            image, mask = flawed(kind, LABELLED, numpy_generator(1, kind, number))
            write_image(folder / "test" / kind / f"{LABELLED}_{number:03d}.png", image)
            write_mask(folder / "ground_truth" / kind / f"{LABELLED}_{number:03d}_mask.png", mask)


def unit(colour: str, g: np.random.Generator) -> np.ndarray:
    """Return a unit without defects (SIDE, SIDE, 3) float32: a rounded plate of pigmented felt with a white print, on a grey belt."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    belt = 96 + 3 * g.standard_normal((SIDE, SIDE, 1)) + 6 * np.sin(x / 5)[..., None]
    grain = cv2.GaussianBlur(g.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 2.2, sigmaY=0.7)
    clouds = cv2.GaussianBlur(g.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 18)
    shade = 1 + 0.12 * grain / grain.std() + 0.04 * clouds / clouds.std() + 0.05 * (x + y - SIDE) / SIDE
    plate = np.array(COLOURS[colour]) * g.uniform(0.92, 1.06) * shade[..., None]
    ink = np.zeros((SIDE, SIDE), np.uint8)
    column, row = (int(v) for v in g.integers(36, 80, 2))
    cv2.putText(ink, f"{g.integers(10, 99)}-{'ABC'[g.integers(3)]}", (column, row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)
    cv2.rectangle(ink, (column, row + 46), (column + 60, row + 58), 255, 2, cv2.LINE_AA)
    plate += 0.8 / 255 * ink[..., None] * (np.array([232, 232, 226]) - plate)
    edge = 14 + g.uniform(-3, 3, 2)
    away = (
        np.maximum(np.abs(y - SIDE / 2) - (SIDE / 2 - edge[0] - 12), 0) ** 2
        + np.maximum(np.abs(x - SIDE / 2) - (SIDE / 2 - edge[1] - 12), 0) ** 2
    )
    inside = np.clip(12.5 - np.sqrt(away), 0, 1)[..., None]
    return np.asarray(belt + inside * (plate - belt), np.float32)


def flawed(kind: str, colour: str, g: np.random.Generator) -> Drawn:
    """Return a unit with one defect of its own material, and the defect's mask."""
    return {"worn": worn, "scratch": scratch, "fray": fray}[kind](unit(colour, g), np.array(COLOURS[colour]), g)


def worn(image: np.ndarray, pigment: np.ndarray, g: np.random.Generator) -> Drawn:
    """Return the unit (SIDE, SIDE, 3) with an area rubbed smooth and darker, its print gone."""
    y, x = np.mgrid[:SIDE, :SIDE]
    row, column = g.uniform(55, SIDE - 55, 2)
    wave = cv2.GaussianBlur(g.standard_normal((SIDE, SIDE)), (0, 0), 6)
    distance = np.hypot((y - row) / g.uniform(11, 22), (x - column) / g.uniform(11, 22)) + 0.25 * wave / wave.std()
    weight = np.clip((1.15 - distance) / 0.3, 0, 1)[..., None]
    area = g.uniform(0.6, 0.74) * pigment + 0.3 * (cv2.GaussianBlur(image, (0, 0), 1.5) - image)
    return stored(image + weight * (area - image)), weight[..., 0] > 0.5


def scratch(image: np.ndarray, pigment: np.ndarray, g: np.random.Generator) -> Drawn:
    """Return the unit (SIDE, SIDE, 3) with a furrow to the layer below, which is its pigment with a third of white, one bank in shadow."""
    length, bend, turn = g.uniform(28, 56), g.uniform(-8, 8), g.uniform(0, np.pi)
    along = np.linspace(-0.5, 0.5, 24)
    curve = np.stack([along * length, bend * np.cos(np.pi * along)], 1) @ np.array(
        [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    )
    points, width = curve + g.uniform(65, SIDE - 65, 2), int(g.integers(2, 5))
    furrow, bank = stroke(points, width), stroke(points + 1.5, width)
    layer = (pigment + 0.34 * (255 - pigment)) * (1 + 0.06 * g.standard_normal((SIDE, SIDE, 1)))
    image = image * (1 - 0.35 * bank[..., None])
    return stored(image + furrow[..., None] * (layer - image)), furrow > 0.4


def fray(image: np.ndarray, pigment: np.ndarray, g: np.random.Generator) -> Drawn:
    """Return the unit (SIDE, SIDE, 3) with a tuft of its own fibres, lighter and darker than the felt, and the fibres' mask."""
    row, column = g.uniform(60, SIDE - 60, 2)
    main, mask = g.uniform(0, 2 * np.pi), np.zeros((SIDE, SIDE), bool)
    for _ in range(int(g.integers(26, 44))):
        turn, length = main + g.normal(0, 0.5), g.uniform(10, 26)
        along = np.linspace(0, 1, 8)
        angles = turn + g.normal(0, 0.9) * along
        fibre = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], 1) * length / 8, 0) + [column, row] + g.normal(0, 3, 2)
        image = image + stroke(fibre, 2)[..., None] * (pigment * g.choice([0.55, 1.4]) - image)
        mask |= stroke(fibre, 3) > 0.5
    return stored(image), mask


def stroke(points: np.ndarray, width: int) -> np.ndarray:
    """Return how much of each pixel (SIDE, SIDE), 0 to 1, a stroke along the points (N, 2), columns and rows, covers."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    cv2.polylines(drawn, [np.rint(points * 16).astype(np.int32)], False, 255, width, cv2.LINE_AA, 4)
    return drawn.astype(np.float32) / 255


def stored(image: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) of 0 to 255 as uint8."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def labelled_colours(data: Path) -> dict[str, np.ndarray]:
    """Return the mean RGB (3,) of the labelled defects by kind: the mean of the pictures' means."""
    found = {}
    for kind, items in read(data).defects.items():
        samples = [load_sample(item) for item in items]
        found[kind] = np.mean([s.image[s.mask].mean(0) for s in samples], 0)
    return found


def pairs_in(out: Path) -> Iterator[Change]:
    """Yield the accepted pairs of a folder that are on units of other colours than the labelled ones."""
    folder = PairFolder(out)
    for pair in folder.accepted():
        normal = folder.normal_path(pair)
        if normal is not None and (colour := normal.stem.split("_")[0]) in OTHERS:
            mask = folder.mask(pair)
            yield Change(pair.defect, colour, folder.image(pair)[mask].mean(0), read_image(normal)[mask].mean(0))


def truths() -> Iterator[Change]:
    """Yield defects drawn as they should be."""
    for colour in OTHERS:
        for kind in KINDS:
            for number in range(TRUTHS):
                image, mask = flawed(kind, colour, numpy_generator(2, kind, colour, number))
                normal = stored(unit(colour, numpy_generator(2, kind, colour, number)))  # its first draws are the unit's
                yield Change(kind, colour, image[mask].mean(0), normal[mask].mean(0))


def measured(found: Iterable[Change], labelled: dict[str, np.ndarray], right: Sequence[Change]) -> dict[str, Any]:
    """Return the numbers of the docstring, by kind and over all."""
    rows: dict[str, list[tuple[bool, float]]] = {}
    for one in found:
        wanted = np.mean([x.drawn - x.own for x in right if (x.kind, x.colour) == (one.kind, one.colour)], 0)
        own = bool(np.linalg.norm(one.drawn - one.own) < np.linalg.norm(one.drawn - labelled[one.kind]))
        for name in (one.kind, "all"):
            rows.setdefault(name, []).append((own, float(np.linalg.norm(one.drawn - one.own - wanted))))
    return {
        name: {"pairs": len(values), "own": round(float(np.mean([own for own, _ in values])), 3)}
        | {"off": round(float(np.mean([off for _, off in values])), 1)}
        for name, values in sorted(rows.items())
    }


def judged(out: Path, labelled: dict[str, np.ndarray], right: Sequence[Change]) -> dict[str, Any]:
    """Return the numbers of the docstring of a folder of pairs."""
    found = list(pairs_in(out))
    return {"on_others": round(len(found) / len(PairFolder(out).accepted()), 3)} | measured(found, labelled, right)


def main() -> None:
    """Write the data folder, or print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "measure"))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", nargs="*", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    use_threads(args.threads)
    if args.what == "make":
        make(args.data)
        return
    labelled = labelled_colours(args.data)
    right = list(truths())
    result = describe("cpu") | {"data": args.data.name, "truth": measured(right, labelled, right)}
    result["pairs"] = {str(out): judged(out, labelled, right) for out in args.out}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("copy-paste", "poisson"):
            write_baseline(name, read(args.data), Path(folder) / name, args.pairs * len(KINDS), args.seed)
            result["pairs"][name] = judged(Path(folder) / name, labelled, right)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
