"""What the tests of quality share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flawsmith.config.schema import Config
from flawsmith.formats.reading import read
from flawsmith.training.prepare import TrainingData, prepare_training


@pytest.fixture(scope="session")
def learned8(data8: Path, tiny: Callable[..., Config]) -> TrainingData:
    """What a training on the 8-bit product starts from, with the limits of its checks. Read only."""
    return prepare_training(read(data8), tiny())
