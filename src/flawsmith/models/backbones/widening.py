"""Extra channels into and out of a pretrained UNet, which a fresh module leaves as it was."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from flawsmith.models.saim import zeroed_conv

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel


class Widening(nn.Module):
    """Convolutions beside the UNet's first and last one, starting at zero and attached by hooks; the UNet keeps its own keys.

    The channels beyond the UNet's own enter through `enter`; what `leave` makes of the last features is appended to its output.
    """

    def __init__(self, unet: "UNet2DConditionModel", extra_in: int, extra_out: int) -> None:
        super().__init__()
        first, last = unet.conv_in, unet.conv_out
        self._own = first.in_channels
        self._extra: Tensor | None = None  # of the call under way
        self.enter = zeroed_conv(extra_in, first.out_channels, first.kernel_size, first.padding) if extra_in else None
        self.leave = zeroed_conv(last.in_channels, extra_out, last.kernel_size, last.padding) if extra_out else None
        if self.enter is not None:
            first.register_forward_pre_hook(self._split)
            first.register_forward_hook(self._add)
        if self.leave is not None:
            last.register_forward_hook(self._append)

    def _split(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Return the UNet's own channels (N, C, h, w) of its input (N, C + extra, h, w); the others wait for `_add`."""
        x, self._extra = inputs[0][:, : self._own], inputs[0][:, self._own :]
        return (x,)

    def _add(self, _module: nn.Module, _inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """Return the first convolution's output (N, C, h, w) with what the extra channels make added."""
        assert self.enter is not None and self._extra is not None
        y, self._extra = y + self.enter(self._extra.to(y.dtype)), None
        return y

    def _append(self, _module: nn.Module, inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """Return the UNet's output (N, C, h, w) with what the last features (N, F, h, w) make of the extra channels appended."""
        assert self.leave is not None
        return torch.cat([y, self.leave(inputs[0])], dim=1)
