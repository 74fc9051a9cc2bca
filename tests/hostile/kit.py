"""What a case of hostile input is: it writes into a folder of its own and returns the words of a command, which ends as it says.

Where input is refused, the message names the file; where it is read, the result is right. `Kit` holds what is whole, to be copied and
spoiled.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOOD, REFUSED, WRONG_USE = 0, 1, 2  # exit statuses
OUTPUT = "OUTPUT"  # stands for the folder that the command writes
DEEP = "[" * 100_000
TAG = "!!python/object/apply:os.system ['touch outside.txt']"
Words = list[Any]


@dataclass(frozen=True)
class Kit:
    """A product, a run and pairs that are whole."""

    data: Path
    run: Path
    out: Path

    def copy(self, name: str, room: Path) -> Path:
        """Return a copy of one of them in `room`."""
        return Path(shutil.copytree(getattr(self, name), room / name, symlinks=True))


Maker = Callable[[Kit, Path], Words]  # (what is whole, a folder to write to): the command, with OUTPUT for the folder that it writes


@dataclass(frozen=True)
class Case:
    """One command on one piece of input."""

    name: str
    make: Maker
    status: int  # that it ends with
    told: str = ""  # what its output says


def spoiled(name: str, spoil: Callable[[Path], object], command: Maker) -> Maker:
    """Return the case of a spoiled copy of what is whole; command: gets the copy in the place of the room."""

    def make(kit: Kit, room: Path) -> Words:
        copy = kit.copy(name, room)
        spoil(copy)
        return command(kit, copy)

    return make


def rows_of(out: Path) -> list[dict[str, Any]]:
    """Return the rows of a folder of pairs."""
    return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]


def check(root: Path) -> Words:
    return ["check", root]


SMALL = (  # settings of a fit that takes no time
    "training.init=none",
    "training.steps=1",
    "model.width=32",
    "model.head_dim=16",
    "model.depth=1",
    "model.cells=8",
    "data.window=32",
)


def fit(root: Path, *more: Any) -> Words:
    return ["fit", root, "-o", OUTPUT, "--quiet", "--threads", 1, *(word for key in SMALL for word in ("--set", key)), *more]


def generate(run: Path, *more: Any) -> Words:
    return ["generate", run, "-o", OUTPUT, "--quiet", "--threads", 1, *(() if "--plan" in more else ("--count", 1)), *more]


def evaluate(real: Path, out: Path) -> Words:
    return ["evaluate", real, out, "-o", OUTPUT, "--quiet", "--threads", 1, "--extractor", "offline"]


def benefit(root: Path, *more: Any) -> Words:
    return ["benefit", root, "-o", OUTPUT, "--quick", "--quiet", "--workers", 0, *more]


def export(out: Path, to: str = "mvtec", *more: Any) -> Words:
    return ["export", out, "--to", to, "-o", OUTPUT, "--quiet", *more]
