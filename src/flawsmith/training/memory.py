"""How much memory a training needs on its device, said before it starts, and how it is made to fit."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from flawsmith.config.schema import TrainingConfig
from flawsmith.core.errors import ConfigError
from flawsmith.models.codecs import Autoencoder
from flawsmith.models.dual_model import DualModel
from flawsmith.models.trainable import count_trainable
from flawsmith.training.pool import EXEMPLARS

RESERVE = 0.7  # GB that the driver and the libraries take for themselves, on a CPU Python and torch
SPARE = 1.1  # what fragments and temporary values add to activations


@dataclass(frozen=True)
class Memory:
    """The parts of what a training needs of its device's memory, of main memory on a CPU, in GB (10^9 bytes)."""

    frozen: float  # weights that stay as they are
    learned: float  # weights that are trained, their average, gradients and the optimiser's moments
    activations: float  # inner values that wait for the backward pass

    @property
    def total(self) -> float:
        """What the device must have free."""
        return self.frozen + self.learned + SPARE * self.activations + RESERVE

    def __str__(self) -> str:
        parts = f"frozen weights {self.frozen:.1f}, trained ones {self.learned:.1f}, inner values {self.activations:.1f}"
        return f"about {self.total:.1f} GB of memory ({parts})"


def fit_into(
    model: DualModel, config: TrainingConfig, precision: str, device: str = "cuda", limit: int | None = None
) -> tuple[TrainingConfig, Memory]:
    """Return `config` changed, where training.memory says so, to what needs no more than that, and what it needs then.

    What a step learns from stays the same. Tried in this order, from the fastest: the batch in more pieces, gradient checkpointing
    with as few pieces as possible, and last the 8-bit optimiser. Raises ConfigError when nothing of it is enough. limit: bytes that the
    system leaves this process; where that alone is too little, what needs least is returned, as nobody asked for a limit.
    """
    found = estimate(model, config, precision, device)
    room = min((one for one in (config.memory, (limit or 0) / 1e9) if one), default=0.0)
    if not room:
        return config, found
    pieces = [n for n in range(config.pieces, config.batch + 1) if config.batch % n == 0]
    plans = [replace(config, pieces=n) for n in pieces] + [replace(config, pieces=n, checkpointing=True) for n in pieces]
    if config.memory:
        plans.append(replace(config, pieces=config.batch, checkpointing=True, optimiser="adamw8bit"))
    for plan in plans:
        found = estimate(model, plan, precision, device)
        if found.total <= room:
            return plan, found
    if not config.memory:
        return plans[-1], found
    raise ConfigError(
        f"training.memory: got {room:g}, but one window at a time needs {found}. Use a device with more memory, or lower "
        "model.lora_rank, model.saim_rank or model.cells."
    )


def estimate(model: DualModel, config: TrainingConfig, precision: str, device: str = "cuda") -> Memory:
    """Return what a training of `model` needs on a device with fused attention, on a CPU its main memory."""
    frozen = [p for p in model.parameters() if not p.requires_grad]
    if isinstance(model.codec, Autoencoder):
        frozen += list(model.codec.model.parameters())
    size = 2 if precision == "bf16" else 4  # bytes
    moments = 2 if config.optimiser == "adamw8bit" else 8
    learned = count_trainable(model) * (4 + 4 + moments + (4 if config.ema else 0))
    count = -(-config.batch // config.pieces)
    inner = activations(model, count, size, config.checkpointing, device)
    return Memory(sum(p.numel() for p in frozen) * size / 1e9, learned / 1e9, inner / 1e9)


def activations(model: DualModel, count: int, size: int, checkpointing: bool, device: str = "cuda") -> int:
    """Return the bytes that a forward pass of `count` windows on `device` leaves for the backward pass; `size`: bytes of a number.

    Found by a pass without values (torch's device "meta"). With checkpointing, what enters each block stays, and the block that needs
    most is gone through once more.
    """
    net, was = model.net, model.net.checkpointing
    net.checkpoint(False)
    try:
        everything, largest = _kept(model, count, size, device)
        if not checkpointing:
            return everything
        net.checkpoint(True)
        return _kept(model, count, size, device)[0] + largest
    finally:
        net.checkpoint(was)


def _kept(model: DualModel, count: int, size: int, device: str) -> tuple[int, int]:
    """Return the bytes kept by a forward pass, and how many of them the block has that keeps most."""
    dtype = {2: torch.bfloat16, 4: torch.float32}[size]
    bare = {name: torch.empty_like(p, device="meta", dtype=dtype).requires_grad_(p.requires_grad) for name, p in model.named_parameters()}
    bare |= {name: torch.empty_like(b, device="meta") for name, b in model.named_buffers()}
    seen: dict[int, Tensor] = {}  # by the address of what they lie in; held, so that no address is used twice
    weights = {w.untyped_storage()._cdata for w in bare.values()}

    def keep(x: Tensor) -> Tensor:
        if x.untyped_storage()._cdata not in weights:
            seen[x.untyped_storage()._cdata] = x
        return x

    def held() -> int:
        return sum(x.untyped_storage().nbytes() for x in seen.values())

    blocks = model.net.checkpointed()
    before: dict[nn.Module, int] = {}
    largest = 0

    def enter(block: nn.Module, _inputs: Any) -> None:
        before[block] = held()

    def leave(block: nn.Module, _inputs: Any, _output: Any) -> None:
        nonlocal largest
        largest = max(largest, held() - before[block])

    handles = [handle for b in blocks for handle in (b.register_forward_pre_hook(enter), b.register_forward_hook(leave))]
    cells = model.shape.window // model.factor
    side, colours = model.shape.window, model.shape.colours
    planes = torch.empty(count, model.codec.channels, cells, cells, device="meta", dtype=dtype)
    region = torch.empty(count, 1, side, side, device="meta", dtype=dtype)
    exemplars = torch.empty(count, EXEMPLARS if model.follows else 0, colours + 1, side, side, device="meta", dtype=dtype)
    state = torch.empty(model.branches, count, model.state, cells, cells, device="meta", dtype=dtype)
    t = torch.empty(count, device="meta")
    inputs = (state, t, planes, region, torch.empty(count, device="meta", dtype=torch.long), exemplars)
    try:
        with _OnADevice(dtype, device), torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            torch.func.functional_call(_Pass(model), {f"model.{name}": w for name, w in bare.items()}, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return held(), largest


class _Pass(nn.Module):
    """From what the network is shown to its answer."""

    def __init__(self, model: DualModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, state: Tensor, t: Tensor, background: Tensor, region: Tensor, ids: Tensor, exemplars: Tensor) -> Tensor:
        """Return the prediction for a state (branches, B, C, h, w) at times (B,), with the background's latents; else as `condition`."""
        y: Tensor = self.model(state, t, self.model.tell(self.model.show(background, region), ids, None, exemplars))
        return y


class _OnADevice(TorchFunctionMode):
    """Let operations keep what they keep on a device: attention its inputs and output alone, and numbers as autocast would have them."""

    def __init__(self, dtype: torch.dtype, device: str) -> None:
        super().__init__()
        self._dtype = dtype
        self._wide = () if device == "cpu" else (F.group_norm, F.layer_norm, torch.Tensor.softmax)  # autocast computes them in 32 bits

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run one operation."""
        if func is F.scaled_dot_product_attention:
            return _Fused.apply(*args[:3])
        if func in self._wide:
            args = tuple(a.float() if isinstance(a, Tensor) else a for a in args)
        elif func in (F.conv2d, F.linear, torch.bmm):
            args = tuple(a.to(self._dtype) if isinstance(a, Tensor) else a for a in args)
        return func(*args, **(kwargs or {}))


class _Fused(torch.autograd.Function):
    """Fused attention without values."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what has the shape of the answer."""
        out = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """There are no values to go back through."""
        raise RuntimeError("a pass without values has no gradients")
