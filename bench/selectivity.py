"""What the checks say of real defects that their limits have not seen, and of faults made on purpose on real normals; no model is needed.

    python bench/selectivity.py DATA [DATA ...] [--leave-one-out] [--sheet FILE.png]

The limits are calibrated on the strict third of the defects and tried on the rest; with --leave-one-out on all pictures
but one, and tried on that one, in turn. "real": the share that passes all checks of one picture together, and the checks
that refuse the others. The faults, each with the mask of a real defect on a held-out normal, with the normal's own grain:
  flat band: one tone with a hard edge, 3 px wider than the label, with two thirds of the real one's contrast, over all structure;
  hard area: one tone with a hard edge, with the real one's contrast;
  wiped: one tone inside the mask that falls off over 3 px beyond it, with the real one's contrast, where the normal has structure there.
A fault counts as refused when any check refuses it. Prints JSON; --sheet draws some of each.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import describe

from flawsmith.compositing.blending import band
from flawsmith.config.resolve import resolve
from flawsmith.core.files import write_bytes
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Dataset, load_sample
from flawsmith.dataset.splits import strict_third
from flawsmith.dataset.windows import cut, grow
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image
from flawsmith.images.pixel_range import shares
from flawsmith.product.exemplars import Exemplar, collect_exemplars
from flawsmith.quality.border import Surroundings, lines_across, surroundings
from flawsmith.quality.checks.structure import OUTSIDE, SHOWN
from flawsmith.quality.verify import Verdict, Verifier
from flawsmith.quality.view import View
from flawsmith.reports.drawing import encode_picture, outline, to_display
from flawsmith.reports.sheets import contact_sheet
from flawsmith.training.prepare import TrainingData, prepare_training

FAULTS = ("flat band", "hard area", "wiped")
WIDER = 3  # pixels that a flat band is wider than the label
FAINTER = 2 / 3  # of the real contrast
FALL = 3  # pixels beyond the mask over which what is wiped falls off


@dataclass(frozen=True)
class Judged:
    """One picture and what the checks say."""

    name: str  # "real" or the fault
    defect: str
    view: View
    verdict: Verdict


def main() -> None:
    """Print the tables as JSON and draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    result: dict[str, Any] = describe("cpu")
    cells = []
    for folder in args.data:
        judged = list(_left_out(folder) if args.leave_one_out else _unseen(folder))
        result[folder.name] = {name: _table([one for one in judged if one.name == name]) for name in ("real", *FAULTS)}
        for name in ("real", *FAULTS):
            for one in [one for one in judged if one.name == name][::5][:12]:
                shown = to_display(one.view.candidate.image)
                said = ", ".join(dict.fromkeys(reason.check for reason in one.verdict.reasons)) or "passes"
                cells.append((f"{name}: {said}", [shown, outline(shown, one.view.mask)]))
    print(json.dumps(result, indent=2))
    if args.sheet:
        write_bytes(args.sheet, encode_picture(contact_sheet(cells), "PNG"))


def _table(judged: list[Judged]) -> dict[str, Any]:
    passes = [not one.verdict.reasons for one in judged]
    refusals = Counter(check for one in judged for check in {reason.check for reason in one.verdict.reasons})
    kinds = {kind: [not one.verdict.reasons for one in judged if one.defect == kind] for kind in sorted({one.defect for one in judged})}
    return {
        "pictures": len(judged),
        "passed": round(float(np.mean(passes)), 3) if passes else None,
        "by kind": {kind: round(float(np.mean(own)), 2) for kind, own in kinds.items()},
        "refused by": {check: round(count / len(judged), 3) for check, count in refusals.most_common()},
    }


def _unseen(folder: Path) -> Iterator[Judged]:
    """Yield the rest of the strict third, and the faults made from it."""
    data = read(folder)
    learned = prepare_training(data, resolve("tiny", None, ["data.split=third"]))
    rest = {name: [load_sample(item) for item in items] for name, items in strict_third(data)[1].items() if name in learned.product.areas}
    yield from _judged(data, learned, collect_exemplars(rest, learned.product.shape.window))


def _left_out(folder: Path) -> Iterator[Judged]:
    """Yield each picture's defects, judged by limits of all others, and the faults made from them."""
    data = read(folder)
    config = resolve("tiny", None, [])
    side = prepare_training(data, config).product.shape.window
    settings = replace(config, data=replace(config.data, window=side))
    for defect, items in data.defects.items():
        for item in items:
            others = replace(data, defects={**data.defects, defect: tuple(one for one in items if one != item)})
            learned = prepare_training(others, settings)
            yield from _judged(data, learned, collect_exemplars({defect: [load_sample(item)]}, side))


def _judged(data: Dataset, learned: TrainingData, unseen: list[Exemplar]) -> Iterator[Judged]:
    config = learned.config
    verifier = Verifier(learned.product, learned.limits, learned.examples, config.quality, config.generation.feather)
    normals = [read_image(path) for path in (data.held_out_normals or data.normals)[:40]]
    scale, shape = learned.product.scale, learned.product.shape
    for exemplar in unseen:
        view = View.of_real(exemplar, verifier.known)
        yield Judged("real", exemplar.defect, view, verifier.verify_view(view))
        g = numpy_generator(0, "selectivity", exemplar.defect, exemplar.source, int(exemplar.area))
        image = normals[int(g.integers(len(normals)))]
        top, left = (int(g.integers(0, max(1, size - shape.window + 1))) for size in image.shape[:2])
        normal = shares(cut(image, top, left, shape.window), scale, shape.colours)
        for name, fault in _faulty(view, normal):
            yield Judged(name, exemplar.defect, fault, verifier.verify_view(fault))


def _faulty(view: View, normal: np.ndarray) -> Iterator[tuple[str, View]]:
    """Yield the faults of one real defect on a normal (S, S, C) in shares."""
    found = view.surroundings
    if not found.enough:
        return
    ratio = (found.picture[found.mask].mean(0) + 0.02) / (found.picture[found.ring].mean(0) + 0.02)
    fine = normal - cv2.GaussianBlur(normal, (0, 0), 1.0).reshape(normal.shape)
    limit = 3 * np.median(np.abs(fine)) / 0.6745
    mask = view.mask
    soft = band(mask, np.ones_like(mask), FALL)
    plain = {"flat band": grow(mask, WIDER), "hard area": mask}
    for name, weight, share in (("flat band", plain["flat band"], FAINTER), ("hard area", mask, 1.0), ("wiped", soft, 1.0)):
        own = plain.get(name, mask)
        if name == "wiped" and not _has_structure(normal, own):
            continue
        around = surroundings(normal, own, None)
        if not around.enough:
            continue
        flat = _tone(around) * (1 + share * (ratio - 1)) + fine.clip(-limit, limit)
        shown = weight[..., None].astype(np.float32)
        yield name, _drawn(view, normal * (1 - shown) + shown * flat, normal, own)


def _drawn(view: View, picture: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> View:
    """Return the picture as a drawn defect: a candidate with a normal, and no exemplar."""
    made = view.showing(picture.clip(0, 1).astype(np.float32), normal, mask, others=None)
    return View(made.candidate, view.known)


def _tone(around: Surroundings) -> np.ndarray:
    return np.asarray(around.picture[around.ring].mean(0))


def _has_structure(normal: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether something that could be wiped reaches the mask: the deviation along its border, a third more than a check can see."""
    outside = lines_across(normal, mask, None).mean(*OUTSIDE)
    outside = outside[np.isfinite(outside)]
    return len(outside) > 0 and float(outside.std()) > 4 / 3 * SHOWN


if __name__ == "__main__":
    main()
