"""bench/gpu.sh, with a Python that only pretends: what it leaves, what it says, and that it keeps to its time."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "bench/gpu.sh"
PRETENDER = """#!/usr/bin/env bash
# fit leaves a model of 20 MB in the folder after -o, pytest fails; the script on standard input finds no package missing
case "$*" in
    -) cat > /dev/null ;;
    *" fit "*) while [ "$1" != -o ]; do shift; done; mkdir -p "$2/model"; head -c 20000000 /dev/zero > "$2/model/model.safetensors" ;;
    *pytest*) echo "1 failed"; exit 1 ;;
esac
"""


def run(tmp_path: Path, python: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": python, "OUT": str(tmp_path / "out"), "WHEELS": str(tmp_path / "none")}
    return subprocess.run(["bash", str(SCRIPT), *words], capture_output=True, text=True, env=environment)


@pytest.fixture
def pretender(tmp_path: Path) -> str:
    path = tmp_path / "python"
    path.write_text(PRETENDER)
    path.chmod(0o755)
    return str(path)


def test_the_plan_fits_into_ten_minutes(tmp_path: Path, pretender: str) -> None:
    done = run(tmp_path, pretender, "--dry-run")
    limits = {name: int(seconds) for name, seconds in re.findall(r"^([\w-]+) \(at most (\d+) s\):", done.stdout, re.M)}
    assert done.returncode == 0 and limits.keys() == {"machine", "tests", "sd", "small-fit", "small-generate"}
    assert all(0 < limit < 600 for limit in limits.values()) and not list((tmp_path / "out").iterdir())


def test_a_stage_that_fails_leaves_the_others_alone(tmp_path: Path, pretender: str) -> None:
    done = run(tmp_path, pretender, "--stages", "tests small", "--data", str(tmp_path))
    assert done.returncode == 1
    for line in (
        r"machine: ok",
        r"tests: failed \(1\)",
        r"small-fit: ok",
        r"small-generate: ok",
        r"weights: \d+ MB, in weights",
        r"all: \d+ s",
    ):
        assert re.search(f"^{line}", (tmp_path / "out/summary.txt").read_text(), re.M), line
    parts = sorted((tmp_path / "out").glob("weights.tar.*"))
    assert len(parts) == 2 and all(part.stat().st_size <= 15_000_000 for part in parts)
    whole = tmp_path / "weights.tar"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(whole) as content:
        assert content.getmember("weights/small.safetensors").size == 20_000_000
    with tarfile.open(tmp_path / "out/results.tar.gz") as content:
        assert "results/tests.log" in content.getnames()
    run(tmp_path, pretender, "--stages", "small", "--data", str(tmp_path), "--weights-mb", "5")
    assert "left out, more than --weights-mb 5" in (tmp_path / "out/summary.txt").read_text()
    assert not list((tmp_path / "out").glob("weights.tar.*"))


def test_no_stage_begins_when_the_time_is_up(tmp_path: Path, pretender: str) -> None:
    done = run(tmp_path, pretender, "--stages", "sd", "--minutes", "0")
    assert done.returncode == 1 and re.search(r"^sd: out of time, 0 s", (tmp_path / "out/summary.txt").read_text(), re.M)


def test_wrong_words_and_missing_packages_are_named(tmp_path: Path, pretender: str) -> None:
    done = run(tmp_path, pretender, "--stages", "sd mystery")
    assert done.returncode == 2 and "got mystery, expected tests, sd or small" in done.stderr
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    done = run(tmp_path, str(bare))
    assert done.returncode == 2 and "torch" in done.stderr and "transformers" in done.stderr and "put their wheels into" in done.stderr
