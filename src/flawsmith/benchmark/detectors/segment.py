"""Localisation: a U-Net that marks defects, trained on real and made pairs of one product."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from flawsmith.benchmark.detectors.crops import Crops
from flawsmith.benchmark.detectors.networks import CELL, UNet, build_network
from flawsmith.benchmark.labelled import Labelled, standardise
from flawsmith.core.devices import choose_precision
from flawsmith.core.seeds import derive
from flawsmith.training.ema import MovingAverage

TILE = 1024  # sides of a picture longer than this are answered tile by tile
MARGIN = 128  # pixels that a tile sees beyond what it answers


@dataclass(frozen=True)
class Training:
    """How a segmenter is trained; the same for every column of a comparison."""

    network: str = "small"  # "small", or "draem": the published protocol's
    steps: int = 800  # optimiser steps
    step_pixels: int = 8 * 128 * 128  # pixels of one step's crops
    learning_rate: float = 2e-3  # peak of AdamW
    good_share: float = 0.4  # of the crops, from normals
    share: float = 0.5  # of the defect crops, from made pairs where there are any beside real ones
    ema: float = 0.99  # decay of the averaged weights


def train_segmenter(
    real: Sequence[Labelled],
    made: Sequence[Labelled],
    training: Training,
    side: int,
    seed: int,
    device: str = "cpu",
    turns: bool = True,
    look: Callable[[int, UNet], None] | None = None,
    looks: int = 4,
) -> UNet:
    """Return a segmenter trained on `real` (normals among them) and `made` pairs.

    side: of the crops, in pixels (`crops.SIDE`); turns: turn them by quarters, too. The share of made crops is `training.share`,
    or 1 where `real` has no defects.
    `look` is shown the averaged model at `looks` equal distances, the last one at the end: to see whether it has converged.
    """
    kinds = {x.defect for x in real if x.mask.any()}
    share = 0.0 if not made else training.share if kinds else 1.0
    crops = Crops(real, made, share, side, training.good_share, seed, turns)
    model = build_network(training.network, real[0].image.shape[2], derive(seed, "segmenter")).to(device)
    count = max(2, round(training.step_pixels / side**2))
    precision = choose_precision("auto", device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=1e-2)
    average = MovingAverage(model, training.ema)
    marks = {round(training.steps * (k + 1) / looks): k for k in range(looks)}
    model.train()
    for step in range(training.steps):
        optimiser.param_groups[0]["lr"] = training.learning_rate * _rate(step, training.steps)
        x, mask = (t.to(device, non_blocking=True) for t in crops.batch(step, count))
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16"):
            logits = model(x)
        loss = segmentation_loss(logits.float(), mask)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update(model, step + 1)
        if look and step + 1 in marks and step + 1 < training.steps:
            shown = build_network(training.network, real[0].image.shape[2], 0).to(device)
            shown.load_state_dict(average.state(model))
            look(step + 1, shown.eval())
    model.load_state_dict(average.state(model))
    model.eval()
    if look:
        look(training.steps, model)
    return model


def _rate(step: int, steps: int) -> float:
    """Return the learning rate's share of its peak: a short rise and a cosine to zero."""
    return min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def segmentation_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return binary cross-entropy plus 1 - Dice over the whole batch, for logits and 0/1 masks (B, 1, H, W)."""
    probability = logits.sigmoid()
    dice = (2 * (probability * mask).sum() + 1) / (probability.sum() + mask.sum() + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, mask) + 1 - dice


@torch.no_grad()
def anomaly_map(model: UNet, image: np.ndarray, colours: int, device: str = "cpu") -> np.ndarray:
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
            answer = _forward(model, x[y0:y1, x0:x1], device)
            result[top:bottom, left:right] = answer[top - y0 : bottom - y0, left - x0 : right - x0]
    return result


def _forward(model: UNet, image: np.ndarray, device: str) -> np.ndarray:
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % CELL), (0, -width % CELL), (0, 0)), "symmetric")
    x = torch.from_numpy(padded).permute(2, 0, 1)[None].to(device)
    precision = choose_precision("auto", device)
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16"):
        logits = model(x)
    return logits[0, 0, :height, :width].float().cpu().numpy()


def picture_score(anomaly: np.ndarray) -> float:
    """Return how surely the picture is defective: the mean of the hundred highest pixels of its map (a single pixel may be chance)."""
    flat = anomaly.ravel()
    count = min(100, flat.size)
    return float(np.partition(flat, flat.size - count)[-count:].mean())
