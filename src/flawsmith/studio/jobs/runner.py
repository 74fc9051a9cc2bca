"""`python -m flawsmith.studio.jobs.runner JOB`: the process of a job. It holds the job's folder while it lives, and notes how it ended."""

import os
import runpy
import sys
import time
from contextlib import suppress
from pathlib import Path

from flawsmith.core.files import write_json
from flawsmith.core.locks import hold
from flawsmith.studio.jobs.job import ENDED, Job

NICE = 10  # below the server: pages answer while a job takes every core


def run(folder: Path) -> int:
    """Do what a job's folder says, and return the exit status."""
    job = Job(folder)
    with suppress(AttributeError, OSError):  # not on Windows
        os.nice(NICE)
    with hold(folder):
        status = _command(job.order.arguments)
        write_json(folder / ENDED, {"status": status, "at": time.time()})
    return status


def _command(arguments: tuple[str, ...]) -> int:
    """Run `flawsmith` with the arguments in this process, and return its exit status."""
    sys.argv = ["flawsmith", *arguments]
    try:
        runpy.run_module("flawsmith", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
