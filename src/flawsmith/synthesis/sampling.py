"""From noise to windows: image, anomaly and mask, with nothing of files or places."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from flawsmith.config.schema import Config
from flawsmith.core.seeds import torch_generator
from flawsmith.diffusion.guidance import guided
from flawsmith.diffusion.parametrisation import to_clean
from flawsmith.diffusion.samplers import sample
from flawsmith.diffusion.schedules import joint_noise, sampling_times
from flawsmith.models.codecs import Unshuffle, decode_mask, encode_mask
from flawsmith.models.dual_model import Condition, DualModel
from flawsmith.product.binarised import BinarisedLevels
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.synthesis.tiles import Tile, cover, merge

MOST = 1024  # cells of a region that are drawn together by a network that looks at a region's cells alone


@torch.inference_mode()
def draw(model: DualModel, tasks: Sequence[Task], config: Config, precision: str, levels: BinarisedLevels | None = None) -> list[Drawn]:
    """Return the canvases of `tasks`, in their order, each depending on its own task alone.

    precision: "bf16" or "fp32"; levels: the values that a binarised product shows, None for any.

    On a CPU every window is a call of its own, so that its bits do not depend on its neighbours (kernels round differently for
    different batch sizes); it costs a third of the speed that four at once would have. On other devices tasks of one kind, size and
    tiling go through together.
    """
    device = next(model.parameters()).device
    groups: dict[object, list[int]] = {}
    for i, task in enumerate(tasks):
        follows = None if task.exemplars is None else task.exemplars.shape
        alike = (task.normal is None, task.region.shape, follows, task.halo, task.shape is None, *_tiles(model, task))
        groups.setdefault(i if device.type == "cpu" else alike, []).append(i)
    drawn: dict[int, Drawn] = {}
    for group in groups.values():
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            drawn |= dict(zip(group, _draw(model, [tasks[i] for i in group], config, device, levels), strict=True))
    return [drawn[i] for i in range(len(tasks))]


def _draw(model: DualModel, tasks: list[Task], config: Config, device: torch.device, levels: BinarisedLevels | None) -> list[Drawn]:
    """Return the canvases of tasks that are all onto a normal or all from nothing, and alike in size and tiles."""
    height, width = tasks[0].region.shape
    onto = tasks[0].normal is not None
    empty = np.zeros((model.shape.colours, height, width), np.float32)
    normal = torch.from_numpy(np.stack([empty if task.normal is None else task.normal for task in tasks])).to(device)
    region = torch.from_numpy(np.stack([task.region for task in tasks])[:, None].astype(np.float32)).to(device)
    severity = torch.tensor([task.severity for task in tasks], device=device)[:, None, None, None]
    background = model.encode(normal, torch.zeros_like(normal), -torch.ones_like(region))  # (branches, B, C, h, w)
    keep = model.mask_of_state(background)
    shape = torch.from_numpy(np.stack([task.region if task.shape is None else task.shape for task in tasks])[:, None]).to(device)
    proposed = encode_mask(2 * shape.float() - 1, model.factor)  # (B, factor^2, h, w)
    given = torch.tensor([task.shape is not None for task in tasks], device=device)[:, None, None, None]
    size = (background.shape[0], *background.shape[2:])  # of one canvas
    sources = [torch_generator(task.seed, "noise") for task in tasks]

    def draw_noise() -> Tensor:
        return amount * torch.stack([joint_noise(size, config.diffusion.rho, g) for g in sources], dim=1).to(device) * keep

    tiles = _tiles(model, tasks[0])
    conditions = [_conditions(model, normal, region, (2 * shape.float() - 1) * given, tasks, tile, config) for tile in tiles]
    channels = model.codec.channels

    def denoise(x: Tensor, t: float) -> Tensor:
        drawn = [_predict(model, x[..., tile.rows, tile.columns], t, known, config) for tile, known in zip(tiles, conditions, strict=True)]
        clean = merge(drawn, tiles, background) * keep
        if model.has_mask and t > config.generation.shape_until:
            clean[-1, :, channels:] = torch.where(given, proposed, clean[-1, :, channels:])
        if levels is not None and t <= config.generation.snap and isinstance(model.codec, Unshuffle):
            clean = torch.cat([levels.snap_cells(clean[:, :, :channels]), clean[:, :, channels:]], dim=2)
        return _anchored(model, clean, background, region if onto else None, t, config.generation.anchor, tasks[0].halo)

    own = config.generation
    start = own.start if onto else 1.0  # from nothing there is no normal to start from
    begin = background * keep if onto else torch.zeros_like(background)
    shift = own.shift if given.all() else 1.0  # a shape that is not told takes form near noise
    amount = noise_of(model, tasks[0], config)
    steps = own.steps if amount else 1  # without noise the first estimate is all that can be told: more steps were no better
    times = model.schedule.sampling_times(steps, start) if model.schedule else sampling_times(steps, start, shift)
    image, anomaly, mask = model.decode(sample(config.generation.sampler, denoise, begin, times, draw_noise))
    if onto and (severity != 1).any():
        image, anomaly = _with_severity(image, anomaly, mask, model.codec.decode(background[0, :, :channels]), severity)
    image_array = image.float().cpu().numpy()  # (B, C, H, W)
    if levels is not None:
        image_array = np.stack([levels.snap(x) for x in image_array])
    arrays = (image_array, anomaly.float().cpu().numpy(), ((mask.float() + 1) / 2).clamp(0, 1)[:, 0].cpu().numpy())
    return [Drawn(*(a[i] for a in arrays)) for i in range(len(tasks))]


def noise_of(model: DualModel, task: Task, config: Config) -> float:
    """Return the deviation of the noise that a task begins with: as in training with a backbone, or where a shape has to form."""
    own = config.generation
    quiet = model.follows and task.normal is not None and task.shape is not None and own.start == 1
    return own.noise if quiet else 1.0


def _tiles(model: DualModel, task: Task) -> list[Tile]:
    """Return the windows that a task is drawn in: one for all where the network looks at a region's cells alone and they are few."""
    height, width = (side // model.factor for side in task.region.shape)
    if model.follows and task.region.sum() <= MOST * model.factor**2:
        return [Tile(0, 0, height, width)]
    return cover(task.region, model.shape.window, model.factor)


def _conditions(
    model: DualModel, normal: Tensor, region: Tensor, wanted: Tensor, tasks: list[Task], tile: Tile, config: Config
) -> tuple[Condition, Condition | None]:
    """Return the conditions of one tile with the defects' tokens and exemplars, and with neither where guidance needs them.

    normal: (B, C, H, W) in [-1, 1]; region: (B, 1, H, W), 1 where the model may draw; wanted: (B, 1, H, W) the proposed mask, 1 inside, -1
    outside and 0 where there is none; all of the canvas.
    """
    device = normal.device
    rows, columns = tile.pixels(model.factor)
    known = torch.tensor([float(task.shown) for task in tasks], device=device)
    hidden = region * (1 - known[:, None, None, None])
    shown, here, wanted = ((x)[..., rows, columns] for x in (normal * (1 - hidden), region, wanted))
    ids = torch.tensor([task.entry for task in tasks], device=device)
    size = model.tokens.entries.shape[1:]
    jitter = [config.generation.token_noise * torch.randn(size, generator=torch_generator(task.seed, "tokens")) for task in tasks]
    cells = model.show(model.codec.encode(shown), here, known, wanted)
    exemplars = None
    if tasks[0].exemplars is not None:
        exemplars = torch.from_numpy(np.stack([task.exemplars for task in tasks if task.exemplars is not None])).to(device)
    condition = model.tell(cells, ids, torch.stack(jitter).to(device), exemplars)
    if config.generation.guidance == 1:
        return condition, None
    return condition, model.tell(cells, torch.full_like(ids, model.tokens.empty))


def _predict(model: DualModel, x: Tensor, t: float, conditions: tuple[Condition, Condition | None], config: Config) -> Tensor:
    """Return the guided clean state of x (branches, B, C, h, w) at time t."""
    times = torch.full((x.shape[1],), t, device=x.device)

    def clean(condition: Condition) -> Tensor:
        return to_clean(model(x, times, condition).float(), x, times[None, :, None, None, None], config.diffusion.prediction)

    condition, unconditional = conditions
    found = clean(condition)
    return found if unconditional is None else guided(found, clean(unconditional), config.generation.guidance)


def _with_severity(image: Tensor, anomaly: Tensor, mask: Tensor, normal: Tensor, severity: Tensor) -> tuple[Tensor, Tensor]:
    """Return image and anomaly (B, C, H, W) with `severity` times the change from the normal that the model drew, whatever the sampler.

    Inside the sampler a factor would meet itself again: what one step makes stronger the next one sees stronger, so that its effect grows
    with the number of steps. mask: (B, 1, H, W), above 0 inside; normal: (B, C, H, W), through the codec like the image;
    severity: (B, 1, 1, 1).
    """
    more = (severity - 1) * (image - normal)
    plain = severity == 1  # these keep their bits
    return torch.where(plain, image, image + more), torch.where(plain, anomaly, anomaly + more * (mask > 0))


def _anchored(model: DualModel, clean: Tensor, background: Tensor, region: Tensor | None, t: float, anchor: float, halo: int) -> Tensor:
    """Return the clean state (branches, B, C, h, w) with image, anomaly and mask tied together, below the time `anchor`.

    background: (branches, B, C, h, w), the normal; region: (B, 1, H, W), None = from nothing.
    Where the predicted mask is empty, farther from it than its halo, the image is held to the normal: the solver then spends its steps on
    a defect that fits this picture, instead of inventing the picture around it anew. Where the mask is sure, image and anomaly are set to
    their mean, so that the two branches draw one and the same defect and the mask, which lives in the anomaly branch, is the mask of both.
    A model whose state has no mask is held to the normal outside the region, at every time: it was told of neither.
    """
    channels = model.codec.channels
    if not model.has_mask:
        if region is None:
            return clean
        share = model.codec.spread(encode_mask(region, model.factor))
        held = share * clean[0, :, :channels] + (1 - share) * background[0, :, :channels]
        return torch.cat([held[None], clean[1:]])
    if t > anchor:
        return clean
    cells = ((clean[-1, :, channels:] + 1) / 2).clamp(0, 1)
    image = clean[0, :, :channels]
    clean = clean.clone()
    if model.branches == 2:
        sure = model.codec.spread(((cells - 0.5) * 2).clamp(0, 1)) / 2
        anomaly = clean[1, :, :channels]
        image, anomaly = image + sure * (anomaly - image), anomaly + sure * (image - anomaly)
        clean[1, :, :channels] = anomaly
    if region is not None:
        reach = 2 + halo  # its border belongs to the defect
        near = torch.nn.functional.max_pool2d(decode_mask(cells, model.factor), 2 * reach + 1, stride=1, padding=reach)
        share = model.codec.spread(torch.nn.functional.pixel_unshuffle((2 * near).clamp(0, 1), model.factor))
        image = share * image + (1 - share) * background[0, :, :channels]
    clean[0, :, :channels] = image
    return clean
