"""The jobs of a sweep on a Ray cluster.

`python -m flawsmith.sweeps.on_ray` hands the jobs out. It is a process of its own, as Ray ends the process that is connected to a head
that died; `run_on_ray` begins it again until all jobs have ended. What is done lies on disk, so nothing else has to survive.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flawsmith.core.errors import ConfigError, RunError
from flawsmith.core.files import write_json
from flawsmith.core.text import read_text
from flawsmith.sweeps.board import Board
from flawsmith.sweeps.job import FAILED, GRACE, Job, Running, State, read_state, write_state
from flawsmith.sweeps.local import POLL, Watch

PLAN = "ray.json"  # what is handed to the process
PATIENCE = 600.0  # seconds that a head may be away
EVERY = 1.0  # seconds between two looks at the records
OVER, AWAY = 0, 75  # exit statuses: all jobs have ended; there is no cluster


@dataclass(frozen=True)
class Cluster:
    """Where jobs run, and what each asks of the machine that it is put on."""

    address: str  # of the head, or auto: the cluster that this machine belongs to
    cpus: float = 1.0
    gpus: float = 0.0
    memory: float = 0.0  # GB; 0 = not asked for


def run_on_ray(folder: Path, jobs: Sequence[Job], cluster: Cluster, retries: int, watch: Watch) -> Board:
    """Do the jobs on a cluster until all have ended, and return their board; the folder must be at the same path on every machine.

    Where the head dies, its jobs are ended by its workers' end, keep their work, and go on when it is back. Raises RunError where it
    is away for longer than PATIENCE, ConfigError where Ray is not installed.
    """
    require_ray()
    write_json(folder / PLAN, {"jobs": [asdict(job) for job in jobs], "cluster": asdict(cluster), "retries": retries})
    board, met = Board(jobs, retries), time.monotonic()
    while True:
        status = _hand_out(folder, board, watch)
        if status == OVER:
            return board
        met = met if status == AWAY else time.monotonic()
        if time.monotonic() - met > PATIENCE:
            raise RunError(f"--ray {cluster.address}: there has been no cluster for {PATIENCE / 60:.0f} minutes; see {folder / 'ray.log'}.")
        time.sleep(EVERY)


def require_ray() -> None:
    """Raise ConfigError where Ray is not installed."""
    import importlib.util

    if importlib.util.find_spec("ray") is None:
        raise ConfigError("--ray: needs the extra cluster: pip install 'flawsmith[cluster]'.")


def _hand_out(folder: Path, board: Board, watch: Watch) -> int:
    """Run the process that hands out jobs, show the records meanwhile, and return its exit status."""
    with (folder / "ray.log").open("ab") as log:
        words = [sys.executable, "-m", "flawsmith.sweeps.on_ray", str(folder)]
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        while process.poll() is None:
            time.sleep(EVERY)
            board.refresh()
            watch(board)
    finally:
        process.terminate()  # Ray then ends its workers, and each of these its job, which keeps its work
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
    board.refresh()
    return process.returncode


def main(folder: Path) -> int:
    """Hand out the jobs of a folder's plan, and return the exit status."""
    import ray

    said = json.loads(read_text(folder / PLAN))
    cluster, retries = Cluster(**said["cluster"]), said["retries"]
    try:
        ray.init(address=cluster.address, log_to_driver=False)
    except (ConnectionError, RuntimeError) as error:
        print(error, flush=True)
        return AWAY
    asked: dict[str, Any] = {"num_cpus": cluster.cpus, "num_gpus": cluster.gpus, "max_retries": retries}
    if cluster.memory:
        asked["memory"] = int(cluster.memory * 1e9)
    task = ray.remote(**asked)(do)
    board = Board([Job.of(row) for row in said["jobs"]], retries)
    board.begin_anew()
    running: dict[Any, Job] = {}
    here = ray.get_runtime_context().get_node_id()
    while not board.over:
        if not any(node["NodeID"] == here and node["Alive"] for node in ray.nodes()):
            print("the cluster has been started anew: its jobs are handed out again", flush=True)
            os._exit(AWAY)  # without a word to a cluster that is gone, which would be waited for
        handed_out = {job.name for job in running.values()}
        for job in board.ready():
            if job.name not in handed_out:
                running[task.remote(job)] = job
        for done in ray.wait(list(running), timeout=EVERY)[0]:
            job = running.pop(done)
            try:
                state = ray.get(done)
            except ray.exceptions.RayError as error:  # its worker was lost more often than `retries`, or it asks for what no machine has
                print(f"{job.name}: {error}", flush=True)
                state = write_state(job, replace(read_state(job), state=FAILED, reason=str(error).strip().splitlines()[-1]))
            board.put(job.name, state)
    return OVER


def do(job: Job) -> State:
    """Do a job on this machine, and return how it ended."""
    running = Running(job)
    while (state := running.poll()) is None:
        time.sleep(POLL)
    return state


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
