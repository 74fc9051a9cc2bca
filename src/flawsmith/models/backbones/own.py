"""A small network of our own: on cells, from the base or from scratch, or a UNet from scratch. No weights are fetched."""

from diffusers import UNet2DConditionModel

from flawsmith.config.schema import ModelConfig
from flawsmith.dataset.sample import GOOD
from flawsmith.models.backbones.family import Family
from flawsmith.models.cells_model import CellsModel
from flawsmith.models.codecs import open_codec
from flawsmith.models.conditioning import TokenTable
from flawsmith.models.dual_model import DualModel
from flawsmith.models.dual_unet import DualUNet
from flawsmith.product.shape import ModelSpec


def build(config: ModelConfig, shape: ModelSpec, _nothing: None = None) -> DualModel:
    """Return a fresh model; its weights come from torch's generator."""
    if config.network == "cells":
        return CellsModel(config, shape, (GOOD, *shape.defects))
    codec = open_codec(config.codec, max(1, shape.window // config.cells), shape.colours, shape.window)
    state = codec.channels + codec.factor**2
    tokens = TokenTable((GOOD, *shape.defects), config.tokens, config.token_dim, 4 * config.channels[0])
    attention = [i >= len(config.channels) - config.attention_levels for i in range(len(config.channels))]
    unet = UNet2DConditionModel(
        sample_size=config.cells,
        in_channels=2 * state,
        out_channels=state,
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        down_block_types=["CrossAttnDownBlock2D" if has else "DownBlock2D" for has in attention],
        up_block_types=["CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(attention)],
        attention_head_dim=[c // config.head_dim for c in config.channels],  # diffusers reads this as the number of heads
        cross_attention_dim=config.token_dim,
        class_embed_type="identity",
    )
    branches = 2 if config.dual else 1
    net = DualUNet(unet, branches, config.interaction, config.saim_rank, config.head_dim, config.bcm_form if config.bcm else "none")
    return DualModel(shape, branches, codec, tokens, net, codec.factor**2)


FAMILY = Family(
    name="own",
    checkpoints=(),
    extra="",
    recognises=lambda backbone: not backbone,
    find=lambda _backbone: None,
    load=lambda _backbone: None,
    build=build,
)
