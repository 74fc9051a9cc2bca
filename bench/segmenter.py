"""A small U-Net that marks defects, trained on labelled pictures of one product within a given time. Plain torch, one precision, CPU."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from flawsmith.data.sample import GOOD
from flawsmith.data.windows import Box, choose_window, cut, window_around
from flawsmith.devices import choose_precision
from flawsmith.seeds import derive, numpy_generator
from flawsmith.training.average import Average

WIDTHS = (32, 64, 96, 128, 160)  # channels at 1/2, 1/4 .. 1/32 of the picture's side
CELL = 2 ** len(WIDTHS)  # sides the network takes are multiples of this
CROPS = (64, 192)  # least and greatest side of the crops in pixels
STEP_PIXELS = 8 * 128 * 128  # pixels of one training step
GOOD_SHARE = 0.25  # of the crops, from normals


@dataclass(frozen=True)
class Labelled:
    """A picture to learn from or to be checked with."""

    image: np.ndarray  # (H, W, C) float32, see `standardise`
    mask: np.ndarray  # (H, W) bool, all false for a normal
    defect: str
    group: str  # the physical part it shows, or its own name


class Block(nn.Sequential):
    """Two 3x3 convolutions."""

    def __init__(self, inside: int, outside: int) -> None:
        layers: list[nn.Module] = []
        for channels in (inside, outside):
            layers += [nn.Conv2d(channels, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]
        super().__init__(*layers)


class Segmenter(nn.Module):
    """Ronneberger et al. 2015 on pixels unshuffled 2x2, with zero padding and a skip from every level."""

    def __init__(self, colours: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(Block(a, b) for a, b in zip((4 * colours, *WIDTHS[:-1]), WIDTHS, strict=True))
        self.up = nn.ModuleList(Block(a + b, a) for a, b in zip(WIDTHS[:-1], WIDTHS[1:], strict=True))
        self.out = nn.Conv2d(WIDTHS[0], 4, 1)
        nn.init.constant_(self.out.bias, -3.0)  # type: ignore[arg-type]  # defects are rare

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) for pictures (B, C, H, W) whose sides are multiples of CELL."""
        x = nn.functional.pixel_unshuffle(x, 2)
        kept = []
        for level, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for block, skip in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), skip], 1))
        return nn.functional.pixel_shuffle(self.out(x), 2)


def standardise(image: np.ndarray, colours: int) -> np.ndarray:
    """Return a stored picture (H, W, C) as float32 (H, W, colours) of mean 0 and deviation 1: exposures differ within a product."""
    x = image[..., : image.shape[2] - (image.shape[2] in (2, 4))].astype(np.float32)
    if x.shape[2] != colours:
        x = x.mean(2, keepdims=True).repeat(colours, 2)
    return (x - x.mean()) / max(float(x.std()), 1e-6)


def crop_side(defects: Sequence[Labelled]) -> int:
    """Return the side of the crops in pixels: as flawsmith chooses its windows, within CROPS."""
    sides = [int(max(np.ptp(axis) + 1 for axis in np.nonzero(x.mask))) for x in defects]
    cells = CROPS[1] // 4  # so that the choice is among a quarter, a half, three quarters and all of the greatest
    return max(CROPS[0], choose_window(sides, [x.mask.shape for x in defects], cells) // CELL * CELL)


def train(
    pictures: Sequence[Labelled], minutes: float, seed: int, show: Callable[[str], None] = lambda line: None
) -> tuple[Segmenter, dict[str, float]]:
    """Return a segmenter trained for `minutes` of processor time per thread on defects and normals, and how that went.

    Processor time, so that a busy machine makes no worse judge. Each crop depends on (seed, step) and nothing else; how many
    steps there are, and the learning rate, depend on that clock.
    """
    defects = [x for x in pictures if x.defect != GOOD]
    side, colours = crop_side(defects), pictures[0].image.shape[2]
    count = max(2, round(STEP_PIXELS / side**2))
    precision = choose_precision("auto", "cpu")
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "judge"))
        model = Segmenter(colours)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=1e-2)
    average = Average(model, 0.995)
    tree = _by_kind(pictures)
    begun, step, losses = time.process_time(), 0, []
    budget = 60 * minutes * torch.get_num_threads()
    while (done := (time.process_time() - begun) / budget) < 1 or step == 0:
        optimiser.param_groups[0]["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0)))
        rows = [_crop(tree, side, numpy_generator(seed, "judge", step, i)) for i in range(count)]
        x = torch.from_numpy(np.stack([image for image, _ in rows])).permute(0, 3, 1, 2)  # (B, C, S, S), channels last
        mask = torch.from_numpy(np.stack([mask for _, mask in rows])[:, None].astype(np.float32))  # (B, 1, S, S)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = model(x)
        loss = segmentation_loss(logits.float(), mask)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        average.update(model, step)
        losses.append(float(loss.detach()))
        if step % 200 == 0:
            show(f"step {step}, {done:.0%} of the time, loss {np.mean(losses[-200:]):.3f}")
    model.load_state_dict(average.state(model))
    return model.eval(), {"steps": step, "crop": side, "batch": count, "minutes": minutes}


def segmentation_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return binary cross-entropy plus 1 - Dice over the whole batch, for logits and 0/1 masks (B, 1, H, W)."""
    probability = logits.sigmoid()
    dice = (2 * (probability * mask).sum() + 1) / (probability.sum() + mask.sum() + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, mask) + 1 - dice


@torch.no_grad()
def predict(model: Segmenter, image: np.ndarray) -> np.ndarray:
    """Return each pixel's probability of being defect, (H, W) float32, for a standardised picture: the mean over its mirror images."""
    height, width = image.shape[:2]
    x = torch.from_numpy(np.pad(image, ((0, -height % CELL), (0, -width % CELL), (0, 0)), "symmetric")).permute(2, 0, 1)[None]
    precision = choose_precision("auto", "cpu")
    total = torch.zeros(1, 1, *x.shape[2:])
    for axes in ((), (2,), (3,), (2, 3)):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = model(x.flip(axes).contiguous(memory_format=torch.channels_last))
        total += logits.float().sigmoid().flip(axes)
    return (total[0, 0] / 4).numpy()[:height, :width]


def _by_kind(pictures: Sequence[Labelled]) -> dict[str, list[list[Labelled]]]:
    """Return the pictures by defect and physical part, so that a part taken fifteen times counts once."""
    tree: dict[str, dict[str, list[Labelled]]] = {}
    for x in pictures:
        tree.setdefault(x.defect, {}).setdefault(x.group, []).append(x)
    return {kind: list(groups.values()) for kind, groups in tree.items()}


def _crop(tree: dict[str, list[list[Labelled]]], side: int, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a crop (S, S, C) float32 and its mask (S, S) bool: around a random pixel of a defect, or anywhere in a normal."""
    kinds = [kind for kind in tree if kind != GOOD]
    kind = GOOD if GOOD in tree and g.random() < GOOD_SHARE else kinds[g.integers(len(kinds))]
    group = tree[kind][g.integers(len(tree[kind]))]
    picture = group[g.integers(len(group))]
    places = np.flatnonzero(picture.mask)
    place = int(places[g.integers(len(places))]) if len(places) else int(g.integers(picture.mask.size))
    spot = Box(place // picture.mask.shape[1], place % picture.mask.shape[1], 1, 1)
    top, left = window_around(spot, side, picture.mask.shape, g)
    image, mask = cut(picture.image, top, left, side), cut(picture.mask, top, left, side)
    if g.random() < 0.5:
        image, mask = _warp(image, mask, g)
    turns, mirror = int(g.integers(4)), bool(g.integers(2))
    image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if mirror:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return _tone(image, g), np.ascontiguousarray(mask)


def _warp(image: np.ndarray, mask: np.ndarray, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return crop and mask turned by up to 20 degrees and scaled by 0.85 to 1.2."""
    side = mask.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), g.uniform(-20, 20), float(np.exp(g.uniform(-0.16, 0.18))))
    warped = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    turned = cv2.warpAffine(mask.astype(np.float32), matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return warped.reshape(image.shape), turned > 0.5


def _tone(image: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the crop with another contrast and brightness, sometimes softer or noisier; the judge must not live off the noise."""
    gain, shift = np.exp(g.normal(0, 0.12)), g.normal(0, 0.15)
    image = np.ascontiguousarray(image) * np.float32(gain) + np.float32(shift)
    if g.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), g.uniform(0.3, 0.8)).reshape(image.shape)
    if g.random() < 0.25:
        image = image + g.normal(0, g.uniform(0, 0.1), image.shape).astype(np.float32)
    return image
