"""One model for all defects of a product against one model for each, on a small pretrained network: loss by steps.

    python bench/one_model.py [--steps 1000] [--pretrain 800] [--threads N] [-o RESULT.json] [--plot CURVES.png]

A network with Stable Diffusion's architecture, a hundredth of its size, is pretrained on drawn surfaces. Then a product with five kinds of
defects is learned twice: by the preset sd15, one model for all, and by the preset sd15-paper, a model for each, both on whole pictures.
Every so many steps both are measured alike, on other pictures of the same defects: the mean square error of the predicted noise where
the defect is, in both branches, at fixed times and noises.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from machine import describe
from sd import SCHEDULE, Letters
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel

from flawsmith.config.resolve import from_dict, preset
from flawsmith.config.schema import Config
from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.seeds import torch_generator
from flawsmith.diffusion.variance_preserving import VariancePreserving, unit_variance
from flawsmith.formats.reading import read
from flawsmith.models.backbones.loading import Backbone
from flawsmith.models.backbones.stable_diffusion import StableModel
from flawsmith.product.shape import ModelSpec
from flawsmith.training.latents import Encoded, encode_batch
from flawsmith.training.objective import objective
from flawsmith.training.optimiser import build_optimiser
from flawsmith.training.prepare import TrainingData, prepare_training

SIDE = 64  # pixels of a picture
DEFECTS = ("scratch", "spot", "ring", "stain", "chip")
SHOTS, UNSEEN = 6, 12  # pictures of each defect that are learned from, and that are measured on
BATCH = 4  # the paper's
TIMES = (0.2, 0.4, 0.6, 0.8)


def surface(g: np.random.Generator) -> np.ndarray:
    """Return a striped grey picture, (H, W) uint8."""
    stripes = 150 + 40 * np.sin(np.arange(SIDE) / 5 + g.uniform(0, 6))[None]
    return np.clip(stripes + g.normal(0, 4, (SIDE, SIDE)), 0, 255).astype(np.uint8)


def defect(kind: str, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture with a defect and its mask, (H, W) uint8."""
    image, mask = surface(g), np.zeros((SIDE, SIDE), np.uint8)
    y, x = (int(v) for v in g.integers(16, SIDE - 16, 2))
    size = int(g.integers(4, 9))
    if kind == "scratch":
        cv2.line(mask, (x - size, y - size), (x + size, y + int(g.integers(-size, size))), 255, 2)
        return np.where(mask > 0, image // 4, image), mask
    if kind == "spot":
        cv2.circle(mask, (x, y), size, 255, -1)
        return np.where(mask > 0, 30, image).astype(np.uint8), mask
    if kind == "ring":
        cv2.circle(mask, (x, y), size + 2, 255, 2)
        return np.where(mask > 0, 240, image).astype(np.uint8), mask
    if kind == "stain":
        cv2.ellipse(mask, (x, y), (size + 3, size), float(g.uniform(0, 180)), 0, 360, 255, -1)
        return np.where(mask > 0, image // 2 + 100, image).astype(np.uint8), mask
    points = np.array([[x, y - size], [x + size, y + size], [x - size, y + size // 2]], np.int32)
    cv2.fillPoly(mask, [points], 255)
    return np.where(mask > 0, g.integers(0, 256, mask.shape), image).astype(np.uint8), mask


def write_product(folder: Path, seed: int, shots: int) -> Path:
    """Write the product in MVTec AD layout and return its folder."""
    g = np.random.default_rng(seed)
    for i in range(24):
        write(folder / "train" / "good" / f"{i:03d}.png", surface(g))
    for kind in DEFECTS:
        for i in range(shots):
            image, mask = defect(kind, g)
            write(folder / "test" / kind / f"{i:03d}.png", image)
            write(folder / "ground_truth" / kind / f"{i:03d}_mask.png", mask)
    return folder


def write(path: Path, picture: np.ndarray) -> None:
    """Write a picture, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def pretrained(steps: int, device: str) -> Callable[[], Backbone]:
    """Return a function that makes copies of a small network that has learned to denoise surfaces and defects, and not their names."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=64,
        attention_head_dim=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
    ).eval()
    text = CLIPTextModel(CLIPTextConfig(hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=2)).eval()
    g = np.random.default_rng(7)
    pictures = np.stack([surface(g) if i % 2 else defect(DEFECTS[i % len(DEFECTS)], g)[0] for i in range(256)])
    x = torch.from_numpy(pictures.astype(np.float32) / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
    with torch.no_grad():
        latents = torch.cat([vae.encode(part).latent_dist.mode() for part in x.split(32)])
        vae.register_to_config(scaling_factor=1 / latents.std().item())
        words = torch.full((1, 77), Letters.eos_token_id)
        context = text(input_ids=words).last_hidden_state
    latents = (latents / latents.std()).to(device)
    schedule = VariancePreserving(SCHEDULE)
    unet.to(device).train()
    optimiser = torch.optim.AdamW(unet.parameters(), lr=1e-3)
    generator = torch_generator(0, "pretraining")
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * (1 - step / steps)
        clean = latents[torch.randint(len(latents), (16,), generator=generator)]
        noise = torch.randn(clean.shape, generator=generator).to(device)
        t = schedule.training_times(16, generator).to(device)
        times = t[:, None, None, None]
        noisy = ((1 - times) * clean + times * noise) * unit_variance(times)
        loss = F.mse_loss(unet(noisy, schedule.steps_of(t), context.expand(16, -1, -1).to(device)).sample, noise)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    state = {key: w.cpu().clone() for key, w in unet.state_dict().items()}

    def copy() -> Backbone:
        fresh = UNet2DConditionModel.from_config(unet.config)
        fresh.load_state_dict(state)
        encoder = CLIPTextModel(text.config)
        encoder.load_state_dict(text.state_dict())
        for module in (fresh, vae, encoder):
            module.eval().requires_grad_(False)
        return Backbone(fresh, vae, encoder, Letters(), SCHEDULE, "drawn", "")

    return copy


def settings(name: str, defects: str) -> Config:
    """Return a preset for whole pictures of this size and the defects named."""
    ours = {"data": {"window": -1, "defects": defects, "good_share": 0.0}, "model": {"cells": 8}, "training": {"batch": BATCH}}
    same = {"diffusion": {"rho": 0.0}, "generation": {"guidance": 1.0}}  # correlated noise would tell each branch of the other's
    return from_dict({**ours, **same}, preset(name))


@torch.no_grad()
def error(model: StableModel, seen: Encoded) -> float:
    """Return the mean square error of the predicted noise where the defects are, over both branches."""
    channels = model.codec.channels
    target = model.join(seen.image, seen.anomaly, 2 * seen.mask - 1)
    condition = model.tell(model.show(seen.background, seen.region), seen.ids)
    here = model.codec.spread(F.pixel_unshuffle(seen.mask, model.factor)).amax(1, keepdim=True) > 0
    total, count = 0.0, 0
    for i, time in enumerate(TIMES):
        noise = torch.randn(2, *seen.image.shape, generator=torch_generator(i, "measuring")).to(target.device)
        noise = torch.cat([noise, noise.new_zeros(*target.shape[:2], target.shape[2] - channels, *target.shape[3:])], dim=2)
        t = torch.full((len(seen.ids),), time, device=target.device)
        noisy = (1 - time) * target + time * noise
        clean = model(noisy, t, condition)[:, :, :channels]
        wrong = ((clean - target[:, :, :channels]) * (1 - time) / time).square()
        total += float((wrong * here[None]).sum())
        count += int(here.sum()) * 2 * channels
    return total / count


def learn(config: Config, data: Path, unseen: Path, copy: Callable[[], Backbone], steps: int, every: int, device: str) -> list[float]:
    """Return the error on `unseen` before the training and after every `every` steps of it."""
    learned, other = prepare_training(read(data), config), prepare_training(read(unseen), config)
    torch.manual_seed(1)
    model = StableModel(replace(config.model, product="surface"), ModelSpec(tuple(learned.product.shape.defects), 1, SIDE), copy()).to(
        device
    )
    optimiser = build_optimiser(model, config.training)
    held_out = measured_on(model, other, device)
    found = [error(model, held_out)]
    for step in range(steps):
        rise = min(1.0, (step + 1) / config.training.warmup) if config.training.warmup else 1.0
        for group in optimiser.param_groups:
            group["lr"] = config.training.learning_rate * rise
        batch = learned.pool.batch(0, step, BATCH).to(torch.device(device))
        objective(model, batch, config.diffusion, torch_generator(0, "noise", step)).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.training.clip)
        optimiser.step()
        optimiser.zero_grad()
        if (step + 1) % every == 0:
            found.append(error(model, held_out))
    return found


def measured_on(model: StableModel, other: TrainingData, device: str) -> Encoded:
    """Return pictures with defects that were not learned from."""
    rows = [other.pool.windows(0, [("measured", i)]) for i in range(UNSEEN * len(other.product.shape.defects))]
    batch = type(rows[0])(*(torch.cat([getattr(row, key) for row in rows]) for key in ("image", "mask", "region", "ids")))
    return encode_batch(model, batch.to(torch.device(device)))


def main() -> None:
    """Learn the product both ways and print, and draw, the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000, help="of every fit")
    parser.add_argument("--every", type=int, default=50, help="steps between measurements")
    parser.add_argument("--pretrain", type=int, default=800, help="steps")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--plot", type=Path, help="a picture of the curves; needs matplotlib")
    args = parser.parse_args()
    if args.plot:
        import matplotlib  # noqa: F401  (rather now than after the training)
    device = choose_device(args.device)
    use_threads(args.threads)
    copy = pretrained(args.pretrain, device)
    with tempfile.TemporaryDirectory() as temporary:
        data, unseen = write_product(Path(temporary) / "data", 1, SHOTS), write_product(Path(temporary) / "unseen", 2, UNSEEN)
        given = (data, unseen, copy, args.steps, args.every, device)
        each = {kind: learn(settings("sd15-paper", kind), *given) for kind in DEFECTS}
        together = learn(settings("sd15", ""), *given)
    at = list(range(0, args.steps + 1, args.every))
    apart = np.mean(list(each.values()), axis=0).tolist()
    reached = next((step for step, e in zip(at, together, strict=True) if e <= min(apart)), None)
    result: dict[str, Any] = {"steps": at, "one_model": together, "one_each": apart, "by_defect": each, "best_of_one_each": min(apart)}
    result |= {"one_model_is_there_after": reached, "steps_of_all_fits_of_one_each": args.steps * len(DEFECTS), **describe(device)}
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(text + "\n", encoding="utf-8")
    if args.plot:
        draw(args.plot, at, together, apart)


def draw(path: Path, at: list[int], together: list[float], apart: list[float]) -> None:
    """Write the curves as a picture, against the optimiser steps of all fits together."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot([step * len(DEFECTS) for step in at], apart, label="sd15-paper: a model for each of five defects")
    axes.plot(at, together, label="sd15: one model for all five")
    axes.set_xlabel("optimiser steps of all fits together")
    axes.set_ylabel("error of the predicted noise at defects")
    axes.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
