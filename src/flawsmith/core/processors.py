"""What of this machine's processors and memory this process may use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

_NO_LIMIT = 1 << 60  # bytes: control groups of the first version write a number like this where there is none


def cores(root: Path = Path("/")) -> int:
    """Return how many processor cores this process may use: those it may run on, as far as its control groups let it.

    root: where /proc and /sys lie.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = [share for folder in _groups(root, "cpu") if (share := _processor_share(folder))]
    return max(1, min([count, *(math.ceil(share) for share in shares)]))


def memory_limit(root: Path = Path("/")) -> int | None:
    """Return the bytes of memory that control groups (containers, Slurm, systemd) leave this process; None where they set no limit."""
    found = [int(text) for folder in _groups(root, "memory") for name in _MEMORY if (text := _read(folder / name)).isdecimal()]
    return min((limit for limit in found if limit < _NO_LIMIT), default=None)


_MEMORY = ("memory.max", "memory.limit_in_bytes")  # of the second and the first version


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups, and those around them, that say something of a controller."""
    base = root / "sys" / "fs" / "cgroup"
    for line in _read(root / "proc" / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for top in (base / controllers, base / controller) if controllers else (base, base / "unified"):
            group = top / path.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top) and folder.is_dir())


def _processor_share(folder: Path) -> float | None:
    """Return how many processors' time a control group has; None without a limit."""
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
