"""Kills fit, generate, export and benefit at random points, lets each go on, and compares what they leave with an undisturbed run.

    python bench/crashes.py [--work fit,generate,export,benefit] [--kills 30] [--minutes 0] [--seed 0]

Each work runs in a process of its own on the CPU, on a drawn product and with networks of seconds. SIGKILL comes in turn at a random time,
and right before a random one of the calls that open, rename, remove or make something in the folder: saving is where most of them are.
After one to three kills the work goes on to its end, and every file must be the same to the bit; left out are times, and where
they are told (hashes of results with times in them, report.html). Prints JSON; the exit status is 1 if anything was lost.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawn import write_drawn

import flawsmith as fs
from flawsmith.benchmark.detectors.segment import SegmenterConfig
from flawsmith.benchmark.protocol import Settings
from flawsmith.core.tensors import DIGEST, read_safetensors

MOST_KILLS = 3  # of one piece of work before it may end
CALLS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")  # audit events, each before its call
# keys of what differs from run to run: times and hashes of them, and that a run which goes on had no step left
TIMES = ("seconds", "minutes", "job_minutes", "job_seconds", "needs", "machine", "precision_why", "note")
FORMATS = ("mvtec", "coco", "yolo", "webdataset")
NETWORK = ("data.window=32", "model.width=32", "model.depth=1", "model.head_dim=16", "model.token_dim=32", "model.saim_rank=4")
FIT = (*NETWORK, "training.init=none", "training.batch=2", "training.learning_rate=0.003", "training.precision=fp32", "training.minutes=0")
LOOSE = ("quality.visible=0", "quality.change=0.001", "quality.consistency=0", "quality.outside=1", "quality.margin=100")
DRAWING = ("generation.steps=2", "generation.attempts=2", "generation.precision=fp32")


@dataclass(frozen=True)
class Work:
    """Something that is begun, or gone on with, by the same call."""

    folder: Path
    do: Callable[[], object]


def main() -> None:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="fit,generate,export,benefit")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=0, help="of each work; 0 = no limit")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(prefix="crashes-") as name:
        works = _works(Path(name), args.work.split(","))
        for kind, choices in works.items():
            found[kind] = _disturb(choices, args.kills, args.minutes, random.Random(f"{args.seed} {kind}"))
    print(json.dumps(found, indent=2))
    sys.exit(any(row["different"] for row in found.values()))


def _works(root: Path, names: list[str]) -> dict[str, list[Work]]:
    """Return for each name the pieces of work that stand for it; what they need is made."""
    data = write_drawn(root / "data", 64, normals=6, defects=8)
    run = root / "fitted"
    if {"generate", "export"} & set(names):
        _must_end(_started(Work(run, lambda: _fit(data, run, 30))))
    out = root / "pairs"
    if "export" in names:
        _must_end(_started(Work(out, lambda: _generate(run, out, 4, 0))))
    known = {
        "fit": [Work(root / "run", lambda: _fit(data, root / "run", 5))],
        "generate": [Work(root / "out", lambda: _generate(run, root / "out", 3, 4))],
        "export": [_export(out, root / "export" / to, to) for to in FORMATS],
        "benefit": [Work(root / "benefit", lambda: _benefit(data, root / "benefit"))],
    }
    return {name: known[name] for name in names}


def _fit(data: Path, run: Path, steps: int) -> None:
    often = ("training.checkpoint_every=1", "training.log_every=1", "training.preview_every=3")
    config = fs.resolve("tiny", None, [*FIT, *DRAWING, *LOOSE, *often, f"training.steps={steps}"])
    begun = (run / "config.yaml").exists()
    fs.fit(data, run, config, resume=begun, overwrite=not begun, device="cpu", threads=1, quiet=True)


def _generate(run: Path, out: Path, count: int, pick_from: int) -> None:
    fs.load(run, device="cpu", threads=1).generate(out, count, resume=True, quiet=True, pick_from=pick_from)


def _export(out: Path, into: Path, to: str) -> Work:
    return Work(into, lambda: fs.export(out, into, to, split="0.5,0.2,0.3", quiet=True))


def _benefit(data: Path, report: Path) -> None:
    training = SegmenterConfig(network="small", precision="fp32", steps=2, every=1, patience=1, unwatched_steps=2, step_pixels=2 * 64 * 64)
    fit = (*FIT, *DRAWING, *LOOSE, "training.steps=60", "training.checkpoint_every=10", "training.preview_every=0", "training.ema=0.9")
    settings = Settings(
        shots=("2",), seeds=1, pairs=2, baselines=("copy-paste",), training=training, classifier_steps=2, fit_settings=fit, seed=1
    )
    begun = (report / "benefit.json").exists()
    fs.benefit(data, report, settings, resume=begun, overwrite=not begun, device="cpu", workers=0, threads=1, quiet=True)


def _disturb(works: list[Work], kills: int, minutes: float, chance: random.Random) -> dict[str, Any]:
    """Kill pieces of work until there were so many kills, or for so many minutes; return the counts, and what was not as if undisturbed."""
    whole, seconds, calls = {}, {}, {}
    for work in works:
        calls[work.folder] = _calls(work)
        begun = time.monotonic()
        _must_end(_started(work))
        seconds[work.folder] = time.monotonic() - begun
        whole[work.folder] = content(work.folder)
        shutil.rmtree(work.folder)
    done = {"kills": 0, "by_time": 0, "by_call": 0, "compared": 0}
    different: list[str] = []
    start = time.monotonic()
    while done["kills"] < kills and not 0 < 60 * minutes < time.monotonic() - start:
        work = chance.choice(works)
        for _ in range(chance.randint(1, MOST_KILLS)):
            by = "by_time" if done["kills"] % 2 else "by_call"
            if by == "by_time":
                killed = _killed_after(_started(work), chance.uniform(0, seconds[work.folder]))
            else:
                killed = _is_killed(_started(work, chance.randint(1, calls[work.folder])))
            done["kills"] += killed
            done[by] += killed
        _must_end(_started(work))
        found = content(work.folder)
        different += sorted(name for name in found.keys() | whole[work.folder] if found.get(name) != whole[work.folder].get(name))
        done["compared"] += 1
        shutil.rmtree(work.folder)
    return {**done, "seconds_undisturbed": round(max(seconds.values()), 2), "calls": max(calls.values()), "different": different}


def _started(work: Work, kill_at: int = 0, count_into: int | None = None) -> int:
    """Begin the work, or go on with it, in a new process; return its number.

    kill_at: the number of the call in its folder before which it kills itself; count_into: the handle of a pipe for how many there were.
    """
    if child := os.fork():
        return child
    status, seen, inside = 1, 0, str(work.folder)

    def count(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in CALLS and any(isinstance(arg, (str, os.PathLike)) and str(arg).startswith(inside) for arg in args[:2]):
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(count)
        work.do()
        if count_into is not None:
            os.write(count_into, str(seen).encode())
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _calls(work: Work) -> int:
    """Return how many calls an undisturbed run has in its folder, which is removed afterwards."""
    reading, writing = os.pipe()
    _must_end(_started(work, count_into=writing))
    os.close(writing)
    with os.fdopen(reading) as stream:
        found = int(stream.read())
    shutil.rmtree(work.folder)
    return found


def _killed_after(child: int, seconds: float) -> bool:
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)  # one that has ended meanwhile waits to be asked for its status
    return _is_killed(child)


def _is_killed(child: int) -> bool:
    """Return whether a process was killed; raises RuntimeError where it ended by an error of its own."""
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("the work could not go on; its error is above.")
    return os.WIFSIGNALED(status)


def _must_end(child: int) -> None:
    if _is_killed(child):
        raise RuntimeError("the work was killed by something else.")


def content(folder: Path) -> dict[str, str]:
    """Return a hash of what each file says, without times, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_said(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "report.html"
    }


def _said(path: Path) -> bytes:
    if path.suffix in (".json", ".jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text(encoding="utf-8")]
        return json.dumps([_untimed(json.loads(line)) for line in lines], sort_keys=True).encode()
    if path.parent.name == "checkpoints":  # whose headers tell the seconds of training
        tensors, metadata = read_safetensors(path, "np")
        facts = _untimed({**metadata, "facts": json.loads(metadata["facts"]), DIGEST: None})
        return json.dumps(facts, sort_keys=True).encode() + b"".join(name.encode() + w.tobytes() for name, w in sorted(tensors.items()))
    return path.read_bytes()


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untimed(each) for key, each in value.items() if key not in TIMES}
    return [_untimed(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
