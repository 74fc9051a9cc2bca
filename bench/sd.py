"""Pairs a second with Stable Diffusion's architecture: the published procedure against ours, in one run.

    python bench/sd.py [--reduced] [--device cuda] [--batch 8] [--pairs 8] [--reference-pairs 1] [--steps N] [-o RESULT.json]

The networks have random weights: speed does not depend on the values. Full size is Stable Diffusion 1.5 at 512 pixels; --reduced is a
tenth of its width at 128, for a CPU. Three ways to make pairs (whole, part and mask):

- published: one pair a call, the two halves of the guidance one after the other, fp32, full-rank SAIM, 100 steps;
- equal: ours with the same precision, steps and SAIM: both halves and a batch of pairs in one call;
- recommended: the preset sd15: bf16 where the device has it, low-rank SAIM, 20 steps.

Also: the rate of the network's operations against the device's measured rate of matrix products, and the peak memory of generating and
of one training step.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from machine import describe, matmul_rate
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

from flawsmith.config.resolve import from_dict, preset
from flawsmith.config.schema import Config
from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.precision import supports_bf16
from flawsmith.core.seeds import torch_generator
from flawsmith.models.backbones.loading import Backbone
from flawsmith.models.backbones.stable_diffusion import StableModel
from flawsmith.models.trainable import count_trainable
from flawsmith.product.shape import ModelSpec
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Task
from flawsmith.training.objective import objective
from flawsmith.training.pool import Batch

SCHEDULE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


class Letters:
    """A tokenizer without a vocabulary: one token a letter."""

    model_max_length, bos_token_id, eos_token_id, pad_token_id = 77, 49406, 49407, 49407

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) % 256 for letter in text]}


def backbone(reduced: bool) -> Backbone:
    """Return Stable Diffusion 1.5 with random weights, or a tenth of it."""
    widths, text = ((64, 96, 128, 128), 64) if reduced else ((320, 640, 1280, 1280), 768)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=16 if reduced else 64, block_out_channels=widths, cross_attention_dim=text, attention_head_dim=8
        )
        channels = (32, 32, 64, 64) if reduced else (128, 256, 512, 512)
        vae = AutoencoderKL(
            block_out_channels=channels,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            layers_per_block=2,
            sample_size=512,
        )
        encoder = CLIPTextModel(
            CLIPTextConfig(hidden_size=text, intermediate_size=4 * text, num_hidden_layers=12, num_attention_heads=text // 64 or 1)
        )
    for module in (unet, vae, encoder):
        module.eval().requires_grad_(False)
    return Backbone(unet, vae, encoder, Letters(), SCHEDULE, "random", "")


def make(name: str, reduced: bool, device: str, precision: str, steps: int) -> tuple[StableModel, Config]:
    """Return a model with the settings of a preset, on the device, and its configuration."""
    config = preset(name)
    cells = 16 if reduced else 64
    config = from_dict({"model": {"cells": cells}, "generation": {"steps": steps}, "training": {"precision": precision}}, config)
    model = StableModel(config.model, ModelSpec(("scratch",), 3, 8 * cells), backbone(reduced)).to(device)
    model.codec.model.to(device)
    if precision == "bf16":
        model.hold_frozen(torch.bfloat16)
    return model.eval(), config


def tasks(model: StableModel, count: int) -> list[Task]:
    """Return `count` canvases of one window each."""
    side = model.shape.window
    g = np.random.default_rng(0)
    region = np.zeros((side, side), bool)
    region[side // 4 : side // 2, side // 4 : 3 * side // 4] = True
    return [Task(g.uniform(-1, 1, (3, side, side)).astype(np.float32), region, None, 1, seed) for seed in range(count)]


@torch.inference_mode()
def published(model: StableModel, config: Config, task: Task, device: str) -> None:
    """Make one pair as the published procedure does: two passes a step, one pair, fp32."""
    side = model.shape.window
    empty = torch.zeros(1, 3, side, side, device=device)
    everywhere = torch.ones(1, 1, side, side, device=device)
    told = [model.condition(empty, everywhere, torch.tensor([entry], device=device)) for entry in (task.entry, model.tokens.empty)]
    assert model.schedule is not None
    times = model.schedule.sampling_times(config.generation.steps, 1.0)
    x = torch.randn(2, 1, model.state, side // 8, side // 8, generator=torch_generator(task.seed, "noise")).to(device)
    for t, s in zip(times[:-1], times[1:], strict=True):
        at = torch.full((1,), t, device=device)
        with_prompt, without = (model(x, at, condition) for condition in told)
        clean = without + config.generation.guidance * (with_prompt - without)
        x = (s / t) * x + (1 - s / t) * clean
    model.decode(x)


def timed(work: Any, device: str) -> tuple[float, float | None]:
    """Return seconds and, on a GPU, the peak memory in GB of a call."""
    if device != "cpu":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    mark = time.monotonic()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.monotonic() - mark, torch.cuda.max_memory_allocated() / 1e9 if device != "cpu" else None


def ours(name: str, steps: int, precision: str, args: argparse.Namespace, device: str) -> dict[str, Any]:
    """Return what our path does with the settings of a preset."""
    model, config = make(name, args.reduced, device, precision, steps)
    config = replace(config, generation=replace(config.generation, steps=steps, guidance=2.0))
    batches = [tasks(model, args.batch)] * max(1, args.pairs // args.batch)
    draw(model, batches[0][:1], replace(config, generation=replace(config.generation, steps=2)), precision)  # warm up
    with FlopCounterMode(display=False) as counter:
        draw(model, batches[0][:1], replace(config, generation=replace(config.generation, steps=1)), precision)
    seconds, memory = timed(lambda: [draw(model, batch, config, precision) for batch in batches], device)
    count = args.batch * len(batches)
    with FlopCounterMode(display=False) as twice:
        draw(model, batches[0][:1], replace(config, generation=replace(config.generation, steps=2)), precision)
    step = twice.get_total_flops() - counter.get_total_flops()  # of one solver step: what decoding costs does not count
    row = {"seconds_per_pair": seconds / count, "pairs_per_second": count / seconds, "steps": steps, "precision": precision}
    row |= {"gflop_per_step": step / 1e9, "network_tflops": step * steps * count / seconds / 1e12, "generate_gb": memory}
    row |= {"trained_weights": count_trainable(model)}
    seconds, memory = timed(lambda: train_step(model, config, device, precision), device)
    return row | {"train_step_seconds": seconds, "train_step_gb": memory}


def theirs(args: argparse.Namespace, device: str) -> dict[str, Any]:
    """Return what the published procedure does."""
    steps = args.steps or 100
    model, config = make("sd15-paper", args.reduced, device, "fp32", steps)
    work = tasks(model, args.reference_pairs)
    published(model, from_dict({"generation": {"steps": 2}}, config), work[0], device)  # warm up
    seconds, memory = timed(lambda: [published(model, config, task, device) for task in work], device)
    row = {"seconds_per_pair": seconds / len(work), "pairs_per_second": len(work) / seconds, "steps": steps, "precision": "fp32"}
    return row | {"generate_gb": memory, "trained_weights": count_trainable(model)}


def train_step(model: StableModel, config: Config, device: str, precision: str) -> None:
    """Take one step of training with one window."""
    side = model.shape.window
    mask = torch.zeros(1, 1, side, side)
    mask[..., side // 4 : side // 2, side // 4 : side // 2] = 1
    batch = Batch.erased(*(a.to(device) for a in (torch.zeros(1, 3, side, side), mask, mask, torch.ones(1, dtype=torch.long))))
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=precision == "bf16"):
        loss = objective(model, batch, config.diffusion, torch_generator(0, "noise"))
    loss.total.backward()
    optimiser.step()
    optimiser.zero_grad()


def main() -> None:
    """Measure the three ways and print them beside each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reduced", action="store_true", help="a tenth of the width, 128 pixels")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--batch", type=int, default=8, help="pairs in one call of ours")
    parser.add_argument("--pairs", type=int, default=8, help="made by ours")
    parser.add_argument("--reference-pairs", type=int, default=1, help="made by the published procedure")
    parser.add_argument("--steps", type=int, help="solver steps of all three instead of 100, 100 and 20, to try this script")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    device = choose_device(args.device)
    use_threads(args.threads)
    best = "bf16" if supports_bf16(device) else "fp32"
    rows = {"published": theirs(args, device)}
    rows["equal"] = ours("sd15-paper", args.steps or 100, "fp32", args, device)
    rows["recommended"] = ours("sd15", args.steps or 20, best, args, device)
    for row in rows.values():
        row["ratio"] = row["pairs_per_second"] / rows["published"]["pairs_per_second"]
        row["matmul_tflops"] = matmul_rate(row["precision"], device, 8192 if device != "cpu" else 2048) / 1e3
        if "network_tflops" in row:
            row["share_of_matmul"] = row["network_tflops"] / row["matmul_tflops"]
    result = {"reduced": args.reduced, "batch": args.batch, "rows": rows, **describe(device)}
    for name, row in rows.items():
        print(f"{name:12} {row['seconds_per_pair']:8.2f} s a pair, {row['ratio']:6.2f} times the published procedure")
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
