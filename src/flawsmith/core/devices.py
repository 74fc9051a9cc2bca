"""Which device, how many threads and which precision."""

import os

import torch

from flawsmith.core.errors import ConfigError


def choose_device(name: str) -> str:
    """Return "cuda", "cuda:1", "mps" or "cpu" for a name or "auto"; raises ConfigError when the one named is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, ok in there.items() if ok)
    kind, colon, index = name.partition(":")
    known = kind == "cuda" and index.isdecimal() and int(index) < torch.cuda.device_count() if colon else True
    if not there.get(kind) or not known:
        gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if there["cuda"] else []
        found = ", ".join([*(device for device, ok in there.items() if ok), *gpus])
        raise ConfigError(f"--device {name}: is not on this machine; expected auto or one of {found}.")
    return name


def use_threads(count: int) -> None:
    """Let torch use `count` CPU threads; 0 = all the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(count or cores)


def choose_precision(name: str, device: str) -> str:
    """Return "bf16" or "fp32": the one asked for, or for "auto" bf16 where the hardware multiplies it."""
    if name != "auto":
        return name
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device == "cpu":
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private, and not in every version of torch
        return "bf16" if supported is not None and supported() else "fp32"
    return "fp32"
