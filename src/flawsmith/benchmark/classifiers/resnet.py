"""ResNet-34 (He et al. 2016), the classifier of published protocols, with ImageNet weights from a file that is already here."""

from pathlib import Path

import torch
from torch import Tensor, nn

from flawsmith.core.errors import FlawsmithError
from flawsmith.metrics.paper import Weights

RESNET34 = Weights("resnet34-b627a593.pth", "https://download.pytorch.org/models/resnet34-b627a593.pth", "83 MB", "BSD-3-Clause")
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # channels, blocks, stride
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its input, in shares


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside)
        plain = inside == outside and stride == 1
        self.downsample = None if plain else nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, of the shape its stride leaves."""
        short = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + short)


class ResNet34(nn.Module):
    """The network without its last layer; parameters are named as in torchvision's files."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inside = 64
        for number, (channels, blocks, stride) in enumerate(STAGES, 1):
            layers = [ResidualBlock(inside if k == 0 else channels, channels, stride if k == 0 else 1) for k in range(blocks)]
            self.add_module(f"layer{number}", nn.Sequential(*layers))
            inside = channels

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return maps with 64, 128, 256 and 512 channels at 1/4 to 1/32 of the size of pictures (B, 3, H, W) in [0, 1]."""
        x = (x - x.new_tensor(MEAN)[:, None, None]) / x.new_tensor(STD)[:, None, None]
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        found = []
        for number in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
            found.append(x)
        return found


def load_resnet34(path: Path | None = None) -> ResNet34:
    """Return ResNet-34 with ImageNet weights from `path`, or from where torch and torchvision keep what they have downloaded.

    Nothing is ever downloaded. Raises FlawsmithError that says what to fetch, or that the file does not hold these weights.
    """
    path = path or RESNET34.path
    if not path.is_file():
        raise FlawsmithError(
            f"{path} is missing: save {RESNET34.url} there ({RESNET34.size}, {RESNET34.licence}), "
            'or classify with "efficientnet-lite0", whose weights come with a package.'
        )
    network = ResNet34()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({name: value for name, value in state.items() if not name.startswith("fc.")})
    except Exception as error:  # a damaged file fails in many ways
        reason = str(error).splitlines()[0]
        raise FlawsmithError(f"{path}: does not hold ResNet-34's weights ({reason}). Fetch {RESNET34.url} again.") from error
    return network.eval()
