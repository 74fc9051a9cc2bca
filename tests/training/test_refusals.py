"""What a fit refuses before it writes, and what it leaves as it is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_fits import Tiny, go, log, snapshot

from flawsmith.core.errors import DataError, FlawsmithError, OutputExistsError
from flawsmith.workflows.fit import fit


def test_a_missing_data_folder_is_named_and_leaves_nothing(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing"):
        go(tmp_path / "nothing", tmp_path / "run", tiny())
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten_unasked(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    before = snapshot(run)
    with pytest.raises(OutputExistsError, match="is not empty; nothing was written.*--overwrite"):
        go(data8, run, tiny())
    assert snapshot(run) == before
    go(data8, run, tiny(training={"steps": 1}), overwrite=True)
    assert [row["step"] for row in log(run)] == [1] and not (run / "checkpoints/step-0000006.safetensors").exists()


def test_a_run_that_holds_its_own_data_is_not_overwritten(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    data = Path(shutil.copytree(data8, run / "data"))
    before = snapshot(run)
    with pytest.raises(OutputExistsError, match="lies in the output folder"):
        go(data, run, tiny(), overwrite=True)
    assert snapshot(run) == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_left_alone(overwrite: bool, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_bytes(b"irreplaceable")
    with pytest.raises(OutputExistsError):
        go(data8, tmp_path / "photos", tiny(), overwrite=overwrite)
    assert snapshot(tmp_path / "photos") == {"holiday.jpg": b"irreplaceable"}


@pytest.mark.parametrize("spoiled", ["train/good/001.png", "test/line/002.png", "ground_truth/blob/000_mask.png"])
def test_a_bad_file_is_named_before_a_run_is_overwritten(
    spoiled: str, six: Path, make_product: Callable[..., Path], tiny: Tiny, tmp_path: Path
) -> None:
    run, data = Path(shutil.copytree(six, tmp_path / "run")), make_product(tmp_path / "data")
    (data / spoiled).write_bytes((data / spoiled).read_bytes()[:60])
    before = snapshot(run)
    with pytest.raises(FlawsmithError, match=Path(spoiled).name):
        go(data, run, tiny(), overwrite=True)
    assert snapshot(run) == before


@pytest.mark.parametrize(
    ("backbone", "device", "sampler"), [("no such folder", "cpu", "dpmpp"), ("", "abacus", "dpmpp"), ("", "cpu", "magic")]
)
def test_what_cannot_be_used_is_named_before_a_run_is_overwritten(
    backbone: str, device: str, sampler: str, six: Path, data8: Path, tiny: Tiny, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    before = snapshot(run)
    config = tiny(model={"backbone": backbone}, generation={"sampler": sampler})
    with pytest.raises(FlawsmithError, match="no such folder|--device abacus|got 'magic', expected ddim, dpmpp, pndm, renoise"):
        fit(data8, run, config, overwrite=True, device=device, threads=1, quiet=True)
    assert snapshot(run) == before
