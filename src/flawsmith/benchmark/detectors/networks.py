"""The segmentation networks: picture in, one logit per pixel out."""

from functools import lru_cache

import torch
from torch import Tensor, nn

from flawsmith.core.seeds import first_weights
from flawsmith.metrics.features import Offline

SMALL_WIDTHS = (32, 64, 96, 128, 160)  # channels at 1/2, 1/4 .. 1/32 of the picture's side
DRAEM_WIDTHS = (64, 128, 256, 512, 512, 512)  # at 1, 1/2 .. 1/32
LEVELS = (16, 24, 40, 112, 320)  # channels of the frozen encoder at 1/2 .. 1/32 of the picture's side
DECODER_WIDTHS = (24, 32, 48, 64, 64)  # channels of the decoder at the same levels
STEM = 16  # channels that the decoder makes of the pixels themselves: defects of two or three pixels are lost in the encoder
BRIGHTNESS, CONTRAST = 0.45, 0.22  # mean and deviation of ImageNet's pictures, 0 to 1: what the encoder is used to
CELL = 32  # all networks take sides that are multiples of this


class ConvBlock(nn.Sequential):
    """Two 3x3 convolutions."""

    def __init__(self, inside: int, outside: int) -> None:
        layers: list[nn.Module] = []
        for channels in (inside, outside):
            layers += [nn.Conv2d(channels, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]
        super().__init__(*layers)


class UNet(nn.Module):
    """Ronneberger et al. 2015 with zero padding and a skip from every level.

    factor: 1 works on pixels, 2 on pixels unshuffled 2x2 (a quarter of the work).
    """

    def __init__(self, colours: int, widths: tuple[int, ...], factor: int, smooth: bool) -> None:
        super().__init__()
        self.factor = factor
        self.mode = "bilinear" if smooth else "nearest"
        self.down = nn.ModuleList(ConvBlock(a, b) for a, b in zip((factor**2 * colours, *widths[:-1]), widths, strict=True))
        self.up = nn.ModuleList(ConvBlock(a + b, a) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.out = nn.Conv2d(widths[0], factor**2, 1)
        nn.init.constant_(self.out.bias, -3.0)  # type: ignore[arg-type]  # defects are rare

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) for pictures (B, C, H, W) whose sides are multiples of CELL."""
        x = nn.functional.pixel_unshuffle(x, self.factor)
        kept = []
        for level, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for block, skip in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0, mode=self.mode), skip], 1))
        return nn.functional.pixel_shuffle(self.out(x), self.factor)


class PretrainedUNet(nn.Module):
    """A small decoder on the frozen features of EfficientNet-Lite0 (ImageNet), with a skip from every level and from the pixels.

    Only the decoder is trained and stored: three shots are too few to learn from nothing what surfaces look like (docs/measuring.md).
    """

    def __init__(self, colours: int) -> None:
        super().__init__()
        below = (*DECODER_WIDTHS[1:], 0)  # the coarsest level has none below it
        self.stem = normed_conv(4 * colours, STEM)
        self.up = nn.ModuleList(normed_conv(a + b, c) for a, b, c in zip(LEVELS, below, DECODER_WIDTHS, strict=True))
        self.out = nn.Sequential(normed_conv(DECODER_WIDTHS[0] + STEM, DECODER_WIDTHS[0]), nn.Conv2d(DECODER_WIDTHS[0], 4, 1))
        nn.init.constant_(self.out[-1].bias, -3.0)  # type: ignore[arg-type]  # defects are rare

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) for pictures (B, C, H, W) of mean 0 and deviation 1, whose sides are multiples of CELL."""
        seen = (x if x.shape[1] == 3 else x.expand(-1, 3, -1, -1)) * CONTRAST + BRIGHTNESS
        features = _encoder(str(x.device)).maps(seen)  # (B, C_l, H / 2^l, W / 2^l), the finest first
        h = self.up[-1](features[-1])
        for block, level in zip(reversed(self.up[:-1]), reversed(features[:-1]), strict=True):
            h = block(torch.cat([level, nn.functional.interpolate(h, scale_factor=2.0)], 1))
        h = torch.cat([h, self.stem(nn.functional.pixel_unshuffle(x, 2))], 1)  # (B, C, H / 2, W / 2)
        return nn.functional.pixel_shuffle(self.out(h), 2)


def normed_conv(inside: int, outside: int) -> nn.Sequential:
    """Return a 3x3 convolution whose normalisation does not depend on the rest of the batch, which is mostly defects."""
    return nn.Sequential(nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.GroupNorm(8, outside), nn.ReLU())


@lru_cache(maxsize=2)
def _encoder(device: str) -> Offline:
    """Return the frozen encoder on a device: its weights come with a package and never change."""
    return Offline(device)


def build_network(name: str, colours: int, seed: int) -> nn.Module:
    """Return a network with weights from `seed`.

    "pretrained": 0.2 M parameters on frozen ImageNet features. "small": 1.8 M parameters from nothing. "draem": 31 M, the plan of DRAEM's
    discriminative network (Zavrtanik et al. 2021) fed, as in the published few-shot protocol, with the picture alone.
    """
    with first_weights(seed):
        if name == "pretrained":
            return PretrainedUNet(colours)
        if name == "draem":
            return UNet(colours, DRAEM_WIDTHS, 1, smooth=True)
        return UNet(colours, SMALL_WIDTHS, 2, smooth=False)
