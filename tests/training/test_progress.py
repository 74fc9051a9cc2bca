"""What is shown while a training runs."""

import sys

import pytest

from flawsmith.config.schema import TrainingConfig
from flawsmith.core.errors import ConfigError
from flawsmith.training.progress import Progress, TensorBoard


@pytest.mark.parametrize(("minutes", "left"), [(0.0, "1:30"), (1.0, "0:30")])
def test_the_time_left_is_that_of_the_limit_which_ends_first(minutes: float, left: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(TrainingConfig(steps=100, minutes=minutes), quiet=False) as progress:
        progress.update(25, 30.0, 0.1234)
    shown = capsys.readouterr()
    assert "step 25" in shown.err and "0.123" in shown.err and f"{left} left" in shown.err
    assert shown.out == "", "standard output is for results"


def test_the_time_left_is_never_less_than_none(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(TrainingConfig(steps=1000, minutes=1.5), quiet=False) as progress:
        progress.update(10, 91.0, 0.5)
    assert "0:00 left" in capsys.readouterr().err, "the last step ended after its time"


def test_a_quiet_training_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(TrainingConfig(), quiet=True) as progress:
        progress.update(1, 0.0, 0.5)
    assert capsys.readouterr() == ("", "")


def test_without_tensorboard_the_key_is_named(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="training.tensorboard"):
        TensorBoard(tmp_path)  # type: ignore[arg-type]
