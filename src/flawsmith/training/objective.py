"""The loss of one batch."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flawsmith.config.schema import DiffusionConfig
from flawsmith.diffusion.losses import alignment_loss, denoising_loss, misfit
from flawsmith.diffusion.parametrisation import to_clean
from flawsmith.diffusion.schedules import joint_noise, mix, training_times
from flawsmith.models.codecs import decode_mask, encode_mask
from flawsmith.models.dual_model import DualModel
from flawsmith.training.latents import Encoded, encode_batch
from flawsmith.training.pool import Batch


@dataclass(frozen=True)
class Loss:
    """The loss and the terms it is made of, each a scalar, and what was predicted."""

    total: Tensor
    denoise: Tensor
    align: Tensor
    clean: Tensor  # (branches, B, C, h, w), with its graph
    times: Tensor  # (B,)


class Objective(nn.Module):
    """`objective` as a module, so that wrappers for several devices see all of the model's work as one forward pass."""

    def __init__(self, model: DualModel, config: DiffusionConfig) -> None:
        super().__init__()
        self.model = model
        self._config = config

    def forward(self, batch: Batch | Encoded, generator: torch.Generator, first: int = 0, whole: int = 0) -> Loss:
        """Return the loss of one batch, or of a part of one."""
        return objective(self.model, batch, self._config, generator, first, whole)


def objective(
    model: DualModel, batch: Batch | Encoded, config: DiffusionConfig, generator: torch.Generator, first: int = 0, whole: int = 0
) -> Loss:
    """Return the loss of one batch; the times, the noise and the dropped tokens come from `generator` (on the CPU).

    first, whole: the windows are those from number `first` on of a batch of `whole`, so that all parts of it, in whatever processes, have
    together the times and the noise of the batch; whole = 0: they are the batch.

    A network that says the true state has a loss of 0, and so has its gradient, in pixels and in latents, with one branch and with two.
    """
    seen = batch if isinstance(batch, Encoded) else encode_batch(model, batch)
    device, count = seen.image.device, len(seen.ids)
    whole, mine = whole or count, slice(first, first + count)
    own = model.schedule  # a pretrained network's
    if own:
        times = own.training_times(whole, generator)
    else:
        at_start = config.at_start if model.follows and config.prediction != "eps" else 0.0  # noise at time 1 says nothing of the picture
        times = training_times(whole, config.time_mean, config.time_std, generator, at_start)
    t = times[mine].to(device)
    dropped = torch.rand(whole, generator=generator)[mine].to(device) < config.token_dropout
    ids = torch.where(dropped, model.tokens.empty, seen.ids)
    target = model.join(seen.image, seen.anomaly, 2 * seen.mask - 1)  # (branches, B, C, h, w)
    keep = model.mask_of_state(target)
    noise = joint_noise((len(target), whole, *target.shape[2:]), config.rho, generator)[:, mine].to(device)
    noisy = mix(target, noise, t[None, :, None, None, None]) * keep
    jitter = config.token_noise * torch.randn(whole, *model.tokens.entries.shape[1:], generator=generator)[mine]  # (B, T, D)
    told = seen.exemplars * ~dropped[:, None, None, None, None]  # without its kind, no exemplar of it either
    condition = model.tell(model.show(seen.background, seen.region, seen.known, seen.shape), ids, jitter.to(device), told)
    output = model(noisy, t, condition).float()
    clean = to_clean(output, noisy, t[None, :, None, None, None], config.prediction) * keep
    denoise = denoising_loss(clean, target, t, _weight(model, seen.region, config) * keep, config.min_time, config.weighting).mean()
    align = _alignment(model, clean, target, seen.mask, t) if config.align_weight > 0 else denoise.new_zeros(())
    return Loss(denoise + config.align_weight * align, denoise.detach(), align.detach(), clean, t)


def _alignment(model: DualModel, clean: Tensor, target: Tensor, true_mask: Tensor, t: Tensor) -> Tensor:
    """Return the alignment loss, a scalar, of a predicted state and the true one.

    clean, target: (branches, B, C, h, w); true_mask: (B, 1, H, W), 0 and 1; t: (B,). Two branches are compared in latents: to decode
    them would cost more than the network.
    """
    channels = model.codec.channels
    apart = None
    if model.branches == 2:
        grey = model.codec.encode(true_mask.new_zeros(1, model.shape.colours, *true_mask.shape[2:]))  # (1, channels, h, w)
        found, expected = (
            misfit(x[0, :, :channels] - grey, x[1, :, :channels] - grey, model.codec.spread(((x[1, :, channels:] + 1) / 2).clamp(0, 1)))
            for x in (clean, target)
        )
        apart = found - expected
    return alignment_loss(decode_mask(clean[-1, :, channels:], model.factor), true_mask, t, apart).mean()


def _weight(model: DualModel, region: Tensor, config: DiffusionConfig) -> Tensor:
    """Return the loss weight of every element of the state, (1, B, C, h, w), of regions (B, 1, H, W).

    The mask has a cell for every pixel, latents have fewer channels than pixels: each cell counts less by as much.
    """
    pixels = config.outside_weight + (1 - config.outside_weight) * region  # (B, 1, H, W)
    cells = encode_mask(pixels, model.factor)
    share = model.codec.channels / (model.shape.colours * model.factor**2)  # 1 for pixels
    weights = [model.codec.spread(cells), config.mask_weight * share * cells] if model.has_mask else [model.codec.spread(cells)]
    return torch.cat(weights, dim=1)[None]
