"""A Stable Diffusion checkpoint as diffusers lays it out, of the same architecture but tiny and random."""

import json
import re
from pathlib import Path
from typing import Any

import torch

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'"
SCHEDULE = {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SCHEDULE |= {"num_train_timesteps": 1000, "prediction_type": "epsilon", "skip_prk_steps": True, "steps_offset": 1}


def write_checkpoint(folder: Path, channels: int = 4, seed: int = 0, **schedule: Any) -> Path:
    """Write a checkpoint whose network takes `channels` input channels; pictures of 64 pixels have 8 x 8 latents."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    words = [c for c in LETTERS] + [c + "</w>" for c in LETTERS] + ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=40)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=channels,
            out_channels=4,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            attention_head_dim=2,
            cross_attention_dim=32,
            norm_num_groups=8,
        )
        vae = AutoencoderKL(
            block_out_channels=(16, 16, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=8,
            sample_size=64,
        )
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(words),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=40,
                bos_token_id=len(words) - 2,
                eos_token_id=len(words) - 1,
            )
        )
    for part, module in (("unet", unet), ("vae", vae), ("text_encoder", text), ("tokenizer", tokenizer)):
        module.save_pretrained(folder / part)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({**SCHEDULE, **schedule}))
    parts = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "scheduler": "PNDMScheduler"}
    index = {name: ["diffusers", cls] for name, cls in parts.items()}
    index |= {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", **index}))
    return folder


def halve(folder: Path) -> Path:
    """Turn the checkpoint of `write_checkpoint` into the variant with 16 bits, as publishers lay it out."""
    from safetensors.torch import load_file, save_file

    for part, stem in FILES.items():
        path = folder / part / f"{stem}.safetensors"
        save_file({name: w.half() for name, w in load_file(path).items()}, folder / part / f"{stem}.fp16.safetensors", {"format": "pt"})
        path.unlink()
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "dtype": "float16"}))
    return folder


def write_single_file(folder: Path, path: Path) -> Path:
    """Write the checkpoint of `write_checkpoint` as one file with the keys of the original code."""
    from safetensors.torch import load_file, save_file

    parts = {part: load_file(folder / part / f"{stem}.safetensors") for part, stem in FILES.items()}
    weights = {f"model.diffusion_model.{original_unet(key)}": w for key, w in parts["unet"].items()}
    for key, w in parts["vae"].items():
        attention = ".attentions.0.to_" in key and w.ndim == 2
        weights[f"first_stage_model.{original_vae(key)}"] = w[..., None, None] if attention else w  # a convolution there
    for key, w in parts["text_encoder"].items():
        weights[f"cond_stage_model.transformer.text_model.{key.removeprefix('text_model.')}"] = w
    save_file({key: w.contiguous() for key, w in weights.items()}, path)
    return path


FILES = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
RESIDUAL = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0"}
RESIDUAL |= {"conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
PLAIN = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0"}
PLAIN |= {"conv_norm_out": "out.0", "conv_out": "out.2"}
BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")


def original_unet(key: str, layers: int = 1, attention_in: tuple[int, ...] = (1,)) -> str:
    """Return the original name of a UNet's weight; attention_in: which of the blocks on the way up have attention."""
    for own, original in PLAIN.items():
        if key.startswith(own + "."):
            return original + key.removeprefix(own)
    if key.startswith("mid_block."):
        kind, index, rest = key.removeprefix("mid_block.").split(".", 2)
        place = f"middle_block.{2 * int(index) if kind == 'resnets' else 1}"
        return f"{place}.{residual(rest) if kind == 'resnets' else rest}"
    found = BLOCK.fullmatch(key)
    assert found, key
    way, kind, rest = found[1], found[3], found[5]
    block, number = int(found[2]), int(found[4])
    if way == "down":
        place = f"input_blocks.{1 + (layers + 1) * block + (number if kind != 'downsamplers' else layers)}"
        return f"{place}.0.op.{rest.removeprefix('conv.')}" if kind == "downsamplers" else inside(place, kind, rest)
    place = f"output_blocks.{(layers + 1) * block + (number if kind != 'upsamplers' else layers)}"
    return f"{place}.{2 if block in attention_in else 1}.{rest}" if kind == "upsamplers" else inside(place, kind, rest)


def inside(place: str, kind: str, rest: str) -> str:
    """Return the original name within one of the UNet's places."""
    return f"{place}.0.{residual(rest)}" if kind == "resnets" else f"{place}.1.{rest}"


def residual(rest: str) -> str:
    """Return the original name within a residual block."""
    layer, _, end = rest.partition(".")
    return f"{RESIDUAL[layer]}.{end}"


def original_vae(key: str, levels: int = 4) -> str:
    """Return the original name of an autoencoder's weight."""
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", key)
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", key)
    key = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", key)
    key = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    names = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    return re.sub(r"mid_block\.attentions\.0\.(group_norm|to_q|to_k|to_v|to_out\.0)", lambda m: f"mid.attn_1.{names[m[1]]}", key)
