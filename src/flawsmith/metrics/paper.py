"""The networks of published numbers: torch-fidelity's Inception for IS, FID and KID, and LPIPS with VGG-16 for IC-LPIPS.

Both need packages of their own, torchvision and a file of weights. Nothing here downloads: what is missing is said once, and how to get it.
"""

import hashlib
import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flawsmith.core.errors import FlawsmithError
from flawsmith.core.files import content_hash

LPIPS_SIDE = 256  # pixels; the published IC-LPIPS squeezes every picture into this square


@dataclass(frozen=True)
class Weights:
    """A file of weights that the user fetches."""

    file: str  # its name in torch's cache
    url: str
    size: str
    licence: str

    @property
    def path(self) -> Path:
        """Where torch keeps what it has downloaded (TORCH_HOME, or ~/.cache/torch)."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.file


INCEPTION = Weights(
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    "96 MB",
    "Apache-2.0",
)
VGG = Weights("vgg16-397923af.pth", "https://download.pytorch.org/models/vgg16-397923af.pth", "553 MB", "BSD-3-Clause")

# In the order in which a picture passes them; after those in LEVELS a feature map is taken.
_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2")
_LAYERS = _STEM + tuple(f"Mixed_{name}" for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"))
LEVELS = ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c")


class Inception:
    """torch-fidelity's Inception v3 of 2015-12-05: what published FID, KID and Inception Scores are measured with."""

    name = "Inception v3 (torch-fidelity)"

    def __init__(self, device: str = "cpu") -> None:
        module = _module("torch_fidelity.feature_extractor_inceptionv3", INCEPTION)
        self.device = device
        self.digest = content_hash(INCEPTION.path)[:12]
        with torch.random.fork_rng(devices=[]):  # it draws weights at random first
            weights = str(INCEPTION.path)
            network = module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=weights)
        self.network = network.to(device).eval()

    @torch.no_grad()
    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return the 2048 features after the last pooling: (N, 2048) float32."""
        rows = np.zeros((len(images), 2048), np.float32)
        for i, image in enumerate(images):  # one at a time: the network resamples pictures itself, so they may differ in size
            stored = torch.from_numpy(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)).permute(2, 0, 1)[None]
            rows[i] = self.network(stored.to(self.device))[0][0].float().cpu().numpy()
        return rows

    def head(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (N, 1008) float32 without bias, as the published Inception Score takes them."""
        return np.asarray(features @ self.network.fc.weight.detach().cpu().numpy().T, np.float32)

    @torch.no_grad()
    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps after LEVELS of pictures (B, 3, H, W), at least 75 pixels a side."""
        x = (images.to(self.device, torch.float32) * 255 - 128) / 128
        found = []
        for name in _LAYERS:
            x = getattr(self.network, name)(x)
            if name in LEVELS:
                found.append(x)
        return found


class Lpips:
    """LPIPS 0.1 with VGG-16, as published IC-LPIPS takes it (Ojha et al. 2021), at 256 x 256 pixels."""

    name = "LPIPS (VGG-16)"
    side = LPIPS_SIDE

    def __init__(self, device: str = "cpu") -> None:
        package = _module("lpips", VGG)
        self.device = device
        heads = Path(package.__file__).parent / "weights" / "v0.1" / "vgg.pth"
        self.digest = hashlib.sha256((content_hash(VGG.path) + content_hash(heads)).encode()).hexdigest()[:12]
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")  # about the way in which lpips asks torchvision for a network
            network = package.LPIPS(net="vgg", pnet_rand=True, verbose=False)  # random first: it would download its trunk
        trunk = torch.load(VGG.path, map_location="cpu", weights_only=True)
        state = network.state_dict()
        for name in state:
            if name.startswith("net."):  # net.slice2.5.weight is VGG's features.5.weight
                state[name] = trunk["features." + name.split(".", 2)[2]]
        network.load_state_dict(state)
        self.network = network.to(device).eval()

    @torch.no_grad()
    def vector(self, picture: Tensor) -> np.ndarray:
        """Return a picture (1, 3, H, W) in [0, 1] as a vector (D,): the squared distance of two is their LPIPS.

        LPIPS is a sum over levels of the mean over places of the weighted squared difference of features of unit length.
        """
        network = self.network
        levels = network.net(network.scaling_layer(2 * picture.to(self.device, torch.float32) - 1))
        parts = []
        for level, head in zip(levels, network.lins, strict=True):
            unit = level / (level.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
            weight = head.model[-1].weight.clamp(min=0).sqrt()  # (1, C, 1, 1)
            parts.append((unit * weight / (level.shape[2] * level.shape[3]) ** 0.5).flatten())
        return np.asarray(torch.cat(parts).cpu().numpy(), np.float32)


def inception_trouble() -> str | None:
    """Return what keeps `Inception` from being loaded, and what to do, or None."""
    return _trouble("torch_fidelity.feature_extractor_inceptionv3", INCEPTION)


def lpips_trouble() -> str | None:
    """Return what keeps `Lpips` from being loaded, and what to do, or None."""
    return _trouble("lpips", VGG)


def _trouble(module: str, weights: Weights) -> str | None:
    package = module.split(".")[0]
    missing = []
    try:
        importlib.import_module(module)
    except Exception as error:  # a torchvision that does not fit torch fails with errors of many kinds
        install = 'pip install "flawsmith[paper-metrics]" and a torchvision made for your torch'
        missing.append(f"the package cannot be imported ({error}): {install}")
    if not weights.path.is_file():
        missing.append(f"{weights.path} is missing: save {weights.url} there ({weights.size}, {weights.licence})")
    return f"{package.replace('_', '-')} is not ready: {'; '.join(missing)}." if missing else None


def _module(name: str, weights: Weights) -> Any:
    if trouble := _trouble(name, weights):
        raise FlawsmithError(f"{trouble} Or use --extractor offline.")
    return importlib.import_module(name)
