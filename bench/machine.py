"""What the machine can do at best: its matrix-multiply rate, and the floating-point operations of one model call."""

import platform
import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from flawsmith.models.dual_model import DualModel


def matmul_rate(precision: str, device: str = "cpu", size: int = 2048, seconds: float = 2.0) -> float:
    """Return the measured rate of square matrix products in GFLOP/s: the best of several runs within `seconds`."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    g = torch.Generator().manual_seed(0)
    a = torch.randn(size, size, generator=g).to(device, dtype)
    best, begun = 0.0, time.monotonic()
    while time.monotonic() - begun < seconds:
        mark = time.monotonic()
        a @ a
        if device != "cpu":
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (time.monotonic() - mark) / 1e9)
    return best


def forward_gflop(model: DualModel) -> float:
    """Return the operations of one network call for one window (both branches) in GFLOP."""
    side, colours = model.shape.window, model.shape.colours
    device = next(model.parameters()).device
    picture = torch.zeros(1, colours, side, side, device=device)
    region = torch.ones(1, 1, side, side, device=device)
    ids = torch.zeros(1, dtype=torch.long, device=device)
    state = model.encode(picture, picture, region)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(state, torch.ones(1, device=device), model.condition(picture, region, ids))
    return float(counter.get_total_flops()) / 1e9


def describe(device: str) -> dict[str, Any]:
    """Return what a reader needs to place the numbers: processor, threads, versions."""
    name = torch.cuda.get_device_name() if device.startswith("cuda") else _processor()
    return {"machine": name, "threads": torch.get_num_threads(), "torch": torch.__version__, "python": platform.python_version()}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
