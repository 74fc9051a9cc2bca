"""How far a running job is, by the files that its command writes."""

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError
from flawsmith.core.files import read_json
from flawsmith.studio.jobs.job import ERR, Job, tail

MOST_COUNTED = 64  # files whose rows are not counted again at every look
_counted: dict[Path, tuple[int, int, int, int]] = {}  # inode, bytes, accepted, attempts; the last used at the end
_counting = threading.Lock()


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    done: float = 0
    total: float = 0  # 0: not known
    text: str = ""  # in words

    def to_json(self) -> dict[str, Any]:
        """Return it for pages."""
        return asdict(self)


def progress_of(job: Job) -> Progress:
    """Return how far a job is; what it wrote last to standard error where its files do not tell."""
    reader = _READERS.get(job.order.kind)
    found = reader(job.order.about) if reader is not None else None
    return found or Progress(text=(tail(job.folder / ERR).splitlines() or [""])[-1])


def _fit(about: Mapping[str, Any]) -> Progress | None:
    """By RUN/log.jsonl, whose rows have the step and the seconds; about: run, steps and minutes, 0 = no limit."""
    last = _last_row(Path(about["run"]) / "log.jsonl")
    if "step" not in last:
        return None
    step, seconds = last["step"], last.get("seconds", 0.0)
    by_steps = step / about["steps"] if about.get("steps") else 0
    by_time = seconds / 60 / about["minutes"] if about.get("minutes") else 0
    return Progress(max(by_steps, by_time), 1 if by_steps or by_time else 0, f"step {step}, {seconds / 60:.1f} minutes")


def _generate(about: Mapping[str, Any]) -> Progress | None:
    """By the accepted rows of OUT/pairs.jsonl, of which only those that are new are read; about: out, count."""
    path = Path(about["out"]) / "pairs.jsonl"
    with _counting:
        file, place, accepted, attempts = _counted.pop(path, (0, 0, 0, 0))
        try:
            with path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                if found.st_ino != file or found.st_size < place:  # it was written anew
                    place = accepted = attempts = 0
                stream.seek(place)
                while line := stream.readline():
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    place += len(line)
                    attempts += 1
                    accepted += b'"verdict": "accepted"' in line
        except OSError:
            return None
        _counted[path] = found.st_ino, place, accepted, attempts
        if len(_counted) > MOST_COUNTED:
            _counted.pop(next(iter(_counted)))
    return Progress(accepted, about["count"], f"{accepted} of {about['count']} accepted, {attempts} attempts")


def _export(about: Mapping[str, Any]) -> Progress | None:
    """By the rows of export.jsonl, which come in hundreds; about: into."""
    try:
        with (Path(about["into"]) / "export.jsonl").open("rb") as stream:
            written = sum(piece.count(b"\n") for piece in iter(lambda: stream.read(1 << 20), b""))
    except OSError:
        return None
    return Progress(text=f"{written:,} pictures written")


def _benefit(about: Mapping[str, Any]) -> Progress | None:
    """By the results that are there of those that benefit.json names; about: report."""
    report = Path(about["report"])
    try:
        results = read_json(report / "benefit.json")["results"]
        done = sum((report / path).is_file() for path in results)
    except (DataError, KeyError, TypeError):
        return None
    return Progress(done, len(results), f"{done} of {len(results)} steps")


def _last_row(path: Path) -> dict[str, Any]:
    for line in reversed(tail(path).splitlines()):
        try:
            row = json.loads(line)
        except ValueError:
            continue  # cut off, as it is being written
        if isinstance(row, dict):
            return row
    return {}


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Progress | None]] = {
    "fit": _fit,
    "generate": _generate,
    "export": _export,
    "benefit": _benefit,
}
