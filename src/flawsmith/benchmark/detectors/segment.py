"""Localisation: a network that marks defects, trained on real and made pairs of one product."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from flawsmith.benchmark.detectors.crops import Crops
from flawsmith.benchmark.detectors.networks import CELL, build_network
from flawsmith.benchmark.labelled import LabelledImage, standardise
from flawsmith.core.precision import Precision, autocast, measure_precision
from flawsmith.core.seeds import derive, torch_generator
from flawsmith.training.ema import MovingAverage

TILE = 1024  # sides of a picture longer than this are answered tile by tile
MARGIN = 128  # pixels that a tile sees beyond what it answers
WARM_UP = 50  # steps over which the learning rate rises


@dataclass(frozen=True)
class SegmenterConfig:
    """How a segmenter is trained; the same for every column of a comparison."""

    network: str = "pretrained"  # "pretrained", "small", or "draem": the published protocol's; see `networks.build_network`
    steps: int = 1500  # optimiser steps, over which the learning rate falls to zero
    every: int = 500  # steps between two evaluations on the validation part
    step_pixels: int = 8 * 128 * 128  # pixels of one step's crops
    learning_rate: float = 2e-3  # of AdamW, at its peak
    good_share: float = 0.4  # of the crops, from normals
    share: float = 0.5  # of the defect crops, from made pairs where there are any beside real ones
    ema: float = 0.99  # decay of the averaged weights
    precision: str = "auto"  # "fp32", "bf16", or "auto": the one in which a step takes less time here, see `choose_precision`


@dataclass(frozen=True)
class TrainedSegmenter:
    """A segmenter, and how its training went."""

    model: nn.Module  # in evaluation mode, with the averaged weights
    curve: list[dict[str, float | None]]  # by evaluation: "step", "loss" (mean over the steps since the last), and what `evaluate` returned
    precision: str  # in which it was trained, and answers


def train_segmenter(
    real: Sequence[LabelledImage],
    made: Sequence[LabelledImage],
    config: SegmenterConfig,
    side: int,
    seed: int,
    device: str = "cpu",
    turns: bool = True,
    evaluate: Callable[[nn.Module, str], dict[str, float | None]] | None = None,
) -> TrainedSegmenter:
    """Return a segmenter trained on `real` (normals among them) and `made` pairs for `config.steps`.

    side: of the crops, in pixels (`crops.SIDE`); turns: turn them by quarters, too. The share of made crops is `config.share`,
    or 1 where `real` has no defects.
    `evaluate` measures the averaged model, which answers in the precision given, on the validation part; it is called every `config.every`
    steps and at the end. Nothing is chosen by it: of many evaluations of a few pictures the best is chance, and where it ends a training,
    columns that learn more slowly, from more pictures, end too early.
    """
    kinds = {x.defect for x in real if x.mask.any()}
    share = 0.0 if not made else config.share if kinds else 1.0
    crops = Crops(real, made, share, side, config.good_share, seed, turns)
    colours = real[0].image.shape[2]
    model = build_network(config.network, colours, derive(seed, "segmenter")).to(device)
    count = max(2, round(config.step_pixels / side**2))
    precision = choose_precision(config, side, colours, device).name
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=1e-2)
    average = MovingAverage(model, config.ema)
    shown = build_network(config.network, colours, 0).to(device).eval()
    curve: list[dict[str, float | None]] = []
    losses: list[float] = []
    for step in range(1, config.steps + 1):
        model.train()
        optimiser.param_groups[0]["lr"] = config.learning_rate * _rate(step, config.steps)
        x, mask = (t.to(device, non_blocking=True) for t in crops.batch(step - 1, count))  # (B, C, S, S), (B, 1, S, S)
        with autocast(device, precision):
            logits = model(x)
        loss = segmentation_loss(logits.float(), mask)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update(model, step)
        losses.append(loss.item())
        if step % config.every and step < config.steps:
            continue
        curve.append({"step": step, "loss": sum(losses) / len(losses)})
        losses.clear()
        shown.load_state_dict(average.state(model))
        if evaluate is not None:
            curve[-1] |= evaluate(shown, precision)
    return TrainedSegmenter(shown, curve, precision)


def _rate(step: int, steps: int) -> float:
    """Return the learning rate's share of its peak in a step (from 1): a short rise, times a cosine from one to zero."""
    return min(1.0, step / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * (step - 1) / steps))


def choose_precision(config: SegmenterConfig, side: int, colours: int, device: str) -> Precision:
    """Return the precision asked for, or for "auto" the one in which a training step of crops of `side` pixels takes less time here."""
    model = build_network(config.network, colours, 0).to(device).train()
    x = torch.randn(max(2, round(config.step_pixels / side**2)), colours, side, side, generator=torch_generator(0, "precision")).to(device)

    def step() -> None:
        segmentation_loss(model(x).float(), (x[:, :1] > 1).float()).backward()
        model.zero_grad(set_to_none=True)

    return measure_precision(config.precision, device, step, "segmenter", (config.network, config.step_pixels, side, colours))


def segmentation_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return binary cross-entropy plus 1 - Dice over the whole batch, for logits and 0/1 masks (B, 1, H, W)."""
    probability = logits.sigmoid()
    dice = (2 * (probability * mask).sum() + 1) / (probability.sum() + mask.sum() + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, mask) + 1 - dice


@torch.no_grad()
def anomaly_map(model: nn.Module, image: np.ndarray, colours: int, device: str = "cpu", precision: str = "fp32") -> np.ndarray:
    """Return each pixel's logit of being defect, (H, W) float32, for a stored picture (H, W, C).

    Logits rather than probabilities: where all is nearly sure, the order of the pixels still counts.
    """
    x = standardise(image, colours)
    height, width = image.shape[:2]
    result = np.empty((height, width), np.float32)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            y0, x0 = max(0, top - MARGIN), max(0, left - MARGIN)
            y1, x1 = min(height, top + TILE + MARGIN), min(width, left + TILE + MARGIN)
            bottom, right = min(height, top + TILE), min(width, left + TILE)
            answer = _forward(model, x[y0:y1, x0:x1], device, precision)
            result[top:bottom, left:right] = answer[top - y0 : bottom - y0, left - x0 : right - x0]
    return result


def _forward(model: nn.Module, image: np.ndarray, device: str, precision: str) -> np.ndarray:
    """Return the logits (H, W) float32 of a standardised picture (H, W, C)."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % CELL), (0, -width % CELL), (0, 0)), "symmetric")
    x = torch.from_numpy(padded).permute(2, 0, 1)[None].to(device)
    with autocast(device, precision):
        logits = model(x)
    return logits[0, 0, :height, :width].float().cpu().numpy()


def picture_score(anomaly: np.ndarray) -> float:
    """Return how surely the picture is defective: the mean of the hundred highest pixels of its map (a single pixel may be chance)."""
    flat = anomaly.ravel()
    count = min(100, flat.size)
    return float(np.partition(flat, flat.size - count)[-count:].mean())
