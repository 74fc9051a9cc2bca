"""Which device, and how many threads: of torch, of OpenCV, of BLAS and of OpenMP."""

import os

import cv2
import torch
from threadpoolctl import threadpool_limits

from flawsmith.core.errors import ConfigError
from flawsmith.core.processes import processes_here, rank_here
from flawsmith.core.processors import cores


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


def own_device(name: str) -> str:
    """Return the device of this process, of several that share a machine's GPUs, for what `choose_device` returned."""
    return f"cuda:{rank_here() % torch.cuda.device_count()}" if name == "cuda" and processes_here() > 1 else name


def use_threads(count: int) -> None:
    """Let this process compute on `count` CPU threads; 0 = as OMP_NUM_THREADS said when it began, at most all the cores it may use.

    Of several processes on a machine each has its share of the cores.

    Holds for torch, OpenCV and every BLAS and OpenMP library that is loaded; by the environment also for those that are loaded later and
    for processes that are started from here.
    """
    limit = count or max(1, min(cores() // processes_here(), _ASKED or cores()))
    for name in _VARIABLES:
        os.environ[name] = str(limit)
    torch.set_num_threads(limit)
    cv2.setNumThreads(limit)
    threadpool_limits(limits=limit)


_said = os.environ.get("OMP_NUM_THREADS", "")
_ASKED = int(_said) if _said.isdecimal() else 0  # before `use_threads` changes it
# what OpenMP and the BLAS libraries read when they are loaded
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
