"""A job's process is the ordinary command: killed it is begun again, and it goes where the process goes that began it."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flawsmith.sweeps.job import FAILED, LOST, RUNNING, Job, Running, read_state

TINY = (
    "--set model.width=32 --set model.depth=1 --set model.head_dim=16 --set model.pixels=4 --set data.window=32 --set training.init=none "
    "--set training.batch=2 --set training.precision=fp32 --max-minutes 0 --max-steps 100000"
)
BEGIN = "import time; from flawsmith.sweeps.job import *; r = Running(Job.of({})); print(r.process.pid, flush=True); time.sleep(99)"


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def a_fit(root: Path, data: Path) -> Job:
    words = ("fit", str(data), *shlex.split(TINY), "-o", str(root / "run"), "--threads", "1", "--quiet")
    return Job("a", "fit", words, str(root / "run"), str(root / "fit.json"), str(root / "fit.log"))


def test_a_killed_job_is_lost_and_goes_on(tmp_path: Path, make_product: Callable[..., Path]) -> None:
    one = a_fit(tmp_path, make_product(tmp_path / "data", each=2))
    running = Running(one)
    wait_for(lambda: (tmp_path / "run/config.yaml").is_file())
    assert "--resume" in one.command() and read_state(one).state == RUNNING and running.poll() is None
    os.kill(running.process.pid, signal.SIGKILL)
    wait_for(lambda: running.poll() is not None)
    assert (read_state(one).state, read_state(one).reason) == (LOST, "killed by SIGKILL")


def test_a_job_ends_with_the_process_that_began_it_and_keeps_its_work(tmp_path: Path, make_product: Callable[..., Path]) -> None:
    one = a_fit(tmp_path, make_product(tmp_path / "data", each=2))
    parent = subprocess.Popen([sys.executable, "-c", BEGIN.format(one.__dict__)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_for(lambda: (tmp_path / "run/log.jsonl").is_file())
    parent.kill()
    parent.communicate()
    wait_for(lambda: any((tmp_path / "run/checkpoints").glob("*.safetensors")))
    wait_for(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2])


def test_a_command_that_refuses_its_input_has_failed_with_its_own_words(tmp_path: Path) -> None:
    running = Running(a_fit(tmp_path, tmp_path / "nothing"))
    wait_for(lambda: running.poll() is not None)
    state = read_state(running.job)
    assert (state.state, state.exit) == (FAILED, 1) and "there is no such folder" in state.reason
