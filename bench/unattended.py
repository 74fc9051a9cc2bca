"""Does to fit, generate, export and benefit what machines and people do to them, each fault many times: is anything lost?

    python bench/unattended.py [--faults terminate,interrupt,twice,full,small,cut,flip,owner,memory,nan,groups,stranger] [--times 30]

Each work (works.py) runs in a process of its own on the CPU; which one, when and where is drawn at random:

terminate, interrupt  SIGTERM, Ctrl-C, at a random time or right before a random call in its folder
twice                 the same, and up to three more signals while it keeps its work
full                  the disk is full from a random call on (a file system of its own: needs root)
small                 the disk has too little room from the start (the same)
cut, flip             a file of a run is truncated, or one bit of it flips
owner                 a second process begins the same work in the same folder
memory                too little memory for a whole batch from a random step on (RLIMIT_AS)
nan                   a window, or the gradient, of a random step is not a number
groups                control groups with limits of processor time and memory (version 1, needs root)
stranger              another user, without $HOME and without the right to write beside its output (needs root)

The command must end as docs/unattended.md says, with its exit status and its words; gone on with, or begun again, it must end with the same
bits as if undisturbed. Prints JSON; the exit status is 1 if anything was lost.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from works import NAMES, Work, calls, content, differences, fit, generate, must_end, started, status_of, works

from flawsmith.core.processors import cores, memory_limit
from flawsmith.core.tensors import read_safetensors
from flawsmith.training.pool import Batch
from flawsmith.training.windows import Windows

STOPPED = {signal.SIGTERM: 143, signal.SIGINT: 130}  # exit statuses
DISK = 400 << 20  # bytes of the file system that is filled
NOBODY = 65534
BIG = ("training.batch=8", "data.window=64", "model.width=64", "training.preview_every=0", "training.patience=0")  # what takes memory
STEPS = 5
OF_ROOT = ("full", "small", "groups", "stranger")


class Lost(Exception):
    """Something did not end as it should."""


@dataclass(frozen=True)
class Place:
    """Works, and what is known of them undisturbed."""

    root: Path
    kinds: dict[str, list[Work]]
    whole: dict[Path, dict[str, str]]  # by a work's folder: what `content` returns
    seconds: dict[Path, float]
    calls: dict[Path, int]
    chance: random.Random

    @property
    def works(self) -> list[Work]:
        """All of them."""
        return [work for kind in self.kinds.values() for work in kind]

    def any(self) -> Work:
        """Return one, each kind as often as another."""
        return self.chance.choice(self.chance.choice(list(self.kinds.values())))

    def told(self) -> Path:
        """Return the file for what a command says."""
        return self.root / "told"


def place_in(root: Path, chance: random.Random, names: tuple[str, ...]) -> Place:
    """Return works in a folder that were done once."""
    place = Place(root, works(root, names), {}, {}, {}, chance)
    for work in place.works:
        place.calls[work.folder] = calls(work)
        shutil.rmtree(work.folder)
        begun = time.monotonic()
        must_end(started(work))
        place.seconds[work.folder] = time.monotonic() - begun
        place.whole[work.folder] = content(work.folder)
        shutil.rmtree(work.folder)
    return place


def require(true: bool, place: Place, what: str) -> None:
    """Raise Lost unless something is true."""
    if not true:
        raise Lost(f"{what}; it said: {place.told().read_text(errors='replace')[-2000:]}")


def ends_as_undisturbed(place: Place, work: Work) -> None:
    """Go on with a work, and raise Lost unless it ends as if undisturbed."""
    require(status_of(started(work, told=place.told())) == 0, place, f"{work.folder.name} could not go on")
    different = differences(work.folder, place.whole[work.folder])
    require(not different, place, f"different: {different}")


def stopped(place: Place, numbers: tuple[signal.Signals, ...], more: int = 0) -> bool:
    """Send a work one of the signals, and up to so many more; return whether it was stopped by it."""
    chance, work = place.chance, place.any()
    number, others = chance.choice(numbers), [chance.choice(list(STOPPED)) for _ in range(chance.randint(min(1, more), more))]

    def send() -> None:
        for each in (number, *others):
            os.kill(os.getpid(), each)

    if chance.random() < 0.5:
        child = started(work, chance.randint(1, place.calls[work.folder]), send, told=place.told())
    else:
        child = started(work, told=place.told())
        time.sleep(chance.uniform(0, place.seconds[work.folder]))
        for wait, each in zip([0.0, *(chance.uniform(0, 0.1) for _ in others)], (number, *others), strict=True):
            time.sleep(wait)
            os.kill(child, each)  # one that has ended meanwhile waits to be asked for its status
    status = status_of(child)
    # before it has handlers of its own, the signal ends it as any process; of several that come in one moment any may be the first
    expected = {0, -number, *(STOPPED[each] for each in (number, *others))}
    require(status in expected, place, f"{work.folder.name} ended with {status}, expected one of {expected}")
    require("Traceback" not in place.told().read_text(), place, f"{work.folder.name} ended with a traceback")
    ends_as_undisturbed(place, work)
    return status != 0


def full(place: Place) -> bool:
    """Fill the disk before a random call of a work."""
    chance, work, filler = place.chance, place.any(), place.root / "filler"
    left = chance.choice((0, 4096, 20_000, 100_000))

    def fill() -> None:
        handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
        os.posix_fallocate(handle, 0, max(1, shutil.disk_usage(place.root).free - left))
        os.close(handle)

    with tempfile.TemporaryDirectory() as elsewhere:
        away = replace(place, root=Path(elsewhere))
        status = status_of(started(work, chance.randint(1, place.calls[work.folder]), fill, told=away.told()))
        said = away.told().read_text()
        told = "as the disk is full: " in said or "are free there; nothing was written." in said  # while, or before, a part is written
        require(status == 0 or status == 1 and told, away, f"{work.folder.name} ended with {status}")
    require(not list(work.folder.rglob("*.tmp")), place, "half a file is left")
    filler.unlink(missing_ok=True)
    ends_as_undisturbed(place, work)
    return status == 1


def small(place: Place) -> bool:
    """Begin a work on a disk with too little room for it and the spare that is asked for."""
    work, filler = place.any(), place.root / "filler"
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(place.root).free - place.chance.randint(1 << 20, 40 << 20))
    status = status_of(started(work, told=place.told()))
    said = place.told().read_text()
    require(status == 1 and "are free there; nothing was written." in said, place, f"{work.folder.name} ended with {status}")
    require(not work.folder.exists() or not any(work.folder.iterdir()), place, f"something was written: {content(work.folder)}")
    filler.unlink()
    ends_as_undisturbed(place, work)
    return True


def spoiled(place: Place, spoil: Callable[[bytearray, random.Random], bytes]) -> bool:
    """Spoil a file of a run: it must be named and refused; then do what is said, or write it anew."""
    work = next(each for each in place.works if each.folder.name == "run")
    must_end(started(work, told=place.told()))
    run, chance = work.folder, place.chance
    victim = chance.choice([run / f"model/{name}.safetensors" for name in ("model", "exemplars", "limits")] + list(checkpoints(run)))
    content = spoil(bytearray(victim.read_bytes()), chance)
    whole = victim.read_bytes()
    victim.write_bytes(content)
    if victim.parent.name == "model":
        asking = Work(place.root / "asked", lambda: generate(run, place.root / "asked", 1, 0))
        require(status_of(started(asking, told=place.told())) == 1, place, f"{victim.name} was not refused")
        require(victim.name in place.told().read_text(), place, f"{victim.name} was not named")
        require(not asking.folder.exists(), place, "something was written")
        if victim.name != "model.safetensors":
            victim.write_bytes(whole)  # these are of the data alone: a new fit writes them
    elif victim == max(checkpoints(run)):
        require(status_of(started(work, told=place.told())) == 1, place, f"{victim.name} was not refused")
        said = place.told().read_text()
        require(victim.name in said and "the one before it, is whole" in said, place, "the one before it was not offered")
        victim.unlink()
    else:
        victim.write_bytes(whole)
        return False  # an older one is not read
    ends_as_undisturbed(place, work)
    return True


def checkpoints(run: Path) -> Iterator[Path]:
    """Return the checkpoints of a run."""
    return run.glob("checkpoints/step-*.safetensors")


def cut(content: bytearray, chance: random.Random) -> bytes:
    """Return the first part of a file."""
    return bytes(content[: chance.randrange(len(content))])


def flip(content: bytearray, chance: random.Random) -> bytes:
    """Return a file with one bit flipped."""
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def owner(place: Place) -> bool:
    """Begin a work a second time while it goes on: the later of the two is refused."""
    work, files = place.any(), [place.root / "told-first", place.told()]
    children = [started(work, told=files[0])]
    time.sleep(place.chance.uniform(0, 0.8 * place.seconds[work.folder]))
    children.append(started(work, told=files[1]))
    statuses, words = [status_of(child) for child in children], [path.read_text() for path in files]
    refused = [status == 1 for status in statuses]
    require(not all(refused) and {*statuses} <= {0, 1}, place, f"two of {work.folder.name} ended with {statuses}: {words}")
    for number, other in ((0, 1), (1, 0)):
        who = f"another flawsmith process is writing there (process {children[other]} on "
        require(not refused[number] or who in words[number], place, f"process {children[other]} was not named: {words[number]}")
    different = differences(work.folder, place.whole[work.folder])
    require(not different, place, f"different: {different}")
    return any(refused)


def at_step(step: int, act: Callable[[Batch], Batch]) -> Callable[[], None]:
    """Return what lets `act` have the windows of step number `step` (from 0)."""

    def first() -> None:
        draw = Windows.batch

        def batch(windows: Windows, at: int) -> Any:
            found = draw(windows, at)
            return act(found) if at == step and isinstance(found, Batch) else found

        Windows.batch = batch  # type: ignore[method-assign]

    return first


def memory(place: Place) -> bool:
    """Give a training less memory from a random step on than a whole batch takes."""
    run, room = place.root / "big", place.chance.randint(2, 40) << 20
    work = Work(run, lambda: fit(place.root / "data", run, STEPS, *BIG))
    if run not in place.whole:
        must_end(started(work, told=place.told()))
        place.whole[run] = {}
        run.rename(place.root / "big-whole")

    def less(batch: Batch) -> Batch:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + room, resource.RLIM_INFINITY))
        return batch

    status = status_of(started(work, first=at_step(place.chance.randint(1, STEPS - 1), less), told=place.told()))
    one = "one window at a time does not fit into memory" in place.told().read_text()
    require(status == 0 or status == 1 and one, place, f"fit ended with {status}")
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    halved = sum("why" in row for row in rows)
    if one:
        must_end(started(work, told=place.told()))  # with as much as it needs
    steps = [row["step"] for row in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if "loss" in row]
    require(steps == list(range(1, STEPS + 1)), place, f"steps {steps}")
    weights, whole = (read_safetensors(folder / "model/model.safetensors", "np")[0] for folder in (run, place.root / "big-whole"))
    worst = max(float(np.abs(weights[name] - whole[name]).max()) for name in whole)
    require(worst < 1e-4, place, f"weights differ by {worst}")  # sums of pieces are rounded in another order
    return halved > 0


def nan(place: Place) -> bool:
    """Have a window, or the gradient, of a random step be no number."""
    work = next(each for each in place.works if each.folder.name == "run")
    step, of_gradient = place.chance.randrange(STEPS), place.chance.random() < 0.5

    def spoil(batch: Batch) -> Batch:
        if not of_gradient:
            return replace(batch, image=batch.image * float("nan"))
        clip = Accelerator.clip_grad_norm_
        Accelerator.clip_grad_norm_ = lambda *args: clip(*args) * float("inf")  # type: ignore[method-assign]
        return batch

    status, said = status_of(started(work, first=at_step(step, spoil), told=place.told())), place.told().read_text()
    wrong = f"the {'gradient' if of_gradient else 'loss'} is not a number at step {step + 1}. The last windows are of these pictures: "
    require(status == 1 and wrong in said, place, f"fit ended with {status}")
    require(f"step-{step:07d}.safetensors is as it was before" in said or not step, place, "the last good checkpoint was not told")
    for each in checkpoints(work.folder):
        require(all(np.isfinite(value).all() for value in read_safetensors(each, "np")[0].values()), place, f"{each.name} is not whole")
    ends_as_undisturbed(place, work)
    return True


def groups(place: Place) -> bool:
    """Have a training run in control groups with limits."""
    quota, most = place.chance.randint(5, 400) * 1000, place.chance.randint(800, 3000) << 20
    own = {line.split(":")[1]: line.split(":")[2].strip() for line in Path("/proc/self/cgroup").read_text().splitlines()}
    inside = {name: Path("/sys/fs/cgroup", name, own[name].lstrip("/"), f"flawsmith-{os.getpid()}") for name in ("cpu", "memory")}
    expected = max(1, min(len(os.sched_getaffinity(0)), -(-quota // 100_000)))
    run = place.root / "grouped"

    def first() -> None:
        for folder in inside.values():
            (folder / "tasks").write_text(str(os.getpid()))
        if (found := (cores(), memory_limit())) != (expected, most):
            raise Lost(f"found {found}, expected {(expected, most)}")
        (inside["cpu"] / "cpu.cfs_quota_us").write_text("-1")  # it was seen; the training itself is not to be slow

    try:
        for folder in inside.values():
            folder.mkdir()
        (inside["cpu"] / "cpu.cfs_quota_us").write_text(str(quota))
        (inside["memory"] / "memory.limit_in_bytes").write_text(str(most))
        status = status_of(started(Work(run, lambda: fit(place.root / "data", run, 2)), first=first, told=place.told()))
        require(status == 0, place, f"fit ended with {status}")
        config = (run / "config.yaml").read_text()
        require("pieces: 1" in config, place, "it was planned for another limit")
    finally:
        for folder in inside.values():
            folder.rmdir()
        shutil.rmtree(run, ignore_errors=True)
    return True


def stranger(place: Place) -> bool:
    """Run a work as another user, without $HOME, who can write to its output alone."""
    work = place.any()

    def first() -> None:
        work.do()  # so that all is imported: this Python may lie where nobody else may read
        shutil.rmtree(work.folder)
        for name in ("HOME", "XDG_CACHE_HOME", "FLAWSMITH_CACHE", "TMPDIR"):
            os.environ.pop(name, None)
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            (place.root / "data/new").touch()
        except PermissionError:
            return
        raise Lost("it may write to its input")

    before = content(place.root / "data")
    work.folder.parent.mkdir(exist_ok=True)
    os.chown(work.folder.parent, NOBODY, NOBODY)
    status = status_of(started(work, first=first, told=place.told()))
    os.chown(work.folder.parent, 0, 0)
    require(status == 0 and work.folder.stat().st_uid == NOBODY, place, f"{work.folder.name} ended with {status}")
    different = differences(work.folder, place.whole[work.folder])
    require(not different and content(place.root / "data") == before, place, f"different: {different}")
    return True


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """Give a folder that is a file system of its own, where one may make it."""
    if os.geteuid():
        yield folder
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


FAULTS: dict[str, Callable[[Place], bool]] = {
    "terminate": lambda place: stopped(place, (signal.SIGTERM,)),
    "interrupt": lambda place: stopped(place, (signal.SIGINT,)),
    "twice": lambda place: stopped(place, tuple(STOPPED), 3),
    "full": full,
    "small": small,
    "cut": lambda place: spoiled(place, cut),
    "flip": lambda place: spoiled(place, flip),
    "owner": owner,
    "memory": memory,
    "nan": nan,
    "groups": groups,
    "stranger": stranger,
}


def main() -> None:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--work", default=",".join(NAMES))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    faults = args.faults.split(",")
    if os.geteuid() and (privileged := sorted({*faults} & {*OF_ROOT})):
        parser.error(f"only root can do {', '.join(privileged)}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background begins with it ignored
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="unattended-") as name:
        os.chmod(name, 0o755)  # for another user
        with disk(Path(name)) as root:
            place = place_in(root, random.Random(), tuple(args.work.split(",")))
            for fault in faults:
                place.chance.seed(f"{args.seed} {fault}")
                found[fault] = row = {"times": 0, "tries": 0, "lost": []}
                begun = time.monotonic()
                while row["times"] < args.times and row["tries"] < 20 + 4 * args.times and len(row["lost"]) < 3:
                    row["tries"] += 1
                    try:
                        row["times"] += FAULTS[fault](place)
                    except (Lost, RuntimeError) as error:
                        row["lost"].append(str(error))
                    for folder in (*(work.folder for work in place.works), root / "big", root / "asked"):
                        shutil.rmtree(folder, ignore_errors=True)
                    (root / "filler").unlink(missing_ok=True)
                row["seconds"] = round(time.monotonic() - begun)
                print(json.dumps({fault: row}), file=sys.stderr, flush=True)
    print(json.dumps(found, indent=2))
    sys.exit(any(row["lost"] or row["times"] < args.times for row in found.values()))


if __name__ == "__main__":
    main()
