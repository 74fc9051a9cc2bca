"""Several processes make the pairs that one makes, to the byte."""

import shlex
import subprocess
import sys
from pathlib import Path

from together import LAUNCH

SET = (
    "--set generation.steps=4 --set generation.precision=fp32 --set quality.visible=0 --set quality.consistency=0 "
    "--set quality.outside=1 --set quality.margin=100 --set quality.duplicate=0.7"
)
MORE = ["--set", "generation.attempts=3", "--device", "cpu", "--threads", "1", "--seed", "5", "--quiet"]


def contents(folder: Path) -> dict[str, bytes]:
    """Return what generate left, but for the report, which names the folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "report.html"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_union_of_two_processes_is_what_one_makes(run8: Path, tmp_path: Path) -> None:
    def generate(out: Path, count: int, *words: str, before: tuple[str, ...]) -> None:
        command = [*before, "generate", str(run8), "-o", str(out), "--count", str(count), *shlex.split(SET), *MORE, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]

    alone = (sys.executable, "-m", "flawsmith")
    generate(tmp_path / "one", 7, before=alone)
    generate(tmp_path / "two", 3, before=alone)
    generate(tmp_path / "two", 7, "--resume", before=LAUNCH)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    rows = one["pairs.jsonl"].decode()
    assert rows.count('"rejected"') and rows.count('"accepted"') and rows.count("\n") > 7  # the order of attempts matters
    assert one.keys() == two.keys() and [name for name in one if one[name] != two[name]] == []
