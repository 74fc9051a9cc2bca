"""Two diffusion branches on cells of pixels: blocks of convolution, attention and MLP that are shown exemplars."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawsmith.models.saim import SAIM, zeroed, zeroed_conv

PLANES = 3  # grey pictures go through as three equal planes, and their mean comes back
IMAGE, ANOMALY, EXEMPLAR = range(3)  # the streams of tokens, which have the blocks in common
AROUND = {IMAGE: 4, ANOMALY: 1, EXEMPLAR: 2}  # cells around the region, or around an exemplar's mask, that belong to the stream
FARTHEST = 3.0  # half sides of the region's box, beyond which places are told alike
WAVES = (0.5, 1.0, 2.0)  # half periods over half a box
EMPTY = -1.0  # what the mask is where the anomaly branch has no cells


class DualCells(nn.Module):
    """The network: one token a cell of factor x factor pixels, and a head that sees pixels.

    Only cells in and around the region go through it, far around for the image branch and close around for the anomaly branch: what is
    farther away is the background anyhow, so that a window may have any size, and the second branch is cheap. Both go through the same
    blocks, told apart by modulations of their own, and exchange information (SAIM) at the cells that both have. Exemplars go through the
    blocks once, at time 0, and their keys and values are read by the anomaly branch's attention at every step, or by the only branch's.
    The head draws both branches' pixels from both branches' cells, so that image, anomaly and mask fit.
    """

    def __init__(self, factor: int, width: int, depth: int, head_dim: int, branches: int, interaction: str, rank: int, pixels: int) -> None:
        """interaction: "saim" or "none"; rank: of SAIM, 0 = full; pixels: width of the head."""
        super().__init__()
        self.factor, self.width, self.branches = factor, width, branches
        cell = factor**2
        self.enter = nn.ModuleList(nn.Linear(9 * cell, width) for _ in range(branches))
        self.enter_exemplar = nn.Linear(4 * cell, width)
        self.place = nn.Linear(4 * len(WAVES) + 1, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.modulate = zeroed(nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width)))
        self.blocks = nn.ModuleList(Block(width, head_dim) for _ in range(depth))
        self.exchange = nn.ModuleList(SAIM(width, rank) for _ in range(depth)) if interaction == "saim" else None
        self.leave = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, pixels * cell)) for _ in range(branches))
        drawn = PLANES + 1 if branches == 1 else 2 * PLANES + 1  # the image branch of two has no mask
        shown = drawn + PLANES + 2  # with background, region and shape
        self.head = nn.Sequential(
            nn.Conv2d(branches * pixels + shown, 2 * pixels, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(2 * pixels, 2 * pixels, 3, padding=1),
            nn.GELU(),
            zeroed_conv(2 * pixels, drawn, 3, 1),
        )

    def forward(self, x: Tensor, t: Tensor, pooled: Tensor, known: "Known") -> Tensor:
        """Return the clean state, (branches, B, 4 f^2, h, w).

        x: (branches, B, 9 f^2, h, w): noisy picture (3 planes) and mask, background (3), region and shape; t: (B,) from 0 to 1;
        pooled: (branches, B, C), added to the time's embedding; known: from `record`.
        """
        count, size = x.shape[1], (x.shape[3], x.shape[4])
        wide, own, exemplars = known.wide, known.own, known.exemplars
        changes = self.modulate(self.time(_waves(t, self.width)) + pooled)  # (branches, B, 6 C)
        image, far = self._enter(0, x[0], known, wide), _of_each(changes[0], wide)
        if self.branches == 2:
            anomaly, near = self._enter(1, x[1], known, own), _of_each(changes[1], own)
        for i, block in enumerate(self._each()):
            image = image + block.local(image, wide, count, size)
            if self.branches == 1:
                image = image + block.attend(image, far, IMAGE, wide, exemplars[i], known.seen)
            else:
                y = block.attend(image, far, IMAGE, wide)
                anomaly = anomaly + block.local(anomaly, own, count, size)
                z = block.attend(anomaly, near, ANOMALY, own, exemplars[i], known.seen)
                if self.exchange is not None:
                    both = self.exchange[i](torch.stack([y.index_select(0, known.shared), z]))  # (2, T, C): two rows a cell
                    y, z = y.index_copy(0, known.shared, both[0].to(y.dtype)), both[1]
                image, anomaly = image + y, anomaly + z
                anomaly = anomaly + block.think(anomaly, near, ANOMALY)
            image = image + block.think(image, far, IMAGE)
        features = [_scattered(self.leave[0](image), wide, count, size)]
        if self.branches == 2:
            features.append(_scattered(self.leave[1](anomaly), own, count, size))
        return self._draw(features, x, known)

    def _each(self) -> Iterator["Block"]:
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block

    def _enter(self, branch: int, x: Tensor, known: "Known", chosen: "Chosen") -> Tensor:
        """Return the tokens (T, C) of a branch's cells."""
        return self.enter[branch](_tokens(x).flatten(0, 1)[chosen.cells]) + known.places.flatten(0, 1).index_select(0, chosen.cells)

    def _draw(self, features: list[Tensor], x: Tensor, known: "Known") -> Tensor:
        """Return the clean state of the blocks' features, each (B, P f^2, h, w)."""
        f, cell = self.factor, self.factor**2
        split = [PLANES * cell, cell, PLANES * cell, 2 * cell]
        picture, mask, background, told = x[0].split(split, dim=1)
        shown = [picture, background, told, x[1, :, : 4 * cell] if self.branches == 2 else mask]
        pixels = F.pixel_shuffle(torch.cat([*features, *(s.to(features[0].dtype) for s in shown)], dim=1), f)
        out = F.pixel_unshuffle(self.head(pixels.contiguous(memory_format=torch.channels_last)), f).float()
        image = out[:, : PLANES * cell] * known.around.to(out.dtype) + background
        if self.branches == 1:
            return torch.cat([image, torch.where(known.around, out[:, PLANES * cell :], EMPTY)], dim=1)[None]
        anomaly, drawn = out[:, PLANES * cell :].split([PLANES * cell, cell], dim=1)
        anomaly = torch.cat([torch.where(known.inside, anomaly, 0.0), torch.where(known.inside, drawn, EMPTY)], dim=1)
        return torch.stack([torch.cat([image, torch.zeros_like(drawn)], dim=1), anomaly])

    def record(self, region: Tensor, exemplars: Tensor | None) -> "Known":
        """Return what every step is told alike: which cells the anomaly branch has, where all lie, and the exemplars' keys and values.

        region: (B, f^2, h, w) above 0 where the model may draw; exemplars: (B, K, 4 f^2, h', w'), pictures (3 planes in [-1, 1]) and masks
        (0 or 1) of clean windows, None for none; one whose mask is empty says nothing.
        """
        around, inside = (_around(region, AROUND[stream]) for stream in (IMAGE, ANOMALY))
        wide, own = Chosen.of(around), Chosen.of(inside)
        number = torch.zeros(inside.numel(), dtype=torch.long, device=inside.device)
        number[wide.cells] = torch.arange(len(wide.cells), device=inside.device)
        shared, places = number[own.cells], self.place(_places(region))
        if exemplars is None:
            return Known(wide, own, shared, places, around, inside, [None] * len(self.blocks), None)
        count = exemplars.shape[1]
        clean = exemplars.flatten(0, 1)  # (B K, 4 f^2, h', w')
        mask = clean[:, -(self.factor**2) :]
        shown = Chosen.of(_around(mask, AROUND[EXEMPLAR]))
        windows, size = len(clean), (clean.shape[2], clean.shape[3])
        x = self.enter_exemplar(_tokens(clean).flatten(0, 1)[shown.cells]) + self.place(
            _places(mask).flatten(0, 1).index_select(0, shown.cells)
        )
        changes = self.modulate(self.time(_waves(x.new_zeros(1), self.width)))  # (1, 6 C)
        recorded: list[tuple[Tensor, Tensor] | None] = []
        for block in self._each():
            x = x + block.local(x, shown, windows, size)
            y, kv = block.attend_and_show(x, changes, EXEMPLAR, shown)
            recorded.append((kv[0].unflatten(0, (-1, count)).flatten(1, 2), kv[1].unflatten(0, (-1, count)).flatten(1, 2)))
            x = x + y
            x = x + block.think(x, changes, EXEMPLAR)
        return Known(
            wide, own, shared, places, around, inside, recorded, (shown.present & shown.real).unflatten(0, (-1, count)).flatten(1, 2)
        )


@dataclass(frozen=True)
class Chosen:
    """Some cells of the grids of B windows, as T tokens in a row, and how they stand in (B, M), filled up to the most a window has."""

    cells: Tensor  # (T,) numbers among all B h w cells
    window: Tensor  # (T,) the window of each
    rows: Tensor  # (B, M) which of the T tokens, 0 where there is none
    present: Tensor  # (B, M) whether there is one
    flat: Tensor  # (T,) the place of each among the B M
    real: Tensor  # (B, 1) whether the window has any

    @classmethod
    def of(cls, cells: Tensor) -> "Chosen":
        """Return the true cells of (B, 1, h, w); a window without any has its first one, for nobody to look at."""
        some = cells.flatten(1)
        real = some.any(dim=1, keepdim=True)
        some = torch.cat([some[:, :1] | ~real, some[:, 1:]], dim=1)
        chosen = some.flatten().nonzero()[:, 0]
        window = chosen // some.shape[1]
        counts = some.sum(dim=1)
        most = int(counts.max())
        first = counts.cumsum(0) - counts  # (B,) of every window
        number = torch.arange(len(chosen), device=cells.device)
        line = torch.arange(most, device=cells.device)
        present = line < counts[:, None]
        rows = torch.where(present, first[:, None] + line, 0)
        return cls(chosen, window, rows, present, window * most + number - first[window], real)


@dataclass(frozen=True)
class Known:
    """What the network is told alike at every step of sampling."""

    wide: Chosen  # the cells of the image branch
    own: Chosen  # those of the anomaly branch
    shared: Tensor  # (T,) for each of those its number among the image branch's
    places: Tensor  # (B, h w, C)
    around: Tensor  # (B, 1, h, w) bool: the cells of the image branch
    inside: Tensor  # (B, 1, h, w) bool: those of the anomaly branch
    exemplars: list[tuple[Tensor, Tensor] | None]  # keys and values by block, each (B, K M, C)
    seen: Tensor | None  # (B, K M) bool: which of them there are


class Block(nn.Module):
    """One block; all streams go through the same weights, each with modulations of its own."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.norm = nn.LayerNorm(width)
        self.near = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = zeroed(nn.Linear(width, width))
        self.table = nn.Parameter(torch.zeros(3, 6, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 3 * width)
        self.down = nn.Linear(3 * width, width)

    def local(self, x: Tensor, chosen: "Chosen", count: int, size: tuple[int, int]) -> Tensor:
        """Return what their neighbours on `count` grids of `size` add to tokens (T, C); cells that are not chosen count as empty."""
        return self.mix(_tokens(self.near(_scattered(self.norm(x), chosen, count, size))).flatten(0, 1).index_select(0, chosen.cells))

    def attend(
        self,
        x: Tensor,
        changes: Tensor,
        stream: int,
        chosen: "Chosen",
        kv: tuple[Tensor, Tensor] | None = None,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Return what attention adds to tokens (T, C). changes: (T or 1, 6 C); kv, seen: of the exemplars."""
        shift, scale, gate = self._of(changes, stream)[0:3]
        q, k, v = (_padded(y, chosen) for y in self.qkv(_normed(x) * (1 + scale) + shift).chunk(3, dim=-1))
        present = chosen.present
        if kv is not None and seen is not None:
            k, v, present = (
                torch.cat([k, kv[0].to(k.dtype)], dim=1),
                torch.cat([v, kv[1].to(v.dtype)], dim=1),
                torch.cat([present, seen], dim=1),
            )
        return (1 + gate) * self.out(_unpadded(self._attention(q, k, v, present), chosen))

    def attend_and_show(self, x: Tensor, changes: Tensor, stream: int, chosen: "Chosen") -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return what attention adds to tokens (T, C), and their keys and values (B, M, C) for others to read."""
        shift, scale, gate = self._of(changes, stream)[0:3]
        q, k, v = (_padded(y, chosen) for y in self.qkv(_normed(x) * (1 + scale) + shift).chunk(3, dim=-1))
        return (1 + gate) * self.out(_unpadded(self._attention(q, k, v, chosen.present), chosen)), (k, v)

    def think(self, x: Tensor, changes: Tensor, stream: int) -> Tensor:
        """Return what the MLP adds to tokens (B, N, C)."""
        shift, scale, gate = self._of(changes, stream)[3:6]
        return (1 + gate) * self.down(F.gelu(self.up(_normed(x) * (1 + scale) + shift), approximate="tanh"))

    def _of(self, changes: Tensor, stream: int) -> tuple[Tensor, ...]:
        return (changes + self.table[stream].flatten().to(changes.dtype)).chunk(6, dim=-1)

    def _attention(self, q: Tensor, k: Tensor, v: Tensor, present: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for y in (q, k, v))
        mask = None if len(present) == 1 and bool(present.all()) else present[:, None, None]  # one window has no gaps
        return _attention(q, k, v, mask).transpose(1, 2).flatten(2)


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e4)
    return scores.softmax(-1).to(v.dtype) @ v


def _normed(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def _waves(t: Tensor, width: int) -> Tensor:
    """Return (B, width) sines and cosines of times (B,) from 0 to 1 (Vaswani et al. 2017, sec. 3.5)."""
    rates = torch.exp(-math.log(1000) * torch.arange(width // 2, device=t.device) / (width // 2))
    angles = 1000 * t[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)  # (B, C, h, w) to (B, h w, C)


def _around(cells: Tensor, by: int) -> Tensor:
    """Return (B, 1, h, w) bool: cells of which something lies in a mask (B, f^2, h, w), and those up to `by` cells from them."""
    some = (cells > 0).any(dim=1, keepdim=True)
    return F.max_pool2d(some.float(), 2 * by + 1, stride=1, padding=by) > 0


def _padded(x: Tensor, chosen: Chosen) -> Tensor:
    """Return tokens (T, C) as (B, M, C)."""
    return x[None] if len(chosen.rows) == 1 else x.index_select(0, chosen.rows.flatten()).view(*chosen.rows.shape, -1)


def _unpadded(x: Tensor, chosen: Chosen) -> Tensor:
    """Return (B, M, C) as the tokens (T, C)."""
    return x[0] if len(x) == 1 else x.flatten(0, 1).index_select(0, chosen.flat)


def _of_each(x: Tensor, chosen: Chosen) -> Tensor:
    """Return what belongs to windows (B, C) for each of their tokens, (T, C); a single window keeps its row."""
    return x if len(x) == 1 else x.index_select(0, chosen.window)


def _scattered(x: Tensor, chosen: Chosen, count: int, size: tuple[int, int]) -> Tensor:
    """Return tokens (T, C) on `count` grids, (B, C, h, w), with 0 in cells that are not chosen."""
    grid = x.new_zeros(count * size[0] * size[1], x.shape[-1]).index_copy(0, chosen.cells, x)
    return grid.view(count, *size, -1).permute(0, 3, 1, 2)


def _places(mask: Tensor) -> Tensor:
    """Return (B, h w, P): where every cell lies in the box around the mask (B, f^2, h, w), and how large that is."""
    some = (mask > 0).any(dim=1)  # (B, h, w)
    found = []
    for axis, length in ((1, mask.shape[2]), (2, mask.shape[3])):
        line = some.any(dim=3 - axis)  # (B, length)
        at = torch.arange(length, device=mask.device, dtype=torch.float32)
        first = torch.where(line, at, length).amin(dim=1, keepdim=True).clamp(max=length - 1)
        last = torch.where(line, at, -1).amax(dim=1, keepdim=True).clamp(min=0)
        found.append((at - (first + last) / 2, (last - first).clamp(min=0) / 2 + 0.5))
    (y, half_y), (x, half_x) = found
    side = torch.maximum(half_y, half_x)  # (B, 1)
    rows = (y / side).clamp(-FARTHEST, FARTHEST)[:, :, None].expand(-1, -1, x.shape[1])
    columns = (x / side).clamp(-FARTHEST, FARTHEST)[:, None, :].expand(-1, y.shape[1], -1)
    both = torch.stack([rows, columns], dim=-1).flatten(1, 2)  # (B, h w, 2)
    waves = torch.cat([g(math.pi * rate * both) for rate in WAVES for g in (torch.sin, torch.cos)], dim=-1)
    return torch.cat([waves, side.log2()[:, None].expand(-1, waves.shape[1], -1)], dim=-1)
