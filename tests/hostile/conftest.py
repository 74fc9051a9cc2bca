"""What is whole and is spoiled in a copy, and a folder to do that in."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import run  # noqa: F401
from hostile.kit import Kit
from hostile.pictures import encoded, grey


@pytest.fixture(scope="session")
def kit(
    make_product: Callable[..., Path], make_pairs: Callable[..., Path], tiny: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Kit:
    """A product, a run that has learned next to nothing of it, and pairs drawn on its normals."""
    from flawsmith.workflows.fit import fit

    root = tmp_path_factory.mktemp("whole")
    data = make_product(root / "data", each=3)
    fit(data, root / "run", tiny(training={"steps": 1, "checkpoint_every": 1}), device="cpu", threads=1, quiet=True)
    return Kit(data, root / "run", make_pairs(root / "out", data, count=4))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to write to, inside one that nothing may be written to."""
    monkeypatch.setenv("FLAWSMITH_CACHE", str(tmp_path / "outside/room/cache"))
    room = tmp_path / "outside" / "room"
    room.mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(encoded(grey(), "PNG"))
    (tmp_path / "outside/outside.png").write_bytes(encoded(grey(), "PNG"))
    monkeypatch.chdir(tmp_path)
    return room
