"""Everything a training needs to go on as if it had never stopped, in one safetensors file."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from flawsmith.core.errors import RunError
from flawsmith.core.locks import remove_temporaries
from flawsmith.core.tensors import check_safetensors, read_safetensors, write_safetensors
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
    """Write FOLDER/step-NNNNNNN.safetensors and, when it is complete, delete all but the newest `keep` (0: none).

    facts: plain values for the header; best: the averaged weights that were best so far, by name.
    """
    tensors = {f"model.{name}": p for name, p in trainable(model).items()}
    tensors |= {f"average.{name}": p for name, p in average.weights.items()}
    tensors |= {f"best.{name}": w for name, w in (best or {}).items()}
    tensors |= optimiser_tensors(optimiser)
    path = folder / f"step-{step:07d}.safetensors"
    content = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    write_safetensors(path, save(content, metadata={"step": str(step), "facts": json.dumps(facts)}))
    for old in checkpoints(folder)[: -keep if keep else 0]:
        old.unlink()
    remove_temporaries(folder)  # of processes that were killed: each is as large as a checkpoint
    return path


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return what an optimiser keeps of its steps, by names that begin with `optimiser.`."""
    kept = optimiser.state_dict()["state"]
    return {f"optimiser.{index}.{key}": torch.as_tensor(value) for index, state in kept.items() for key, value in state.items()}


def fill_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Have an optimiser go on from what `optimiser_tensors` returned; other names are left out."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, t in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = t
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder` by their steps, the newest last."""
    return sorted((path for path in folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name)), key=_step)


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint with the highest step, or None."""
    return next(reversed(checkpoints(folder)), None)


def load_checkpoint(
    path: Path, model: nn.Module, average: MovingAverage, optimiser: torch.optim.Optimizer
) -> tuple[int, dict[str, Any], dict[str, torch.Tensor]]:
    """Fill model, average and optimiser in place; return the step, the facts and the best weights it was saved with.

    Raises RunError for a file that is not as it was written, and says which one before it is whole.
    """
    try:
        tensors, metadata = read_safetensors(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). {_way_out(path)}") from error
    load_trainable(model, {name[6:]: t for name, t in tensors.items() if name.startswith("model.")})
    for name, weight in average.weights.items():
        weight.copy_(tensors[f"average.{name}"])
    fill_optimiser(optimiser, tensors)
    best = {name[5:]: t.to(average.weights[name[5:]].device) for name, t in tensors.items() if name.startswith("best.")}
    return int(metadata["step"]), json.loads(metadata["facts"]), best


def _way_out(path: Path) -> str:
    """Return what to type to go on without a checkpoint that is spoiled."""
    remove = f"delete the spoiled one (rm {shlex.quote(str(path))}) and resume"
    for other in reversed(checkpoints(path.parent)):
        if _step(other) < _step(path) and _is_whole(other):
            return f"{other.name}, the one before it, is whole: to go on from it, {remove}."
    return f"There is no whole one before it: to begin at the first step, {remove}."


def _is_whole(path: Path) -> bool:
    try:
        check_safetensors(path)
    except (OSError, ValueError):
        return False
    return True


_NAME = re.compile(r"step-(\d+)\.safetensors")


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
