"""Every command on broken and hostile input: a clear error that names the file or a right result, in bounded time and memory."""

import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hostile.cases import labels, pairs, pictures, places, runs, settings
from hostile.kit import GOOD, OUTPUT, Case, Kit

CASES = [case for kind in (pictures, places, labels, settings, runs, pairs) for case in kind.cases()]
SECONDS = 180  # none takes a second; a machine that does other work may be slow
MEMORY = 1 << 30  # bytes that one command may ask for beside what is held already: a bomb asks for 2.5 GB and more
FINISHED = ("config.yaml", "report.html", "report.json", "DATACARD.md", "sheet.png", "model.safetensors")


@contextmanager
def bounded() -> Iterator[None]:
    """Let the block fail that takes longer than SECONDS or holds more than MEMORY."""

    def late(*_: Any) -> None:
        raise AssertionError(f"still at work after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux":
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def listing(root: Path) -> dict[str, bytes | str]:
    """Return every file under a folder with its content, links as what they lead to."""
    found: dict[str, bytes | str] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_clear_error_or_a_right_result(case: Case, kit: Kit, room: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    words = [room / "output" if word == OUTPUT else word for word in case.make(kit, room)]
    before = listing(tmp_path)
    with bounded():
        result = run(*words)
    shown = f"{result.output}\n{result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit), shown
    assert result.exit_code == case.status, shown
    assert re.search(case.told, result.output), shown
    after = {name: content for name, content in listing(tmp_path).items() if not re.match(r"outside/room/(output|cache)/", name)}
    kept = {name: content for name, content in after.items() if not name.endswith(".flawsmith.lock")}
    assert kept == before, "nothing but the output is written"
    if case.status == GOOD:
        return
    assert result.stderr.count("flawsmith: ") == (words[0] != "check" or not result.stdout), "one message"
    made = {path.name for path in (room / "output").rglob("*")} & set(FINISHED)
    assert not made, f"looks whole: {made}"
