"""The segmenter learns, is the same again, and answers pictures of any size."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import flawsmith.benchmark.detectors.segment as segment
from flawsmith.benchmark.detectors.networks import build_network
from flawsmith.benchmark.detectors.segment import (
    SegmenterConfig,
    anomaly_map,
    choose_precision,
    picture_score,
    segmentation_loss,
    train_segmenter,
)
from flawsmith.benchmark.labelled import learned_pictures
from flawsmith.core.precision import Precision
from flawsmith.dataset.sample import load_sample
from flawsmith.formats.reading import read
from flawsmith.metrics.detection import pixel_metrics

QUICK = SegmenterConfig(precision="fp32", steps=40, every=20, step_pixels=8 * 32 * 32, good_share=0.3)


def test_it_learns_to_mark_defects_it_has_not_seen(data8: Path, untouched_generators: None) -> None:
    data = read(data8)
    learned, unseen = data.defects["blob"][:3], data.defects["blob"][3:]
    trained = train_segmenter(learned_pictures([*learned, *data.good], 1, 32), [], QUICK, 32, 0)
    samples = [load_sample(item) for item in (*unseen, *data.held_out)]
    masks = [np.zeros(s.image.shape[:2], bool) if s.mask is None else s.mask for s in samples]
    maps = [anomaly_map(trained.model, s.image, 1) for s in samples]
    assert (pixel_metrics(maps, masks).ap or 0) > 0.6
    assert [at["step"] for at in trained.curve] == [20, 40]
    assert (trained.curve[1]["loss"] or 9) < (trained.curve[0]["loss"] or 0)
    scores = [picture_score(m) for m in maps]
    assert min(scores[: len(unseen)]) > max(scores[len(unseen) :])


def test_the_same_seed_gives_the_same_weights_and_another_does_not(data8: Path) -> None:
    data = read(data8)
    pictures = learned_pictures([*data.defects["line"][:2], *data.good], 1, 32)
    made = learned_pictures(data.defects["blob"][:2], 1, 32)
    few = SegmenterConfig(network="small", precision="fp32", steps=3, step_pixels=2 * 32 * 32)
    one, two, other = (train_segmenter(pictures, made, few, 32, seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[k], two[k]) for k in one) and not all(torch.equal(one[k], other[k]) for k in one)
    without = train_segmenter(pictures, [], few, 32, 1).model.state_dict()
    assert not all(torch.equal(one[k], without[k]) for k in one)  # made pairs take part


def test_training_takes_its_steps_whatever_the_validation_part_says_and_keeps_the_last_weights(data8: Path) -> None:
    pictures = learned_pictures([*read(data8).defects["line"][:2]], 1, 32)
    config = SegmenterConfig(network="small", precision="fp32", steps=5, every=2, step_pixels=2 * 32 * 32)
    seen: list[dict[str, torch.Tensor]] = []

    def evaluate(model: torch.nn.Module, precision: str) -> dict[str, float | None]:
        assert precision == "fp32" and not model.training
        seen.append({name: w.clone() for name, w in model.state_dict().items()})
        return {"pixel_ap": (0.9, 0.1, None)[len(seen) - 1]}

    trained = train_segmenter(pictures, [], config, 32, 0, evaluate=evaluate)
    assert [(at["step"], at["pixel_ap"]) for at in trained.curve] == [(2, 0.9), (4, 0.1), (5, None)]
    assert all(torch.equal(w, seen[-1][name]) for name, w in trained.model.state_dict().items())
    alone = train_segmenter(pictures, [], config, 32, 0)
    assert all(torch.equal(w, seen[-1][name]) for name, w in alone.model.state_dict().items()), "watched or not"
    assert not trained.model.training


def test_the_learning_rate_falls_to_zero(data8: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []

    class Spy(torch.optim.AdamW):
        def step(self, *args: Any, **options: Any) -> Any:
            rates.append(self.param_groups[0]["lr"])
            return super().step(*args, **options)

    monkeypatch.setattr(torch.optim, "AdamW", Spy)
    monkeypatch.setattr(segment, "WARM_UP", 4)
    config = SegmenterConfig(network="small", precision="fp32", steps=10, step_pixels=32 * 32, learning_rate=0.01)
    train_segmenter(learned_pictures([*read(data8).defects["line"][:2]], 1, 32), [], config, 32, 0)
    assert len(rates) == 10 and rates[0] < rates[2] and max(rates) < 0.01
    assert all(a > b for a, b in zip(rates[4:], rates[5:], strict=False)) and rates[-1] < 0.05 * max(rates)


@pytest.mark.parametrize("name", ["pretrained", "small", "draem"])
@pytest.mark.parametrize("colours", [1, 3])
def test_networks_give_a_logit_per_pixel(name: str, colours: int) -> None:
    model = build_network(name, colours, 0).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, colours, 64, 96)).shape == (1, 1, 64, 96)
    count = sum(p.numel() for p in model.parameters())
    assert round(count / 1e6, 1) == {"pretrained": 0.4, "small": 1.8, "draem": 31.4}[name]


def test_the_pretrained_network_learns_its_decoder_alone_and_sees_single_pixels() -> None:
    model = build_network("pretrained", 1, 0).eval()
    names = set(model.state_dict())
    assert names and all(name.startswith(("stem", "up", "out")) for name in names)
    x = torch.zeros(1, 1, 64, 64)
    dot = x.clone()
    dot[..., 32, 32] = 3
    with torch.no_grad():
        change = (model(dot) - model(x)).abs()[0, 0]
    assert change[30:34, 30:34].mean() > 2 * change.mean()


def test_one_step_is_timed_and_the_precision_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def measure(asked: str, device: str, step: Callable[[], object], what: str, key: object) -> Precision:
        step()
        steps.append(asked)
        return Precision("bf16" if asked == "auto" else asked, "drawn")

    monkeypatch.setattr(segment, "measure_precision", measure)
    small = SegmenterConfig(network="small", step_pixels=2 * 32 * 32)
    assert choose_precision(small, 32, 1, "cpu").name == "bf16"
    assert choose_precision(replace(small, precision="fp32"), 32, 1, "cpu").name == "fp32" and steps == ["auto", "fp32"]


def test_pictures_of_any_size_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_network("small", 1, 0).eval()
    image = np.random.default_rng(0).integers(0, 255, (70, 101, 1)).astype(np.uint8)
    whole = anomaly_map(model, image, 1)
    assert whole.shape == (70, 101) and whole.dtype == np.float32
    monkeypatch.setattr(segment, "TILE", 64)
    tiled = anomaly_map(model, image, 1)  # tiles see as much as they need, but for what is farther than the margin
    assert np.abs(tiled - whole).max() < 0.05
    assert anomaly_map(model, image.repeat(3, 2), 1).shape == (70, 101)  # grey stored as colours


def test_the_loss_falls_with_the_right_answer() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:5, 2:5] = 1
    good, bad = 12 * (mask - 0.5), -12 * (mask - 0.5)
    assert segmentation_loss(good, mask) < 0.02 < 1 < segmentation_loss(bad, mask)


def test_a_picture_scores_by_its_hundred_highest_pixels() -> None:
    anomaly = np.zeros((20, 20), np.float32)
    anomaly.ravel()[:100] = 2
    assert picture_score(anomaly) == 2 and picture_score(anomaly[:2, :2]) == 2
    anomaly[0, 0] = 100
    assert picture_score(anomaly) == pytest.approx(2.98)
