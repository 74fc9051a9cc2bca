"""What the bar of a training says."""

import pytest

from flawsmith.config import from_dict
from flawsmith.training.progress import Progress


@pytest.mark.parametrize(("seconds", "left"), [(30.0, "1:00"), (90.0, "0:00"), (91.0, "0:00")])
def test_the_time_left_is_never_less_than_none(seconds: float, left: str) -> None:
    progress = Progress(from_dict({"training": {"steps": 1000, "minutes": 1.5}}).training, quiet=True)
    progress.update(10, seconds, 0.5)
    assert progress._bar.tasks[0].fields["left"] == left
