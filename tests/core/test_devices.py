"""Threads: what is asked for holds for torch, OpenCV and the BLAS and OpenMP libraries, also those that are loaded later."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import flawsmith
from flawsmith.core.processors import cores

CODE = """
import json, sys
import cv2, numpy, torch
from threadpoolctl import threadpool_info
from flawsmith.core.devices import use_threads
use_threads(int(sys.argv[1]))
before = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
import scipy.linalg  # with a BLAS of its own
after = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
print(json.dumps([torch.get_num_threads(), cv2.getNumThreads(), before, after]))
"""


def test_without_a_number_what_the_environment_says_holds() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(flawsmith.__file__).parents[1])}
    code = "import torch\nfrom flawsmith.core.devices import use_threads\n"
    code += "for count in (2, 0):\n    use_threads(count)\n    print(torch.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["2", "1"], "what was asked for before counts, and not what this library set since"


@pytest.mark.parametrize("count", [1, 3, 0])
def test_the_limit_holds_for_every_library(count: int) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    environment["PYTHONPATH"] = str(Path(flawsmith.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", CODE, str(count)], capture_output=True, text=True, env=environment, check=True)
    torch, opencv, before, after = json.loads(done.stdout)
    assert torch == opencv == (count or cores())
    assert before and set(before.values()) == {count or cores()}
    assert len(after) > len(before) and max(after.values()) <= (count or cores())  # a library may take no more than there are cores
