"""Two diffusion branches on cells of pixels: blocks of convolution, attention and MLP that are shown exemplars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

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
        self.checkpointing = False
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
        changes = self.modulate(self.time(_waves(t, self.width)) + pooled)  # (branches, B, 6 C)
        chosen = (known.wide, known.own)[: self.branches]
        tokens = [self._enter(i, x[i], known, cells) for i, cells in enumerate(chosen)]
        streams = [Stream(i, cells, _of_each(changes[i], cells)) for i, cells in enumerate(chosen)]
        for i, block in enumerate(self.blocks):
            exchange = None if self.exchange is None else self.exchange[i]
            tokens, _ = self._through(block, tokens, streams, known.exemplars[i], exchange, known.shared)
        features = [_scattered(leave(y), cells) for leave, y, cells in zip(self.leave, tokens, chosen, strict=True)]
        return self._draw(features, x, known)

    def checkpoint(self, on: bool) -> None:
        """Have the blocks' inner values computed again for the gradients, instead of kept."""
        self.checkpointing = on

    def checkpointed(self) -> list[nn.Module]:
        """Return the modules whose inner values that concerns, one after another."""
        return list(self.blocks)

    def _through(self, block: nn.Module, *inputs: Any) -> Any:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False)  # nothing in it is drawn
        return block(*inputs)

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
        recorded: list[Read | None] = [None] * len(self.blocks)
        if exemplars is not None:
            count = exemplars.shape[1]
            clean = exemplars.flatten(0, 1)  # (B K, 4 f^2, h', w')
            mask = clean[:, -(self.factor**2) :]
            shown = Chosen.of(_around(mask, AROUND[EXEMPLAR]))
            where = self.place(_places(mask)).flatten(0, 1).index_select(0, shown.cells)
            tokens = [self.enter_exemplar(_tokens(clean).flatten(0, 1).index_select(0, shown.cells)) + where]
            streams = [Stream(EXEMPLAR, shown, self.modulate(self.time(_waves(clean.new_zeros(1), self.width))))]
            present = (shown.present & shown.real).unflatten(0, (-1, count)).flatten(1, 2)
            kept = present[0] if len(present) == 1 and not present.is_meta else slice(None)  # one window needs no gaps
            for i, block in enumerate(self.blocks):
                tokens, (k, v) = self._through(block, tokens, streams)
                k, v = (y.unflatten(0, (-1, count)).flatten(1, 2)[:, kept] for y in (k, v))
                recorded[i] = Read(k, v, present[:, kept])
        return Known(wide, own, shared, places, around, inside, recorded)


@dataclass(frozen=True)
class Chosen:
    """Some cells of the grids of B windows, as T tokens in a row, and how they stand in (B, M), filled up to the most a window has."""

    cells: Tensor  # (T,) numbers among all B h w cells
    window: Tensor  # (T,) the window of each
    rows: Tensor  # (B, M) which of the T tokens, 0 where there is none
    present: Tensor  # (B, M) whether there is one
    flat: Tensor  # (T,) the place of each among the B M
    real: Tensor  # (B, 1) whether the window has any
    grid: tuple[int, int, int]  # B, h, w

    @classmethod
    def of(cls, cells: Tensor) -> "Chosen":
        """Return the true cells of (B, 1, h, w); a window without any has its first one, for nobody to look at.

        On the device "meta", where there are no values, all cells count.
        """
        if cells.is_meta:
            every = cls.of(torch.ones(cells.shape, dtype=torch.bool, device="cpu"))
            without: dict[str, Any] = {name: x.to("meta") for name, x in vars(every).items() if isinstance(x, Tensor)}
            return replace(every, **without)
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
        grid = (cells.shape[0], cells.shape[2], cells.shape[3])
        return cls(chosen, window, rows, present, window * most + number - first[window], real, grid)


@dataclass(frozen=True)
class Known:
    """What the network is told alike at every step of sampling."""

    wide: Chosen  # the cells of the image branch
    own: Chosen  # those of the anomaly branch
    shared: Tensor  # (T,) for each of those its number among the image branch's
    places: Tensor  # (B, h w, C)
    around: Tensor  # (B, 1, h, w) bool: the cells of the image branch
    inside: Tensor  # (B, 1, h, w) bool: those of the anomaly branch
    exemplars: list["Read | None"]  # what each block reads of them


@dataclass(frozen=True)
class Read:
    """The keys and values of K exemplars in one block."""

    keys: Tensor  # (B, K M, C)
    values: Tensor  # (B, K M, C)
    present: Tensor  # (B, K M) bool: which of them there are


@dataclass(frozen=True)
class Stream:
    """Tokens that go through the blocks together: what is the same for them in every block."""

    number: int  # IMAGE, ANOMALY or EXEMPLAR
    chosen: Chosen
    changes: Tensor  # (T or 1, 6 C) of the time and the kind


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

    def forward(
        self,
        tokens: list[Tensor],
        streams: Sequence[Stream],
        exemplars: Read | None = None,
        exchange: SAIM | None = None,
        shared: Tensor | None = None,
    ) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """Return the streams' tokens, each (T, C), after the block, and the last stream's keys and values, (B, M, C).

        exemplars: read by the last stream; exchange: between two streams, at the cells of the second; shared: their numbers in the first.
        """
        tokens = [x + self._local(x, stream.chosen) for x, stream in zip(tokens, streams, strict=True)]
        seen = [self._attend(x, stream, None) for x, stream in zip(tokens[:-1], streams[:-1], strict=True)]
        seen.append(self._attend(tokens[-1], streams[-1], exemplars))
        added = [y for y, _, _ in seen]
        if exchange is not None and shared is not None:
            image, anomaly = added
            both = exchange(torch.stack([image.index_select(0, shared), anomaly]))  # (2, T, C): two rows a cell
            added = [image.index_copy(0, shared, both[0].to(image.dtype)), both[1]]
        tokens = [x + y for x, y in zip(tokens, added, strict=True)]
        return [x + self._think(x, stream) for x, stream in zip(tokens, streams, strict=True)], seen[-1][1:]

    def _local(self, x: Tensor, chosen: Chosen) -> Tensor:
        """Return what their neighbours on the grid add to tokens (T, C); cells that are not chosen count as empty."""
        near = self.near(_scattered(self.norm(x), chosen))
        return self.mix(_tokens(near).flatten(0, 1).index_select(0, chosen.cells))

    def _attend(self, x: Tensor, stream: Stream, exemplars: Read | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return what attention adds to tokens (T, C), and their own keys and values, each (B, M, C)."""
        shift, scale, gate = self._of(stream)[0:3]
        q, own, told = (_padded(y, stream.chosen) for y in self.qkv(_normed(x) * (1 + scale) + shift).chunk(3, dim=-1))
        k, v, present = own, told, stream.chosen.present
        if exemplars is not None:
            k, v = (torch.cat([a, b.to(a.dtype)], dim=1) for a, b in ((k, exemplars.keys), (v, exemplars.values)))
            present = torch.cat([present, exemplars.present], dim=1)
        return (1 + gate) * self.out(_unpadded(self._attention(q, k, v, present), stream.chosen)), own, told

    def _think(self, x: Tensor, stream: Stream) -> Tensor:
        """Return what the MLP adds to tokens (T, C)."""
        shift, scale, gate = self._of(stream)[3:6]
        return (1 + gate) * self.down(F.gelu(self.up(_normed(x) * (1 + scale) + shift), approximate="tanh"))

    def _of(self, stream: Stream) -> tuple[Tensor, ...]:
        return (stream.changes + self.table[stream.number].flatten().to(stream.changes.dtype)).chunk(6, dim=-1)

    def _attention(self, q: Tensor, k: Tensor, v: Tensor, present: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for y in (q, k, v))
        whole = len(present) == 1 and not present.is_meta and bool(present.all())  # one window has no gaps
        mask = None if whole else present[:, None, None]
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


def _scattered(x: Tensor, chosen: Chosen) -> Tensor:
    """Return tokens (T, C) on their grids, (B, C, h, w), with 0 in cells that are not chosen."""
    grid = x.new_zeros(math.prod(chosen.grid), x.shape[-1]).index_copy(0, chosen.cells, x)
    return grid.view(*chosen.grid, -1).permute(0, 3, 1, 2)


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
