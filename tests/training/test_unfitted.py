"""The base with nothing fitted: what is left of the product, and pairs that follow its labelled examples."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_base import NETWORK

from flawsmith.base.weights import save_weights
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError, RunError, WeightsError
from flawsmith.models.store import load_model
from flawsmith.pairs.folder import PairFolder
from flawsmith.synthesis import sampling
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.training.unfitted import prepare_unfitted
from flawsmith.workflows.fit import fit
from flawsmith.workflows.generate import load_unfitted

LENIENT = {"consistency": 0.0, "outside": 1.0, "visible": 0.0, "margin": 1000.0}


@pytest.fixture
def config(tiny: Callable[..., Config]) -> Config:
    """The configuration of a small network that begins as the base."""
    return tiny(model=NETWORK, training={"init": "base"}, quality=LENIENT, generation={"exemplars": 2})


def test_the_run_holds_the_base_s_weights_and_every_kind_begins_as_the_one_that_it_knows(
    base: dict[str, torch.Tensor], config: Config, data8: Path, tmp_path: Path
) -> None:
    prepare_unfitted(data8, tmp_path / "run", config)
    model, kept, product = load_model(tmp_path / "run/model/model.safetensors")
    own = model.state_dict()
    assert product.shape.defects == ("blob", "line") and kept.training.init == "base"
    assert all(torch.equal(own[name], w) for name, w in base.items() if name != "tokens.entries")
    good, defect, empty, background = base["tokens.entries"]
    assert torch.equal(own["tokens.entries"], torch.stack([good, defect, defect, empty, background]))
    assert not (tmp_path / "run/checkpoints").exists() and not (tmp_path / "run/log.jsonl").exists(), "nothing was trained"


def test_a_base_of_ones_own_is_followed_and_fitted_like_the_one_that_ships(
    base: dict[str, torch.Tensor], config: Config, data8: Path, tmp_path: Path
) -> None:
    own = {name: (0.5 * w).half().float() for name, w in base.items()}
    file = tmp_path / "own.safetensors"
    save_weights(file, own, replace(config.model, cells=16), {})
    run = load_unfitted(data8, config, device="cpu", threads=1, settings=[f"training.init={file}"])
    kept, _, _ = load_model(run.generator.run / "model/model.safetensors")
    assert all(torch.equal(kept.state_dict()[name], w) for name, w in own.items() if name != "tokens.entries")
    training = replace(config.training, init=str(file), steps=1, learning_rate=1e-9, ema=0.0)
    result = fit(data8, tmp_path / "run", replace(config, training=training), device="cpu", threads=1, quiet=True)
    begun, _, _ = load_model(tmp_path / "run/model/model.safetensors")
    assert result["init"]["new"] == 0
    assert all(torch.allclose(begun.state_dict()[name], w, atol=1e-5) for name, w in own.items() if name != "tokens.entries")


@pytest.mark.parametrize(("content", "told"), [(b"not a base", "is not a base's file"), (None, "there is no such file")])
def test_a_file_that_is_no_base_is_told_with_what_could_be_one(
    content: bytes | None, told: str, config: Config, data8: Path, tmp_path: Path
) -> None:
    file = tmp_path / "own.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RunError, match=rf"own\.safetensors: {told}; expected base, none, another product's RUN, or what .*--export FILE"):
        load_unfitted(data8, config, device="cpu", threads=1, settings=[f"training.init={file}"])


@pytest.mark.parametrize("colour", [False, True])
def test_pairs_follow_labelled_examples_of_their_kind(
    colour: bool, base: dict[str, torch.Tensor], config: Config, data8: Path, data16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[Task] = []
    real = sampling._draw

    def spy(model: object, group: list[Task], *rest: object) -> list[Drawn]:
        tasks.extend(group)
        return real(model, group, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sampling, "_draw", spy)
    run = load_unfitted(data16 if colour else data8, config, device="cpu", threads=1)
    run.generate(tmp_path / "pairs", count=3, quiet=True)
    assert {pair.defect for pair in PairFolder(tmp_path / "pairs").read()} == {"blob", "line"}, "whatever the checks say of them"
    assert {task.entry for task in tasks} == {1, 2}
    for task in tasks:
        assert task.exemplars is not None and task.shown and task.exemplars.shape[:2] == (2, 4 if colour else 2)
        assert task.exemplars[:, -1].reshape(2, -1).any(1).all() and not np.array_equal(*task.exemplars)


def test_the_run_goes_when_what_was_loaded_goes(base: dict[str, torch.Tensor], config: Config, data8: Path) -> None:
    run = load_unfitted(data8, config, device="cpu", threads=1)
    folder = run.generator.run
    assert (folder / "model/model.safetensors").is_file()
    del run
    assert not folder.exists()


def test_a_network_that_begins_at_random_is_refused(tiny: Callable[..., Config], data8: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"training\.init=none: this network begins with random weights; fit it first"):
        prepare_unfitted(data8, tmp_path / "run", tiny(model=NETWORK, training={"init": "none"}))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "data", "told"),
    [
        ({"width": 48}, {}, "the base's model.width is 32, this fit's 48. Use the base's, or training.init=none"),
        ({"interaction": "none"}, {}, "the base's model.interaction is saim, this fit's none"),
        ({"cells": 16}, {}, "the base's cell's side in pixels .data.window / model.cells. is 4, this fit's 2"),
    ],
)
def test_a_network_of_another_form_is_refused(
    model: dict[str, object],
    data: dict[str, object],
    told: str,
    base: dict[str, torch.Tensor],
    tiny: Callable[..., Config],
    data8: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(WeightsError, match=told):
        prepare_unfitted(data8, tmp_path / "run", tiny(model={**NETWORK, **model}, data={"window": 32, **data}, training={"init": "base"}))
