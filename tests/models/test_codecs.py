"""Codecs: exact round trips, and folders that hold none."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from flawsmith.core.errors import ConfigError
from flawsmith.models.codecs import Unshuffle, decode_mask, encode_mask, open_codec


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
def test_a_diffusers_folder_is_a_codec(tmp_path: Path, kind: str, colours: int) -> None:
    model: Any = tiny_autoencoders()[kind]
    model.save_pretrained(tmp_path / kind)
    codec = open_codec(str(tmp_path / kind), 99, colours, 16)
    x = torch.rand(2, colours, 16, 16) * 2 - 1
    z = codec.encode(x)
    assert z.shape == (2, codec.channels, 16 // codec.factor, 16 // codec.factor)
    assert codec.decode(z).shape == x.shape
    assert codec.spread(encode_mask(x[:, :1], codec.factor)).shape == z.shape


def test_a_folder_without_a_codec_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model.codec: got"):
        open_codec(str(tmp_path / "nothing"), 2, 1, 16)
    (tmp_path / "config.json").write_text('{"_class_name": "UNet2DModel"}')
    with pytest.raises(ConfigError, match="got UNet2DModel, expected AutoencoderKL"):
        open_codec(str(tmp_path), 2, 1, 16)


def test_no_more_than_one_window_goes_through_an_autoencoder_at_once(tmp_path: Path) -> None:
    model: Any = tiny_autoencoders()["kl"]
    model.save_pretrained(tmp_path / "kl")
    codec: Any = open_codec(str(tmp_path / "kl"), 99, 3, 32)
    seen: list[tuple[int, ...]] = []
    for part in (codec.model.encoder, codec.model.decoder):
        part.register_forward_pre_hook(lambda _m, inputs: seen.append(tuple(inputs[0].shape)))
    window, canvas = torch.rand(3, 3, 32, 32) * 2 - 1, torch.rand(1, 3, 80, 56) * 2 - 1
    with torch.no_grad():
        z = codec.encode(window)
        x = codec.decode(z)
        assert len(seen) == 6 and all(shape[0] == 1 for shape in seen), "one picture at a time"
        rows = [codec.decode(z[i : i + 1]) for i in range(3)]
        assert torch.equal(x, torch.cat(rows)), "whatever is beside it"
        seen.clear()
        assert codec.decode(codec.encode(canvas)).shape == canvas.shape
    assert len(seen) > 8 and all(max(shape[2:]) <= 32 for shape in seen), "larger ones in tiles"
