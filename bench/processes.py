"""How much faster two processes of `generate` are than one, beside what the machine gives two processes that only multiply matrices.

    python bench/processes.py RUN [--count 24] [--processes 2]

Prints JSON: attempts a second without the start (the time of `count` less that of two), of one process and of several begun by
`accelerate launch`, and how many times the rate of one process as many have at once that only multiply matrices, before and after.
One thread each.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MATMUL = """
import time, torch
torch.set_num_threads(1)
a = torch.randn(512, 512)
count, begun = 0, time.monotonic()
while (spent := time.monotonic() - begun) < 8:
    a @ a
    count += 1
print(count / spent)
"""


def rate(run: Path, out: Path, count: int, processes: int) -> float:
    """Return attempts a second, without the start."""
    seconds = []
    for number in (2, count):
        launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes), "--main_process_port", "0", "-m"]
        words = [sys.executable, "-m", *(launch if processes > 1 else ()), "flawsmith", "generate", str(run), "-o", str(out / str(number))]
        settings = ["--set", "generation.attempts=1", "--set", "generation.precision=fp32", "--device", "cpu", "--threads", "1", "--quiet"]
        begun = time.monotonic()
        subprocess.run([*words, "--count", str(number), *settings], capture_output=True)  # of attempts some may be refused, even all
        seconds.append(time.monotonic() - begun)
        assert len((out / str(number) / "pairs.jsonl").read_text().splitlines()) == number
    return (count - 2) / (seconds[1] - seconds[0])


def limit(processes: int) -> float:
    """Return how many products of matrices so many processes together make in a second, over all of 8 s."""
    started = [subprocess.Popen([sys.executable, "-c", MATMUL], stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return sum(float(process.communicate()[0]) for process in started)


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    limits = [limit(args.processes) / limit(1)]
    with tempfile.TemporaryDirectory() as name:
        one = rate(args.run, Path(name) / "one", args.count, 1)
        several = rate(args.run, Path(name) / "several", args.count, args.processes)
        rows = [[(folder / str(args.count) / "pairs.jsonl").read_bytes()] for folder in (Path(name) / "one", Path(name) / "several")]
    limits.append(limit(args.processes) / limit(1))
    found = {"processes": args.processes, "attempts": args.count, "one": round(one, 3), "several": round(several, 3)}
    found |= {"times": round(several / one, 2), "times of matrix products alone": [round(value, 2) for value in limits]}
    print(json.dumps(found | {"same rows": rows[0] == rows[1]}, indent=2))


if __name__ == "__main__":
    main()
