"""Training one column's detector: what it trains on, and what the validation part says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from safetensors.torch import save
from torch import nn

from flawsmith.benchmark.choosing import choose_share
from flawsmith.benchmark.detectors.crops import SIDE
from flawsmith.benchmark.detectors.networks import build_network
from flawsmith.benchmark.detectors.segment import anomaly_map, train_segmenter
from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.labelled import LabelledImage, accepted_pairs, colours_of, from_sample, learned_pictures, resized
from flawsmith.benchmark.misses import missed
from flawsmith.benchmark.protocol import REAL, form_of, made_of
from flawsmith.benchmark.tallies import save_tally, tally_of
from flawsmith.benchmark.workspace import Workspace, defects_of
from flawsmith.core.devices import use_threads
from flawsmith.core.errors import RunError
from flawsmith.core.files import write_json
from flawsmith.core.seeds import derive
from flawsmith.core.tensors import read_safetensors, write_safetensors
from flawsmith.dataset.sample import Dataset, Sample, load_sample
from flawsmith.metrics.detection import pixel_metrics
from flawsmith.product.direction import has_direction
from flawsmith.product.learn import looked_at


@dataclass(frozen=True)
class TrainingSet:
    """What a detector trains on, and how crops are cut from it."""

    real: list[LabelledImage]  # normals among them
    made: list[LabelledImage]
    side: int  # of the crops in pixels
    colours: int  # channels
    turns: bool  # whether crops may be turned by quarters


def training_set(work: Workspace, column: str) -> TrainingSet:
    """Return what a column trains on."""
    learn, resize = work.parts.learn, work.settings.resize
    items = defects_of(learn)
    samples = [resized(load_sample(item), resize) for item in items]
    colours = max(colours_of(samples), *(load_sample(item).colours for item in learn.good[:1]))
    side = resize or SIDE
    made = made_of(column)
    own = items if column == REAL or not column.endswith(" only") else []
    pairs = [] if made is None else [resized(s, resize) for s in accepted_pairs(work.pairs(made), form_of(column))]
    real = learned_pictures([*own, *learn.good], colours, side, resize)
    made_pictures = [from_sample(s, colours, side) for s in pairs if s.mask is not None and s.mask.any()]
    return TrainingSet(real, made_pictures, side, colours, may_turn(learn))


def may_turn(learn: Dataset) -> bool:
    """Return whether pictures of the product may be turned by quarters: its normals have no direction."""
    return not has_direction([load_sample(learn.good[i]).image for i in looked_at(len(learn.good))])


def train_column(work: Workspace, column: str, share: float) -> dict[str, Any]:
    """Train one column's segmenter and return its curve; weights and what the validation part says at the end lie beside."""
    use_threads(work.threads)
    settings = work.settings
    learned = training_set(work, column)
    items = work.validation_items
    watched = [resized(load_sample(item), settings.resize) for item in items]
    masks = masks_of(watched)

    def maps(model: nn.Module, precision: str) -> list[np.ndarray]:
        return [anomaly_map(model, s.image, learned.colours, settings.device, precision) for s in watched]

    def evaluate(model: nn.Module, precision: str) -> dict[str, float | None]:
        found = pixel_metrics(maps(model, precision), masks)
        return {"pixel_ap": found.ap, "pixel_auroc": found.auroc, "pixel_pro": found.pro}

    training = replace(settings.training, share=share)
    seed = derive(work.seed, "segmenter")  # the same for every column
    watch = evaluate if work.parts.validation.defects else None
    trained = train_segmenter(learned.real, learned.made, training, learned.side, seed, settings.device, learned.turns, watch)
    path = work.trained(column, share)
    overlooked: list[str] | None = None
    if watch:
        found = maps(trained.model, trained.precision)
        save_tally(path.with_suffix(".npz"), tally_of(items, found, masks))
        overlooked = missed(work.parts.validation.root, items, found, masks)
    state = {name: w.cpu().contiguous() for name, w in trained.model.state_dict().items()}
    metadata = {"network": training.network, "colours": str(learned.colours)}
    write_safetensors(path.with_suffix(".safetensors"), save(state, metadata=metadata))
    facts = {"column": column, "share": share, "colours": learned.colours, "crop": learned.side, "pairs": len(learned.made)}
    facts |= {"precision": trained.precision, "missed": overlooked}
    return {**facts, "curve": trained.curve}


def train_chosen(work: Workspace, column: str) -> dict[str, Any]:
    """Train a column of a further seed with the share that the first seed chose."""
    share = choose_share(work, column).share
    result = train_column(work, column, share)
    write_json(work.trained(column, share), result)
    return result


def load_column(work: Workspace, column: str) -> tuple[nn.Module, dict[str, Any]]:
    """Return a column's trained segmenter, with the share of made pairs that was chosen, and what its training said of it.

    Raises RunError for weights that are not as they were written.
    """
    path = work.trained(column, choose_share(work, column).share)
    facts = read_result(path)
    model = build_network(work.settings.training.network, facts["colours"], 0)
    weights = path.with_suffix(".safetensors")
    try:
        model.load_state_dict(read_safetensors(weights)[0])
    except (OSError, ValueError) as error:
        raise RunError(f"{weights}: cannot be read ({error}). Delete {path} to have it trained anew, and go on with --resume.") from error
    return model.to(work.settings.device).eval(), facts


def masks_of(samples: Sequence[Sample]) -> list[np.ndarray]:
    """Return the masks (H, W) bool, empty ones for normals."""
    return [np.zeros(s.image.shape[:2], bool) if s.mask is None else s.mask for s in samples]
