"""The dual model: codec, token table and network behind one call. The families in `backbones` put it together."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flawsmith.diffusion.variance_preserving import VariancePreserving
from flawsmith.models.codecs import Codec, decode_mask, encode_mask
from flawsmith.models.conditioning import Tokens
from flawsmith.product.shape import ModelSpec


@dataclass(frozen=True)
class Condition:
    """What the network is told beside the noisy state; made once per window, the same at every step."""

    cells: Tensor  # (B, C, h, w) background and region, and what else `show` was told
    tokens: Tensor  # (branches, B, T, D)
    pooled: Tensor | None  # (branches, B, E)
    features: Any  # what the network recorded of clean pictures: the background's for BCM, the exemplars'; None for none


class DualModel(nn.Module, ABC):
    """The whole network: codec, tokens, and `DualCells` or `DualUNet`.

    The state it denoises is (branches, B, C, h, w): picture latents, then mask cells. The last branch denoises the mask;
    the mask cells of the other branch are zero at every time and count nowhere.
    """

    schedule: VariancePreserving | None = None  # a pretrained network's own; None = times are chosen freely
    base: str = ""  # digest of a pretrained network's weights
    follows: bool = False  # whether it is shown exemplars, wanted shapes and the normal under the region

    def __init__(self, shape: ModelSpec, branches: int, codec: Codec, tokens: Tokens, net: Any, mask_cells: int) -> None:
        """mask_cells: how many channels of the state are the mask's, the codec's factor squared, or 0 where it has none."""
        super().__init__()
        self.shape = shape
        self.branches = branches
        self.codec = codec
        self.factor = codec.factor
        self.state = codec.channels + mask_cells  # channels of the state
        self.tokens = tokens
        self.net = net

    @abstractmethod
    def forward(self, state: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Return the network's prediction, of the state's shape (branches, B, C, h, w). t: (B,) in [0, 1]."""

    def condition(
        self,
        background: Tensor,
        region: Tensor,
        ids: Tensor,
        noise: Tensor | None = None,
        known: Tensor | None = None,
        shape: Tensor | None = None,
        exemplars: Tensor | None = None,
    ) -> Condition:
        """Return what the network is told.

        background: (B, C, H, W) in [-1, 1], inside the region 0, or the normal where `known`; region: (B, 1, H, W), 1 where the model
        may draw; ids: (B,) entries of the token table; noise: (B, T, D), added to the tokens; known: (B,), 1 where the background is the
        normal, None for nowhere; shape: (B, 1, H, W), 1 inside the wanted mask and -1 outside, 0 where none is wanted, None for nowhere;
        exemplars: (B, K, C + 1, S, S), pictures in [-1, 1] and their masks, 0 or 1; an empty mask, or None, for no exemplar.

        The networks that see no exemplars (see `follows`) are told background and region alone.
        """
        return self.tell(self.show(self.codec.encode(background), region, known, shape), ids, noise, exemplars)

    def show(self, background: Tensor, region: Tensor, _known: Tensor | None = None, _shape: Tensor | None = None) -> Tensor:
        """Return the cells (B, C, h, w) of the background's latents (B, channels, h, w) and what else says where; as in `condition`."""
        return torch.cat([background, encode_mask(region, self.factor)], dim=1)

    @abstractmethod
    def tell(self, cells: Tensor, ids: Tensor, noise: Tensor | None = None, exemplars: Tensor | None = None) -> Condition:
        """Return what the network is told, with the cells (B, C, h, w) of `show`; else as `condition`."""

    def encode(self, image: Tensor, anomaly: Tensor, mask: Tensor) -> Tensor:
        """Return the clean state. image, anomaly: (B, C, H, W) in [-1, 1]; mask: (B, 1, H, W), -1 outside and 1 inside."""
        return self.join(self.codec.encode(image), self.codec.encode(anomaly) if self.branches == 2 else None, mask)

    def join(self, image: Tensor, anomaly: Tensor | None, mask: Tensor) -> Tensor:
        """Return the clean state of latents (B, channels, h, w), a single branch having no anomaly, and a mask (B, 1, H, W), -1 or 1."""
        cells = encode_mask(mask, self.factor)
        if anomaly is None:
            return torch.cat([image, cells], dim=1)[None]
        return torch.stack([torch.cat([image, torch.zeros_like(cells)], dim=1), torch.cat([anomaly, cells], dim=1)])  # (2, B, C, h, w)

    def decode(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return image, anomaly (B, C, H, W) and mask (B, 1, H, W) of a clean state; a single branch's anomaly is image times mask."""
        channels = self.codec.channels
        image = self.codec.decode(state[0, :, :channels])
        mask = decode_mask(state[-1, :, channels:], self.factor)
        anomaly = self.codec.decode(state[1, :, :channels]) if self.branches == 2 else image * (mask > 0)
        return image, anomaly, mask

    def hold_frozen(self, dtype: torch.dtype) -> None:
        """Hold the weights of a pretrained network in `dtype`, half the memory for bfloat16; one of our own has none."""

    @property
    def has_mask(self) -> bool:
        """Whether the state has mask cells."""
        return self.state > self.codec.channels

    def mask_of_state(self, state: Tensor) -> Tensor:
        """Return (branches, 1, C, 1, 1), 1 for the state's elements that exist and 0 for the mask cells of the branch without a mask."""
        keep = torch.ones(self.branches, 1, self.state, 1, 1, device=state.device, dtype=state.dtype)
        if self.branches == 2:
            keep[0, :, self.codec.channels :] = 0
        return keep
