"""Defects that a fit does not learn from: which they are, that nothing is learned of them, and that the fit ends with what they say."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError
from flawsmith.dataset.sample import Sample
from flawsmith.images.pixel_range import PixelRange
from flawsmith.models.store import load_model
from flawsmith.product.exemplars import load_exemplars
from flawsmith.training import held
from flawsmith.training.pool import Batch, Pool
from flawsmith.workflows.fit import fit

Tiny = Callable[..., Config]
SIDE = 32


def sample(kind: str, number: int, group: str | None = None) -> Sample:
    """Return a picture whose defect has a value of its own."""
    image, mask = np.full((60, 60, 1), 10, np.uint8), np.zeros((60, 60), bool)
    mask[28:33, 28:33] = True
    image[mask] = 100 + 10 * number + (5 if kind == "line" else 0)
    return Sample(image, mask, kind, group, Path(f"{kind}{number}.png"))


def values(batch: Batch) -> tuple[set[int], set[int]]:
    """Return the values of the defects that are targets, and of those that are exemplars."""
    targets = np.rint((batch.image.numpy() + 1) * 127.5)[batch.mask.numpy() > 0]
    shown, masks = batch.exemplars[:, :, :-1].numpy(), batch.exemplars[:, :, -1:].numpy()
    return set(targets.astype(int)), set(np.rint((shown + 1) * 127.5)[masks > 0].astype(int))


def pool(defects: dict[str, list[Sample]], tiny: Tiny, patience: int = 50, seed: int = 0) -> Pool:
    config = tiny(training={"patience": patience, "seed": seed}, data={"brightness": 0.0}, diffusion={"free_share": 0.3})
    return Pool([np.full((60, 60, 1), 10, np.uint8)], defects, config, SIDE, 1, PixelRange(0.0, 255.0, "uint8"))


def test_one_specimen_in_five_of_a_kind_with_four_is_never_learned_from(tiny: Tiny) -> None:
    blobs = [sample("blob", i, "twin" if i > 8 else None) for i in range(11)]  # ten specimens
    defects = {"blob": blobs, "line": [sample("line", i) for i in range(3)], "spot": [sample("line", i + 3) for i in range(4)]}
    everything = {int(s.image.max()) for samples in defects.values() for s in samples}
    found = set()
    for seed in range(8):
        p = pool(defects, tiny, seed=seed)
        out = p.held_out
        assert out.keys() == {"blob", "spot"}, "with three all are learned from"
        assert len(set(out["blob"]) - {"blob10.png"}) == 2 and len(out["spot"]) == 1
        assert ("blob9.png" in out["blob"]) == ("blob10.png" in out["blob"]), "pictures of one part stay together"
        kept = {int(s.image.max()) for kind, samples in defects.items() for s in samples if s.source.name in out.get(kind, [])}
        targets, exemplars = (set().union(*x) for x in zip(*(values(p.batch(1, step, 8)) for step in range(30)), strict=True))
        assert targets == exemplars == everything - kept
        windows = p.held(3, 12)
        assert windows is not None and (windows.region.flatten(1).mean(1) < 1).all() and set(windows.ids.tolist()) == {1, 3}
        few = p.held(3, 1)
        assert few is not None and few.ids.tolist() == [1, 3], "one of each kind at least"
        targets, exemplars = values(windows)
        assert targets == kept and not exemplars & kept
        found |= kept
    assert len(found) > 8, "the seed says which"


def test_without_patience_all_are_learned_from(tiny: Tiny) -> None:
    defects = {"blob": [sample("blob", i) for i in range(10)]}
    p = pool(defects, tiny, patience=0)
    assert not p.held_out and p.held(0, 4) is None
    assert set().union(*(values(p.batch(1, step, 8))[0] for step in range(30))) == {100 + 10 * i for i in range(10)}


def go(data: Path, run: Path, config: Config | None, **options: Any) -> dict[str, Any]:
    return fit(data, run, config, device="cpu", threads=1, quiet=True, **options)


def errors(run: Path) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [(row["step"], row["held_inside"]) for row in rows if "held_inside" in row]


def average(run: Path, step: int) -> dict[str, torch.Tensor]:
    tensors = load_file(run / f"checkpoints/step-{step:07d}.safetensors")
    return {name.removeprefix("average."): w for name, w in tensors.items() if name.startswith("average.")}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(w, b[name]) for name, w in a.items())


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure at every second step."""
    monkeypatch.setattr(held, "EVERY", 2)


@pytest.mark.usefixtures("often")
def test_a_fit_that_gets_better_goes_on_to_its_last_step(data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    result = go(data8, tmp_path / "run", tiny(training={"steps": 21, "patience": 40}))
    told = result["held_out"]
    assert result["steps"] == 21 and not told["settled"]
    assert {name: len(names) for name, names in told["pictures"].items()} == {"blob": 1, "line": 1}
    found = errors(tmp_path / "run")
    assert [step for step, _ in found] == [*range(0, 21, 2), 21], "the last step has its chance"
    assert (told["best_step"], told["error"]) == min(found, key=lambda row: row[1])
    assert min(found, key=lambda row: row[1])[1] < 0.8 * found[0][1]
    record = json.loads((tmp_path / "run/data.json").read_text())
    assert all(len(rows) == 6 for rows in record["defects"].values())
    followed = {(e.defect, e.source) for e in load_exemplars(tmp_path / "run/model/exemplars.safetensors")}
    assert {(name, names[0]) for name, names in told["pictures"].items()} <= followed, "generation follows held-out defects, too"


@pytest.mark.usefixtures("often")
def test_a_fit_that_gets_no_better_ends(data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    config = tiny(training={"steps": 50, "patience": 4, "learning_rate": 1e-12})
    result = go(data8, tmp_path / "run", config)
    assert result["steps"] == 4 and result["held_out"]["best_step"] == 0 and result["held_out"]["settled"]
    assert len({error for _, error in errors(tmp_path / "run")}) == 1, "windows, times and noises are the same every time"
    again = go(data8, tmp_path / "run", None, resume=True)
    assert "4 steps without a better error on held-out defects (training.patience)" in again["note"]
    longer = tiny(training={"steps": 50, "patience": 6, "learning_rate": 1e-12})
    assert go(data8, tmp_path / "run", longer, resume=True)["steps"] == 6, "a limit as others"
    with pytest.raises(ConfigError, match="training.patience is 4, got 0"):
        go(data8, tmp_path / "run", tiny(training={"steps": 50, "patience": 0, "learning_rate": 1e-12}), resume=True)


class Killed(BaseException):
    """The process is gone, with no time to tidy up."""


@pytest.fixture
def worse_after_four(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Have errors fall up to step 4 and rise from then on; each measurement is of the averaged weights."""
    told: list[int] = []

    def see(*_: Any) -> dict[str, float]:
        step = 2 * len(told)
        told.append(step)
        return {"inside": 1.0 + abs(step - 4)}

    monkeypatch.setattr(held, "see_through", see)
    yield told


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("cut", [0, 6, 9])  # not at all; with the best in the checkpoint; and in the steps after that
def test_the_best_weights_are_kept_and_it_goes_on_to_the_bit(
    cut: int, worse_after_four: list[int], data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, config = tmp_path / "run", tiny(training={"steps": 50, "patience": 6, "checkpoint_every": 1, "keep": 0, "log_every": 100})
    if cut:
        draw = Pool.batch

        def interrupted(pool: Pool, seed: int, step: int, count: int) -> Batch:
            if step == cut:
                raise Killed
            return draw(pool, seed, step, count)

        monkeypatch.setattr(Pool, "batch", interrupted)
        with pytest.raises(Killed):
            go(data8, run, config)
        monkeypatch.setattr(Pool, "batch", draw)
        assert same(load_file(run / "model/model.safetensors"), average(run, 4))
    result = go(data8, run, config, resume=bool(cut))
    told = result["held_out"]
    assert (result["steps"], told["best_step"], told["error"], told["settled"]) == (10, 4, 1.0, True)
    assert same(load_file(run / "model/model.safetensors"), average(run, 4)) and not same(average(run, 4), average(run, 10))
    assert worse_after_four == [0, 2, 4, 6, 8, 10] and [step for step, _ in errors(run)] == [0, 2, 4, 6, 8, 10]
    assert load_model(run / "model/model.safetensors")[1].training.patience == 6
