"""A sweep on a real Ray cluster, one of whose two machines is killed in mid-job. Needs the extra `cluster`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("ship", [[], ["--ship", "back"]])
def test_every_bit_is_as_in_turn_though_a_machine_is_killed(ship: list[str]) -> None:
    command = [sys.executable, str(ROOT / "bench/sweep.py"), "--products", "2", "--deaths", "machine", *ship]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout)
    assert found["files"] >= 16 and found["machine"]["kills"] == 1 <= found["machine"]["begun again"]
