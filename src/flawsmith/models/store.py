"""A trained model as one safetensors file that says everything needed to use it."""

import json
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from flawsmith.config.resolve import from_dict, to_dict
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError, RunError
from flawsmith.core.parsing import parse_json
from flawsmith.core.paths import leads_out
from flawsmith.core.tensors import read_safetensors, write_safetensors
from flawsmith.core.text import command
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.models.trainable import load_trainable
from flawsmith.product.product import Product, product_from, product_tree
from flawsmith.version import __version__

FORMAT = "flawsmith-5"


def save_model(path: Path, weights: dict[str, Tensor], config: Config, product: Product, step: int, base: str = "", data: str = "") -> None:
    """Write weights with configuration and product in the file's header.

    base: the digest of the backbone they belong to, whose adapters are kept in 16 bits; data: the digest of what was learned from.
    """
    metadata = {
        "format": FORMAT,
        "version": __version__,
        "config": json.dumps(to_dict(config)),
        "product": json.dumps(product_tree(product)),
        "step": str(step),
        "base": base,
        "data": data,
    }
    kept = {name: w.detach().cpu().contiguous() for name, w in weights.items()}
    if base:
        kept = {name: w.half() if w.is_floating_point() else w for name, w in kept.items()}
    write_safetensors(path, save(kept, metadata=metadata))


def load_model(path: Path, backbone: str = "") -> tuple[DualModel, Config, Product]:
    """Return model (evaluation mode, CPU), configuration and product of a file that `save_model` wrote.

    backbone: where the pretrained network lies now, if not where it did. Raises RunError for a file that cannot be used, or one that
    belongs to another network, and WeightsError where that is not there.
    """
    try:
        weights, metadata = read_safetensors(path)
    except FileNotFoundError:
        raise RunError(f"{path}: is missing; is this a RUN folder that `flawsmith fit` finished or saved a checkpoint in?") from None
    except (OSError, ValueError) as error:
        again = command("fit", "DATA", "-o", path.parents[1], "--resume")
        raise RunError(
            f"{path}: cannot be read ({error}). Copy the RUN folder anew, or have `{again}` write it again from its newest checkpoint."
        ) from error
    if metadata.get("format") != FORMAT:
        raise RunError(f"{path}: got format {metadata.get('format')!r}, expected {FORMAT}; fit again with this version of flawsmith.")
    try:
        config, product = from_dict(parse_json(metadata["config"])), product_from(parse_json(metadata["product"]))
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise RunError(f"{path}: its header is not as `fit` writes it ({error}); copy the RUN folder anew.") from error
    if backbone and config.model.backbone:
        config = replace(config, model=replace(config.model, backbone=backbone))
    if outside := next(filter(leads_out, product.shape.defects), None):
        raise RunError(f"{path}: calls a defect {outside!r}, which as a folder's name would lead out of OUT; nothing was made with it.")
    try:
        model = build_model(config.model, product.shape, seed=0)
    except (MemoryError, RuntimeError) as error:
        raise RunError(f"{path}: the network of its configuration cannot be built here ({error}); copy the RUN folder anew.") from error
    if model.base != metadata.get("base", ""):
        raise RunError(
            f"{path}: was learned on another network than {config.model.backbone}: its weights have the digest {model.base}, expected "
            f"{metadata.get('base')}; name the checkpoint that it was learned on."
        )
    try:
        load_trainable(model, weights)
    except RuntimeError as error:
        raise RunError(f"{path}: its weights are not those of its configuration ({error}); copy the RUN folder anew.") from error
    return model.eval().requires_grad_(False), config, product
