"""The dual model on a pretrained Stable Diffusion 1.x or 2.x network, which stays frozen."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawsmith.config.schema import ModelConfig
from flawsmith.dataset.sample import GOOD
from flawsmith.diffusion.variance_preserving import VariancePreserving, unit_variance
from flawsmith.models.backbones.family import Family
from flawsmith.models.backbones.loading import KNOWN, Backbone, find_checkpoint, load_backbone
from flawsmith.models.backbones.prompts import PromptTable, Templates
from flawsmith.models.backbones.widening import Widening
from flawsmith.models.codecs import Autoencoder
from flawsmith.models.dual_model import Condition, DualModel
from flawsmith.product.shape import ModelSpec

INPAINTING = 9  # input channels of a network trained for inpainting: 4 of the picture, 1 of the region, 4 of the background


class StableModel(DualModel):
    """`DualModel` with a pretrained network: adapters for each branch, SAIM, BCM, prompts, and channels for what it has no room for.

    The state is that of `DualModel`: picture latents, then the mask's cells where `model.mask` is "cells". Background and region enter
    through an inpainting network's own channels, and through new ones beside them where `model.widen` says so. The network's
    prediction of noise or velocity is brought to the clean state; the mask's cells are predicted as they are.
    """

    codec: Autoencoder
    tokens: PromptTable

    def __init__(self, config: ModelConfig, shape: ModelSpec, backbone: Backbone) -> None:
        from flawsmith.models.dual_unet import DualUNet  # with diffusers, which takes seconds

        unet, branches = backbone.unet, 2 if config.dual else 1
        cells = config.cells or unet.config.sample_size
        codec = Autoencoder(backbone.vae, shape.colours, shape.window, max(1, shape.window // cells))
        templates = Templates(config.prompt_image, config.prompt_anomaly, config.prompt_good)
        prompts = templates.prompts(config.product, shape.defects)
        names = (GOOD, *shape.defects)
        tokens = PromptTable(backbone.text, backbone.tokenizer, names, prompts, config.tokens, config.text_lora_rank)
        bcm = config.bcm_form if config.bcm else "none"
        net = DualUNet(unet, branches, config.interaction, config.saim_rank, config.head_dim, bcm, config.lora_rank)
        mask_cells = codec.factor**2 if config.mask == "cells" else 0
        super().__init__(shape, branches, codec, tokens, net, mask_cells)
        self._mask_cells = mask_cells
        self.base = backbone.digest
        self.schedule = schedule = VariancePreserving(backbone.scheduler)
        self._steps_of = schedule.steps_of
        self._velocity = backbone.scheduler.get("prediction_type", "epsilon") == "v_prediction"
        self._inpaints = unet.config.in_channels == INPAINTING
        self._widened = config.widen
        known = codec.channels + codec.factor**2 if config.widen else 0  # of background and region
        self.wide = Widening(unet, self._mask_cells + known, self._mask_cells)

    def forward(self, state: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Return the clean state as predicted, of the state's shape (branches, B, C, h, w). t: (B,) in [0, 1], as in `schedules.mix`."""
        channels = self.codec.channels
        times = t[None, :, None, None, None].float()
        scale = unit_variance(times)
        noisy = state[:, :, :channels]
        cells = condition.cells.expand(self.branches, -1, -1, -1, -1)
        background, region = cells[:, :, :channels], cells[:, :, channels:]
        inputs = [noisy * scale]
        if self._inpaints:
            inputs += [region.amax(2, keepdim=True), background]
        inputs.append(state[:, :, channels:])
        if self._widened:
            inputs.append(cells)
        y = self.net(torch.cat(inputs, dim=2), self._steps_of(t), condition.tokens, condition.features).float()
        picture = y[:, :, :channels]
        if self._velocity:  # v = a n - s x of a state a x + s n
            clean = scale * ((1 - times) * scale * noisy - times * picture)
        else:
            clean = (noisy - times * picture) / (1 - times).clamp(min=1e-3)
        return torch.cat([clean, y[:, :, channels:]], dim=2) * self.mask_of_state(y)

    def tell(self, cells: Tensor, ids: Tensor, noise: Tensor | None = None, _exemplars: Tensor | None = None) -> Condition:
        """Return the conditioning of cells (B, C, h, w), entries (B,) and noise on the tokens (B, T, D); as in `DualModel`."""
        tokens, _ = self.tokens(ids, self.branches, noise)
        features = None
        if self.net.background:
            channels = self.codec.channels
            own, _ = self.tokens(torch.full_like(ids, self.tokens.background), 1)
            inputs = [cells[:, :channels]]  # at step 0 there is no noise: the picture itself
            if self._inpaints:
                inputs += [cells[:, channels:].amax(1, keepdim=True), cells[:, :channels]]
            inputs.append(cells.new_zeros(len(cells), self._mask_cells, *cells.shape[2:]))
            if self._widened:
                inputs.append(cells)
            features = self.net.encode_background(torch.cat(inputs, dim=1), own[0])
        return Condition(cells, tokens, None, features)

    def join(self, image: Tensor, anomaly: Tensor | None, mask: Tensor) -> Tensor:
        """Return the clean state (branches, B, C, h, w) of latents (B, channels, h, w) and a mask (B, 1, H, W); as in `DualModel`."""
        if self._mask_cells:
            return super().join(image, anomaly, mask)
        return torch.stack([latents for latents in (image, anomaly) if latents is not None])

    def decode(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return image, anomaly (B, C, H, W) and mask (B, 1, H, W); without mask cells the mask is where the anomaly is not grey."""
        if self._mask_cells:
            return super().decode(state)
        image, anomaly = self.codec.decode(state[0]), self.codec.decode(state[-1])
        return image, anomaly, mask_of_anomaly(anomaly)

    def hold_frozen(self, dtype: torch.dtype) -> None:
        """Hold the weights of the pretrained networks in `dtype`; what is learned stays as it is."""
        pretrained: tuple[Any, ...] = (self.net.unet, self.tokens.text, self.codec.model)
        for module in pretrained:
            nn.Module.to(module, dtype)  # diffusers' own warns of layers to keep in 32 bits, which these networks do not have


GREY = 0.2  # an anomaly's distance from mid-grey, of [-1, 1], from which on a pixel belongs to the defect


def mask_of_anomaly(anomaly: Tensor) -> Tensor:
    """Return the mask (B, 1, H, W), -1 outside to 1 inside, of an anomaly (B, C, H, W) that is 0 (mid-grey) outside the defect.

    The distance from grey, the largest over the colours, averaged over 3 x 3 pixels: 0 at the distance GREY.
    """
    distance = F.avg_pool2d(anomaly.abs().amax(1, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
    return (distance / GREY - 1).clamp(-1, 1)


FAMILY = Family(
    name="stable-diffusion",
    checkpoints=KNOWN,
    extra="sd",
    recognises=bool,  # any name; `registry` asks the others first
    find=find_checkpoint,
    load=load_backbone,
    build=StableModel,
)
