"""The precision of a training: the faster one for a real step of the real network."""

from collections.abc import Callable

import torch

from flawsmith.config.schema import Config
from flawsmith.core.precision import Precision, measure_precision, supports_bf16
from flawsmith.core.processes import processes
from flawsmith.core.seeds import torch_generator
from flawsmith.models.dual_model import DualModel
from flawsmith.training.latents import Encoded, encode_batch
from flawsmith.training.objective import objective
from flawsmith.training.pool import Batch


def training_precision(model: DualModel, batch: Callable[[int], Batch], config: Config, device: str) -> Precision:
    """Return the precision of `training.precision`, for "auto" by timing forward and backward passes of `model` on `device`.

    batch: returns so many real windows. The weights stay as they are, but that a pretrained network may be left held in bf16: make it anew
    if fp32 is the answer. Where a limit of memory is set, or where several processes must agree, bf16 is taken unmeasured if there is any.
    """
    asked = config.training.precision
    untimed = "several processes train together" if processes() > 1 else ""
    untimed = untimed or ("training.memory is set" if config.training.memory else "")
    if asked == "auto" and untimed:
        return Precision("bf16" if supports_bf16(device) else "fp32", f"{untimed}: not timed")
    count = 1 if model.base else config.training.batch // config.training.pieces  # a step of a large network takes long enough
    windows: list[Batch | Encoded] = []

    def step() -> None:
        if not windows:
            model.to(device).train()
            found = batch(count).to(torch.device(device))
            windows.append(encode_batch(model, found) if config.training.latents else found)
        objective(model, windows[0], config.diffusion, torch_generator(config.training.seed, "timing")).total.backward()
        model.zero_grad(set_to_none=True)

    def hold(name: str) -> None:
        if name == "bf16":
            model.hold_frozen(torch.bfloat16)

    key = (config.model, model.shape, count, config.training.checkpointing, config.training.latents > 0)
    return measure_precision(asked, device, step, "training", key, hold if model.base else None)
