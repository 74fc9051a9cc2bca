"""Starting from another run: what fits is taken, what does not is new, and another form of network is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flawsmith.config.schema import Config
from flawsmith.core.errors import RunError
from flawsmith.models.build import build_model
from flawsmith.models.store import load_model
from flawsmith.product.shape import ModelSpec
from flawsmith.training.initial import start_from
from flawsmith.workflows.fit import fit


def test_what_fits_is_taken_and_the_rest_is_new(run8: Path) -> None:
    other, config, _ = load_model(run8 / "model" / "model.safetensors")
    finer = replace(config.model, cells=2 * config.model.cells)  # fewer pixels a cell: the outer layers do not fit
    fresh, model = (build_model(finer, ModelSpec(("hole", "line"), 3, 32), seed=7) for _ in range(2))
    counts = start_from(model, run8, finer)
    own, theirs, before = model.state_dict(), other.state_dict(), fresh.state_dict()
    fits = [name for name in own if own[name].shape == theirs[name].shape and name != "tokens.entries"]
    assert all(torch.equal(own[name], theirs[name]) for name in fits) and len(fits) > 0.8 * len(own)
    rest = [name for name in own if own[name].shape != theirs[name].shape]
    assert rest and all(torch.equal(own[name], before[name]) for name in rest)
    entries, old = own["tokens.entries"], theirs["tokens.entries"]
    assert torch.equal(entries[0], old[0])  # good
    assert torch.equal(entries[2], old[2])  # line
    assert torch.equal(entries[1], before["tokens.entries"][1])  # hole is new
    assert torch.equal(entries[-2:], old[-2:])
    assert counts["taken"] + counts["new"] == sum(w.numel() for w in own.values()) and counts["new"] > 0


def test_the_same_product_takes_everything(run8: Path) -> None:
    other, config, product = load_model(run8 / "model" / "model.safetensors")
    model = build_model(config.model, product.shape, seed=1)
    assert start_from(model, run8, config.model)["new"] == 0
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_another_form_of_network_is_refused(run8: Path, tiny: Callable[..., Config]) -> None:
    config = tiny(model={"interaction": "none"}).model
    with pytest.raises(RunError, match="model.interaction is saim, this fit's none"):
        start_from(build_model(config, ModelSpec(("hole",), 1, 32), seed=0), run8, config)


def test_a_fit_starts_from_it_and_says_so(data8: Path, run8: Path, tiny: Callable[..., Config], tmp_path: Path) -> None:
    one_step = {"steps": 1, "learning_rate": 1e-9, "ema": 0.0}
    result = fit(data8, tmp_path / "run", tiny(training={**one_step, "init": str(run8)}), device="cpu", threads=1, quiet=True)
    assert result["init"]["new"] == 0
    begun, taken = (load_model(run / "model" / "model.safetensors")[0].state_dict() for run in (tmp_path / "run", run8))
    assert all(torch.allclose(begun[name], taken[name], atol=1e-5) for name in begun)
    with pytest.raises(RunError, match="nowhere"):
        fit(data8, tmp_path / "two", tiny(training={**one_step, "init": str(tmp_path / "nowhere")}), device="cpu", threads=1, quiet=True)
    assert not (tmp_path / "two").exists()
