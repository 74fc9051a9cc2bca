"""The base model's weights: how they are kept, and the model they belong to."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from flawsmith.config.resolve import from_dict
from flawsmith.config.schema import ModelConfig
from flawsmith.core.errors import WeightsError
from flawsmith.core.tensors import check_safetensors, read_safetensors, write_safetensors
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.product.shape import ModelSpec

WEIGHTS = Path(__file__).with_name("weights.safetensors")
DEFECT = "defect"  # the one kind that the base knows: it takes the rest from exemplars
NAMED = "flawsmith-base-"
FORMAT = f"{NAMED}2"
FORM = ("width", "depth", "head_dim", "pixels", "tokens", "token_dim", "dual", "interaction", "saim_rank")  # of model.*: what must be alike
WINDOW, COLOURS = 64, 3  # of the model as it is trained; the weights depend on neither


def base_model(config: ModelConfig, seed: int) -> DualModel:
    """Return a fresh model as the base is trained; its weights depend on `seed` alone."""
    return build_model(config, ModelSpec((DEFECT,), COLOURS, WINDOW), seed)


def save_weights(path: Path, weights: dict[str, Tensor], config: ModelConfig, facts: dict[str, Any]) -> None:
    """Write weights in 16 bits with the network's configuration and `facts` of the training in the file's header."""
    kept = {name: w.detach().cpu().to(torch.float16).contiguous() for name, w in weights.items()}
    model = {key: getattr(config, key) for key in ("cells", *FORM)}
    write_safetensors(path, save(kept, metadata={"format": FORMAT, "model": json.dumps(model), "facts": json.dumps(facts)}))


def is_base(path: Path) -> bool:
    """Return whether a file says that it holds a base's weights, of whatever version."""
    try:
        return path.is_file() and check_safetensors(path).get("format", "").startswith(NAMED)
    except (OSError, ValueError):
        return False


def load_weights(path: Path | None = None) -> tuple[dict[str, Tensor], ModelConfig, dict[str, Any]]:
    """Return the weights in 32 bits, the configuration of their network and the facts; raises WeightsError for a file that is none.

    path: None = those that ship.
    """
    path = path or WEIGHTS
    try:
        kept, metadata = read_safetensors(path)
    except FileNotFoundError:
        raise WeightsError(f"{path}: the base model's weights are missing; install flawsmith anew, or use training.init=none.") from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); install flawsmith anew.") from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path}: got format {metadata.get('format')!r}, expected {FORMAT}; it is not of this version of flawsmith.")
    told = json.loads(metadata["model"])
    model = {key: told[key] for key in ("cells", *FORM)}  # and nothing else that another version may have written
    weights = {name: w.float() for name, w in kept.items()}
    return weights, from_dict({"model": model}).model, json.loads(metadata["facts"])
