"""`fit --resume`: what may change, and what must not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_fits import Tiny, cut_off_at, go, log, same_weights, snapshot

from flawsmith.core.errors import ConfigError, RunError
from flawsmith.models.store import load_model


def test_a_finished_training_can_be_made_longer(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    result = go(data8, run, tiny(training={"steps": 8}), resume=True)
    assert result["steps"] == 8
    assert [row["step"] for row in log(run)] == [1, 2, 3, 4, 5, 6, 7, 8] and log(run)[:6] == log(six)
    assert not same_weights(run, six)


def test_resume_refuses_what_would_change_a_step_and_names_all_of_it(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    before = snapshot(run)
    other = tiny(training={"steps": 7, "batch": 3, "learning_rate": 0.1}, model={"tokens": 3}, generation={"guidance": 2.0})
    with pytest.raises(ConfigError) as refused:
        go(data8, run, other, resume=True)
    for told in ("model.tokens is 2, got 3", "training.batch is 2, got 3", "learning_rate is 0.003, got 0.1", "guidance is 1.5, got 2.0"):
        assert told in str(refused.value)
    assert "training.steps is" not in str(refused.value) and snapshot(run) == before


def test_resume_takes_what_changes_no_step(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    go(data8, run, tiny(training={"steps": 8, "pieces": 2, "keep": 1, "checkpoint_every": 7, "log_every": 2}), resume=True)
    config = load_model(run / "model/model.safetensors")[1]
    assert (config.training.pieces, config.training.keep, config.training.steps) == (2, 1, 8)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-0000008.safetensors"]


@pytest.mark.parametrize("given", [True, False])  # without a configuration the run's own limits hold
def test_resume_with_nothing_left_to_do_changes_no_weight(
    given: bool, six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    cut_off_at(7, monkeypatch)
    result = go(data8, run, tiny(training={"steps": 6}) if given else None, resume=True)
    assert result["steps"] == 6 and "no step was taken: the run already has its 6 steps (--max-steps" in result["note"]
    assert same_weights(run, six) and log(run) == log(six)


@pytest.mark.parametrize("change", ["picture", "mask", "more", "fewer", "normal"])
def test_resume_refuses_data_that_changed(change: str, six: Path, make_product: Callable[..., Path], tiny: Tiny, tmp_path: Path) -> None:
    run, data = Path(shutil.copytree(six, tmp_path / "run")), make_product(tmp_path / "data")
    picture, mask = data / "test/blob/003.png", data / "ground_truth/blob/003_mask.png"
    if change == "picture":
        shutil.copy(data / "test/blob/004.png", picture)
    elif change == "mask":
        pixels = np.array(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED))
        pixels[0, 0] = 255
        cv2.imwrite(str(mask), pixels)
    elif change == "more":
        shutil.copy(picture, data / "test/blob/009.png")
        shutil.copy(mask, data / "ground_truth/blob/009_mask.png")
    elif change == "fewer":
        picture.unlink()
        mask.unlink()
    else:
        (data / "train/good/002.png").unlink()
    before = snapshot(run)
    with pytest.raises(RunError, match=f"the {'normals' if change == 'normal' else 'defects'} in the data folder changed"):
        go(data, run, tiny(training={"steps": 8}), resume=True)
    assert snapshot(run) == before


def test_the_same_data_at_another_place_is_the_same_data(six: Path, make_product: Callable[..., Path], tiny: Tiny, tmp_path: Path) -> None:
    run, data = Path(shutil.copytree(six, tmp_path / "run")), make_product(tmp_path / "elsewhere")
    assert go(data, run, tiny(training={"steps": 7}), resume=True)["steps"] == 7


@pytest.mark.parametrize("there", [False, True])
def test_resume_needs_a_run(there: bool, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    if there:
        (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="run: nothing to resume here.*without --resume"):
        go(data8, tmp_path / "run", tiny(), resume=True)
    assert there or not (tmp_path / "run").exists()


def test_resume_without_its_record_of_the_data_is_refused(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    (run / "data.json").unlink()
    before = snapshot(run)
    with pytest.raises(RunError, match=r"data\.json: is missing; copy the whole RUN folder"):
        go(data8, run, tiny(training={"steps": 8}), resume=True)
    assert snapshot(run) == before
