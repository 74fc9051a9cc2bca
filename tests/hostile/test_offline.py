"""Nothing here asks the network: every command on its ordinary path with sockets blocked, and --offline."""

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile.kit import OUTPUT, SMALL, Kit, generate
from no_network import blocked

from flawsmith.cli.main import COMMANDS
from flawsmith.core.network import OFFLINE, QUIET

SET = [word for key in SMALL for word in ("--set", key)]
TESTED = {"check", "fit", "generate", "evaluate", "export", "sweep", "doctor"}
# tests/workflows/test_benefit.py blocks the network, too; `demo` is fit and generate on its own pictures; what pages of the studio ask for
# is recorded by the browser that looks at them (tests/studio)
ELSEWHERE = {"benefit", "demo", "studio"}


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """What was asked of the network, each refused."""
    with blocked() as found:
        yield found


def test_the_block_works(asked: list[str]) -> None:
    with pytest.raises(OSError):
        urllib.request.urlopen("http://127.0.0.1:9", timeout=1)
    assert asked


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Put the variables back that a command sets for its own process."""
    before = {name: os.environ.get(name) for name in (*OFFLINE, *QUIET)}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def words_of(command: str, kit: Kit, room: Path) -> list[Any]:
    """Return an ordinary command."""
    output = room / "output"
    return {
        "check": ["check", kit.data],
        "fit": ["fit", kit.data, "-o", output, "--threads", 1, *SET],
        "generate": [*generate(kit.run), "--dry-run"],
        "export": ["export", kit.out, "--to", "coco", "-o", output],
        "evaluate": ["evaluate", kit.data, kit.out, "-o", output, "--threads", 1],
        "sweep": ["sweep", kit.data.parent, "-o", output, "--dry-run"],
        "doctor": ["doctor"],
    }[command]


@pytest.mark.parametrize("command", sorted(TESTED & COMMANDS.keys()))
def test_no_command_asks_the_network(command: str, kit: Kit, room: Path, run: Callable[..., Any], asked: list[str]) -> None:
    words = [room / "output" if word == OUTPUT else word for word in words_of(command, kit, room)]
    result = run(*words)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    assert asked == []
    assert [os.environ[name] for name in QUIET] == ["1"] * len(QUIET), "nobody is told what is used here"


def test_every_command_is_tested_here() -> None:
    assert COMMANDS.keys() == TESTED | ELSEWHERE


@pytest.mark.parametrize("offline", [["--offline"], []])
def test_weights_that_are_named_are_fetched_unless_offline(
    offline: list[str], kit: Kit, room: Path, run: Callable[..., Any], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OFFLINE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(room / "hub"))
    result = run("fit", kit.data, "-o", room / "output", "--preset", "sd15", "--quiet", *offline)
    assert result.exit_code == 1 and "model.backbone" in result.stderr
    if offline:
        assert asked == [] and "nothing is fetched offline" in result.stderr
        assert [os.environ[name] for name in OFFLINE] == ["1"] * len(OFFLINE)
    else:
        assert asked, "the test would notice what is asked"


@pytest.mark.parametrize("words", [["--offline", "check", "x"], ["check", "--offline", "x"], ["check", "x", "--offline"]])
def test_offline_may_stand_anywhere(words: list[str], run: Callable[..., Any]) -> None:
    result = run(*words)
    assert result.exit_code == 1 and "x: there is no such folder" in result.stderr
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_logs_hold_no_picture_content(kit: Kit) -> None:
    """No text file of a run or of pairs holds a long list of numbers, or a long text."""

    def longest(value: Any) -> int:
        if isinstance(value, str):
            return len(value) // 10
        if isinstance(value, dict):
            return max(map(longest, value.values()), default=0)
        numbers = sum(isinstance(each, (int, float)) for each in value) if isinstance(value, list) else 0
        return max([numbers, *map(longest, value)]) if isinstance(value, list) else 0

    files = [path for root in (kit.run, kit.out) for path in root.rglob("*") if path.suffix in (".json", ".jsonl")]
    assert {path.name for path in files} >= {"log.jsonl", "data.json", "fit.json", "pairs.jsonl"}
    for path in files:
        text = path.read_text()
        for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
            assert longest(json.loads(part)) < 48, f"{path.name}: a picture has {48 * 56} values"
