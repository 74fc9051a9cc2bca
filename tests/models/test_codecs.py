"""Codecs: exact round trips, and autoencoders."""

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from flawsmith.models.codecs import Autoencoder, Unshuffle, decode_mask, encode_mask


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("colours", [1, 3])
def test_unshuffle_gives_back_every_bit(factor: int, colours: int) -> None:
    codec = Unshuffle(factor, colours)
    x = torch.randn(2, colours, 24, 24)
    z = codec.encode(x)
    assert z.shape == (2, codec.channels, 24 // factor, 24 // factor)
    assert torch.equal(codec.decode(z), x)


def test_masks_give_back_every_bit_and_spread_to_their_pixels() -> None:
    mask = (torch.rand(2, 1, 8, 8) > 0.5).float()
    cells = encode_mask(mask, 2)
    assert torch.equal(decode_mask(cells, 2), mask)
    codec = Unshuffle(2, 3)
    assert torch.equal(codec.decode(codec.spread(cells)), mask.expand(-1, 3, -1, -1))


def tiny_autoencoders() -> dict[str, torch.nn.Module]:
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    return {
        "kl": AutoencoderKL(block_out_channels=(8, 8), latent_channels=4, norm_num_groups=4, **blocks),
        "tiny": AutoencoderTiny(
            encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1)
        ),
    }


@pytest.mark.parametrize("kind", ["kl", "tiny"])
@pytest.mark.parametrize("colours", [1, 3])
def test_an_autoencoder_of_diffusers_is_a_codec(kind: str, colours: int) -> None:
    codec = Autoencoder(tiny_autoencoders()[kind], colours, 16)
    x = torch.rand(2, colours, 16, 16) * 2 - 1
    z = codec.encode(x)
    assert z.shape == (2, codec.channels, 16 // codec.factor, 16 // codec.factor)
    assert codec.decode(z).shape == x.shape
    assert codec.spread(encode_mask(x[:, :1], codec.factor)).shape == z.shape
