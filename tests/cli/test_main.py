"""The command itself: quick help, one line for an error, and the exit statuses."""

import errno
import importlib
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import flawsmith
from flawsmith.cli.main import COMMANDS, main
from flawsmith.core.errors import (
    ConfigError,
    DataError,
    FileError,
    FlawsmithError,
    FolderBusyError,
    NoRoomError,
    OutputExistsError,
    RunError,
    WeightsError,
)

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(flawsmith.__file__).parents[1])}


def run(*args: str) -> Any:
    return CliRunner().invoke(main, args)


def fake_check(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `flawsmith check` end in an error."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setitem(vars(flawsmith), "check", fail)


def test_help_answers_in_half_a_second() -> None:
    took = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "flawsmith", "--help"], check=True, capture_output=True, env=ENVIRONMENT)
        took.append(time.perf_counter() - start)
    assert statistics.median(took) < 0.5


def test_help_lists_every_command_with_its_purpose() -> None:
    output = run("--help").output
    for name, (_, _, text) in COMMANDS.items():
        assert name in output and " ".join(text.split()[:3]) in output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0 and result.output.startswith("Usage:")
    module, function, _ = COMMANDS[name]
    command = getattr(importlib.import_module(module), function)
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize(("typed", "meant"), [("chekc", "check"), ("generat", "generate"), ("fitt", "fit"), ("dmeo", "demo")])
def test_an_unknown_command_names_the_nearest(typed: str, meant: str) -> None:
    result = run(typed)
    assert result.exit_code == 2
    assert result.stderr == f"flawsmith: no such command '{typed}'. Did you mean {meant}?\n"


def test_a_command_like_no_other_gets_the_list() -> None:
    assert f"The commands are {', '.join(COMMANDS)}." in run("zzz").stderr


@pytest.mark.parametrize("args", [["check"], ["check", "a", "--nonsense"], ["fit", "a"], ["generate", "a", "-o", "b"], ["--nonsense"]])
def test_wrong_usage_exits_with_2(args: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == 2 and result.stdout == "" and result.stderr


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DataError("what"), 1),
        (FileError(Path("a.png"), "what"), 1),
        (NoRoomError("what"), 1),
        (RunError("what"), 1),
        (WeightsError("what"), 1),
        (FolderBusyError("what"), 1),
        (FlawsmithError("what"), 1),
        (ConfigError("what"), 2),
        (OutputExistsError("what"), 2),
    ],
)
def test_a_users_error_is_told_on_stderr_with_the_status_of_its_kind(
    error: FlawsmithError, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_check(monkeypatch, error)
    result = run("check", "data")
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", f"flawsmith: {error}\n")


def test_an_error_that_shows_a_layout_keeps_its_lines(tmp_path: Path) -> None:
    (tmp_path / "bottle/train/good").mkdir(parents=True)  # a level too high is named
    result = run("check", str(tmp_path))
    assert result.exit_code == 1 and len(result.stderr.strip().splitlines()) > 5, result.stderr


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_check(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "out/pairs.jsonl"))
    result = run("check", "data")
    assert result.exit_code == 1
    assert result.stderr == "flawsmith: out/pairs.jsonl: No space left on device.\n"


def test_our_own_mistakes_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_check(monkeypatch, ZeroDivisionError())
    assert isinstance(run("check", "data").exception, ZeroDivisionError)


def test_interrupting_exits_with_130_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_check(monkeypatch, KeyboardInterrupt())
    result = run("check", "data")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "\nflawsmith: stopped.\n")


def test_the_command_line_is_a_thin_layer() -> None:
    for file in Path(importlib.import_module("flawsmith.cli").__file__ or "").parent.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not [name for name in ("reports", "training", "generation", "metrics", "models") if f"flawsmith.{name}" in text], file


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals are POSIX's")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = """
import flawsmith
from flawsmith.cli.main import main
class Report:
    bad = False
    def to_dict(self):
        return {"a": "x" * 10**6}
flawsmith.check = lambda *_, **__: Report()
main(["check", "x", "--json"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
    assert process.stdout and process.stderr
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait(timeout=20)


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals are POSIX's")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_real_ctrl_c_ends_with_130_and_sigterm_with_143(sent: signal.Signals, status: int) -> None:
    code = """
import signal, time, flawsmith
from flawsmith.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
def wait(*_, **__):
    print("waiting", flush=True)
    time.sleep(30)
flawsmith.check = wait
main(["check", "x"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True)
    assert process.stdout and process.stdout.readline() == "waiting\n"
    process.send_signal(sent)
    _, error = process.communicate(timeout=20)
    assert process.returncode == status
    assert error.strip() == "flawsmith: stopped."
