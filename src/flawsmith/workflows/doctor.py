"""What this machine can run: devices, memory, versions, optional parts, and which pretrained weights are here."""

import importlib.metadata
import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from flawsmith.config.presets import PRESETS
from flawsmith.config.resolve import preset
from flawsmith.core.precision import supports_bf16
from flawsmith.core.processors import cores
from flawsmith.metrics.paper import inception_trouble, lpips_trouble
from flawsmith.models.backbones.family import Checkpoint, Family
from flawsmith.models.backbones.registry import family_of, known_checkpoints
from flawsmith.version import __version__

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "numpy", "opencv-python-headless")
EXTRAS = {  # name: a module that it brings
    "sd": "transformers",
    "metrics": "efficientnet_lite_pytorch",
    "paper-metrics": "torch_fidelity",
    "demo": "elpv_dataset",
    "tensorboard": "tensorboard",
    "cluster": "ray",
    "parquet": "pyarrow",
    "studio": "fastapi",
}


def examine_machine() -> dict[str, Any]:
    """Return what was found, as plain values; sizes in GB (10^9 bytes). Nothing is downloaded or written."""
    gpus = [_gpu(i) for i in range(torch.cuda.device_count())]
    device = "cuda" if gpus else "mps" if torch.backends.mps.is_available() else "cpu"
    return {
        "flawsmith": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": cores(),
        "memory": _memory(),
        "free_disk": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
        "gpus": gpus,
        "device": device,
        "bf16": supports_bf16(device),
        "packages": {name: _version(name) for name in PACKAGES},
        "extras": {name: find_spec(module) is not None for name, module in EXTRAS.items()},
        "extractors": {"Inception (FID, KID, IS)": inception_trouble(), "LPIPS": lpips_trouble()},  # None = ready
        "weights": [_weights(family, checkpoint) for family, checkpoint in known_checkpoints()],
        "presets": _presets(gpus),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """Return the report as text for a terminal."""
    gpus = ", ".join(f"{gpu['name']} ({gpu['memory']:g} GB)" for gpu in found["gpus"]) or "none"
    memory = "unknown" if found["memory"] is None else f"{found['memory']:g} GB"
    packages = ", ".join(f"{name} {version or 'missing'}" for name, version in found["packages"].items())
    text = [
        f"flawsmith {found['flawsmith']}, Python {found['python']}, {found['system']}",
        f"  processor   {found['cores']} cores, memory {memory}, free disk {found['free_disk']:g} GB",
        f"  GPU         {gpus}; work runs on {found['device']} in {_precision(found['bf16'])}",
        f"  packages    {packages}",
    ]
    for name, there in found["extras"].items():
        install = "installed" if there else f'not installed: pip install "flawsmith[{name}]"'
        text.append(f"  extra       {name}: {install}")
    for name, trouble in found["extractors"].items():
        text.append(f"  extractor   {name}: {'ready' if trouble is None else trouble}")
    for row in found["weights"]:
        where = f"found in {row['folder']}" if row["folder"] else f"not here ({row['size']:g} GB to fetch)"
        text.append(f"  weights     {row['name']}: {where}; licence {row['licence']}, commercial use {row['commercial']}")
    text += [f"  preset      {name}: {why}" for name, why in found["presets"].items()]
    return text


def _precision(bf16: bool) -> str:
    return "fp32 or bf16, whichever a timed step shows to be faster" if bf16 else "fp32, as it has no instruction for bf16"


def _presets(gpus: list[dict[str, Any]]) -> dict[str, str]:
    """Return for each preset what stands in its way here; each needs the weights of its own model.backbone."""
    found = {}
    for name in PRESETS:
        backbone = preset(name).model.backbone
        family = family_of(backbone)
        installed = not family.extra or find_spec(EXTRAS[family.extra]) is not None
        needs = {
            f'needs pip install "flawsmith[{family.extra}]"': not installed,
            "needs a GPU to be of use": name != "tiny" and not gpus,
            f"needs {backbone}, which is fetched, or another checkpoint named as model.backbone": backbone and not family.find(backbone),
        }
        found[name] = "; ".join(need for need, is_needed in needs.items() if is_needed) or "ready"
    return found


def _weights(family: Family, checkpoint: Checkpoint) -> dict[str, Any]:
    folder = family.find(checkpoint.name)
    row: dict[str, Any] = {"name": checkpoint.name, "family": family.name, "folder": str(folder) if folder else None}
    row |= {"size": checkpoint.size, "licence": checkpoint.licence, "commercial": checkpoint.commercial}
    return row | {"channels": checkpoint.channels}


def _gpu(index: int) -> dict[str, Any]:
    facts = torch.cuda.get_device_properties(index)
    return {"name": facts.name, "memory": round(facts.total_memory / 1e9, 1)}


def _memory() -> float | None:
    """Return the machine's memory in GB, None where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
