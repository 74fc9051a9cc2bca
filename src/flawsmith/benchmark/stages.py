"""The pieces of a benefit experiment: each a function of plain arguments that writes its files and returns what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save

from flawsmith.benchmark.detectors.crops import SIDE
from flawsmith.benchmark.detectors.networks import UNet, build_network
from flawsmith.benchmark.detectors.segment import anomaly_map, picture_score, train_segmenter
from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.labelled import Labelled, accepted_pairs, colours_of, from_sample, learned_pictures, resized
from flawsmith.benchmark.protocol import GENERATED, NAMED, NEAREST, REAL, THIRD, Settings, made_of
from flawsmith.benchmark.tallies import save_tally
from flawsmith.config.resolve import resolve
from flawsmith.core.devices import use_threads
from flawsmith.core.errors import RunError
from flawsmith.core.files import prepare_output, write_bytes, write_json
from flawsmith.core.seeds import derive
from flawsmith.dataset.reading import load_sample, read
from flawsmith.dataset.sample import GOOD, Dataset, Item, Sample
from flawsmith.dataset.splits import Parts, few_shot
from flawsmith.metrics.detection import pixel_metrics
from flawsmith.metrics.statistics import tally
from flawsmith.pairs.folder import PairFolder
from flawsmith.product.direction import has_direction
from flawsmith.product.foreground import LOOKED_AT


@dataclass(frozen=True)
class Place:
    """Where one repetition of the experiment works: a number of shots and a seed."""

    data: Path  # the data folder
    root: Path  # the report folder
    shots: str
    seed: int
    settings: Settings
    threads: int = 1

    @property
    def folder(self) -> Path:
        """The folder of this repetition."""
        return self.root / "work" / f"shots-{self.shots}" / f"seed-{self.seed}"

    @property
    def run(self) -> Path:
        """The RUN folder of its fit."""
        return self.folder / "run"

    def pairs(self, made: str) -> Path:
        """Return the OUT folder of one kind of made pairs."""
        return self.folder / "pairs" / made

    def trained(self, column: str, share: float) -> Path:
        """Return the result file of one training; its weights lie beside it."""
        return self.folder / "trained" / f"{slug(column)}-{share:g}.json"

    def chosen(self, column: str) -> Path:
        """Return the result file of a training whose share the first seed chose."""
        return self.folder / "trained" / f"{slug(column)}.json"

    def classified(self, made: str | None) -> Path:
        """Return the result file of a classifier."""
        return self.folder / "classified" / f"{made or REAL}.json"

    def measured(self, made: str) -> Path:
        """Return the result file of the comparison of made pairs with real ones."""
        return self.folder / "measured" / f"{made}.json"

    def tested(self, column: str) -> Path:
        """Return the result file of a column's test."""
        return self.folder / "tested" / f"{slug(column)}.json"

    def parts(self) -> Parts:
        """Return the parts of the data; the test part's pictures are not decoded."""
        return cut_parts(self.data, self.shots, not self.settings.only_made)


@lru_cache(maxsize=4)
def cut_parts(data: Path, shots: str, validation: bool) -> Parts:
    """Return the parts of a data folder for a number of shots."""
    return few_shot(read(data), None if shots == THIRD else int(shots), validation)


def slug(column: str) -> str:
    """Return a column's name as a file name."""
    return column.replace(" + ", "+").replace(" ", "-")


def defects_of(part: Dataset) -> list[Item]:
    """Return the labelled defects of a part in one list, by defect and path."""
    return [item for items in part.defects.values() for item in items]


def fit_generator(place: Place) -> dict[str, Any]:
    """Fit on the part to learn from; an interrupted fit goes on from its last checkpoint."""
    from flawsmith.training.loop import fit

    config = resolve(place.settings.preset, None, [*place.settings.fit_settings, f"training.seed={place.seed}"])
    going = (place.run / "checkpoints").is_dir()
    if not going and place.run.exists():
        prepare_output(place.run, overwrite=True)
    return fit(place.parts().learn, place.run, config, resume=going, device=place.settings.device, threads=place.threads, quiet=True)


def make_generated(place: Place) -> dict[str, Any]:
    """Generate pairs with the fitted model."""
    from flawsmith.generation.generator import load_generator
    from flawsmith.generation.request import Request

    out = place.pairs(GENERATED)
    count = place.settings.pairs * len(place.parts().learn.defects)
    keys = [s for s in place.settings.fit_settings if s.startswith(("generation.", "quality."))]
    generator = load_generator(place.run, device=place.settings.device, threads=place.threads, settings=keys)
    summary = generator.generate(out, Request(count, seed=place.seed), resume=PairFolder(out).begun, quiet=True)
    if not any(pair.accepted for pair in PairFolder(out).read()):
        why = ", ".join(f"{name} ({times})" for name, times in sorted(summary.reasons.items(), key=lambda x: -x[1])[:3])
        raise RunError(
            f"{out}: none of {count} wanted pairs passed the checks; what they found most: {why}. Let the fits take longer (--max-steps, "
            "--max-minutes)."
        )
    return {"accepted": summary.accepted, "rejected": summary.rejected, "failed": summary.failed, "reasons": summary.reasons}


def make_baseline(place: Place, name: str) -> dict[str, Any]:
    """Make a baseline's pairs from the same learned part."""
    from flawsmith.benchmark.baselines.make import write_baseline

    use_threads(place.threads)
    learn, out = place.parts().learn, place.pairs(name)
    return write_baseline(name, learn, out, place.settings.pairs * len(learn.defects), place.seed, overwrite=True)


@dataclass(frozen=True)
class Learnt:
    """What a detector trains on, and how it looks at pictures."""

    real: list[Labelled]  # normals among them
    made: list[Labelled]
    side: int  # of the crops
    colours: int
    turns: bool  # whether crops may be turned by quarters


def gather(place: Place, column: str) -> Learnt:
    """Return what a column trains on."""
    learn, resize = place.parts().learn, place.settings.resize
    items = defects_of(learn)
    samples = [resized(load_sample(item), resize) for item in items]
    colours = max(colours_of(samples), *(load_sample(item).colours for item in learn.normals[:1]))
    side = resize or SIDE
    made = made_of(column)
    own = items if column == REAL or not column.endswith(" only") else []
    pairs = [] if made is None else [resized(s, resize) for s in accepted_pairs(place.pairs(made))]
    real = learned_pictures([*own, *learn.normals], colours, side, resize)
    made_pictures = [from_sample(s, colours, side) for s in pairs if s.mask is not None and s.mask.any()]
    return Learnt(real, made_pictures, side, colours, may_turn(learn))


def may_turn(learn: Dataset) -> bool:
    """Return whether pictures of the product may be turned by quarters: its normals have no direction."""
    return not has_direction([load_sample(item).image for item in learn.normals[:LOOKED_AT]])


def train_column(place: Place, column: str, share: float) -> dict[str, Any]:
    """Train one column's segmenter and say how it does on the validation part as it goes."""
    use_threads(place.threads)
    settings, parts = place.settings, place.parts()
    learnt = gather(place, column)
    watched = [resized(load_sample(item), settings.resize) for item in (*defects_of(parts.validation), *parts.validation.held_out_normals)]
    curve: list[dict[str, Any]] = []

    def look(step: int, model: UNet) -> None:
        if any(s.mask is not None for s in watched):
            maps = [anomaly_map(model, s.image, learnt.colours, settings.device) for s in watched]
            found = pixel_metrics(maps, masks_of(watched))
            curve.append({"step": step, "pixel_ap": found.ap, "pixel_auroc": found.auroc, "pixel_pro": found.pro})

    training = replace(settings.training, share=share)
    seed = derive(place.seed, "segmenter")  # the same for every column
    model = train_segmenter(learnt.real, learnt.made, training, learnt.side, seed, settings.device, learnt.turns, look)
    state = {name: w.cpu().contiguous() for name, w in model.state_dict().items()}
    metadata = {"network": training.network, "colours": str(learnt.colours)}
    write_bytes(place.trained(column, share).with_suffix(".safetensors"), save(state, metadata=metadata))
    return {"column": column, "share": share, "curve": curve, "colours": learnt.colours, "crop": learnt.side, "pairs": len(learnt.made)}


def masks_of(samples: Sequence[Sample]) -> list[np.ndarray]:
    """Return the masks (H, W) bool, empty ones for normals."""
    return [np.zeros(s.image.shape[:2], bool) if s.mask is None else s.mask for s in samples]


def choose_share(place: Place, column: str) -> float:
    """Return the share of made crops that did best on the validation part with the first seed; the smaller of equal ones."""
    shares = place.settings.shares_of(column)
    if len(shares) == 1:
        return shares[0]
    first = replace(place, seed=place.settings.seed)
    curves = {share: read_result(first.trained(column, share))["curve"] for share in shares}
    return max(sorted(shares), key=lambda share: (curves[share][-1]["pixel_ap"] or 0.0) if curves[share] else 0.0)


def train_chosen(place: Place, column: str) -> dict[str, Any]:
    """Train a column of a further seed with the share that the first seed chose."""
    share = choose_share(place, column)
    result = train_column(place, column, share)
    write_json(place.trained(column, share), result)
    return result


def load_column(place: Place, column: str) -> tuple[UNet, dict[str, Any]]:
    """Return a column's trained segmenter, with the share of made pairs that was chosen, and what its training said of it."""
    path = place.trained(column, choose_share(place, column))
    facts = read_result(path)
    model = build_network(place.settings.training.network, facts["colours"], 0)
    model.load_state_dict(load_file(path.with_suffix(".safetensors")))
    return model.to(place.settings.device).eval(), facts


def try_column(place: Place, column: str) -> dict[str, Any]:
    """Try a trained column on the test part: exact metrics over all and per defect, and the tally for intervals."""
    use_threads(place.threads)
    settings, parts = place.settings, place.parts()
    model, facts = load_column(place, column)
    items = [*defects_of(parts.test), *parts.test.held_out_normals]
    maps, masks = [], []
    for item in items:
        sample = resized(load_sample(item), settings.resize)
        maps.append(anomaly_map(model, sample.image, facts["colours"], settings.device))
        masks.append(masks_of([sample])[0])
    return {"column": column, "share": facts["share"], **measure_maps(place, column, items, maps, masks)}


def measure_maps(
    place: Place, column: str, items: Sequence[Item], maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], scores: Any = None
) -> dict[str, Any]:
    """Return exact metrics over all and per defect against all normals, and per picture; write the tally beside the result."""
    scores = [picture_score(m) for m in maps] if scores is None else scores
    units = [item.group or item.image.as_posix() for item in items]
    found = tally(maps, masks, scores, [item.defect for item in items], units)
    save_tally(place.tested(column).with_suffix(".npz"), found)
    per_defect = {}
    for name in place.parts().test.defects:
        own = [i for i, item in enumerate(items) if item.defect in (name, GOOD)]
        pixels = pixel_metrics([maps[i] for i in own], [masks[i] for i in own])
        per_defect[name] = {"pixel_ap": pixels.ap, "pixel_auroc": pixels.auroc, "pixel_pro": pixels.pro}
    threshold = pixel_metrics(maps, masks).threshold
    pictures = []
    for item, anomaly, mask, score in zip(items, maps, masks, scores, strict=True):
        marked = anomaly >= threshold if threshold is not None else np.zeros_like(mask)
        both, either = int((marked & mask).sum()), int((marked | mask).sum())
        pictures.append(
            {
                "image": item.image.relative_to(place.parts().test.root).as_posix(),
                "defect": item.defect,
                "score": round(float(score), 4),
                "iou": round(both / either, 4) if either else 1.0,
                "missed": int((mask & ~marked).sum()),
                "false": int((marked & ~mask).sum()),
            }
        )
    return {"metrics": found.exact, "threshold": threshold, "defects": per_defect, "pictures": pictures}


def try_nearest(place: Place) -> dict[str, Any]:
    """Try the nearest-neighbour detector, which learns from normals alone, on the test part."""
    from flawsmith.benchmark.detectors.nearest import fit_nearest

    use_threads(place.threads)
    parts = place.parts()
    nearest = fit_nearest([load_sample(item) for item in parts.learn.normals], place.seed)
    items = [*defects_of(parts.test), *parts.test.held_out_normals]
    samples = [load_sample(item) for item in items]
    maps = [nearest.map(s.image) for s in samples]
    scores = [nearest.score(m) for m in maps]
    return {"column": NEAREST, **measure_maps(place, NEAREST, items, maps, masks_of(samples), scores)}


def classified_kinds(place: Place) -> tuple[str | None, ...]:
    """Return what classifiers learn from beside real defects, None for those alone; nothing for a product with one kind of defect."""
    if len(place.parts().learn.defects) < 2:
        return ()
    return (None, *(name for name in NAMED if name in place.settings.made))


def classify(place: Place, made: str | None) -> dict[str, Any]:
    """Train a classifier of defects on real ones, with or without made pairs, and try it on the test part."""
    from flawsmith.benchmark.classifiers.classify import train_classifier

    use_threads(place.threads)
    settings, parts = place.settings, place.parts()
    real = [load_sample(item) for item in defects_of(parts.learn)]
    pairs = [] if made is None else accepted_pairs(place.pairs(made))
    if settings.only_made and made is not None:
        real = []
    items = defects_of(parts.test)
    classifier = train_classifier(
        real,
        pairs,
        derive(place.seed, "classifier"),
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


def measure_pairs(place: Place, made: str) -> dict[str, Any]:
    """Compare a folder of made pairs with the real defects of the test part, without any detector."""
    from flawsmith.workflows.evaluate import measure

    use_threads(place.threads)
    parts = place.parts()
    found = measure(defects_of(parts.test), place.pairs(made), seed=place.seed, learned=defects_of(parts.learn))
    return {"made": made, **found}
