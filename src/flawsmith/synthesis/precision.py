"""The precision that pairs are drawn in: the faster one for a call of the real network."""

import torch

from flawsmith.config.schema import Config
from flawsmith.core.precision import Precision, measure_precision, supports_bf16
from flawsmith.core.processes import processes
from flawsmith.models.dual_model import DualModel


def sampling_precision(model: DualModel, config: Config) -> Precision:
    """Return the precision of `generation.precision`, for "auto" by timing calls of `model` on the device it lies on.

    The weights stay as they are, but that a pretrained network may be left held in bf16: load it anew if fp32 is the answer.
    """
    device = next(model.parameters()).device
    if config.generation.precision == "auto" and processes() > 1:  # their timings might differ, and with them the pairs
        return Precision("bf16" if supports_bf16(str(device)) else "fp32", "several processes draw together: not timed")
    count = 1 if device.type == "cpu" else config.generation.batch  # as `sampling.draw` has it; guidance is a second call
    window, side = model.shape.window, model.shape.window // model.factor
    region = torch.zeros(count, 1, window, window, device=device)
    region[..., window // 4 : -window // 4, window // 4 : -window // 4] = 1  # much as a drawn defect's: what is outside may cost nothing

    @torch.inference_mode()
    def step() -> None:
        state = torch.zeros(model.branches, count, model.state, side, side, device=device)
        latents = torch.zeros(count, model.codec.channels, side, side, device=device)
        cells = model.show(latents, region)
        ids = torch.ones(count, dtype=torch.long, device=device)
        model(state, torch.full((count,), 0.5, device=device), model.tell(cells, ids))

    def hold(name: str) -> None:
        if name == "bf16":
            model.hold_frozen(torch.bfloat16)

    key = (config.model, model.shape, count)
    return measure_precision(config.generation.precision, str(device), step, "sampling", key, hold if model.base else None)
