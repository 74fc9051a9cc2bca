"""The networks of published numbers: never downloaded, one error for all that is missing, and LPIPS as a distance of vectors."""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from flawsmith.core.errors import FlawsmithError
from flawsmith.metrics import paper
from flawsmith.metrics.features import Offline, load_extractor
from flawsmith.metrics.ic_distance import MapDistance, load_perceptual


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


class FakeInception(nn.Module):
    """Has the features of torch-fidelity's network that are used: the mean colour 2048 times."""

    def __init__(self, name: str, wanted: list[str], feature_extractor_weights_path: str | None = None) -> None:
        super().__init__()
        assert wanted == ["2048"] and feature_extractor_weights_path is not None, "it would download"
        self.fc = nn.Linear(2048, 1008)
        self.load_state_dict(torch.load(feature_extractor_weights_path))

    def forward(self, x: Tensor) -> tuple[Tensor]:
        assert x.dtype == torch.uint8 and x.shape[:2] == (1, 3)
        return (x.float().mean((1, 2, 3))[:, None].expand(-1, 2048) / 255,)


class FakeTrunk(nn.Module):
    """Two levels, named as those of lpips' VGG."""

    def __init__(self) -> None:
        super().__init__()
        self.slice1, self.slice2 = nn.Sequential(), nn.Sequential()
        self.slice1.add_module("0", nn.Conv2d(3, 4, 3, padding=1))
        self.slice2.add_module("5", nn.Conv2d(4, 6, 3, padding=1, stride=2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = self.slice1(x)
        return first, self.slice2(first)


class FakeHead(nn.Module):
    """The learned weights of a level, which are not negative."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))
        nn.init.uniform_(self.model[1].weight)  # type: ignore[arg-type]


class FakeLpips(nn.Module):
    """The structure of lpips.LPIPS with a trunk of two levels."""

    def __init__(self, net: str, pnet_rand: bool, verbose: bool) -> None:
        super().__init__()
        assert net == "vgg" and pnet_rand, "it would download"
        self.scaling_layer = nn.Identity()
        self.net = FakeTrunk()
        self.lins = nn.ModuleList([FakeHead(4), FakeHead(6)])


def put_inception(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = FakeInception
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    state = {f"fc.{name}": value for name, value in nn.Linear(2048, 1008).state_dict().items()}
    torch.save(state, cache / paper.INCEPTION.file)


def put_lpips(cache: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    package: Any = types.ModuleType("lpips")
    package.LPIPS, package.__file__ = FakeLpips, str(cache / "lpips" / "__init__.py")
    monkeypatch.setitem(sys.modules, "lpips", package)
    heads = cache / "lpips" / "weights" / "v0.1" / "vgg.pth"
    heads.parent.mkdir(parents=True)
    heads.write_bytes(b"heads")
    convs = {"features.0": nn.Conv2d(3, 4, 3), "features.5": nn.Conv2d(4, 6, 3)}
    trunk = {f"{name}.{key}": value for name, conv in convs.items() for key, value in conv.state_dict().items()}
    torch.save(trunk, cache / paper.VGG.file)
    return trunk


def test_all_that_is_missing_is_said_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(FlawsmithError) as caught:
        load_extractor("paper")
    file = str(cache / paper.INCEPTION.file)
    for words in ('"flawsmith[paper-metrics]"', "torchvision", file, "https://", "96 MB", "Apache-2.0", "offline"):
        assert words in str(caught.value)
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(FlawsmithError, match=r"vgg16-397923af\.pth.*553 MB, BSD-3-Clause"):
        load_perceptual("paper", Offline.__new__(Offline))


def test_weights_alone_are_missing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_inception(cache, monkeypatch)
    (cache / paper.INCEPTION.file).unlink()
    assert "pip install" not in str(paper.inception_trouble()) and paper.INCEPTION.url in str(paper.inception_trouble())


def test_building_them_touches_no_global_generator(cache: Path, monkeypatch: pytest.MonkeyPatch, untouched_generators: None) -> None:
    state = torch.get_rng_state()
    put_inception(cache, monkeypatch)
    put_lpips(cache, monkeypatch)
    torch.set_rng_state(state)
    paper.Inception()
    paper.Lpips()


def test_a_torchvision_that_does_not_fit_is_trouble_and_no_crash(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(paper.importlib, "import_module", broken)
    assert "nms does not exist" in str(paper.inception_trouble()) and "nms does not exist" in str(paper.lpips_trouble())


def test_auto_takes_the_paper_s_network_where_it_is_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_inception(cache, monkeypatch)
    found = load_extractor("auto")
    assert found.name == "Inception v3 (torch-fidelity)" and len(found.digest) == 12
    images = [np.full((10 + i, 12, 3), i / 4, np.float32) for i in range(5)]
    assert found.embed(images)[:, 7] == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.003)  # rounded to 8 bits
    weight = found.network.fc.weight.detach().numpy()  # type: ignore[attr-defined]
    assert found.head(found.embed(images)) == pytest.approx(found.embed(images) @ weight.T)


def test_lpips_has_the_trunk_from_the_file_and_is_a_distance_of_vectors(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trunk = put_lpips(cache, monkeypatch)
    found = load_perceptual("auto", Offline.__new__(Offline))
    assert isinstance(found, paper.Lpips) and found.name == "LPIPS (VGG-16)" and len(found.digest) == 12
    assert torch.equal(found.network.net.slice2[0].weight, trunk["features.5.weight"])
    g = torch.Generator().manual_seed(0)
    a, b = torch.rand(1, 3, 8, 8, generator=g), torch.rand(1, 3, 8, 8, generator=g)
    expected = 0.0
    with torch.no_grad():
        levels = [found.network.net(2 * x - 1) for x in (a, b)]
    for one, other, head in zip(*levels, found.network.lins, strict=True):
        weight = head.model[1].weight.detach().flatten()
        total = 0.0
        for row in range(one.shape[2]):
            for column in range(one.shape[3]):
                x, y = one[0, :, row, column], other[0, :, row, column]
                total += float((weight * (x / x.norm() - y / y.norm()) ** 2).sum())
        expected += total / (one.shape[2] * one.shape[3])
    assert ((found.vector(a) - found.vector(b)) ** 2).sum() == pytest.approx(expected, rel=1e-4)


def test_without_lpips_auto_is_the_offline_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    assert isinstance(load_perceptual("auto", Offline()), MapDistance)
