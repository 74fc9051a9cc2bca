"""What is killed goes on and ends as if it had not been: a few kills of `bench/crashes.py`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
def test_what_is_killed_ends_as_if_it_had_not_been() -> None:
    command = [sys.executable, "-W", "ignore", str(ROOT / "bench/crashes.py"), "--work", "fit,generate,export", "--kills", "3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    for row in json.loads(result.stdout).values():
        assert row["kills"] >= 3 and row["by_call"] and row["by_time"] and row["compared"] and row["different"] == []
        assert row["calls"] > 50, "else it did not see where files are written"
