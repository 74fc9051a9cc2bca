"""Everything a training needs to go on as if it had never stopped, in one safetensors file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from flawsmith.core.errors import RunError
from flawsmith.core.files import write_bytes
from flawsmith.models.trainable import load_trainable, trainable
from flawsmith.training.ema import MovingAverage


def save_checkpoint(
    folder: Path,
    step: int,
    model: nn.Module,
    average: MovingAverage,
    optimiser: torch.optim.Optimizer,
    facts: dict[str, Any],
    keep: int,
    best: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """Write FOLDER/step-NNNNNNN.safetensors and delete all but the newest `keep` (0: none).

    facts: plain values for the header; best: the averaged weights that were best so far, by name.
    """
    tensors = {f"model.{name}": p for name, p in trainable(model).items()}
    tensors |= {f"average.{name}": p for name, p in average.weights.items()}
    tensors |= {f"best.{name}": w for name, w in (best or {}).items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    path = folder / f"step-{step:07d}.safetensors"
    content = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    write_bytes(path, save(content, metadata={"step": str(step), "facts": json.dumps(facts)}))
    for old in sorted(folder.glob("step-*.safetensors"))[: -keep if keep else 0]:
        old.unlink()
    return path


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint with the highest step, or None."""
    return max(folder.glob("step-*.safetensors"), default=None)


def load_checkpoint(
    path: Path, model: nn.Module, average: MovingAverage, optimiser: torch.optim.Optimizer
) -> tuple[int, dict[str, Any], dict[str, torch.Tensor]]:
    """Fill model, average and optimiser in place; return the step, the facts and the best weights it was saved with."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
    except Exception as error:
        raise RunError(f"{path}: cannot be read ({error}); delete it to go on from the checkpoint before it.") from error
    load_trainable(model, {name[6:]: t for name, t in tensors.items() if name.startswith("model.")})
    for name, weight in average.weights.items():
        weight.copy_(tensors[f"average.{name}"])
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, t in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = t
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    best = {name[5:]: t.to(average.weights[name[5:]].device) for name, t in tensors.items() if name.startswith("best.")}
    return int(metadata["step"]), json.loads(metadata["facts"]), best
