"""From noise to windows: whole, part and mask, with nothing of files or places."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flawsmith.config import Config
from flawsmith.diffusion.guidance import guided
from flawsmith.diffusion.parametrisation import to_clean
from flawsmith.diffusion.samplers import sample
from flawsmith.diffusion.schedules import joint_noise, mix, sampling_times
from flawsmith.models.build import Condition, DualModel
from flawsmith.models.codecs import decode_mask, encode_mask
from flawsmith.seeds import torch_generator


@dataclass(frozen=True)
class Task:
    """One window to draw."""

    normal: np.ndarray | None  # (C, H, W) float32 in [-1, 1]: the background; None = from nothing
    region: np.ndarray  # (H, W) bool: where the model may draw
    shape: np.ndarray | None  # (H, W) bool: the proposed defect; None = the model invents its own
    entry: int  # of the token table: 0 good, 1.. the defects
    seed: int


@dataclass(frozen=True)
class Drawn:
    """One window as drawn."""

    whole: np.ndarray  # (C, H, W) float32, about -1 to 1
    part: np.ndarray  # (C, H, W) float32, 0 outside the defect
    mask: np.ndarray  # (H, W) float32, 0 to 1


@torch.inference_mode()
def draw(model: DualModel, tasks: Sequence[Task], config: Config, precision: str) -> list[Drawn]:
    """Return the windows of `tasks`, each depending on its own task alone.

    On a CPU every window is a call of its own, so that its bits do not depend on its neighbours (kernels round differently for
    different batch sizes); it costs a third of the speed that four at once would have. On other devices they go through together.
    """
    device = next(model.parameters()).device
    groups = [[task] for task in tasks] if device.type == "cpu" else [list(tasks)]
    drawn: list[Drawn] = []
    for group in groups:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            drawn += _draw(model, group, config, device)
    return drawn


def _draw(model: DualModel, tasks: list[Task], config: Config, device: torch.device) -> list[Drawn]:
    side, colours = model.shape.window, model.shape.colours
    empty = np.zeros((colours, side, side), np.float32)
    normal = torch.from_numpy(np.stack([empty if task.normal is None else task.normal for task in tasks])).to(device)
    region = torch.from_numpy(np.stack([task.region for task in tasks])[:, None].astype(np.float32)).to(device)
    onto = torch.tensor([task.normal is not None for task in tasks], device=device)
    ids = torch.tensor([task.entry for task in tasks], device=device)
    condition = model.condition(normal * (1 - region), region, ids)
    scale = config.generation.guidance
    unconditional = model.condition(normal * (1 - region), region, torch.full_like(ids, model.tokens.empty)) if scale != 1 else None
    background = model.encode(normal, torch.zeros_like(normal), -torch.ones_like(region))  # (branches, B, C, h, w)
    keep = model.mask_of_state(background)
    shape = torch.from_numpy(np.stack([task.region if task.shape is None else task.shape for task in tasks])[:, None]).to(device)
    proposed = encode_mask(2 * shape.float() - 1, model.factor)  # (B, factor^2, h, w)
    given = torch.tensor([task.shape is not None for task in tasks], device=device)[:, None, None, None]
    size = (background.shape[0], *background.shape[2:])  # of one window
    noises = [joint_noise(size, config.diffusion.rho, torch_generator(task.seed, "noise")) for task in tasks]
    noise = torch.stack(noises, dim=1).to(device)

    def denoise(x: Tensor, t: float) -> Tensor:
        clean = _predict(model, x, t, condition, unconditional, scale, config) * keep
        if t > config.generation.shape_until:
            channels = model.codec.channels
            clean[-1, :, channels:] = torch.where(given, proposed, clean[-1, :, channels:])
        return _anchored(model, clean, background, onto, t, config.generation.anchor)

    start = config.generation.start if bool(onto.all()) else 1.0  # from nothing there is no normal to start from
    x = torch.where(onto[None, :, None, None, None], mix(background, noise, torch.tensor(start, device=device)), noise) * keep
    times = sampling_times(config.generation.steps, start)
    whole, part, mask = model.decode(sample(config.generation.sampler, denoise, x, times))
    arrays = (whole.float().cpu().numpy(), part.float().cpu().numpy(), ((mask.float() + 1) / 2).clamp(0, 1)[:, 0].cpu().numpy())
    return [Drawn(*(a[i] for a in arrays)) for i in range(len(tasks))]


def _predict(
    model: DualModel, x: Tensor, t: float, condition: Condition, unconditional: Condition | None, scale: float, config: Config
) -> Tensor:
    """Return the guided clean state; both halves of the guidance go through the network in one batch."""
    count = x.shape[1]
    if unconditional is None:
        times = torch.full((count,), t, device=x.device)
        return to_clean(model(x, times, condition).float(), x, times[None, :, None, None, None], config.diffusion.prediction)
    both = torch.cat([x, x], dim=1)
    times = torch.full((2 * count,), t, device=x.device)
    output = model(both, times, _join(condition, unconditional)).float()
    clean = to_clean(output, both, times[None, :, None, None, None], config.diffusion.prediction)
    return guided(clean[:, :count], clean[:, count:], scale)


def _join(a: Condition, b: Condition) -> Condition:
    features = None
    if a.features is not None and b.features is not None:
        features = {name: torch.cat([value, b.features[name]]) for name, value in a.features.items()}
    return Condition(
        torch.cat([a.cells, b.cells]), torch.cat([a.tokens, b.tokens], dim=1), torch.cat([a.pooled, b.pooled], dim=1), features
    )


def _anchored(model: DualModel, clean: Tensor, background: Tensor, onto: Tensor, t: float, anchor: float) -> Tensor:
    """Return the clean state with its three parts tied together, below the time `anchor`.

    Where the predicted mask is empty, the whole is held to the normal: the solver then spends its steps on a defect that fits this
    picture, instead of inventing the picture around it anew. Where the mask is sure, whole and part are set to their mean, so that
    the two branches draw one and the same defect and the mask, which lives in the part's branch, is the mask of both.
    """
    if t > anchor:
        return clean
    channels = model.codec.channels
    cells = ((clean[-1, :, channels:] + 1) / 2).clamp(0, 1)
    mask = decode_mask(cells, model.factor)
    near = torch.nn.functional.max_pool2d(mask, 5, stride=1, padding=2)  # the defect's border belongs to it
    share = model.codec.spread(torch.nn.functional.pixel_unshuffle((2 * near).clamp(0, 1), model.factor))
    share = torch.where(onto[:, None, None, None], share, torch.ones_like(share))
    whole = clean[0, :, :channels]
    clean = clean.clone()
    if model.branches == 2:
        sure = model.codec.spread(((cells - 0.5) * 2).clamp(0, 1)) / 2
        part = clean[1, :, :channels]
        whole, part = whole + sure * (part - whole), part + sure * (whole - part)
        clean[1, :, :channels] = part
    clean[0, :, :channels] = share * whole + (1 - share) * background[0, :, :channels]
    return clean
