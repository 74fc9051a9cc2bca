"""What machines and people do to a fit loses nothing: a few faults of `bench/unattended.py`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAULTS = ("twice", "flip", "owner", "nan")


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads /proc")
def test_nothing_is_lost() -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(ROOT / "bench/unattended.py"),
        "--work",
        "fit",
        "--times",
        "1",
        "--faults",
        ",".join(FAULTS),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {name: (row["times"], row["lost"]) for name, row in json.loads(result.stdout).items()} == dict.fromkeys(FAULTS, (1, []))
