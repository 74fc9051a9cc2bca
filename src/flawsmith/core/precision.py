"""Which precision is faster on this machine, found by timing the real work in both.

`measure_precision` is what training, sampling and the detectors of `benefit` call with one step of their own work:

    found = measure_precision("auto", device, step, what="segmenter", key=(training, side))
    with autocast(device, found.name): ...

An instruction for bf16 says little about speed: on one processor with AVX512-BF16 a training step took twice as long in it as in fp32.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch

NAMES = ("fp32", "bf16")
TIE = 0.03  # bf16 must save more than this share of the time: what is nearly equal is fp32 every time, so that runs can be repeated
SECONDS = 1.0  # of timing, after each precision was warmed up once
ROUNDS = (2, 5)  # times each precision is timed, at least and at most; the fastest counts
LONG = 5.0  # seconds; a step that takes longer is not repeated


@dataclass(frozen=True)
class Precision:
    """A precision and why it was taken."""

    name: str  # "fp32" or "bf16"
    why: str  # for the log, such as "0.61 s a step, bf16 1.18 s"

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def measure_precision(
    asked: str, device: str, step: Callable[[], object], what: str, key: Hashable = (), prepare: Callable[[str], None] | None = None
) -> Precision:
    """Return the precision asked for, or for "auto" the one in which `step` takes less time on `device`.

    `step` does one step of the real work, gradients included where they are computed, and leaves nothing changed; autocast is on here.
    prepare: called with a precision before it is timed, fp32 first. A few seconds' work, once in a process for each (what, key, device,
    threads). Where bf16 is less than TIE faster it is fp32. The choice depends on the machine and its load: record what is
    returned beside what it was used for.
    """
    if asked != "auto":
        return Precision(asked, "as asked for")
    if not supports_bf16(device):
        return Precision("fp32", f"{device} has no instruction for bf16")
    place = (what, repr(key), device, torch.get_num_threads())
    if place not in _measured:
        _measured[place] = _faster(_times(device, step, prepare))
    return _measured[place]


def autocast(device: str, precision: str) -> torch.autocast:
    """Return the context in which the work on `device` is done in `precision`."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")


def supports_bf16(device: str) -> bool:
    """Return whether the hardware multiplies bf16 at all; elsewhere it is emulated, and timing it would take minutes."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported()
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private, and not in every version of torch
    return kind == "cpu" and supported is not None and bool(supported())


def _times(device: str, step: Callable[[], object], prepare: Callable[[str], None] | None) -> dict[str, float]:
    """Return seconds of a step by precision, infinite where the device has too little memory for it."""
    if prepare is None:
        return _in_turns(device, step, NAMES)  # a load that comes and goes meets both
    times: dict[str, float] = {}
    for name in NAMES:
        prepare(name)
        times |= _in_turns(device, step, (name,))
    return times


def _in_turns(device: str, step: Callable[[], object], names: tuple[str, ...]) -> dict[str, float]:
    """Return seconds of a step by the precisions `names`: the fastest of some runs after a first one, which compiles and fills caches."""
    times = {name: _once(device, step, name) for name in names}
    if max(times.values()) > LONG:
        return times
    times = {name: _once(device, step, name) for name in names}
    least, most = ROUNDS
    begun = time.monotonic()
    for done in range(1, most):
        if done >= least and time.monotonic() - begun > SECONDS:
            break
        times = {name: min(t, _once(device, step, name)) for name, t in times.items()}
    return times


def _once(device: str, step: Callable[[], object], precision: str) -> float:
    try:
        _wait(device)
        begun = time.monotonic()
        with autocast(device, precision):
            step()
        _wait(device)
        return time.monotonic() - begun
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return float("inf")


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _faster(times: dict[str, float]) -> Precision:
    fp32, bf16 = times["fp32"], times["bf16"]
    if bf16 < (1 - TIE) * fp32:
        return Precision("bf16", f"{_told(bf16)} a step, fp32 {_told(fp32)}")
    return Precision("fp32", f"{_told(fp32)} a step, bf16 {_told(bf16)}")


def _told(seconds: float) -> str:
    if seconds == float("inf"):
        return "does not fit into memory"
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"


_measured: dict[tuple[str, str, str, int], Precision] = {}
