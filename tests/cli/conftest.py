"""What the tests of the command line share."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

import flawsmith
from flawsmith.cli.main import main


@pytest.fixture
def run() -> Callable[..., Any]:
    """Return a function that runs `flawsmith` with the words it is given."""
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Return a function that puts another object in the place of a public function of flawsmith."""
    return lambda name, value: monkeypatch.setitem(vars(flawsmith), name, value)
