"""What only a GPU can show: the device that was asked for, both precisions, the same pictures as on a CPU, the memory that was said."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from small_checkpoint import write_checkpoint

import flawsmith as fs
from flawsmith.config.resolve import from_dict, preset
from flawsmith.config.schema import Config
from flawsmith.core.devices import choose_device
from flawsmith.core.errors import ConfigError
from flawsmith.models.backbones.stable_diffusion import StableModel
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.product.shape import ModelSpec
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Task
from flawsmith.training.memory import RESERVE, estimate
from flawsmith.training.objective import objective
from flawsmith.training.pool import Batch

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("sd") / "plain")


def tasks(model: DualModel, count: int) -> list[Task]:
    side = model.shape.window
    g = np.random.default_rng(0)
    region = np.zeros((side, side), bool)
    region[side // 4 : side // 2, side // 4 : 3 * side // 4] = True
    size = (model.shape.colours, side, side)
    return [Task(g.uniform(-1, 1, size).astype(np.float32), region, None, 1, seed) for seed in range(count)]


def test_the_device_is_the_one_that_was_named(tiny: Callable[..., Config], data8: Path, tmp_path: Path) -> None:
    last = torch.cuda.device_count() - 1
    result = fs.fit(data8, tmp_path / "run", tiny(), device=f"cuda:{last}", quiet=True)
    assert result["device"] == f"cuda:{last}"
    loaded = fs.load(tmp_path / "run", device=f"cuda:{last}")
    assert {str(p.device) for p in loaded.generator.model.parameters()} == {f"cuda:{last}"}
    with pytest.raises(ConfigError, match=f"cuda:{last + 1}"):
        choose_device(f"cuda:{last + 1}")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("on_checkpoint", [False, True])
def test_steps_and_pairs_in_both_precisions(
    precision: str, on_checkpoint: bool, tiny: Callable[..., Config], data8: Path, checkpoint: Path, tmp_path: Path
) -> None:
    model = {"backbone": str(checkpoint), "cells": 8, "lora_rank": 4, "product": "part"} if on_checkpoint else {}
    config = tiny(model=model, training={"precision": precision, "steps": 3, "batch": 4})
    fs.fit(data8, tmp_path / "run", config, device="cuda", quiet=True)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert len(losses) == 3 and np.isfinite(losses).all()
    fs.load(tmp_path / "run", device="cuda", settings=["generation.attempts=1"]).generate(tmp_path / "out", 2, quiet=True)
    assert len((tmp_path / "out/pairs.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("on_checkpoint", [False, True])
def test_pictures_are_those_of_a_cpu(on_checkpoint: bool, tiny: Callable[..., Config], checkpoint: Path) -> None:
    extra = {"backbone": str(checkpoint), "lora_rank": 4, "product": "part"} if on_checkpoint else {}
    config = tiny(model={"cells": 8, **extra})
    model = build_model(config.model, ModelSpec(("crack",), 3, 32), 0).eval()
    allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        on_cpu = draw(model, tasks(model, 3), config, "fp32")
        on_gpu = draw(model.to("cuda"), tasks(model, 3), config, "fp32")
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = allowed
    for a, b in zip(on_cpu, on_gpu, strict=True):
        for name in ("image", "anomaly", "mask"):
            assert np.abs(getattr(a, name) - getattr(b, name)).max() < 0.02, name


@pytest.mark.parametrize(("checkpointing", "count"), [(False, 1), (False, 4), (True, 4)])
def test_a_training_step_needs_what_was_said(checkpointing: bool, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Stable Diffusion 1.5's real size, as `bench/sd.py` makes it: peak of a step against training/memory.py, in bf16."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "bench"))
    backbone = import_module("sd").backbone
    chosen = {"training": {"batch": count, "checkpointing": checkpointing, "ema": 0.0}, "model": {"cells": 64, "product": "part"}}
    config = from_dict(chosen, preset("sd15"))
    model = StableModel(config.model, ModelSpec(("crack",), 3, 512), backbone(False))
    said = estimate(model, config.training, "bf16", "cuda")
    model.hold_frozen(torch.bfloat16)
    model.to("cuda")
    model.codec.model.to("cuda")
    if checkpointing:
        model.net.checkpoint(True)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    picture, region = torch.zeros(count, 3, 512, 512), torch.zeros(count, 1, 512, 512)
    region[:, :, 128:256, 128:256] = 1
    batch = Batch.erased(picture, region, region, torch.ones(count, dtype=torch.long)).to(torch.device("cuda"))
    torch.cuda.reset_peak_memory_stats()
    for step in range(2):  # the second with the optimiser's moments
        with torch.autocast("cuda", torch.bfloat16):
            loss = objective(model, batch, config.diffusion, torch.Generator().manual_seed(step))
        loss.total.backward()
        optimiser.step()
        optimiser.zero_grad()
    peak = torch.cuda.max_memory_allocated() / 1e9
    print(f"batch {count}, checkpointing {checkpointing}: said {said.total - RESERVE:.2f} GB, peak {peak:.2f} GB")
    assert 0.75 < peak / (said.total - RESERVE) < 1.15
