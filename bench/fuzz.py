"""Damaged input for everything that is read from disk: read, or refused with a reason; anything else is kept and counted.

    PYTHONPATH=src python bench/fuzz.py [--minutes 10] [--inputs 0] [--seed 0] [--only pictures,pairs] [--keep DIR]

Takes whole pictures, label files of every format, rows of pairs, plans, configurations and files of tensors, changes bytes or parts of
their structure, and reads them as the commands do. Prints JSON: inputs, how many were read and how many refused by kind, and every other
end with how often it was met; the inputs of those lie in DIR with their traceback. The same seed makes the same inputs.
"""

import argparse
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import save

sys.path.pop(0)  # this folder, whose formats.py would be found first
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from formats.layouts import TREES, plant
from formats.mutations import changed
from hostile.pictures import encoded, grey, several, tiled
from hostile.tools import TOOLS

import flawsmith as fs
from flawsmith.config.resolve import resolve, to_dict
from flawsmith.config.schema import Config
from flawsmith.core.errors import FlawsmithError
from flawsmith.dataset.record import read_record
from flawsmith.generation.plan import PlanFile
from flawsmith.images.files import bit_depth, image_size, orientation, read_image, read_mask, read_pitch, write_image
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.product.exemplars import load_exemplars
from flawsmith.quality.limits import load_limits

SECONDS = 20  # for one input
MEMORY = 2 << 30  # bytes beside those held at the start
NUMBERS = (
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"1e999",
    b"-1",
    b"null",
    b"[[[[",
    b"..",
    b'"',
)


@dataclass(frozen=True)
class Target:
    """One kind of input."""

    write: Callable[[random.Random, Path], None]  # writes a damaged one into an empty folder
    read: Callable[[Path], Any]  # reads it as commands do
    share: int = 1  # of all inputs


def main() -> None:
    """Print what came of the inputs as JSON; the exit status is 1 where one ended in anything but reading or a reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--inputs", type=int, default=0, help="at most; 0 = as many as the minutes allow")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds of input, with commas")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    args = parser.parse_args()
    kinds = targets()
    chosen = {name: kinds[name] for name in args.only.split(",")} if args.only else kinds
    warnings.simplefilter("ignore")  # decoders' words about what is damaged
    with tempfile.TemporaryDirectory() as folder, limited_memory():
        result = fuzz(chosen, Path(folder) / "input", args)
    print(json.dumps(result, indent=2))
    sys.exit(bool(result["failures"]))


def fuzz(kinds: dict[str, Target], folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return what came of one input after the other."""
    began, number = time.monotonic(), 0
    ends: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    failures: Counter[str] = Counter()
    names = [name for name, kind in kinds.items() for _ in range(kind.share)]
    while time.monotonic() - began < 60 * args.minutes and not 0 < args.inputs <= number:
        g = random.Random(f"{args.seed} {number}")
        name = g.choice(names)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        kinds[name].write(g, folder)
        end, trace = read_one(kinds[name], folder)
        ends[name][end.split(":")[0]] += 1
        if trace:
            failures[f"{name}: {end}"] += 1
            if failures[f"{name}: {end}"] == 1:
                kept = args.keep / f"{args.seed}-{number}-{name}"
                shutil.copytree(folder, kept, symlinks=True)
                (kept / "traceback.txt").write_text(trace, encoding="utf-8")
        number += 1
    return {
        "seed": args.seed,
        "inputs": number,
        "seconds": round(time.monotonic() - began, 1),
        "ends": {name: dict(counts) for name, counts in ends.items()},
        "failures": dict(failures),
    }


def read_one(target: Target, folder: Path) -> tuple[str, str]:
    """Return how reading an input ended, and the traceback where that is no way to end."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"still at work after {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        target.read(folder)
        return "read", ""
    except FlawsmithError as error:
        return ("refused", "") if str(error) else ("FlawsmithError without a reason:", traceback.format_exc())
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "flawsmith" in f.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return f"{type(error).__name__}: {where}", traceback.format_exc()
    finally:
        signal.alarm(0)


@contextmanager
def limited_memory() -> Iterator[None]:
    """Let whatever asks for more than MEMORY fail, where the system can see to that."""
    if sys.platform == "linux":
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    yield


def damaged(g: random.Random, content: bytes) -> bytes:
    """Return bytes of which some are changed, cut out, doubled or put in."""
    found = bytearray(content)
    for _ in range(g.choice((1, 1, 2, 4, 16))):
        place, size = g.randrange(len(found) + 1), g.choice((1, 2, 4, 8, 64))
        how = g.randrange(6)
        if how == 0 and place < len(found):
            found[place] ^= 1 << g.randrange(8)
        elif how == 1:
            found[place : place + size] = g.randbytes(size)
        elif how == 2:
            del found[place : place + size]
        elif how == 3:
            found[place:place] = found[place : place + size]
        elif how == 4:
            number = g.choice(NUMBERS)
            found[place : place + len(number)] = number
        else:
            del found[place:]
    return bytes(found)


def targets() -> dict[str, Target]:
    """Return the kinds of input by name."""
    found = {
        "pictures": Target(write_picture, read_picture, 40),
        "pairs": Target(write_rows, lambda folder: PairFolder(folder).read(), 20),
        "config": Target(write_config, lambda folder: resolve(file=folder / "config.yaml"), 8),
        "tensors": Target(write_tensors, read_tensors, 16),
        "record": Target(write_record, read_record, 8),
        "plan": Target(write_plan, read_plan, 8),
    }
    trees = {name: make() for name, make in {**TREES, **TOOLS}.items()}
    for name, tree in trees.items():
        found[f"labels {name}"] = Target(
            lambda g, folder, tree=tree: write_tree(g, folder, tree), lambda f, name=name: read_labels(f, name)
        )
    return found


_WHOLE = [encoded(grey((9, 11)), kind) for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP")]
_WHOLE += [several("TIFF", 2)(), several("WEBP", 2)(), tiled(), encoded(np.stack([grey((9, 11))] * 3, -1), "PNG")]


def write_picture(g: random.Random, folder: Path) -> None:
    """Write a damaged picture; now and then of 16 bits."""
    content = g.choice(_WHOLE)
    if g.random() < 0.15:
        write_image(folder / "x.png", np.random.default_rng(0).integers(0, 65536, (6, 7, g.choice((1, 3, 4))), np.uint16))
        content = (folder / "x.png").read_bytes()
    (folder / "x.png").write_bytes(damaged(g, content))


def read_picture(folder: Path) -> None:
    """Read a picture in every way; a later way is tried where one before refuses it."""
    refused: FlawsmithError | None = None
    for read in (read_image, read_mask, image_size, orientation, bit_depth, read_pitch):
        try:
            read(folder / "x.png")
        except FlawsmithError as error:
            refused = error
    if refused:
        raise refused


_ROW = Pair(
    "000000", "blob", "accepted", 0, "test/blob/0.png", "ground_truth/blob/0_mask.png", "exact", None, (), {"visible": 1.0}, 3, "n.png"
)
_ROWS = [
    _ROW.to_row(),
    {**_ROW.to_row(), "id": "000001", "size": [48, 56], "region": [0, 0, 4, 4], "defects": [PlacedDefect("blob").__dict__]},
]


def write_rows(g: random.Random, folder: Path) -> None:
    """Write rows of pairs of which parts are others, or bytes."""
    rows = json.loads(json.dumps(_ROWS, default=dict))
    whole = changed(rows, g.choice) if g.random() < 0.7 else rows
    text = "".join(json.dumps(row) + "\n" for row in whole).encode()
    (folder / "pairs.jsonl").write_bytes(text if whole is not rows else damaged(g, text))


GROUPS = ("data", "model", "generation", "quality")


def write_config(g: random.Random, folder: Path) -> None:
    """Write a configuration."""
    tree = {name: to_dict(Config())[name] for name in g.sample(GROUPS, 2)}
    text = yaml.safe_dump(changed(tree, g.choice) if g.random() < 0.6 else dict(zip(tree, reversed(tree.values()), strict=True)))
    (folder / "config.yaml").write_bytes(text.encode() if g.random() < 0.5 else damaged(g, text.encode()))


_LIMIT = {"low": 0.1, "high": 2.0, "count": 3, "least": 0.2, "median": 1.0, "most": 1.5, "passed": 1.0, "rejected": None}
_ARRAYS = {f"product.{part}": np.zeros((2, 2), np.float32) for part in ("turn", "points")} | {"product.centre": np.zeros(2, np.float32)}
_MASK = np.eye(4, dtype=bool)
_EXAMPLE = {f"0.{part}": _MASK for part in ("mask", "shape", "others", "shown")} | {"0.image": np.zeros((4, 4, 1), np.uint8)}
_TOLD = {"defect": "blob", "place": [0.5, 0.5], "area": 4, "source": "0.png", "border": [False] * 4, "group": None}


def write_tensors(g: random.Random, folder: Path) -> None:
    """Write a run's limits or exemplars with other values in the header, another header, or other bytes."""
    name, arrays, told = g.choice(
        [
            ("limits", _ARRAYS, {"limits": {"blob": {"visible": _LIMIT}}, "units": {"product": 1.0}}),
            ("exemplars", _EXAMPLE, {"examples": [_TOLD]}),
        ]
    )
    how = g.randrange(3)
    told = changed(told, g.choice) if how == 0 else told
    content = save(arrays, metadata={key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()})
    length = int.from_bytes(content[:8], "little")
    if how == 1:
        header = json.dumps(changed(json.loads(content[8 : 8 + length]), g.choice)).encode()
        content = len(header).to_bytes(8, "little") + header + content[8 + length :]
    (folder / f"{name}.safetensors").write_bytes(damaged(g, content) if how == 2 else content)


def read_tensors(folder: Path) -> None:
    """Read limits or exemplars."""
    (path,) = folder.iterdir()
    (load_limits if path.stem == "limits" else load_exemplars)(path)


def write_record(g: random.Random, folder: Path) -> None:
    """Write a run's record of what was learned from."""
    row = {"image": "a.png", "sha256": "0" * 64, "mask": "b.png", "mask_sha256": "1" * 64}
    text = json.dumps(changed({"root": "/x", "split": "all", "normals": [row], "defects": {"blob": [row, row]}}, g.choice)).encode()
    (folder / "data.json").write_bytes(text if g.random() < 0.6 else damaged(g, text))


def write_plan(g: random.Random, folder: Path) -> None:
    """Write a plan."""
    (folder / "n.png").write_bytes(_WHOLE[0])
    one = {"normal": "n.png", "defect": "blob", "region": "rect:10%,10%,50%,50%", "size": "2-4px", "severity": 1, "seed": 7}
    two = {"normal": "n.png", "defects": [{"defect": "blob", "severity": 0.5}, {"defect": "line"}], "seed": 1}
    text = "".join(json.dumps(row) + "\n" for row in changed([one, two], g.choice)).encode()
    (folder / "plan.jsonl").write_bytes(text if g.random() < 0.6 else damaged(g, text))


def read_plan(folder: Path) -> None:
    """Read a plan."""
    PlanFile(folder / "plan.jsonl", ("blob", "line"), [folder / "n.png"], 0).regions()


def write_tree(g: random.Random, folder: Path, tree: dict[str, Any]) -> None:
    """Write a data set of which one or two files are others."""
    found = dict(tree)
    for name in g.sample(sorted(found), min(len(found), g.choice((1, 1, 2)))):
        if isinstance(found[name], (dict, list)):
            found[name] = changed(found[name], g.choice)
    plant(folder, found)
    for path in g.sample(sorted(p for p in folder.rglob("*") if p.is_file()), g.choice((0, 1))):
        path.write_bytes(damaged(g, path.read_bytes()))


def read_labels(folder: Path, name: str) -> None:
    """Check and read a data set as a format, and as it is recognised."""
    refused: FlawsmithError | None = None
    for format in (name, ""):
        try:
            fs.check(folder, format=format)
            for sample in fs.read(folder, format=format).samples():
                assert sample.mask is not None and sample.mask.shape == sample.image.shape[:2]
        except FlawsmithError as error:
            refused = error
    if refused:
        raise refused


if __name__ == "__main__":
    main()
