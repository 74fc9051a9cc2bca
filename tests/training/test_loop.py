"""`fit`: what it leaves, and what its steps depend on."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_fits import Tiny, go, log, on_batch, same_weights, weights

from flawsmith.config.resolve import to_dict
from flawsmith.core.errors import ConfigError
from flawsmith.core.files import content_hash
from flawsmith.core.precision import Precision
from flawsmith.models.dual_model import DualModel
from flawsmith.models.store import load_model
from flawsmith.product.exemplars import load_exemplars
from flawsmith.quality.limits import load_limits
from flawsmith.training import devices
from flawsmith.training import precision as timing
from flawsmith.training.pool import Pool
from flawsmith.workflows.fit import fit


def test_without_previews_none_are_drawn_and_the_weights_are_the_same(six: Path, tiny: Tiny, data8: Path, tmp_path: Path) -> None:
    go(data8, tmp_path / "run", tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 0}))
    assert (six / "previews").is_dir() and not (tmp_path / "run/previews").exists()
    a, b = (load_model(run / "model/model.safetensors")[0].state_dict() for run in (six, tmp_path / "run"))
    assert all(torch.equal(w, b[name]) for name, w in a.items())


def test_a_run_has_everything_the_contract_names(six: Path, tiny: Tiny, data8: Path) -> None:
    config = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4})
    assert yaml.safe_load((six / "config.yaml").read_text()) == to_dict(config), "fully resolved"
    model, learned, product = load_model(six / "model/model.safetensors")
    assert learned == config and product.shape.defects == ("blob", "line")
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    assert [path.name for path in sorted((six / "checkpoints").iterdir())] == ["step-0000003.safetensors", "step-0000006.safetensors"]
    assert [path.name for path in sorted((six / "previews").iterdir())] == ["step-0000004.png", "step-0000006.png"]
    assert {e.defect for e in load_exemplars(six / "model/exemplars.safetensors")} == {"blob", "line"}
    assert load_limits(six / "model/limits.safetensors").kinds.keys() == {"blob", "line"}
    record = json.loads((six / "data.json").read_text())
    everything = [*record["normals"], *(row for rows in record["defects"].values() for row in rows)]
    assert len(everything) == 5 + 12 and all(row["sha256"] == content_hash(data8 / row["image"]) for row in everything)


def test_the_log_has_a_row_for_every_few_steps(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    rows = log(six)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        assert {"loss", "denoise", "align", "gradient", "learning_rate"} <= set(row) and all(np.isfinite(v) for v in row.values())
    rates = [row["learning_rate"] for row in rows]
    assert rates[0] < rates[1] == max(rates) == pytest.approx(3e-3), "two steps of rise"
    assert rates[-1] < 0.1 * rates[1], "and a fall to nearly zero"
    go(data8, tmp_path / "run", tiny(training={"steps": 6, "checkpoint_every": 100, "log_every": 4}))
    few = log(tmp_path / "run")
    assert [row["step"] for row in few] == [4, 6]
    for row, group in zip(few, (rows[:4], rows[4:]), strict=True):
        assert row["loss"] == pytest.approx(np.mean([r["loss"] for r in group]), abs=1e-4), "the mean since the last row"


def test_the_saved_model_is_the_average_and_not_the_last_step(six: Path) -> None:
    checkpoint = load_file(six / "checkpoints/step-0000006.safetensors")
    for name, value in weights(six).items():
        assert torch.equal(value, checkpoint[f"average.{name}"])
    assert any(not torch.equal(value, checkpoint[f"model.{name}"]) for name, value in weights(six).items())


def test_the_same_seed_gives_the_same_model(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    settings = {"steps": 6, "checkpoint_every": 100, "preview_every": 100}  # how often something is saved does not matter
    go(data8, tmp_path / "again", tiny(training=settings))
    assert same_weights(tmp_path / "again", six)
    go(data8, tmp_path / "other", tiny(training=settings | {"seed": 1}))
    assert not same_weights(tmp_path / "other", six)


def test_every_step_has_its_own_noise(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Pool.batch
    monkeypatch.setattr(Pool, "batch", lambda pool, seed, _step, count: draw(pool, seed, 0, count))
    go(data8, tmp_path / "run", tiny(training={"steps": 4, "learning_rate": 1e-9, "preview_every": 100}))
    assert len({round(row["denoise"], 3) for row in log(tmp_path / "run")}) == 4, "with the same windows and the same weights"


def test_every_step_has_its_own_windows(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for step in (1, 2, 3):
        on_batch(step, lambda batch: seen.append(batch.image.clone()) or batch, monkeypatch)  # type: ignore[func-returns-value]
    go(data8, tmp_path / "run", tiny(training={"steps": 3, "preview_every": 100}))
    assert len(seen) == 3 and not any(torch.equal(a, b) for a, b in zip(seen, seen[1:], strict=False))


def test_the_loss_falls(run8: Path) -> None:
    losses = [row["loss"] for row in log(run8)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_the_third_is_learned_from_and_nothing_else(data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    go(data8, tmp_path / "run", tiny(data={"split": "third"}, training={"steps": 1}))
    record = json.loads((tmp_path / "run/data.json").read_text())
    learned = {name: [row["sha256"] for row in rows] for name, rows in record["defects"].items()}
    assert learned == {name: [content_hash(data8 / f"test/{name}/{i:03}.png") for i in range(2)] for name in ("blob", "line")}
    unseen = {content_hash(data8 / f"test/{name}/{i:03}.png") for name in ("blob", "line") for i in range(2, 6)}
    unseen |= {content_hash(path) for path in (data8 / "test/good").iterdir()}
    assert not unseen & {row["sha256"] for row in record["normals"]} and not unseen & set(sum(learned.values(), []))
    sources = {(e.defect, e.source) for e in load_exemplars(tmp_path / "run/model/exemplars.safetensors")}
    assert sources <= {(name, f"{i:03}.png") for name in ("blob", "line") for i in range(2)}


@pytest.mark.parametrize("steps", [1000, 0])
def test_minutes_are_a_limit_too(steps: int, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    result = go(data8, tmp_path / "run", tiny(training={"steps": steps, "minutes": 0.5 / 60, "clip": 0.0}))
    assert result["steps"] < 1000
    assert load_model(tmp_path / "run/model/model.safetensors")


@pytest.mark.usefixtures("untouched_generators")
def test_training_touches_no_global_generator(data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    go(data8, tmp_path / "run", tiny(training={"steps": 1}))


def test_global_generators_do_not_matter(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    try:
        torch.manual_seed(123)
        go(data8, tmp_path / "run", tiny(training={"steps": 6, "checkpoint_every": 100, "preview_every": 100}))
    finally:
        torch.set_rng_state(state)
    assert same_weights(tmp_path / "run", six)


def test_each_run_of_a_process_has_its_own_precision(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    results = [
        go(data8, tmp_path / f"{i}", tiny(training={"steps": 1, "precision": precision}))
        for i, precision in enumerate(("bf16", "fp32", "bf16"))
    ]
    assert [result["precision"] for result in results] == ["bf16", "fp32", "bf16"]
    assert same_weights(tmp_path / "0", tmp_path / "2") and not same_weights(tmp_path / "0", tmp_path / "1")


def test_the_precision_that_was_faster_is_recorded_and_kept(
    data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([Precision("bf16", "0.1 s a step, fp32 0.3 s"), Precision("fp32", "0.1 s a step, bf16 0.3 s")])
    asked: list[tuple[str, str]] = []

    def measure(name: str, device: str, step: Callable[[], object], what: str, *_: Any) -> Precision:
        if name != "auto":
            return Precision(name, "as asked for")
        step()
        asked.append((device, what))
        return next(answers)

    monkeypatch.setattr(timing, "measure_precision", measure)
    config = tiny(training={"precision": "auto", "steps": 2}, generation={"precision": "auto"})
    result = go(data8, tmp_path / "run", config)
    assert (result["precision"], result["precision_why"], asked) == ("bf16", "0.1 s a step, fp32 0.3 s", [("cpu", "training")])
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["training"]["precision"] == "bf16"
    learned = load_model(tmp_path / "run/model/model.safetensors")[1]
    assert (learned.training.precision, learned.generation.precision) == ("bf16", "auto"), "drawing may be elsewhere"
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, steps=3))
    assert go(data8, tmp_path / "run", longer, resume=True)["precision"] == "bf16" and len(asked) == 1, "not measured anew"
    untimed = go(data8, tmp_path / "other", tiny(training={"precision": "bf16", "steps": 2}, generation={"precision": "auto"}))
    assert untimed["precision"] == "bf16" and same_weights_at(tmp_path / "run", tmp_path / "other", "step-0000002"), "timing left no trace"
    assert load_model(tmp_path / "other/model/model.safetensors")[1].generation.precision == "bf16", "what is asked for holds for drawing"


def same_weights_at(a: Path, b: Path, name: str) -> bool:
    one, other = (load_file(run / f"checkpoints/{name}.safetensors") for run in (a, b))
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Placed(Exception):
    """Says where the model was put."""


@pytest.mark.parametrize(("asked", "expected"), [("cuda:1", "cuda:1"), ("cuda", "cuda:0")])
def test_the_index_of_a_device_counts(
    asked: str, expected: str, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current: list[torch.device] = []

    class Accelerator:
        """What accelerate says on a machine with two GPUs."""

        device, num_processes, process_index, is_main_process = torch.device("cuda", 0), 1, 0, True

        def __init__(self, **options: Any) -> None:
            assert not options["cpu"] and options["device_placement"] == (asked == "cuda"), "it would place on the first one"

        def wait_for_everyone(self) -> None:
            pass

    def place(_model: Any, device: torch.device) -> None:
        raise Placed(str(device))

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(devices, "Accelerator", Accelerator)
    monkeypatch.setattr(DualModel, "to", place)
    with pytest.raises(Placed, match=expected):
        fit(data8, tmp_path / "run", tiny(), device=asked, threads=1, quiet=True)
    assert current == ([torch.device("cuda:1")] if asked == "cuda:1" else [])


def test_a_device_that_is_not_there_is_named(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="--device cuda:2: .*expected .*cuda:0, cuda:1"):
        fit(data8, tmp_path / "run", tiny(), device="cuda:2", threads=1, quiet=True)
    assert not (tmp_path / "run").exists()
