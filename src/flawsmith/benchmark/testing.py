"""Reading the test part, once, when everything is chosen: columns, the detector without defects, and classifiers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from flawsmith.benchmark.classifiers.classify import train_classifier
from flawsmith.benchmark.detectors.nearest import fit_nearest
from flawsmith.benchmark.detectors.segment import anomaly_map
from flawsmith.benchmark.labelled import accepted_pairs, resized
from flawsmith.benchmark.protocol import NAMED, NEAREST, REAL
from flawsmith.benchmark.tallies import save_tally, tally_of
from flawsmith.benchmark.training import load_column, masks_of, may_turn
from flawsmith.benchmark.workspace import Workspace, of_one_kind
from flawsmith.core.devices import use_threads
from flawsmith.core.seeds import derive
from flawsmith.dataset.sample import GOOD, Item, load_sample
from flawsmith.metrics.detection import pixel_metrics


def evaluate_column(work: Workspace, column: str) -> dict[str, Any]:
    """Return a trained column's exact metrics on the test part, over all and per defect; its tally for intervals is written beside."""
    use_threads(work.threads)
    model, facts = load_column(work, column)
    maps, masks = [], []
    for item in work.test_items:
        sample = resized(load_sample(item), work.settings.resize)
        maps.append(anomaly_map(model, sample.image, facts["colours"], work.settings.device, facts["precision"]))
        masks.append(masks_of([sample])[0])
    return {"column": column, "share": facts["share"], **measure_maps(work, column, work.test_items, maps, masks)}


def evaluate_nearest(work: Workspace) -> dict[str, Any]:
    """Return the metrics of the nearest-neighbour detector, which learns from normals alone, on the test part."""
    use_threads(work.threads)
    nearest = fit_nearest([load_sample(item) for item in work.parts.learn.good], work.seed)
    samples = [load_sample(item) for item in work.test_items]
    maps = [nearest.map(s.image) for s in samples]
    scores = [nearest.score(m) for m in maps]
    return {"column": NEAREST, **measure_maps(work, NEAREST, work.test_items, maps, masks_of(samples), scores)}


def measure_maps(
    work: Workspace,
    column: str,
    items: Sequence[Item],
    maps: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    scores: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return exact metrics over all and per defect against all normals, and per picture; the tally is written beside the result.

    maps: (H, W) float32 each, higher is more anomalous; masks: (H, W) bool each; scores: one per picture, or found from the maps.
    """
    found = tally_of(items, maps, masks, scores)
    save_tally(work.tested(column).with_suffix(".npz"), found)
    per_defect = {}
    for name in dict.fromkeys(item.defect for item in of_one_kind(work.parts.test)):
        own = [i for i, item in enumerate(items) if item.defect in (name, GOOD)]
        pixels = pixel_metrics([maps[i] for i in own], [masks[i] for i in own])
        per_defect[name] = {"pixel_ap": pixels.ap, "pixel_auroc": pixels.auroc, "pixel_pro": pixels.pro}
    threshold = pixel_metrics(maps, masks).threshold
    pictures = []
    for item, anomaly, mask, score in zip(items, maps, masks, found.scores, strict=True):
        marked = anomaly >= threshold if threshold is not None else np.zeros_like(mask)
        both, either = int((marked & mask).sum()), int((marked | mask).sum())
        pictures.append(
            {
                "image": item.image.relative_to(work.parts.test.root).as_posix(),
                "defect": item.defect,
                "score": round(float(score), 4),
                "iou": round(both / either, 4) if either else 1.0,
                "missed": int((mask & ~marked).sum()),
                "false": int((marked & ~mask).sum()),
            }
        )
    return {"metrics": found.exact, "threshold": threshold, "defects": per_defect, "pictures": pictures}


def classified_kinds(work: Workspace) -> tuple[str | None, ...]:
    """Return what classifiers learn from beside real defects, None for those alone; nothing for a product with one kind of defect."""
    if len(work.parts.learn.defects) < 2:
        return ()
    return (None, *(name for name in NAMED if name in work.settings.made))


def classify(work: Workspace, made: str | None) -> dict[str, Any]:
    """Train a classifier of defects on real ones, with or without made pairs; return its answers on the test part."""
    use_threads(work.threads)
    settings, parts = work.settings, work.parts
    real = [load_sample(item) for item in of_one_kind(parts.learn)]
    pairs = [] if made is None else accepted_pairs(work.pairs(made))
    if settings.only_made and made is not None:
        real = []
    items = of_one_kind(parts.test)
    classifier = train_classifier(
        real,
        pairs,
        derive(work.seed, "classifier"),
        steps=settings.classifier_steps,
        network=settings.classifier_network,
        protocol="paper" if settings.protocol == "paper" else "default",
        turns=may_turn(parts.learn),
        device=settings.device,
    )
    answers = list(classifier.predict([load_sample(item) for item in items]))
    column = REAL if made is None else f"{made} only" if settings.only_made else f"{REAL} + {made}"
    return {
        "column": column,
        "network": classifier.name,
        "truth": [item.defect for item in items],
        "answers": answers,
        "units": [item.group or item.image.as_posix() for item in items],
    }
