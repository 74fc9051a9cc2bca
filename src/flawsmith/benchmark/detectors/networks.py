"""The segmentation networks: picture in, one logit per pixel out."""

import torch
from torch import Tensor, nn

SMALL_WIDTHS = (32, 64, 96, 128, 160)  # channels at 1/2, 1/4 .. 1/32 of the picture's side
DRAEM_WIDTHS = (64, 128, 256, 512, 512, 512)  # at 1, 1/2 .. 1/32
CELL = 32  # both networks take sides that are multiples of this


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


def build_network(name: str, colours: int, seed: int) -> UNet:
    """Return a network with weights from `seed`: "small" (1.8 M parameters), or "draem" (31 M), the plan of DRAEM's discriminative
    network (Zavrtanik et al. 2021) fed, as in the published few-shot protocol, with the picture alone."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)  # layers draw their first weights from it and take no other
        if name == "draem":
            return UNet(colours, DRAEM_WIDTHS, 1, smooth=True)
        return UNet(colours, SMALL_WIDTHS, 2, smooth=False)
