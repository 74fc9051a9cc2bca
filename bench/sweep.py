"""A sweep on a real Ray cluster on this machine, and what its death costs: is every bit as it is in turn?

    python bench/sweep.py [--products 6] [--skip-head]

Draws products, sweeps them in turn on this machine, then on a Ray cluster of a head without cores and two machines of one core each (all
are processes here), of which one is killed (SIGKILL) in mid-job; then, unless --skip-head, once more with the head killed in mid-job and
started again. Prints JSON: seconds, tries, and which files differ. Needs the extra `cluster`.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from drawn import write_drawn

from flawsmith.core.files import content_hash

FIT = (
    "--set model.width=32 --set model.depth=1 --set model.head_dim=16 --set model.pixels=4 --set data.window=32 --set training.init=none "
    "--set training.batch=4 --set training.learning_rate=0.003 --set training.ema=0.9 --set training.precision=fp32 "
    "--set training.preview_every=0 --set training.patience=0 --set training.checkpoint_every=20 --max-steps 300 --max-minutes 0"
)
GENERATE = (
    "--set generation.steps=2 --set generation.attempts=1 --set generation.precision=fp32 --set quality.visible=0 "
    "--set quality.consistency=0 --set quality.outside=1 --set quality.margin=100"
)
PORT = 6421
LONG = 240.0  # seconds that a part of the cluster may take to start


class Ray:
    """A head and two machines, each a `ray start --block` of its own; ports are fixed, as Ray gives its agents 15 s to name theirs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.machines: list[subprocess.Popen[bytes]] = []
        self.head = self._start(0)
        self._wait(1)
        for number in (1, 2):  # one after the other: two that start at once on one machine get in each other's way
            self.machines.append(self._start(number))
            self._wait(1 + number)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        base = 52000 + 100 * number
        ports = [f"--dashboard-agent-grpc-port={base}", f"--dashboard-agent-listen-port={base + 1}", f"--metrics-export-port={base + 2}"]
        ports += [f"--runtime-env-agent-port={base + 3}", f"--min-worker-port={base + 10}", f"--max-worker-port={base + 60}"]
        role = ["--head", f"--port={PORT}", "--include-dashboard=false", "--num-cpus=0", "--ray-client-server-port=52004"]
        role = role if number == 0 else [f"--address=127.0.0.1:{PORT}", "--num-cpus=1"]
        words = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *role, *ports]
        words += [f"--temp-dir={self._folder}"] if number == 0 else []
        settings = {"RAY_raylet_start_wait_time_s": f"{LONG:.0f}", "RAY_agent_register_timeout_ms": f"{1000 * LONG:.0f}"}
        log = (self._folder.parent / f"ray-{number}.log").open("ab")
        return subprocess.Popen(
            [*words, "--object-store-memory=80000000"], stdout=log, stderr=log, env={**os.environ, **settings}, start_new_session=True
        )

    def _wait(self, nodes: int) -> None:
        code = f"import ray; ray.init('127.0.0.1:{PORT}', log_to_driver=False); print(sum(n['Alive'] for n in ray.nodes()))"
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline and all(process.poll() is None for process in (self.head, *self.machines)):
            with suppress(subprocess.TimeoutExpired, ValueError, IndexError):
                found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
                if int(found.stdout.split()[-1]) >= nodes:
                    return
            time.sleep(1)
        raise SystemExit(f"Ray has not started {nodes} nodes in {LONG:.0f} s; see ray-*.log in {self._folder.parent}")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a machine: every process on it, that of a job included."""
        for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()

    def restart(self) -> None:
        """Kill the head, and with it the machines, which do not outlive it; start all again."""
        for process in (self.head, *self.machines):
            if process.poll() is None:
                self.kill(process)
        self.__init__(self._folder)  # type: ignore[misc]

    def stop(self) -> None:
        for process in (*self.machines, self.head):
            if process.poll() is None:
                self.kill(process)


def begin(root: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    """Start a sweep, and return its process."""
    steps = ["--steps", "fit,generate", "--pairs", "3", "--device", "cpu", "--fit", FIT, "--generate", GENERATE, "--json"]
    command = [sys.executable, "-m", "flawsmith", "sweep", str(root), "-o", str(out), *steps, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def hashes(out: Path) -> dict[str, str]:
    """Return what has to be the same: the weights, the pairs and their rows, whose only path is of the data."""
    files = [
        *out.glob("products/*/run/model/model.safetensors"),
        *out.glob("products/*/pairs/**/*.png"),
        *out.glob("products/*/pairs/*.jsonl"),
    ]
    return {path.relative_to(out).as_posix(): content_hash(path) for path in sorted(files) if path.name != "sheet.png"}


def in_mid_job(out: Path, skip: int = 0) -> Path:
    """Wait until a fit has written a checkpoint and goes on, and return its record; skip: so many done jobs are waited for first."""
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        states = {path: json.loads(path.read_text()) for path in out.glob("products/*/*.json")}
        done = sum(state["state"] == "done" for state in states.values())
        for path, state in states.items():
            if (
                done >= skip
                and state["state"] == "running"
                and path.name == "fit.json"
                and any((path.parent / "run/checkpoints").glob("*.safetensors"))
            ):
                return path
        time.sleep(0.1)
    raise SystemExit("no job was met in mid-job")


def run(root: Path, out: Path, ray: Ray, hurt: Any) -> dict[str, Any]:
    """Sweep on the cluster, do `hurt` when a job is in its middle, and return what came of it."""
    begun = time.monotonic()
    process = begin(root, out, "--ray", f"127.0.0.1:{PORT}")
    victim = in_mid_job(out, skip=1)
    hurt()
    told, _ = process.communicate()
    jobs = json.loads(told)["jobs"] if process.returncode == 0 else {}
    tries = {path.relative_to(out / "products").as_posix(): json.loads(path.read_text())["tries"] for path in out.glob("products/*/*.json")}
    again = {name: count for name, count in tries.items() if count > 1}
    row = {"seconds": round(time.monotonic() - begun, 1), "status": process.returncode, "jobs": jobs.get("counts"), "begun again": again}
    return row | {"in mid-job": victim.relative_to(out / "products").as_posix()}


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=6)
    parser.add_argument("--skip-head", action="store_true")
    args = parser.parse_args()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="sweep-") as name:
        home, root = Path(name), Path(name) / "root"
        for number in range(args.products):
            write_drawn(root / f"product{number}", 96, 6, 6)
        begun = time.monotonic()
        alone = begin(root, home / "alone", "--workers", "1")
        alone.communicate()
        expected = hashes(home / "alone")
        found: dict[str, Any] = {"products": args.products, "fit": shlex.split(FIT)[-3:], "files": len(expected)}
        found["in turn"] = {"seconds": round(time.monotonic() - begun, 1), "status": alone.returncode}
        ray = Ray(home / "ray")
        try:
            found["a machine killed"] = run(root, home / "worker", ray, lambda: ray.kill(ray.machines[0]))
            found["a machine killed"]["differ"] = [n for n, digest in hashes(home / "worker").items() if expected.get(n) != digest]
            found["a machine killed"]["missing"] = sorted(set(expected) - set(hashes(home / "worker")))
            if not args.skip_head:
                ray.restart()
                found["the head killed"] = run(root, home / "head", ray, ray.restart)
                found["the head killed"]["differ"] = [n for n, digest in hashes(home / "head").items() if expected.get(n) != digest]
                found["the head killed"]["missing"] = sorted(set(expected) - set(hashes(home / "head")))
        finally:
            ray.stop()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
