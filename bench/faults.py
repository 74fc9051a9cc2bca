"""What the checks say of faults made on purpose: pictures and reasons, and how the consistency falls as a mask is moved.

    python bench/faults.py RUN OUT [--picture FILE.png] [--pairs 100]

OUT: pairs that `flawsmith generate RUN -o OUT` made onto normals. Prints JSON: the mean consistency over the accepted pairs for masks
moved by 0 to 8 px and the share of pairs for which it fell at every step; the share of unchanged normals under those masks, and of
pasted training defects, that are rejected; and one example of each fault with its reasons, which --picture draws.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from machine import describe

from flawsmith.compositing.blending import band, blend
from flawsmith.compositing.change import change_map
from flawsmith.compositing.mask_refinement import consistency
from flawsmith.core.files import write_bytes
from flawsmith.dataset.windows import cut
from flawsmith.generation.generator import Generator, load_generator
from flawsmith.images.files import read_image
from flawsmith.pairs.folder import PairFolder
from flawsmith.product.exemplars import load_exemplars
from flawsmith.quality.checks.visible import changed_from
from flawsmith.quality.view import Candidate
from flawsmith.reports.drawing import encode_picture, outline, to_display
from flawsmith.reports.sheets import contact_sheet

SHIFTS = (0, 1, 2, 3, 4, 6, 8)  # pixels, sideways


@dataclass(frozen=True)
class Pair:
    """One accepted pair's defect in a window."""

    finding: Candidate
    name: str


def main() -> None:
    """Print the measurement as JSON and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--pairs", type=int, default=100)
    args = parser.parse_args()
    generator = load_generator(args.run, threads=1)
    pairs = list(_pairs(args.out, generator))[: args.pairs]
    span, known = generator.product.scale.high - generator.product.scale.low, generator.verifier.known
    curves = np.array([_shifted(pair.finding, span, changed_from(known, pair.finding.defect)) for pair in pairs])  # (pairs, shifts)
    unchanged = [
        generator.verifier.verify(replace(p.finding, image=p.finding.normal)).reasons for p in pairs if p.finding.normal is not None
    ]
    pastes = [generator.verifier.verify(finding).reasons for finding in _pastes(generator, args.run, pairs)]
    caught = [any(reason.check == "copy" for reason in reasons) for reasons in pastes]
    result = describe("cpu") | {"run": args.run.name, "pairs": len(pairs)}
    result |= {"consistency_by_shift": dict(zip(map(str, SHIFTS), curves.mean(0).round(3).tolist(), strict=True))}
    result |= {"always_falling": round(float((np.diff(curves, axis=1) < 0).all(1).mean()), 3)}
    result |= {"unchanged_rejected": round(float(np.mean([bool(r) for r in unchanged])), 3)}
    result |= {"pasted": len(caught), "pasted_flagged_as_copy": round(float(np.mean(caught)), 3) if caught else None}
    examples = [(name, finding, generator.verifier.verify(finding)) for name, finding in _examples(generator, args.run, pairs)]
    print(
        json.dumps(
            result | {"examples": {name: [str(reason) for reason in verdict.reasons] or ["accepted"] for name, _, verdict in examples}},
            indent=2,
        )
    )
    if args.picture:
        cells = []
        for name, finding, verdict in examples:
            shown = to_display(finding.image)
            checks = ", ".join(dict.fromkeys(reason.check for reason in verdict.reasons)) or "accepted"
            cells.append((f"{name}  >  {checks}", [shown, outline(shown, finding.mask)]))
        write_bytes(args.picture, encode_picture(contact_sheet(cells), "PNG"))


def _pairs(out: Path, generator: Generator) -> Iterator[Pair]:
    """Yield the windows of the accepted pairs with one defect."""
    side = generator.product.shape.window
    folder = PairFolder(out)
    for pair in folder.read():
        if not pair.accepted or len(pair.placed()) != 1 or not pair.normal:
            continue
        box = pair.placed()[0].box
        assert box is not None
        top, left, height, width = box.top, box.left, box.height, box.width
        rows, columns = max(side, height + 24), max(side, width + 24)
        here = top + height // 2 - rows // 2, left + width // 2 - columns // 2, rows, columns
        image, normal, mask = folder.image(pair), read_image(pair.normal), folder.mask(pair)
        yield Pair(Candidate(cut(image, *here), cut(normal, *here), cut(mask, *here), pair.defect), pair.id)


def _shifted(finding: Candidate, span: float, floor: float) -> list[float]:
    assert finding.normal is not None
    change = change_map(finding.image, finding.normal, span)
    return [consistency(change, np.roll(finding.mask, shift, axis=1), floor) for shift in SHIFTS]


def _pastes(generator: Generator, run: Path, pairs: list[Pair]) -> Iterator[Candidate]:
    """Yield every real defect that fits a window, blended onto the normal window of some pair as the product blends."""
    for number, example in enumerate(load_exemplars(run / "model" / "exemplars.safetensors")):
        normal = pairs[number % len(pairs)].finding.normal
        assert normal is not None
        if example.mask.sum() < example.area or normal.shape[2] != example.image.shape[2]:
            continue
        side = example.mask.shape[0]
        base = np.ascontiguousarray(normal[:side, :side])
        drawn = generator.product.scale.to_model(example.image, generator.product.shape.colours)
        weights = band(example.mask, np.ones_like(example.mask), generator.config.generation.feather)
        yield Candidate(blend(base, drawn, weights, generator.product.scale), base, example.mask, example.defect)


def _examples(generator: Generator, run: Path, pairs: list[Pair]) -> Iterator[tuple[str, Candidate]]:
    """Yield one generated defect as it is, and with each fault."""
    finding = max((p.finding for p in pairs if p.finding.mask.sum() < 0.1 * p.finding.mask.size), key=lambda f: int(f.mask.sum()))
    assert finding.normal is not None
    image, normal, mask = finding.image, finding.normal, finding.mask
    yield "as generated", finding
    yield "unchanged normal", replace(finding, image=normal)
    yield "mask moved by 6 px", replace(finding, mask=np.roll(mask, 6, axis=1))
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    yield "mask too wide", replace(finding, mask=wide)
    hard = image.copy()
    hard[cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0] //= 2
    yield "hard border around it", replace(finding, image=np.where(mask[..., None], image, hard))
    noisy = image.astype(np.float32) + np.random.default_rng(0).normal(0, 25, image.shape) * mask[..., None]
    yield "noise inside", replace(finding, image=np.clip(noisy, 0, 255).astype(image.dtype))
    specks = mask.copy()
    specks[::6], specks[:, ::6] = False, False
    yield "mask in pieces", replace(finding, mask=specks)
    yield "pasted training defect", next(_pastes(generator, run, pairs))


if __name__ == "__main__":
    main()
