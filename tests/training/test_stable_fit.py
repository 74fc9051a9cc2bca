"""A fit on a pretrained network from end to end: only the adapters are kept, and they go back onto that network alone."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from small_checkpoint import write_checkpoint

from flawsmith.config.resolve import from_dict, preset
from flawsmith.config.schema import Config
from flawsmith.core import precision as core_precision
from flawsmith.core.errors import ConfigError, DataError, RunError, WeightsError
from flawsmith.formats.reading import read
from flawsmith.generation import generator as generate
from flawsmith.images.files import read_image
from flawsmith.models.backbones.stable_diffusion import StableModel
from flawsmith.models.dual_model import DualModel
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Drawn
from flawsmith.training.objective import Objective
from flawsmith.training.optimiser import build_optimiser
from flawsmith.training.prepare import prepare_training
from flawsmith.workflows.fit import fit
from flawsmith.workflows.generate import load

MODEL = {"cells": 8, "tokens": 2, "saim_rank": 4, "lora_rank": 4}
# It learns too little to pass the checks.
LOOSE = ("quality.consistency=0", "quality.outside=1", "quality.visible=0", "quality.margin=1000", "generation.attempts=2")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("sd") / "plain")


@pytest.fixture(scope="module")
def configured(checkpoint: Path, tiny: Callable[..., Config]) -> Callable[..., Config]:
    """Return the function that makes a configuration on the small checkpoint."""

    def make(model: dict[str, Any] | None = None, **groups: dict[str, Any]) -> Config:
        return tiny(model={**MODEL, "backbone": str(checkpoint), **(model or {})}, **groups)

    return make


@pytest.fixture(scope="module")
def run(data8: Path, configured: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    fit(data8, folder, configured(diffusion={"weighting": "min-snr"}), device="cpu", threads=1, quiet=True)
    return folder


def test_the_run_holds_the_adapters_and_whose_they_are(run: Path) -> None:
    with safe_open(run / "model/model.safetensors", "pt") as file:
        names, metadata = list(file.keys()), file.metadata()
    assert names and not any(".unet." in name or ".text." in name for name in names)
    assert len(metadata["base"]) == len(metadata["data"]) == 16 and json.loads(metadata["config"])["model"]["product"] == "data80"
    assert (run / "model/model.safetensors").stat().st_size < 400_000
    assert json.loads((run / "fit.json").read_text())["device_memory_gb"] > 0, "said on a CPU, too"
    assert [row["loss"] for row in map(json.loads, (run / "log.jsonl").read_text().splitlines())]


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]


def check_untouched(out: Path, data: Path, count: int) -> None:
    """Fail unless `count` accepted pairs have masks, and their normal's pixels everywhere but near them."""
    accepted = [row for row in rows_of(out) if row["verdict"] == "accepted"]
    assert len(accepted) == count
    for row in accepted:
        image, mask, normal = (read_image(path) for path in (out / row["image"], out / row["mask"], data / row["normal"]))
        near = cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0
        assert mask.any() and np.array_equal(image[~near], normal[~near])


def test_pairs_keep_every_pixel_outside_the_band_and_are_the_same_in_any_batch(run: Path, data8: Path, tmp_path: Path) -> None:
    for name, batch in (("a", 3), ("b", 1)):
        settings = (*LOOSE, f"generation.batch={batch}")
        assert load(run, device="cpu", threads=1, settings=settings).generate(tmp_path / name, 3, seed=1, quiet=True).accepted == 3
    check_untouched(tmp_path / "a", data8, 3)
    last = load(run, device="cpu", threads=1, settings=LOOSE).generate(tmp_path / "c", 1, seed=1, start=2, quiet=True)
    assert last.accepted == 1
    a, b, c = ({row["id"]: row for row in rows_of(tmp_path / name) if row["verdict"] == "accepted"} for name in "abc")
    assert a.keys() == b.keys() and set(c) == {max(a)}
    for key, row in a.items():
        for kind in ("image", "mask"):
            assert (tmp_path / "a" / row[kind]).read_bytes() == (tmp_path / "b" / b[key][kind]).read_bytes()
            assert key not in c or (tmp_path / "a" / row[kind]).read_bytes() == (tmp_path / "c" / c[key][kind]).read_bytes()


def test_a_model_that_learned_nothing_is_caught_by_the_checks(run: Path, tmp_path: Path) -> None:
    summary = load(run, device="cpu", threads=1, settings=["generation.attempts=2"]).generate(tmp_path / "out", 2, seed=1, quiet=True)
    rows = rows_of(tmp_path / "out")
    assert summary.accepted < 2 and summary.rejected == sum(row["verdict"] == "rejected" for row in rows) >= 2
    for row in rows:
        assert (row["verdict"] == "accepted") == (not row["reasons"]) and (row["scores"] or row["reasons"])


def test_the_adapters_refuse_another_network_and_find_theirs_where_it_lies_now(run: Path, checkpoint: Path, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", seed=1)
    with pytest.raises(RunError, match=r"was learned on another network than .*other: its weights have the digest \w{16}, expected \w{16}"):
        load(run, device="cpu", backbone=str(other))
    moved = shutil.copytree(checkpoint, tmp_path / "moved")
    assert load(run, device="cpu", backbone=str(moved)).config.model.backbone == str(moved)
    with pytest.raises(WeightsError, match="there is no such folder"):
        load(run, device="cpu", backbone=str(tmp_path / "gone"))


def test_a_run_goes_on_where_it_stopped(data8: Path, configured: Callable[..., Config], tmp_path: Path) -> None:
    short, long = ({"steps": n, "decay": 0.0, "checkpoint_every": 2} for n in (2, 4))
    fit(data8, tmp_path / "whole", configured(training=long), device="cpu", threads=1, quiet=True)
    fit(data8, tmp_path / "parts", configured(training=short), device="cpu", threads=1, quiet=True)
    fit(data8, tmp_path / "parts", configured(training=long), resume=True, device="cpu", threads=1, quiet=True)
    with safe_open(tmp_path / "whole/model/model.safetensors", "pt") as a, safe_open(tmp_path / "parts/model/model.safetensors", "pt") as b:
        assert set(a.keys()) == set(b.keys()) and all(torch.equal(a.get_tensor(key), b.get_tensor(key)) for key in a.keys())  # noqa: SIM118


def test_as_published_there_is_no_mask_channel_and_one_defect(data8: Path, checkpoint: Path, tmp_path: Path) -> None:
    published = preset("sd15-paper")
    assert (published.model.tokens, published.model.mask) == (0, "grey")
    assert (published.diffusion.weighting, published.generation.steps) == ("noise", 100)
    settings = {"model": {"backbone": str(checkpoint), "cells": 8, "saim_rank": 4}, "data": {"defects": "blob"}}
    config = from_dict({**settings, "training": {"steps": 2, "batch": 2}, "generation": {"steps": 3}}, published)
    fit(data8, tmp_path / "run", config, device="cpu", threads=1, quiet=True)
    generator = load(tmp_path / "run", device="cpu", settings=LOOSE)
    assert generator.product.shape.defects == ("blob",) and generator.product.shape.window >= 56, "whole pictures"
    generator.generate(tmp_path / "out", 1, free=True, quiet=True)
    assert len((tmp_path / "out/pairs.jsonl").read_text().splitlines()) >= 1


def test_what_cannot_be_is_said_at_once(data8: Path, configured: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match=r"diffusion\.prediction: got 'v', expected x with a model\.backbone"):
        configured(diffusion={"prediction": "v"})
    with pytest.raises(ConfigError, match=r"diffusion\.align_weight: got 0\.1, expected 0 with model\.mask=grey"):
        configured({"mask": "grey"})
    with pytest.raises(DataError, match=r"data\.defects names 'rust'; expected some of blob, line"):
        prepare_training(read(data8), configured(data={"defects": "blob, rust"}))


def test_checkpointing_changes_memory_and_nothing_else(data8: Path, configured: Callable[..., Config], tmp_path: Path) -> None:
    states = []
    for on in (False, True):
        config = configured({"bcm": True}, training={"steps": 3, "checkpointing": on})
        fit(data8, tmp_path / str(on), config, device="cpu", threads=1, quiet=True)
        with safe_open(tmp_path / str(on) / "model/model.safetensors", "pt") as file:
            states.append({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        torch.testing.assert_close(value, states[1][key], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_no_precision_has_nan_or_touches_the_rest_of_the_picture(
    precision: str, data8: Path, configured: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Drawn] = []

    def record(*args: Any) -> list[Drawn]:
        drawn.extend(found := draw(*args))
        return found

    monkeypatch.setattr(generate, "draw", record)
    trained: list[torch.dtype] = []

    def look(model: DualModel, *rest: Any) -> Objective:
        trained.append(model.net.unet.dtype)
        return Objective(model, *rest)

    monkeypatch.setattr("flawsmith.training.loop.Objective", look)
    fit(
        data8,
        tmp_path / "run",
        configured(training={"precision": precision, "steps": 3}, generation={"precision": "auto"}),
        device="cpu",
        threads=1,
        quiet=True,
    )
    assert trained == [torch.float32 if precision == "fp32" else torch.bfloat16]
    rows = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert len(rows) == 3 and all(np.isfinite(row["loss"]) for row in rows)
    generator = load(tmp_path / "run", device="cpu", threads=1, settings=LOOSE)
    generator.generate(tmp_path / "out", 2, seed=1, quiet=True)
    check_untouched(tmp_path / "out", data8, 2)
    wide = torch.float32 if precision == "fp32" else torch.bfloat16
    network = generator.generator.model.net.unet
    assert {p.dtype for p in network.parameters()} == {wide}, "what is frozen takes half the memory, on a CPU too"
    assert drawn and all(np.isfinite(array).all() for one in drawn for array in (one.image, one.anomaly, one.mask))


def test_an_optimiser_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    config = from_dict({"training": {"optimiser": "adamw8bit"}}).training
    with pytest.raises(ConfigError, match=r"adamw8bit: the package bitsandbytes cannot be imported .*; pip install bitsandbytes"):
        build_optimiser(torch.nn.Linear(2, 2), config)


@pytest.mark.parametrize("faster", ["fp32", "bf16"])
def test_a_network_that_was_timed_in_both_precisions_is_the_one_that_was_loaded(
    faster: str, data8: Path, configured: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_precision, "supports_bf16", lambda device: True)
    monkeypatch.setattr(core_precision, "_measured", {})
    monkeypatch.setattr(core_precision, "_faster", lambda times: core_precision.Precision(faster, f"of {sorted(times)}"))
    held: list[torch.dtype] = []
    hold = StableModel.hold_frozen

    def look(model: StableModel, dtype: torch.dtype) -> None:
        held.append(dtype)
        hold(model, dtype)

    monkeypatch.setattr(StableModel, "hold_frozen", look)
    kept: dict[str, dict[str, torch.Tensor]] = {}
    for asked in ("auto", faster):
        config = configured(training={"steps": 2, "precision": asked}, generation={"precision": asked})
        result = fit(data8, tmp_path / asked, config, device="cpu", threads=1, quiet=True)
        assert result["precision"] == faster and ("of ['bf16', 'fp32']" in result["precision_why"]) == (asked == "auto")
        kept[asked] = load_file(tmp_path / asked / "model/model.safetensors")
    assert held, "bf16 was timed as it is used: the frozen weights held in it"
    assert all(torch.equal(kept["auto"][name], kept[faster][name]) for name in kept[faster])
    generator = load(tmp_path / "auto", device="cpu", threads=1, settings=LOOSE).generator
    wide = {"fp32": torch.float32, "bf16": torch.bfloat16}[faster]
    assert generator.precision.name == faster and generator.model.net.unet.dtype == wide
