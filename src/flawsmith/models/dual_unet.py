"""Two diffusion branches as a doubled batch through one diffusers UNet, with exchange after every attention layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from flawsmith.models.adapters import LoRA, attach
from flawsmith.models.bcm import BCM, KeyValueBCM
from flawsmith.models.saim import SAIM, JointAttention

Features = dict[str, Tensor]  # background features by self-attention layer, each (B, N, C)


class DualUNet(nn.Module):
    """A plain UNet whose attention layers are followed by SAIM (or joint attention) and, for branch 0, by BCM.

    The modules are attached by hooks: the UNet keeps its own keys and can be any diffusers checkpoint. With fresh modules
    the output equals the plain UNet's bit for bit.
    """

    def __init__(
        self, unet: UNet2DConditionModel, branches: int, interaction: str, rank: int, head_dim: int, bcm: str, lora_rank: int = 0
    ) -> None:
        """interaction: "saim", "joint" or "none"; rank: of SAIM, 0 = full; bcm: "output" (paper), "keys" (public code) or "none";
        lora_rank: of the branches' adapters, 0 = none.
        """
        super().__init__()
        self.unet = unet
        self.branches = branches
        self.lora = nn.ModuleDict()  # of the queries, keys, values and outputs of every attention layer
        self.exchange = nn.ModuleDict()
        self.background = nn.ModuleDict()
        self._present = branches  # in the call under way
        self._features: Features | None = None  # what BCM adds
        self._recorded: Features | None = None  # filled instead while the background picture itself goes through
        for name, layer in attention_layers(unet):
            key = name.replace(".", "/")  # ModuleDict keys hold no dots
            own = name.endswith("attn1")  # diffusers: attn1 is self-attention, attn2 cross-attention
            width = layer.to_out[0].out_features
            if branches == 2 and interaction == "saim":
                self.exchange[key] = SAIM(width, rank)
            elif branches == 2 and interaction == "joint" and own:
                self.exchange[key] = JointAttention(width, head_dim)
            if bcm == "output" and own:
                self.background[key] = BCM(width)
            elif bcm == "keys" and own:
                self.background[key] = KeyValueBCM(width)
                for linear in (layer.to_k, layer.to_v):
                    linear.register_forward_pre_hook(self._before(key))
            layer.register_forward_hook(self._after(key))
            for part, linear in _projections(layer).items() if lora_rank else ():
                lora = LoRA(linear.in_features, linear.out_features, lora_rank, branches)
                self.lora[f"{key}/{part}"] = lora
                attach(linear, lora, lambda: self._present)

    def forward(self, x: Tensor, t: Tensor, context: Tensor, features: Features | None = None) -> Tensor:
        """Return the network's output, (branches, B, C_out, h, w).

        x: (branches, B, C_in, h, w); t: (B,) in timesteps 0 to 1000; context: (branches, B, T, D) tokens;
        features: from `encode_background`, needed with BCM.
        """
        if self.background and features is None:
            raise ValueError("DualUNet with BCM needs the background's features: call encode_background first.")
        self._features = features  # kept until the next call: gradient checkpointing goes through the layers once more
        y = self.unet(x.flatten(0, 1), t.repeat(x.shape[0]), encoder_hidden_states=context.flatten(0, 1), return_dict=False)[0]
        return y.unflatten(0, (x.shape[0], -1))

    def encode_background(self, x: Tensor, context: Tensor) -> Features:
        """Return what BCM takes from the self-attention layers for a clean background picture; the same for every step of sampling.

        x: (B, C_in, h, w) at time 0; context: (B, T, D).
        """
        with self._recording() as features:
            self.unet(x, torch.zeros(len(x), device=x.device), encoder_hidden_states=context, return_dict=False)
        return features

    @property
    def checkpointing(self) -> bool:
        """Whether inner values are computed again for the gradients."""
        return bool(self.unet.is_gradient_checkpointing)

    def checkpoint(self, on: bool) -> None:
        """Have the blocks' inner values computed again for the gradients, instead of kept."""
        (self.unet.enable_gradient_checkpointing if on else self.unet.disable_gradient_checkpointing)()

    def checkpointed(self) -> list[nn.Module]:
        """Return the modules whose inner values that concerns, one after another."""
        return [module for module in self.unet.modules() if isinstance(module, ResnetBlock2D | BasicTransformerBlock)]

    @contextmanager
    def _recording(self) -> Iterator[Features]:
        checkpointing = self.checkpointing  # which would go through the layers again when nothing is recorded
        self.checkpoint(False)
        self._recorded, self._present = {}, 1
        try:
            yield self._recorded
        finally:
            self._recorded, self._present = None, self.branches
            self.checkpoint(checkpointing)

    def _before(self, key: str) -> Any:
        """Return the hook before the keys and values of the self-attention layer called `key`."""

        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor] | None:
            if self._recorded is not None or self._features is None:
                return None
            return (self.background[key](inputs[0], self._features[key]),)

        return hook

    def _after(self, key: str) -> Any:
        """Return the forward hook of the attention layer called `key`."""
        takes = key in self.background
        adds = takes and isinstance(self.background[key], BCM)  # the other form acts before the keys and values

        def hook(_module: nn.Module, inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
            if self._recorded is not None:
                if takes:
                    self._recorded[key] = y if adds else inputs[0]
                return y
            if self._features is not None and adds:
                y = self.background[key](y, self._features[key])
            return self.exchange[key](y) if key in self.exchange else y

        return hook


def attention_layers(unet: nn.Module) -> list[tuple[str, Attention]]:
    """Return (name, module) of every self- and cross-attention layer, in the order of the network."""
    return [(name, module) for name, module in unet.named_modules() if isinstance(module, Attention) and name.endswith(("attn1", "attn2"))]


def _projections(layer: Attention) -> dict[str, nn.Linear]:
    """Return the linear layers of an attention layer that get adapters."""
    return {"q": layer.to_q, "k": layer.to_k, "v": layer.to_v, "out": layer.to_out[0]}
