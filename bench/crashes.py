"""Kills fit, generate, export and benefit at random points, lets each go on, and compares what they leave with an undisturbed run.

    python bench/crashes.py [--work fit,generate,export,benefit] [--kills 30] [--minutes 0] [--seed 0]

Each work (works.py) runs in a process of its own on the CPU. SIGKILL comes in turn at a random time, and right before a random one of the
calls that open, rename, remove or make something in the folder: saving is where most of them are. After one to three kills the work
goes on to its end, and every file must be the same to the bit, but for times. Counts the locks that the killed left, too. Prints JSON; the
exit status is 1 if anything was lost.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from works import NAMES, Work, calls, content, differences, must_end, started, status_of, works

from flawsmith.core.locks import LOCK_FILE

MOST_KILLS = 3  # of one piece of work before it may end


def main() -> None:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default=",".join(NAMES))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=0, help="of each work; 0 = no limit")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(prefix="crashes-") as name:
        for kind, choices in works(Path(name), tuple(args.work.split(","))).items():
            found[kind] = _disturb(choices, args.kills, args.minutes, random.Random(f"{args.seed} {kind}"))
    print(json.dumps(found, indent=2))
    sys.exit(any(row["different"] for row in found.values()))


def _disturb(pieces: list[Work], kills: int, minutes: float, chance: random.Random) -> dict[str, Any]:
    """Kill pieces of work until there were so many kills, or for so many minutes; return the counts, and what was not as if undisturbed."""
    whole, seconds, count = {}, {}, {}
    for work in pieces:
        count[work.folder] = calls(work)
        shutil.rmtree(work.folder)
        begun = time.monotonic()
        must_end(started(work))
        seconds[work.folder] = time.monotonic() - begun
        whole[work.folder] = content(work.folder)
        shutil.rmtree(work.folder)
    done = {"kills": 0, "by_time": 0, "by_call": 0, "locks_left": 0, "compared": 0}
    different: list[str] = []
    start = time.monotonic()
    while done["kills"] < kills and not 0 < 60 * minutes < time.monotonic() - start:
        work = chance.choice(pieces)
        for _ in range(chance.randint(1, MOST_KILLS)):
            by = "by_time" if done["kills"] % 2 else "by_call"
            if by == "by_time":
                child = started(work)
                time.sleep(chance.uniform(0, seconds[work.folder]))
                os.kill(child, signal.SIGKILL)  # one that has ended meanwhile waits to be asked for its status
            else:
                child = started(work, chance.randint(1, count[work.folder]), lambda: os.kill(os.getpid(), signal.SIGKILL))
            killed = _is_killed(child)
            done["kills"] += killed
            done[by] += killed
            done["locks_left"] += (work.folder / LOCK_FILE).exists()
        must_end(started(work))
        different += differences(work.folder, whole[work.folder])
        done["compared"] += 1
        shutil.rmtree(work.folder)
    return {**done, "seconds_undisturbed": round(max(seconds.values()), 2), "calls": max(count.values()), "different": different}


def _is_killed(child: int) -> bool:
    """Return whether a process was killed; raises RuntimeError where it ended by an error of its own."""
    status = status_of(child)
    if status > 0:
        raise RuntimeError("the work could not go on; its error is above.")
    return status < 0


if __name__ == "__main__":
    main()
