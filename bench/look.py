"""Do generated defects look like real ones? An independent judge, kernel distance and copies, with classical baselines beside them.

    python bench/look.py DATA [OUT ...] [--shots 0] [--baselines copy-paste,poisson] [--pairs 40] [--seed 0] [--threads 1]

DATA is what flawsmith was fitted on, `--shots` labelled pictures per defect of it (0: the strict third, `data.split=third`); each OUT is a
folder that `flawsmith generate` wrote. The baselines learn from the same part, `--pairs` pairs of each kind. Prints JSON. Real is what the
generator has not seen: the test part of the strict split (flawsmith.dataset.splits).

auroc            how often the judge takes a real defect for the more real of a real one and a generated one of its kind, with a 95 %
                 interval over specimens and normals. 0.5: nothing tells them apart. Five folds, by specimen and by source normal, so that
                 the judge has seen neither background. It may have seen the same defect: who pastes three defects again and again is
                 found out by that, however real they look
auroc_new        the same, and the judge has not learned from pairs whose nearest learned defect is the same either: the look alone
beside           auroc of the same judge on places without a defect, under the same masks: what specimens and normals alone give away
size             auroc of the side of the defect's box: what sizes alone give away
used             real and generated defects of a kind and size that both have
kid, copies, patch_copies   of `flawsmith evaluate`: defect windows (offline extractor) against the same real part; copies of learned
                 defects; patches found in them, beside the share that real defects have in common

Controls, means over random halves of the real part by specimen, with the 5th and 95th percentile; as they have half of the defects each,
they are the least that the judge can do:
same             one half against the other: must be 0.5
wide, thin       the same, the masks of one half 2 px wider, or 1 px thinner, as one labeller draws otherwise than another: should be 0.5
flat             one half filled with its mean colour: must be near 1
soft             one half blurred inside its masks (2 px): should be high; of binarised products no more than outlines are left to see
moved            one half cut out and pasted somewhere else in its own picture, as it is: high where defects belong to a structure
learned          the real part against the few real defects that the generator learned from: what a generator that repeats them
                 exactly, in their own pictures, would get
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import describe

from flawsmith.benchmark.baselines.make import write_baseline
from flawsmith.benchmark.classifiers.views import main_defect
from flawsmith.benchmark.look.judge import Verdict, compare, halves
from flawsmith.benchmark.look.windows import Eye, SeenDefect, ShownDefect, eye_for, shown_sample
from flawsmith.core.devices import use_threads
from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.components import Component, whole
from flawsmith.dataset.sample import Dataset, Item, load_sample
from flawsmith.dataset.splits import few_shot
from flawsmith.dataset.windows import Box, grow
from flawsmith.formats.reading import read
from flawsmith.metrics.features import load_extractor
from flawsmith.metrics.looking import Reference, look
from flawsmith.metrics.measure import numbers_of, reference_of
from flawsmith.pairs.folder import PairFolder

HALVES = 10  # random halves of a control
WIDER = 2  # pixels
BLUR = 2.0  # pixels, standard deviation
PLACES = 20


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", nargs="*", type=Path)
    parser.add_argument("--shots", type=int, default=0)
    parser.add_argument("--baselines", default="copy-paste,poisson")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    use_threads(args.threads)
    for out in args.out:
        PairFolder(out).accepted()  # raises before the long work where there are none
    begun = time.monotonic()
    parts = few_shot(read(args.data), args.shots or None, validation=False)
    learned, unseen = (items_of(part) for part in (parts.learn, parts.test))
    extractor = load_extractor("offline")
    eye = eye_for(parts.learn, extractor.maps, args.seed)
    real, controls = _controls(unseen, learned, eye, args.seed)
    reference = reference_of(unseen, extractor, args.seed, learned)
    result = describe("cpu") | {"data": args.data.name, "learned": len(learned), "real": len(real)}
    result |= {"judge": f"ridge on differences of {extractor.name} {extractor.digest}", "controls": controls, "pairs": {}}
    result["seconds"] = {"real part and controls": round(time.monotonic() - begun, 1)}
    with tempfile.TemporaryDirectory() as folder:
        for name in filter(None, args.baselines.split(",")):
            write_baseline(name, parts.learn, Path(folder) / name, args.pairs * len(parts.learn.defects), args.seed)
        for out in (*args.out, *sorted(Path(folder).iterdir())):
            begun = time.monotonic()
            name = out.name if out.parent == Path(folder) else str(out)
            result["pairs"][name] = judged(out, real, eye, reference, args.seed)
            result["seconds"][name] = round(time.monotonic() - begun, 1)
    print(json.dumps(result, indent=2))


def items_of(part: Dataset) -> list[Item]:
    """Return the labelled defects of a part."""
    return [item for items in part.defects.values() for item in items]


def judged(out: Path, real: Sequence[SeenDefect], eye: Eye, reference: Reference, seed: int) -> dict[str, Any]:
    """Return the numbers of the docstring for the accepted pairs in a folder."""
    folder = PairFolder(out)
    made = [eye.see(ShownDefect(p.id, p.defect, p.normal or p.id, folder.image(p), folder.mask(p))) for p in folder.accepted()]
    pairs = look(reference, out, seed)
    numbers = numbers_of(reference, pairs, seed)["all"]
    # what is like none of the learned defects is a group of its own
    nearest = [f"{pair.seen.defect}: {pair.values['copy_of'] if pair.values['copy'] else pair.seen.name}" for pair in pairs]
    result: dict[str, Any] = {}
    for name, groups in (("auroc", None), ("auroc_new", nearest)):
        try:
            result[name] = _shown(compare(real, made, groups, seed), seed)
        except DataError as error:
            result[name] = {"value": None, "reason": str(error)}
    kid = numbers["windows"]["kid"]
    result["kid"] = {key: kid[key] for key in ("value", "deviation", "mean", "reason") if key in kid}
    for name in ("copies", "patch_copies"):
        result[name] = {key: value for key, value in numbers["masks"][name].items() if key not in ("extractor", "how")}
    return result


def _shown(verdict: Verdict, seed: int) -> dict[str, Any]:
    low, high = verdict.estimate(seed).interval()
    beside = verdict.auroc_beside()
    return {
        "value": round(verdict.auroc(), 3),
        "interval": [round(low, 3), round(high, 3)],
        "beside": None if beside is None else round(beside, 3),
        "size": round(verdict.auroc_of_size(), 3),
        "used": [len(verdict.real), len(verdict.made)],
        "kinds": {kind: round(verdict.auroc(kind), 3) for kind in sorted({x.kind for x in verdict.real})},
    }


def _controls(unseen: Sequence[Item], learned: Sequence[Item], eye: Eye, seed: int) -> tuple[list[SeenDefect], dict[str, Any]]:
    """Return the real defects as seen, and what the judge makes of them where the answer is known."""
    seen: dict[str, list[SeenDefect]] = {name: [] for name in ("same", "wide", "thin", "flat", "soft", "moved")}
    for item in unseen:
        shown = shown_sample(load_sample(item))
        thin = cv2.erode(shown.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        changed = {
            "wide": replace(shown, mask=grow(shown.mask, WIDER)),
            "thin": replace(shown, mask=thin if thin.any() else shown.mask),
            "flat": shown.filled(np.broadcast_to(shown.image[shown.mask].mean(0), shown.image.shape)),
            "soft": shown.filled(cv2.GaussianBlur(shown.image, (0, 0), BLUR).reshape(shown.image.shape)),
            "moved": _moved(shown, numpy_generator(seed, "moved", shown.kind, shown.name)),
        }
        seen["same"].append(eye.see(shown))
        for name, other in changed.items():
            seen[name].append(eye.see(other, beside=False))
    real = seen["same"]
    found = {name: [_half(real, others, seed, number) for number in range(HALVES)] for name, others in seen.items()}
    result: dict[str, Any] = {
        name: {"value": round(float(np.mean(values)), 3), "spread": np.percentile(values, [5, 95]).round(3).tolist()}
        for name, values in found.items()
    }
    try:
        result["learned"] = _shown(compare(real, [eye.see(shown_sample(load_sample(item))) for item in learned], seed=seed), seed)
    except DataError as error:
        result["learned"] = {"value": None, "reason": str(error)}
    return real, result


def _moved(shown: ShownDefect, g: np.random.Generator) -> ShownDefect:
    """Return the picture with its defect once more, somewhere else, and that one's mask; of PLACES where it overlaps itself least."""
    one = whole(main_defect(shown.mask))
    box, size = one.box, shown.mask.shape
    places = g.integers(0, [size[0] - box.height + 1, size[1] - box.width + 1], (PLACES, 2))
    masks = [Component(Box(int(top), int(left), box.height, box.width), one.shape).mask(size) for top, left in places]
    best = int(np.argmin([(mask & shown.mask).sum() for mask in masks]))
    image = shown.image.copy()
    image[masks[best]] = shown.image[one.mask(size)]
    return replace(shown, image=image, mask=masks[best])


def _half(real: Sequence[SeenDefect], others: Sequence[SeenDefect], seed: int, number: int) -> float:
    """Return the judge's answer for one half of the real defects against the other half as they are in `others`, in the same order.

    Their sizes need no matching: the halves are random.
    """
    first = halves(real, numpy_generator(seed, "half", number))
    one = [x for x, mine in zip(real, first, strict=True) if mine]
    other = [x for x, mine in zip(others, first, strict=True) if not mine]
    return compare(one, other, seed=number, repeats=2, step=np.inf).auroc()


if __name__ == "__main__":
    main()
