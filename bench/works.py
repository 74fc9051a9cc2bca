"""Fit, generate, export and benefit on a drawn product with networks of seconds, each in a process of its own that can be disturbed.

`content` is what two runs of the same work are compared by: to the bit, but for times and where they are told.
"""

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from drawn import write_drawn

import flawsmith as fs
from flawsmith.benchmark.detectors.segment import SegmenterConfig
from flawsmith.benchmark.protocol import Settings
from flawsmith.cli.main import messages
from flawsmith.core.tensors import DIGEST, read_safetensors

CALLS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")  # audit events, each before its call
# keys of what differs from run to run: times and hashes of them, and that a run which goes on had no step left
TIMES = ("seconds", "minutes", "job_minutes", "job_seconds", "needs", "machine", "precision_why", "note")
NAMES = ("fit", "generate", "export", "benefit")
FORMATS = ("mvtec", "coco", "yolo", "webdataset")
NETWORK = ("data.window=32", "model.width=32", "model.depth=1", "model.head_dim=16", "model.token_dim=32", "model.saim_rank=4")
FIT = (*NETWORK, "training.init=none", "training.batch=2", "training.learning_rate=0.003", "training.precision=fp32", "training.minutes=0")
LOOSE = ("quality.visible=0", "quality.change=0.001", "quality.consistency=0", "quality.outside=1", "quality.margin=100")
DRAWING = ("generation.steps=2", "generation.attempts=2", "generation.precision=fp32")
OFTEN = ("training.checkpoint_every=1", "training.log_every=1", "training.preview_every=3")
CRASH = 70  # exit status of an error that is no message


@dataclass(frozen=True)
class Work:
    """Something that is begun, or gone on with, by the same call."""

    folder: Path
    do: Callable[[], object]


def works(root: Path, names: tuple[str, ...] = NAMES, into: Path | None = None) -> dict[str, list[Work]]:
    """Return for each name the pieces of work that stand for it, in `root` or `into`; what they need is in `root`, or made there."""
    data, run, out = root / "data", root / "fitted", root / "pairs"
    if not data.exists():
        write_drawn(data, 64, normals=6, defects=8)
    if {"generate", "export"} & set(names) and not run.exists():
        must_end(started(Work(run, lambda: fit(data, run, 30))))
    if "export" in names and not out.exists():
        must_end(started(Work(out, lambda: generate(run, out, 4, 0))))
    home = into or root
    known = {
        "fit": [Work(home / "run", lambda: fit(data, home / "run", 5))],
        "generate": [Work(home / "out", lambda: generate(run, home / "out", 3, 4))],
        "export": [_export(out, home / "export" / to, to) for to in FORMATS],
        "benefit": [Work(home / "benefit", lambda: _benefit(data, home / "benefit"))],
    }
    return {name: known[name] for name in names}


def fit(data: Path, run: Path, steps: int, *settings: str) -> None:
    """Fit, or go on with it."""
    config = fs.resolve("tiny", None, [*FIT, *DRAWING, *LOOSE, *OFTEN, f"training.steps={steps}", *settings])
    begun = (run / "config.yaml").exists()
    fs.fit(data, run, config, resume=begun, overwrite=not begun, device="cpu", threads=1, quiet=True)


def generate(run: Path, out: Path, count: int, pick_from: int) -> None:
    """Generate pairs, or go on with it."""
    fs.load(run, device="cpu", threads=1).generate(out, count, resume=True, quiet=True, pick_from=pick_from)


def _export(out: Path, into: Path, to: str) -> Work:
    return Work(into, lambda: fs.export(out, into, to, split="0.5,0.2,0.3", quiet=True))


def _benefit(data: Path, report: Path) -> None:
    training = SegmenterConfig(network="small", precision="fp32", steps=2, every=1, step_pixels=2 * 64 * 64)
    settings = (*FIT, *DRAWING, *LOOSE, "training.steps=60", "training.checkpoint_every=10", "training.preview_every=0", "training.ema=0.9")
    asked = Settings(
        shots=("2",), seeds=1, pairs=2, baselines=("copy-paste",), training=training, classifier_steps=2, fit_settings=settings, seed=1
    )
    begun = (report / "benefit.json").exists()
    fs.benefit(data, report, asked, resume=begun, overwrite=not begun, device="cpu", workers=0, threads=1, quiet=True)


def started(
    work: Work,
    at: int = 0,
    act: Callable[[], object] | None = None,
    first: Callable[[], object] | None = None,
    told: Path | None = None,
    count_into: int | None = None,
) -> int:
    """Begin the work, or go on with it, in a new process, which ends with the exit status of a command; return its number.

    at: the number of the call in its folder right before which it does `act`; first: what it does before the work; told: the file for
    what it says on standard error; count_into: the handle of a pipe for how many such calls there were.
    """
    if child := os.fork():
        return child
    status, seen, inside = CRASH, 0, str(work.folder)

    def count(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in CALLS and any(isinstance(arg, (str, os.PathLike)) and str(arg).startswith(inside) for arg in args[:2]):
            seen += 1
            if seen == at and act is not None:
                act()

    try:
        if told is not None:
            os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 2)
        if first is not None:
            first()
        sys.addaudithook(count)
        with messages():
            work.do()
        if count_into is not None:
            os.write(count_into, str(seen).encode())
        status = 0
    except click.exceptions.Exit as stop:
        status = stop.exit_code
    except click.ClickException as failure:
        failure.show()
        status = failure.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def status_of(child: int) -> int:
    """Return the exit status of a process; below 0: the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def must_end(child: int) -> None:
    """Raise RuntimeError unless a process ends well."""
    if status := status_of(child):
        raise RuntimeError(f"the work ended with {status}; its error may be above.")


def calls(work: Work) -> int:
    """Return how many calls an undisturbed run has in its folder."""
    reading, writing = os.pipe()
    must_end(started(work, count_into=writing))
    os.close(writing)
    with os.fdopen(reading) as stream:
        return int(stream.read())


def content(folder: Path) -> dict[str, str]:
    """Return a hash of what each file says, without times, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_said(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "report.html"
    }


def differences(folder: Path, whole: dict[str, str]) -> list[str]:
    """Return the files that are not as in `whole`, what `content` returned of an undisturbed run."""
    found = content(folder)
    return sorted(name for name in found.keys() | whole.keys() if found.get(name) != whole.get(name))


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
