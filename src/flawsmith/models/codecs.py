"""From pixels to latent cells and back."""

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Codec(Protocol):
    """What a codec does. Pictures: (B, C, H, W) in [-1, 1]; latents: (B, channels, H / factor, W / factor)."""

    factor: int
    channels: int

    def encode(self, x: Tensor) -> Tensor:
        """Return the latents (B, channels, h, w) of pictures (B, C, H, W)."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures (B, C, H, W) of latents (B, channels, h, w)."""
        ...

    def spread(self, cells: Tensor) -> Tensor:
        """Return weights (B, channels, h, w), for latents, of a mask's cells (B, factor^2, h, w) from `encode_mask`."""
        ...


class Unshuffle:
    """Pixel-unshuffle: every factor x factor block becomes one cell. Exact in both directions.

    Grey pictures may go through as several equal planes, so that one network serves grey and colour: their mean comes back, and what is
    grey stays grey.
    """

    def __init__(self, factor: int, colours: int, planes: int = 0) -> None:
        """planes: per picture; 0 = as many as colours."""
        self.factor = factor
        self._colours, self._planes = colours, planes or colours
        self.channels = self._planes * factor**2

    def encode(self, x: Tensor) -> Tensor:
        """Return the latents (B, channels, h, w) of pictures (B, C, H, W)."""
        return F.pixel_unshuffle(x.expand(-1, self._planes, -1, -1), self.factor)

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures (B, C, H, W) of latents (B, channels, h, w)."""
        x = F.pixel_shuffle(z, self.factor)
        return x if self._planes == self._colours else x.mean(1, keepdim=True)

    def spread(self, cells: Tensor) -> Tensor:
        """Return the mask's cells (B, factor^2, h, w) once per plane, (B, channels, h, w): a latent element is one pixel."""
        return cells.repeat(1, self._planes, 1, 1)


class Autoencoder:
    """A diffusers AutoencoderKL or AutoencoderTiny, frozen.

    With a `factor` other than its own, pictures are enlarged (or made smaller) before it and brought back after it: a window of
    128 pixels for a network that knows pictures of 512. Pictures go through one at a time, and an AutoencoderKL takes those larger than
    `window` pixels in overlapping tiles of that size, so that a large canvas needs the memory of one window (AutoencoderTiny needs little).
    """

    def __init__(self, model: Any, colours: int, window: int, factor: int = 0) -> None:
        from diffusers import AutoencoderKL  # takes seconds, which pixels do not need

        self.model = model.eval().requires_grad_(False)
        config = model.config
        blocks = config.block_out_channels if "block_out_channels" in config else config.encoder_block_out_channels
        self._own = 2 ** (len(blocks) - 1)  # the autoencoder's factor
        self.factor = factor or self._own
        self.channels = config.latent_channels
        self._colours = colours
        cells = -(-window // self.factor)
        model.enable_slicing()
        if isinstance(model, AutoencoderKL):
            model.enable_tiling()
            model.tile_sample_min_size, model.tile_latent_min_size = cells * self._own, cells
        self._scale = float(config.get("scaling_factor") or 1.0)
        self._shift = float(config.get("shift_factor") or 0.0)

    def encode(self, x: Tensor) -> Tensor:
        """Return the latents (B, channels, h, w) of pictures (B, C, H, W); grey pictures enter as three equal channels."""
        self.model.to(x.device)
        with torch.no_grad():
            out = self.model.encode(_resized(x, self._own / self.factor).expand(-1, 3, -1, -1).to(self.model.dtype))
            z = (out.latent_dist.mode() if hasattr(out, "latent_dist") else out.latents).float()
        return (z - self._shift) * self._scale

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures (B, C, H, W) of latents (B, channels, h, w)."""
        self.model.to(z.device)
        x = self.model.decode((z / self._scale + self._shift).to(self.model.dtype)).sample
        x = _resized(x.float(), self.factor / self._own)
        return x if self._colours == 3 else x.mean(1, keepdim=True)

    def spread(self, cells: Tensor) -> Tensor:
        """Return the mean (B, channels, h, w) of a mask's cells (B, factor^2, h, w), once per latent channel."""
        return cells.mean(1, keepdim=True).expand(-1, self.channels, -1, -1)


def _resized(x: Tensor, scale: float) -> Tensor:
    """Return pictures (B, C, H, W) enlarged (bicubic) or made smaller (mean over areas)."""
    if scale == 1:
        return x
    size = [round(n * scale) for n in x.shape[-2:]]
    return F.interpolate(x, size, mode="area") if scale < 1 else F.interpolate(x, size, mode="bicubic")


def encode_mask(mask: Tensor, factor: int) -> Tensor:
    """Return a mask (B, 1, H, W) as cells (B, factor^2, H / factor, W / factor), exactly, whatever the codec."""
    return F.pixel_unshuffle(mask, factor)


def decode_mask(cells: Tensor, factor: int) -> Tensor:
    """Return the mask (B, 1, H, W) of its cells."""
    return F.pixel_shuffle(cells, factor)
