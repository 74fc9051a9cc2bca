"""How well a network sees through noise: errors of one step, at fixed times and noises, so that two networks can be compared."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from flawsmith.core.seeds import torch_generator
from flawsmith.diffusion.schedules import joint_noise, mix
from flawsmith.models.dual_model import DualModel
from flawsmith.training.pool import Batch

TIMES = (0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
BORDER = 2  # pixels to either side of a mask's outline


@torch.no_grad()
def see_through(
    model: DualModel, batches: Sequence[Batch], device: torch.device, precision: str, times: Sequence[float] = TIMES
) -> dict[str, float]:
    """Return means over windows with a defect and times; the model is in training mode afterwards if it was before.

    inside, border: mean square error of the picture ([-1, 1]) in the region and within BORDER of the mask's outline, over the time squared
    as velocity weighting has it; mask_iou: of the predicted mask with the labelled one; start: inside, of the last time alone; of
    TIMES, where there is nothing but noise to be seen, and all must come from the exemplars, the surface and the shape.
    """
    training = model.training
    model.eval()
    rows: dict[float, list[Tensor]] = {t: [] for t in times}  # (windows, 3)
    for number, on_cpu in enumerate(batches):
        batch = on_cpu.to(device)
        anomaly = batch.image * batch.mask if model.branches == 2 else batch.image
        target = model.encode(batch.image, anomaly, 2 * batch.mask - 1)
        told = None
        for t in times:
            noise = joint_noise(tuple(target.shape), 0.0, torch_generator(0, "seeing", number, str(t))).to(device)
            noisy = mix(target, noise, t) * model.mask_of_state(target)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
                if told is None:
                    told = model.condition(batch.background, batch.region, batch.ids, None, batch.known, batch.shape, batch.exemplars)
                clean = model(noisy, target.new_full((len(batch.ids),), t), told).float()
            image, _, mask = model.decode(clean)
            error = (image - batch.image).square().mean(1, keepdim=True) / t**2
            both, either = (mask > 0) & (batch.mask > 0), (mask > 0) | (batch.mask > 0)
            iou = both.sum((1, 2, 3)) / either.sum((1, 2, 3)).clamp(min=1)
            rows[t].append(torch.stack([_mean(error, batch.region), _mean(error, _outline(batch.mask)), iou], dim=1)[batch.ids > 0].cpu())
    model.train(training)
    means = torch.stack([torch.cat(found).mean(0) for found in rows.values()])  # (times, 3)
    values = zip(("inside", "border", "mask_iou", "start"), [*means.mean(0), means[-1, 0]], strict=True)
    return {name: round(float(value), 5) for name, value in values}


def _outline(mask: Tensor) -> Tensor:
    """Return the pixels (B, 1, H, W) within BORDER of the outline of masks (B, 1, H, W)."""
    wide = F.max_pool2d(mask, 2 * BORDER + 1, stride=1, padding=BORDER)
    return wide + F.max_pool2d(-mask, 2 * BORDER + 1, stride=1, padding=BORDER)


def _mean(x: Tensor, where: Tensor) -> Tensor:
    return (x * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp(min=1)
