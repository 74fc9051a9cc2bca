"""What pairs can be made from: a run, or the base with nothing fitted; the kinds of defect that each knows, and how large real ones are."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError
from flawsmith.core.tensors import read_metadata
from flawsmith.studio import checking, listing, runs
from flawsmith.studio.project import Project

BASE = ""  # the name of the source that is no run


@dataclass(frozen=True)
class Source:
    """Something that pairs are made from."""

    name: str  # of a run, or BASE
    path: Path  # what `flawsmith generate` is given
    kinds: tuple[str, ...]
    sides: Mapping[str, tuple[int, int]]  # from, to: longer sides of most real defects in pixels, by kind; of some it is not known
    words: str  # what is said of it

    def to_json(self) -> dict[str, Any]:
        """Return what pages show of it."""
        kinds = [{"name": kind, "sides": list(self.sides[kind]) if kind in self.sides else None} for kind in self.kinds]
        return {"name": self.name, "kinds": kinds, "words": self.words}


def sources(project: Project) -> list[Source]:
    """Return what pairs can be made from: the runs, those that changed last first, then the base."""
    found = []
    for run in runs.runs_of(project):
        if run.usable:
            with suppress(DataError):
                found.append(_run(run))
    return [*found, _base(project)]


def source(project: Project, name: str) -> Source:
    """Return one source by its name. Raises DataError where there is none, or nothing can be made from it yet."""
    if name == BASE:
        return _base(project)
    run = runs.run_of(project, name)
    if not run.usable:
        raise DataError(f"Nothing can be generated with {name} yet: it has no weights. Let it learn for some steps first.")
    return _run(run)


def _run(run: runs.Run) -> Source:
    path = run.folder / "model" / "model.safetensors"
    defects, sides = _learned(path, path.stat().st_mtime_ns)
    readiness = runs.told(runs.assess(run.looks))
    return Source(run.name, run.folder, defects, sides, "" if readiness is None else str(readiness["text"]))


def _base(project: Project) -> Source:
    words = "The base follows the labelled defects as they are, with nothing fitted: quick, and a first look."
    kinds = tuple(listing.numbers(project)["kinds"])
    found = {kind: spots[1] for kind in kinds if (spots := checking.spots(project, kind)) is not None and spots[1]}
    return Source(BASE, project.data, kinds, {kind: _most(sides) for kind, sides in found.items()}, words)


def _most(sides: Sequence[int]) -> tuple[int, int]:
    """Return from where to where four of five sides reach, of ascending ones: two defects in a picture are one label, as wide as both."""
    out = len(sides) // 10
    return sides[out], sides[-1 - out]


@lru_cache(maxsize=64)
def _learned(path: Path, _changed: int) -> tuple[tuple[str, ...], dict[str, tuple[int, int]]]:
    """Return the kinds that a model learned, and the longer sides of their real defects. Raises DataError for a file that does not say."""
    try:
        product = json.loads(read_metadata(path)["product"])
        return tuple(product["shape"]["defects"]), {name: (int(low), int(high)) for name, (low, high) in product["sides"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: does not say what it learned ({error}); is it of another version?") from error
