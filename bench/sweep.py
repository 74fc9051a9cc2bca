"""A sweep on a real Ray cluster on this machine, of which processes are killed: is every bit as it is in turn?

    python bench/sweep.py [--products 6] [--kills 1] [--deaths job,worker,machine,driver,sweep,head] [--ship back|stay] [--seed 0]

Draws products and sweeps them in turn on this machine; then, for each death, on a cluster of a head without cores and two machines of one
core (all are processes here), as often as it takes to kill so many processes (SIGKILL), each while a fit that has a checkpoint goes on:

job      the command that fits (also as `here`: of a sweep without Ray)
worker   Ray's process that runs it
machine  every process of one of the two; another is started
driver   the process that hands out jobs
sweep    the `flawsmith sweep` process itself, which is begun again (also as `quit`: of a sweep without Ray)
head     the head, and with it the machines; all are started again

--ship: the machines are sent what they need, and results come back or stay; as root, folders of the sweep are hidden from them. Prints
JSON: seconds, kills, tries, and which files differ or are missing; the exit status is 1 if any. Needs the extra `cluster`.
"""

import argparse
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from drawn import write_drawn

from flawsmith.core.files import content_hash

FIT = (
    "--set model.width=32 --set model.depth=1 --set model.head_dim=16 --set model.pixels=4 --set data.window=32 --set training.init=none "
    "--set training.batch=4 --set training.learning_rate=0.003 --set training.ema=0.9 --set training.precision=fp32 "
    "--set training.preview_every=0 --set training.patience=0 --set training.checkpoint_every=20 --max-steps 160 --max-minutes 0"
)
GENERATE = (
    "--set generation.steps=2 --set generation.attempts=1 --set generation.precision=fp32 --set quality.visible=0 "
    "--set quality.consistency=0 --set quality.outside=1 --set quality.margin=100"
)
DEATHS = ("job", "worker", "machine", "driver", "sweep", "head")
ALONE = ("here", "quit")  # of a sweep without Ray
PORT = 6421
LONG = 240.0  # seconds that a part of the cluster may take to start, or a sweep to be met in mid-job
PAUSE = 3.0  # seconds, at most, from the time a job is met to its death


class Ray:
    """A head and two machines, each a `ray start --block` of its own; ports are fixed, as Ray gives its agents 15 s to name theirs."""

    def __init__(self, folder: Path, hidden: tuple[Path, ...] = ()) -> None:
        """hidden: folders that the machines see as empty."""
        self._folder, self._hidden, self._number = folder, hidden, 0
        self.machines: list[subprocess.Popen[bytes]] = []
        self.head = self._start(0)
        self._wait(1)
        for _ in range(2):  # one after the other: two that start at once on one machine get in each other's way
            self.add()

    def add(self) -> None:
        """Start a machine."""
        self._number = self._number % 20 + 1  # ports of one that was killed may be in use for a while
        self.machines = [one for one in self.machines if one.poll() is None]
        self.machines.append(self._start(self._number))
        self._wait(1 + len(self.machines))

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        base = 52000 + 100 * number
        ports = [f"--dashboard-agent-grpc-port={base}", f"--dashboard-agent-listen-port={base + 1}", f"--metrics-export-port={base + 2}"]
        ports += [f"--runtime-env-agent-port={base + 3}", f"--min-worker-port={base + 10}", f"--max-worker-port={base + 60}"]
        role = ["--head", f"--port={PORT}", "--include-dashboard=false", "--num-cpus=0", "--ray-client-server-port=52004"]
        role = role if number == 0 else [f"--address=127.0.0.1:{PORT}", "--num-cpus=1"]
        words = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *role, *ports]
        words += [f"--temp-dir={self._folder}"] if number == 0 else []
        words += ["--object-store-memory=80000000"]
        if number and self._hidden:
            empty = " && ".join(f"mount -t tmpfs -o size=1m none {shlex.quote(str(folder))}" for folder in self._hidden)
            words = ["unshare", "--mount", "sh", "-c", f"{empty} && exec {shlex.join(words)}"]
        settings = {"RAY_raylet_start_wait_time_s": f"{LONG:.0f}", "RAY_agent_register_timeout_ms": f"{1000 * LONG:.0f}"}
        log = (self._folder.parent / f"ray-{number}.log").open("ab")
        return subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **settings}, start_new_session=True)

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
        self.stop()
        self.__init__(self._folder, self._hidden)  # type: ignore[misc]

    def stop(self) -> None:
        for process in (self.head, *self.machines):
            if process.poll() is None:
                self.kill(process)


class Sweep:
    """A sweep that is going on."""

    def __init__(self, root: Path, out: Path, *words: str) -> None:
        steps = ["--steps", "fit,generate", "--pairs", "3", "--device", "cpu", "--fit", FIT, "--generate", GENERATE, "--retries", "1000"]
        self._words = [sys.executable, "-m", "flawsmith", "sweep", str(root), "-o", str(out), *steps, "--json", *words]
        self.out = out
        self.begin()

    def begin(self) -> None:
        """Begin it, or go on with it."""
        self.process = subprocess.Popen(
            self._words, stdout=subprocess.DEVNULL, stderr=(self.out.parent / f"{self.out.name}.log").open("ab")
        )

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def driver(self) -> psutil.Process:
        """Return the process that hands out jobs."""
        return next(one for one in psutil.Process(self.process.pid).children() if "flawsmith.sweeps.on_ray" in one.cmdline())

    def in_mid_job(self, above: list[subprocess.Popen[bytes]] | None) -> psutil.Process | None:
        """Return the process of a fit that has a checkpoint, below one of the processes; None when the sweep is over first."""
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline and not self.over:
            for one in [process for root in above or [self.process] for process in _children(root)]:
                with suppress(psutil.Error, ValueError):
                    words = one.cmdline()
                    if "flawsmith.sweeps.child" in words and any(Path(words[words.index("-o") + 1], "checkpoints").glob("*.safetensors")):
                        return one
            time.sleep(0.1)
        if self.over:
            return None
        raise SystemExit("no job was met in mid-job")


def _children(process: subprocess.Popen[bytes]) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        yield from psutil.Process(process.pid).children(recursive=True)


def hashes(out: Path, stayed: Path | None = None) -> dict[str, str]:
    """Return what has to be the same: the weights, the pairs and their rows; stayed: the machines' folder of the sweep."""
    found = {}
    for folder in filter(None, (stayed, out)):
        files = [*folder.glob("products/*/run/model/*.safetensors"), *folder.glob("products/*/pairs/**/*.png")]
        for path in sorted([*files, *folder.glob("products/*/pairs/*.jsonl")]):
            if path.name != "sheet.png" and not (folder == stayed and path.suffix == ".jsonl"):  # which names that machine's folders
                found[path.relative_to(folder).as_posix()] = content_hash(path)
    return found


def suffer(death: str, sweep: Sweep, ray: Ray | None, chance: random.Random) -> bool:
    """Kill a process while a fit goes on; return whether the sweep was not over before."""
    job = sweep.in_mid_job(None if ray is None else ray.machines)
    if job is None:
        return False
    time.sleep(chance.uniform(0, PAUSE))
    with suppress(psutil.NoSuchProcess, StopIteration):
        if death in ("job", "here"):
            job.kill()
        elif death == "worker":
            parent = job.parent()
            if parent is None or not parent.cmdline()[0].startswith("ray::"):
                return False  # one was killed before, and its job is about to end
            parent.kill()
        elif death == "driver":
            sweep.driver().kill()
        elif death in ("sweep", "quit"):
            sweep.process.kill()
            sweep.process.wait()
            sweep.begin()
        elif death == "machine":
            assert ray is not None
            ray.kill(next(one for one in ray.machines if job in _children(one)))
            ray.add()
        else:
            assert death == "head" and ray is not None
            ray.restart()
        return True
    return False  # it ended meanwhile


def measure(death: str, kills: int, home: Path, ray: Ray | None, ship: str, expected: dict[str, str], seed: int) -> dict[str, Any]:
    """Sweep until so many processes were killed, and return what came of it."""
    chance, begun = random.Random(f"{seed} {death}"), time.monotonic()
    row: dict[str, Any] = {"kills": 0, "sweeps": 0, "begun again": 0, "status": [], "differ": [], "missing": []}
    while row["kills"] < kills:
        out, place = home / "sweeps" / f"{death}{row['sweeps']}", home / f"place-{death}{row['sweeps']}"
        where = [] if ray is None else ["--ray", f"127.0.0.1:{PORT}"]
        where += ["--ship", "--place", str(place), "--results", ship] if ship and ray else []
        sweep = Sweep(home / "root", out, *(where or ["--workers", "1"]))
        while row["kills"] < kills and not sweep.over:
            row["kills"] += suffer(death, sweep, ray, chance)
        row["status"].append(sweep.process.wait())
        found = hashes(out, next(iter(place.glob("*")), None) if ship == "stay" else None)
        row["differ"] += [name for name, digest in found.items() if expected.get(name) != digest]
        row["missing"] += sorted(set(expected) - set(found))
        tries = [json.loads(path.read_text())["tries"] for path in out.glob("products/*/*.json")]
        row["begun again"] += sum(tries) - len(tries)
        row["sweeps"] += 1
        shutil.rmtree(place, ignore_errors=True)
    return row | {"seconds": round(time.monotonic() - begun, 1)}


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=6)
    parser.add_argument("--kills", type=int, default=1, help="of each death")
    parser.add_argument("--deaths", default=",".join(DEATHS))
    parser.add_argument("--ship", choices=["back", "stay"], default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for everything, which stays")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="sweep-") as name:
        home = args.keep or Path(name)
        root = home / "root"
        (home / "sweeps").mkdir(parents=True)
        for number in range(args.products):
            write_drawn(root / f"product{number}", 96, 6, 6)
        begun = time.monotonic()
        status = Sweep(root, home / "alone", "--workers", "1").process.wait()
        expected = hashes(home / "alone")
        found: dict[str, Any] = {"products": args.products, "files": len(expected), "shipped": args.ship or "no"}
        found["in turn"] = {"seconds": round(time.monotonic() - begun, 1), "status": status}
        hidden = (root, home / "sweeps") if args.ship and os.geteuid() == 0 else ()
        found["hidden from the machines"] = bool(hidden)
        deaths = args.deaths.split(",")
        for death in filter(ALONE.__contains__, deaths):
            found[death] = measure(death, args.kills, home, None, "", expected, args.seed)
        if set(deaths) & set(DEATHS):
            ray = Ray(home / "ray", hidden)
            try:
                for death in filter(DEATHS.__contains__, deaths):
                    found[death] = measure(death, args.kills, home, ray, args.ship, expected, args.seed)
                    print(json.dumps({death: found[death]}), file=sys.stderr)
            finally:
                ray.stop()
    print(json.dumps(found, indent=2))
    rows = [found[death] for death in deaths]
    sys.exit(any(row["differ"] or row["missing"] or any(row["status"]) for row in rows))


if __name__ == "__main__":
    main()
