"""The jobs of a sweep on a Ray cluster, by paths that all its machines share, or shipped to them.

`python -m flawsmith.sweeps.on_ray` hands the jobs out. It is a process of its own, as Ray ends the process that is connected to a head
that died; `run_on_ray` begins it again until all jobs have ended. What is done lies on disk, so nothing else has to survive.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flawsmith.core.errors import ConfigError, FlawsmithError, RunError
from flawsmith.core.files import write_json
from flawsmith.core.text import read_text
from flawsmith.sweeps.board import Board
from flawsmith.sweeps.child import end_with_parent
from flawsmith.sweeps.job import FAILED, GRACE, LOST, RUNNING, WAITING, Job, Running, State, read_state, write_state
from flawsmith.sweeps.local import POLL, Watch
from flawsmith.sweeps.shipping import Sender, home_of, run_errand, tidy

PLAN = "ray.json"  # what is handed to the process
PATIENCE = 600.0  # seconds that a head may be away, or that jobs may be handed out in vain
EVERY = 1.0  # seconds between two looks at the records
OVER, AWAY, STUCK = 0, 75, 74  # exit statuses: all jobs have ended; there is no cluster; what was sent back cannot be written


@dataclass(frozen=True)
class Cluster:
    """Where jobs run, and what each asks of the machine that it is put on."""

    address: str  # of the head, or auto: the cluster that this machine belongs to
    cpus: float = 1.0
    gpus: float = 0.0
    memory: float = 0.0  # GB; 0 = not asked for
    ship: bool = False  # the machines do not share the sweep's folders: what jobs need is sent to them
    back: bool = True  # then: what they leave comes back; else only what tells of it does
    place: str = ""  # then: the folder on each machine that theirs is made in; "" = flawsmith-sweep in the temporary folder here


def run_on_ray(folder: Path, jobs: Sequence[Job], cluster: Cluster, retries: int, watch: Watch) -> Board:
    """Do the jobs on a cluster until all have ended, and return their board.

    The folder must be at the same path on every machine, unless what jobs need is shipped. Where the head dies, its jobs are ended by their
    workers' end, keep their work, and go on when it is back. Raises RunError where no job is begun or ended for PATIENCE though it is
    tried again and again, ConfigError where Ray is not installed.
    """
    require_ray()
    write_json(folder / PLAN, {"jobs": [asdict(job) for job in jobs], "cluster": asdict(cluster), "retries": retries})
    board = Board(jobs, retries)
    before, since = [board.now(name) for name in board.jobs], time.monotonic()
    while (status := _hand_out(folder, board, watch)) != OVER:
        if status == STUCK:
            raise RunError(f"{folder}: what its jobs left cannot be written; {folder / 'ray.log'} says why.")
        if (states := [board.now(name) for name in board.jobs]) != before:
            before, since = states, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            raise RunError(f"--ray {cluster.address}: no job could be begun for {PATIENCE / 60:.0f} minutes; see {folder / 'ray.log'}.")
        time.sleep(EVERY)
    return board


def require_ray() -> None:
    """Raise ConfigError where Ray is not installed."""
    import importlib.util

    if importlib.util.find_spec("ray") is None:
        raise ConfigError("--ray: needs the extra cluster: pip install 'flawsmith[cluster]'.")


def _hand_out(folder: Path, board: Board, watch: Watch) -> int:
    """Run the process that hands out jobs, show the records meanwhile, and return its exit status."""
    with (folder / "ray.log").open("ab") as log:
        words = [sys.executable, "-m", "flawsmith.sweeps.on_ray", str(folder)]
        # its standard input is never written to: its end tells the process that this one is gone, whose place another may take
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
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
    board = Board([Job.of(row) for row in said["jobs"]], retries)
    board.begin_anew()
    way = Shipped(folder, cluster, board.jobs) if cluster.ship else Shared(cluster)
    running: dict[Any, tuple[Job, State]] = {}  # by what Ray gave for it, with the state before
    here = ray.get_runtime_context().get_node_id()
    while not board.over:
        if not any(node["NodeID"] == here and node["Alive"] for node in ray.nodes()):
            print("the cluster has been started anew: its jobs are handed out again", flush=True)
            os._exit(AWAY)  # without a word to a cluster that is gone, which would be waited for
        handed_out, most = {job.name for job, _ in running.values()}, way.most()
        for job in board.ready():
            if job.name not in handed_out and len(running) < most:
                state = read_state(job)
                running[way.begin(job, state)] = job, state
        for one in ray.wait(list(running), timeout=EVERY)[0]:
            job, before = running[one]
            try:
                ended = way.look(one, job)
            except ray.exceptions.RayError as error:
                ended = _lost(job, before, error)
            if ended is None:
                continue
            del running[one]
            if ended.state == WAITING:  # what it needs did not stay where it was
                for need in job.needs:
                    board.put(need, write_state(board.jobs[need], replace(read_state(board.jobs[need]), state=WAITING)))
            board.put(job.name, ended)
    way.end()
    return OVER


def _lost(job: Job, before: State, error: Exception) -> State:
    """Return the state of a job of which Ray says that its process or machine was lost, or that it failed; before: that it began with."""
    import ray

    print(f"{job.name}: {error}", flush=True)
    state = FAILED if isinstance(error, ray.exceptions.RayTaskError) else LOST
    return write_state(job, replace(read_state(job), state=state, tries=before.tries + 1, reason=str(error).strip().splitlines()[-1]))


class Shared:
    """Jobs whose machines see the same folders at the same paths."""

    def __init__(self, cluster: Cluster) -> None:
        self._task = _remote(do, cluster)

    def most(self) -> float:
        """Return how many jobs may be handed out at once."""
        return math.inf

    def begin(self, job: Job, state: State) -> Any:
        """Hand out a job, whose state is given, and return what Ray gives for it."""
        return self._task.remote(job)

    def look(self, one: Any, job: Job) -> State | None:
        """Return the state that a job ended in; None where it goes on."""
        import ray

        state: State = ray.get(one)
        return state

    def end(self) -> None:
        """Do what is left to do when all jobs have ended."""


class Shipped:
    """Jobs whose machines are sent what they need, and send back what they left."""

    def __init__(self, folder: Path, cluster: Cluster, jobs: Mapping[str, Job]) -> None:
        self._home, self._cluster, self._jobs = home_of(cluster.place, folder), cluster, jobs
        self._sender = Sender(folder, self._home, jobs, cluster.back)
        self._task = _remote(run_errand, cluster)

    def most(self) -> float:
        """Return how many jobs may be handed out at once: somewhat more than can run, as what they need is held for them."""
        import ray

        return 16 + 2 * float(ray.cluster_resources().get("CPU", 0)) / max(self._cluster.cpus, 0.1)

    def begin(self, job: Job, state: State) -> Any:
        """Hand out a job, whose state is given, and return what Ray gives for it."""
        task = self._task
        if not self._cluster.back and job.needs:  # to where what it needs has stayed
            host = read_state(self._jobs[job.needs[0]]).host
            task = next((self._task.options(**_on(node)) for node in _alive() if node["NodeManagerHostname"] == host), task)
        return task.remote(self._sender.errand(job, state))

    def look(self, one: Any, job: Job) -> State | None:
        """Take in the next thing that a job's machine sent; return the state that the job ended in, None where it goes on."""
        import ray

        found = ray.get(next(one))
        if isinstance(found, bytes):
            self._sender.take(found)
            return None
        write_state(job, found)
        return None if found.state == RUNNING else found

    def end(self) -> None:
        """Have every machine remove what it has of the sweep, but for results that stay there."""
        import ray

        task = ray.remote(num_cpus=0)(tidy)
        left = [task.options(**_on(node)).remote(self._home, self._cluster.back) for node in _alive()]
        ray.wait(left, num_returns=len(left), timeout=GRACE)


def _remote(function: Callable[..., Any], cluster: Cluster) -> Any:
    """Return a function as a task with what a job asks of its machine. The board begins it again, not Ray."""
    import ray

    memory = {"memory": int(cluster.memory * 1e9)} if cluster.memory else {}
    return ray.remote(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=0, **memory)(function)


def _alive() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def _on(node: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a task for a machine, or for another one where that is gone."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)}


def do(job: Job) -> State:
    """Do a job on this machine, and return how it ended."""
    running = Running(job)
    while (state := running.poll()) is None:
        time.sleep(POLL)
    return state


if __name__ == "__main__":
    end_with_parent()
    try:
        sys.exit(main(Path(sys.argv[1])))
    except FlawsmithError as error:
        print(error, flush=True)
        sys.exit(STUCK)
