"""Previews: the same seeds every time, drawn with the averaged weights, and the training left as it was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from flawsmith.config.schema import Config
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.training.ema import MovingAverage
from flawsmith.training.prepare import TrainingData, prepare_training
from flawsmith.training.previews import ROWS, Previews


@pytest.fixture
def learned(data8: Path, tiny: Callable[..., Config]) -> TrainingData:
    return prepare_training(read(data8), tiny())


def model(learned: TrainingData, config: Config) -> DualModel:
    return build_model(config.model, learned.product.shape, 0)


def shift(average: MovingAverage) -> None:
    g = torch.Generator().manual_seed(0)
    for weight in average.weights.values():
        weight += 0.2 * torch.randn(weight.shape, generator=g)


def test_the_model_is_left_as_it_was(learned: TrainingData, tiny: Callable[..., Config], tmp_path: Path) -> None:
    config = tiny()
    net = model(learned, config)
    average = MovingAverage(net, 0.9)
    shift(average)
    before = {name: p.detach().clone() for name, p in net.state_dict().items()}
    averaged = {name: w.clone() for name, w in average.weights.items()}
    for training in (True, False):
        net.train(training)
        Previews(tmp_path, learned.pool, 0, "fp32").draw(net, average.weights, config, 7)
        assert net.training == training and all(m.training == training for m in net.modules())
        assert all(p.requires_grad for p in net.parameters())
        assert all(torch.equal(p, before[name]) for name, p in net.state_dict().items())
        assert all(torch.equal(w, averaged[name]) for name, w in average.weights.items())


def test_previews_show_the_averaged_weights(learned: TrainingData, tiny: Callable[..., Config], tmp_path: Path) -> None:
    config = tiny()
    net = model(learned, config)
    average = MovingAverage(net, 0.9)
    previews = Previews(tmp_path, learned.pool, 0, "fp32")
    previews.draw(net, average.weights, config, 1)
    shift(average)
    previews.draw(net, average.weights, config, 2)
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(average.weights[name])
    previews.draw(net, average.weights, config, 3)
    first, second, third = (read_image(tmp_path / f"step-{step:07d}.png") for step in (1, 2, 3))
    assert not np.array_equal(first, second) and np.array_equal(second, third)


def test_every_time_the_same_windows_and_seeds(learned: TrainingData, tiny: Callable[..., Config], tmp_path: Path) -> None:
    config = tiny()
    net = model(learned, config)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        Previews(tmp_path / name, learned.pool, seed, "fp32").draw(net, MovingAverage(net, 0.9).weights, config, 10)
    a, b, c = (read_image(tmp_path / name / "step-0000010.png") for name in "abc")
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    side = learned.product.shape.window
    assert a.shape == (ROWS * side, 4 * side, 1), "background, whole, part and mask in a row"
