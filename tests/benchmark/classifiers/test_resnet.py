"""ResNet-34: its plan is that of the files, and a file that is missing or wrong is named."""

from pathlib import Path

import pytest
import torch
from torch import nn

from flawsmith.benchmark.classifiers.resnet import RESNET34, ResNet34, load_resnet34
from flawsmith.core.errors import FlawsmithError


def test_the_plan_is_that_of_the_published_files() -> None:
    network = ResNet34()
    head = 512 * 1000 + 1000  # the last layer, which is left out
    assert sum(p.numel() for p in network.parameters()) + head == 21_797_672
    names = network.state_dict()
    assert len(names) == 216 and names["layer3.5.conv2.weight"].shape == (256, 256, 3, 3)
    assert names["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1) and "layer1.0.downsample.0.weight" not in names


def test_levels_and_normalised_input() -> None:
    network = ResNet34().eval()
    levels = network.levels(torch.rand(2, 3, 64, 96))
    assert [tuple(level.shape[1:]) for level in levels] == [(64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3)]
    nn.init.zeros_(network.bn1.bias)
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None].expand(1, 3, 64, 64)
    assert network.levels(mean)[0].abs().max() == 0  # ImageNet's mean colour is zero inside


def test_weights_are_found_where_torch_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FlawsmithError, match=r"resnet34-b627a593.pth is missing: save https://.* there \(83 MB, BSD-3-Clause\)"):
        load_resnet34()
    network = ResNet34()
    RESNET34.path.parent.mkdir(parents=True)
    torch.save({**network.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, RESNET34.path)
    loaded = load_resnet34()
    assert not loaded.training
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in loaded.state_dict().items())
    (tmp_path / "other.pth").write_bytes(b"no weights")
    with pytest.raises(FlawsmithError, match="does not hold ResNet-34's weights"):
        load_resnet34(tmp_path / "other.pth")
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "other.pth")
    with pytest.raises(FlawsmithError, match="does not hold ResNet-34's weights"):
        load_resnet34(tmp_path / "other.pth")
