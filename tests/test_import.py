"""Importing costs nothing, and the public names are there when they are asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import flawsmith as fs
from flawsmith.cli.main import COMMANDS

HEAVY = ("torch", "numpy", "cv2", "PIL", "diffusers", "accelerate", "rich", "yaml", "pydantic", "filelock")


def loaded_after(code: str) -> set[str]:
    """Return which heavy packages a fresh Python has loaded after `code`."""
    report = f"{code}\nimport sys; print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(Path(fs.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, env=environment, check=True)
    return set(done.stderr.split())


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import flawsmith") == set()


def test_building_the_help_loads_nothing_heavy() -> None:
    assert loaded_after("from flawsmith.cli.main import main; main(['--help'], standalone_mode=False)") == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    assert loaded_after(f"from flawsmith.cli.main import main; main(['{command}', '--help'], standalone_mode=False)") == set()


def test_check_loads_no_torch(tmp_path: Path) -> None:
    assert "torch" not in loaded_after("import flawsmith; flawsmith.check")


def test_what_checks_ask_and_what_a_request_allows_is_told_without_torch() -> None:
    code = "from flawsmith.quality.registry import checks; checks(); import flawsmith.generation.request, flawsmith.product.exemplars"
    assert "torch" not in loaded_after(code)


@pytest.mark.parametrize("name", [name for name in fs.__all__ if not name.startswith("_")])
def test_every_public_name_can_be_had(name: str) -> None:
    assert callable(getattr(fs, name))
    assert name in dir(fs)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        fs.trian  # noqa: B018


def test_the_version_is_that_of_the_command() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(fs.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-m", "flawsmith", "--version"], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == f"flawsmith {fs.__version__}\n"
