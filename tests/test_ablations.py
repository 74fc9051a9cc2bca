"""docs/ablations.md says what its JSON files say: the tables are those that `bench/ablate.py --table` prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = ROOT / "docs/ablations"


def test_the_tables_are_those_of_the_rows() -> None:
    command = [sys.executable, str(ROOT / "bench/ablate.py"), "--table", "-o", str(ROWS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    assert printed.count("| default |") >= 1 and printed.strip() in (ROOT / "docs/ablations.md").read_text(encoding="utf-8")


def test_every_row_says_how_it_was_made() -> None:
    for path in ROWS.glob("*.json"):
        row = json.loads(path.read_text(encoding="utf-8"))
        assert path.stem == f"{row['data']}-{row['shots']}-{row['row']}"
        assert row["seeds"] == len(row["fit"]) and all(fit["steps"] > 0 for fit in row["fit"]) and row["settings"]
