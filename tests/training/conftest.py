"""A fit that was never interrupted."""

from pathlib import Path

import pytest
from small_fits import Tiny, go


@pytest.fixture(scope="session")
def six(data8: Path, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps that was never interrupted. Read only."""
    run = tmp_path_factory.mktemp("six") / "run"
    go(data8, run, tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4}))
    return run
