"""What travels between machines: folders as they are, paths as each machine has them, and jobs that are done where nothing is shared."""

import io
import os
import shlex
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flawsmith.core.errors import DataError
from flawsmith.core.locks import LOCK_FILE
from flawsmith.sweeps import parcels, shipping
from flawsmith.sweeps.job import DONE, FAILED, RUNNING, WAITING, Job, State, read_state, write_state
from flawsmith.sweeps.parcels import files_in, pack, renamed, unpack
from flawsmith.sweeps.plan import SweepSettings, plan
from flawsmith.sweeps.products import Product, find_products
from flawsmith.sweeps.shipping import Sender, home_of, moved, require_sendable, run_errand, tidy

FIT = (
    "--set model.width=32 --set model.depth=1 --set model.head_dim=16 --set model.pixels=4 --set data.window=32 --set training.init=none "
    "--set training.batch=4 --set training.learning_rate=0.003 --set training.ema=0.9 --set training.patience=0 "
    "--set training.precision=fp32 --set training.preview_every=0 --max-steps 60 --max-minutes 0"
)
GENERATE = (
    "--set generation.steps=2 --set generation.attempts=1 --set generation.precision=fp32 --set quality.visible=0 "
    "--set quality.consistency=0 --set quality.outside=1 --set quality.margin=100"
)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_arrives_as_it_was_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "PIECE", 100)
    files = {"a/ä b.png": bytes(range(90)), "a/c.json": b"[]", "large": bytes(300), ".flawsmith.json": b"{}"}
    for name, content in files.items():
        (tmp_path / "from" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "from" / name).write_bytes(content)
    for name in (LOCK_FILE, ".a.png.0123abcd.tmp"):
        (tmp_path / "from" / name).touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/d.png").write_bytes(b"d")
    (tmp_path / "from/link").symlink_to(tmp_path / "outside")
    (tmp_path / "from/a/circle").symlink_to(tmp_path / "from")
    odd = os.fsdecode(b"\xff.png")
    (tmp_path / "from" / odd).write_bytes(b"odd")
    pieces = list(pack(files_in(tmp_path / "from"), tmp_path / "from", {}))
    assert len(pieces) > 2 and pieces == list(pack(files_in(tmp_path / "from"), tmp_path / "from", {})), "the same bytes each time"
    for piece in pieces:
        unpack(piece, tmp_path / "to")
    assert contents(tmp_path / "to") == {**files, "link/d.png": b"d", odd: b"odd"}


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_what_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(ValueError, match="leads out"):
        unpack(stream.getvalue(), tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_folders_are_called_as_the_other_machine_calls_them() -> None:
    paths = {"/data/bottle": "/tmp/received/bottle", "/swept": "/tmp/1", "/swept/products/a/run": "/tmp/received/run", "/q ü": "/q"}
    text = b'{"root": "/data/bottle", "of": "/data/bottle2", "at": "/swept/products/a/run/x", "in": "/swept/products", "u": "/q \\u00fc"}'
    here = b'{"root": "/tmp/received/bottle", "of": "/data/bottle2", "at": "/tmp/received/run/x", "in": "/tmp/1/products", "u": "/q"}'
    assert renamed(text, paths) == here and renamed("log: /q ü/x".encode(), paths) == b"log: /q/x" and renamed(text, {}) == text
    job = Job(
        "a", "fit", ("fit", "/data/bottle", "/data/bottle2", "-o", "/swept/products/a/run"), "/swept/products/a/run", "/swept/r", "/x"
    )
    there = moved(job, paths)
    assert there.words == ("fit", "/tmp/received/bottle", "/data/bottle2", "-o", "/tmp/received/run")
    assert (there.output, there.record, there.log) == ("/tmp/received/run", "/tmp/1/r", "/x")


def test_a_product_that_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(1001))
    monkeypatch.setattr(shipping, "MOST", 1000)
    require_sendable([Product("a", tmp_path, problem="not one")])
    with pytest.raises(DataError, match=r"has 1\.0 kB, and at most 1\.0 kB are sent; use a file system that all machines share"):
        require_sendable([Product("a", tmp_path)])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's store, without Ray: bench/sweep.py has it in earnest."""

    class Ray:
        put = get = staticmethod(lambda value: value)

    monkeypatch.setitem(__import__("sys").modules, "ray", Ray)


def done(found: Iterator[Any], sender: Sender) -> list[State]:
    """Take in all that an errand yields, and return the states."""
    states = []
    for item in found:
        if isinstance(item, bytes):
            sender.take(item)
        else:
            states.append(item)
    return states


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("back", [True, False])
def test_a_product_is_done_where_nothing_is_shared(back: bool, tmp_path: Path, make_product: Callable[..., Path]) -> None:
    make_product(tmp_path / "root/part", each=2)
    settings = SweepSettings(("fit", "generate"), pairs=2, fit=tuple(shlex.split(FIT)), generate=tuple(shlex.split(GENERATE)), device="cpu")
    out, away = tmp_path / "out", Path(home_of(str(tmp_path / "place"), tmp_path / "out"))
    jobs = {job.name: job for job in plan(find_products(tmp_path / "root"), out, settings)}
    fit, generate = jobs.values()
    sender = Sender(out, str(away), jobs, back)
    (tmp_path / "root").rename(tmp_path / "hidden")  # what is not sent is not there
    (tmp_path / "root").mkdir()
    data = tmp_path / "root/part"
    for job in (fit, generate):
        (tmp_path / "hidden/part").rename(data)
        errand = sender.errand(job, State(tries=3))
        data.rename(tmp_path / "hidden/part")
        states = done(run_errand(errand), sender)
        assert [state.state for state in states] == [RUNNING, DONE], (away / "products/part/fit.log").read_text()
        assert states[-1].tries == 4 and bool(states[-1].stayed) != back
        write_state(job, states[-1])
    rows = (out / "products/part/pairs/pairs.jsonl").read_text()
    assert str(away) not in rows and f'"{data}' in rows and f'"{data}"' in (out / "products/part/run/data.json").read_text()
    assert (out / "products/part/pairs/test").is_dir() == back == (out / "products/part/run/model/model.safetensors").is_file()
    assert (away / "products/part/pairs/test").is_dir() != back and (away / "received").is_dir()
    tidy(str(away), back)
    assert not (away / "received").exists() and (away / "products").exists() != back


@pytest.mark.usefixtures("store")
def test_what_did_not_stay_where_it_was_and_what_fails_is_told(tmp_path: Path, job: Callable[..., Job]) -> None:
    (tmp_path / "data").mkdir()
    home = str(tmp_path / "away")
    fit, generate = job("a", "fit"), job("a", "generate", "fit a")
    jobs = {one.name: Job.of({**one.__dict__, "data": str(tmp_path / "data")}) for one in (fit, generate)}
    errand = Sender(tmp_path, home, jobs, back=False).errand(jobs["generate a"], State(tries=1))
    assert [state.state for state in done(run_errand(errand), Sender(tmp_path, home, jobs, False))] == [WAITING]  # type: ignore[attr-defined]
    sender = Sender(tmp_path, home, jobs, back=True)
    states = done(run_errand(sender.errand(jobs["fit a"], State())), sender)  # a command without its arguments
    assert states[-1].state == FAILED and read_state(jobs["fit a"]) == State() and Path(jobs["fit a"].log).read_text()
