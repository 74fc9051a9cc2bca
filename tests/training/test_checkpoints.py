"""Checkpoints: everything comes back bit for bit, only the newest stay, a spoiled one is named."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from flawsmith.core.errors import DiskFullError, RunError
from flawsmith.training.checkpoints import load_checkpoint, newest_checkpoint, save_checkpoint
from flawsmith.training.ema import MovingAverage

Parts = tuple[nn.Module, MovingAverage, torch.optim.Optimizer]


def parts(seed: int) -> Parts:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    return net, MovingAverage(net, 0.9), torch.optim.AdamW(net.parameters(), lr=0.01, betas=(0.9, 0.99))


def take(parts: Parts, steps: range) -> None:
    net, average, optimiser = parts
    for step in steps:
        x = torch.randn(5, 4, generator=torch.Generator().manual_seed(step))
        net(x).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
        average.update(net, step)


def state(parts: Parts) -> list[Any]:
    net, average, optimiser = parts
    moments = [s[key] for s in optimiser.state_dict()["state"].values() for key in sorted(s)]
    return [*net.state_dict().values(), *average.weights.values(), *map(torch.as_tensor, moments)]


def equal(a: Parts, b: Parts) -> bool:
    one, other = state(a), state(b)
    return len(one) == len(other) and all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


def test_training_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    straight, first, second = parts(0), parts(0), parts(1)
    take(straight, range(1, 9))
    take(first, range(1, 5))
    path = save_checkpoint(tmp_path, 4, *first, {"seconds": 1.25}, keep=2)
    step, facts, best = load_checkpoint(path, *second)
    assert step == 4 and facts == {"seconds": 1.25} and not best
    assert equal(first, second)
    take(second, range(5, 9))
    assert equal(second, straight)


def test_the_loaded_state_is_a_copy(tmp_path: Path) -> None:
    first, second = parts(0), parts(1)
    take(first, range(1, 3))
    path = save_checkpoint(tmp_path, 2, *first, {}, keep=1)
    content = path.read_bytes()
    load_checkpoint(path, *second)
    take(second, range(3, 5))
    assert path.read_bytes() == content and not equal(first, second)


def test_the_best_weights_stand_beside_the_average(tmp_path: Path) -> None:
    everything = parts(0)
    best = {name: w + 1 for name, w in everything[1].weights.items()}
    path = save_checkpoint(tmp_path, 4, *everything, {}, keep=1, best=best)
    before = state(everything)
    found = load_checkpoint(path, *everything)[2]
    assert found.keys() == best.keys() and all(torch.equal(found[name], w) for name, w in best.items())
    assert all(torch.equal(x, y) for x, y in zip(before, state(everything), strict=True))


@pytest.mark.parametrize("keep", [1, 2, 3, 0])
def test_only_the_newest_stay_and_all_without_a_limit(keep: int, tmp_path: Path) -> None:
    everything = parts(0)
    for step in (5, 90, 100, 2000, 12_345_678):
        newest = save_checkpoint(tmp_path / "checkpoints", step, *everything, {}, keep)
        assert newest_checkpoint(tmp_path / "checkpoints") == newest
    steps = sorted(int(path.stem.split("-")[1]) for path in (tmp_path / "checkpoints").iterdir())
    assert steps == [5, 90, 100, 2000, 12_345_678][-keep:]


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    everything = parts(0)
    for _ in range(2):
        save_checkpoint(tmp_path, 5, *everything, {}, keep=2)
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None and newest_checkpoint(tmp_path / "nothing") is None


def test_a_spoiled_checkpoint_is_named_with_the_way_out(tmp_path: Path) -> None:
    everything = parts(0)
    path = save_checkpoint(tmp_path, 5, *everything, {}, keep=2)
    content = path.read_bytes()
    for spoiled in (b"", content[: len(content) // 2]):
        path.write_bytes(spoiled)
        with pytest.raises(RunError, match=r"step-0000005\.safetensors: cannot be read.*no whole one before it.*rm "):
            load_checkpoint(path, *everything)


def test_the_one_before_a_spoiled_checkpoint_is_offered_if_it_is_whole(tmp_path: Path) -> None:
    everything = parts(0)
    paths = [save_checkpoint(tmp_path, step, *everything, {}, keep=0) for step in (3, 4, 5, 6)]
    for path in paths[2:]:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    said = r"step-0000006\.safetensors: .*not those that were written.*step-0000004\.safetensors, the one before it, is whole: .*rm .*06\."
    with pytest.raises(RunError, match=said):
        load_checkpoint(paths[3], *everything)
    assert load_checkpoint(paths[1], *everything)[0] == 4


def test_the_old_one_goes_when_the_new_one_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = parts(0)
    old = save_checkpoint(tmp_path, 5, *everything, {}, keep=1)
    (tmp_path / ".step-0000004.safetensors.0123abcd.tmp").touch()  # of a process that was killed

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(DiskFullError, match="as the disk is full"):
        patch.setattr(os, "fsync", full)
        save_checkpoint(tmp_path, 6, *everything, {}, keep=1)
    assert newest_checkpoint(tmp_path) == old and load_checkpoint(old, *everything)[0] == 5
    new = save_checkpoint(tmp_path, 6, *everything, {}, keep=1)
    assert list(tmp_path.iterdir()) == [new]
