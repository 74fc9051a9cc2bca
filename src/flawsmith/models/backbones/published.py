"""Adapters that were trained with DualAnoDiff's public code, by the names that it gives them."""

import re
from pathlib import Path

import torch
from torch import Tensor

from flawsmith.core.errors import RunError
from flawsmith.core.tensors import read_safetensors
from flawsmith.models.dual_model import DualModel
from flawsmith.models.trainable import trainable

LAYER = re.compile(r"(?:unet\.)?(?P<layer>.+\.attn[12])\.processor\.(?P<rest>.+)")
TEXT = re.compile(
    r"text_encoder\.(?:text_model\.)?(?P<layer>encoder\.layers\.\d+\.self_attn)\.to_(?P<part>q|k|v|out)_lora\.(?P<end>down|up)\.weight"
)
ADAPTER = re.compile(r"to_(?P<part>q|k|v|out)_lora\.(?P<branch>[01])\.(?P<end>down|up)\.weight")
SAIM = {"n": "norm", "i": "enter", "q": "query", "k": "key", "v": "value", "o": "leave"}  # theirs are called temporal_n and so on


def load_published(model: DualModel, path: Path) -> int:
    """Fill the adapters and SAIM of `model` with those of a checkpoint file of the public code; return how many weights there were.

    Learned tokens and widened channels, which it does not have, stay as they are. Raises RunError for a file that cannot be read, has
    names that are not known, or does not fit: it needs model.saim_rank=0, its own rank as model.lora_rank, and model.text_lora_rank where
    its text encoder was trained.
    """
    try:
        tensors, _ = read_safetensors(path)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}); expected pytorch_lora_weights.safetensors of the public code. A .bin file of "
            "yours can be written as one with safetensors.torch.save_file."
        ) from error
    found = rename(tensors, path)
    own = trainable(model)
    wanted = {name for name in own if name.startswith(("net.lora.", "net.exchange.", "tokens.lora."))}
    for name in sorted(wanted ^ found.keys()):
        what = "has nothing for" if name in wanted else "has weights for a part that this model lacks:"
        raise RunError(f"{path}: {what} {name}; use the preset sd15-paper with the settings that it was trained with.")
    for name, w in found.items():
        if own[name].shape != w.shape:
            shapes = f"has the shape {tuple(w.shape)}, expected {tuple(own[name].shape)}"
            raise RunError(f"{path}: {name} {shapes}; set model.lora_rank to its rank.")
    model.load_state_dict(found, strict=False)
    return sum(w.numel() for w in found.values())


def rename(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the tensors by our names and in our layout; raises RunError that names the first one that is not known.

    Linear layers of adapters are (out, in) there; ours are (branches, in, out).
    """
    found: dict[str, Tensor] = {}
    stacks: dict[str, dict[int, Tensor]] = {}
    for key, w in tensors.items():
        if text := TEXT.fullmatch(key):
            part = "out_proj" if text["part"] == "out" else f"{text['part']}_proj"
            stacks.setdefault(f"tokens.lora.{text['layer'].replace('.', '/')}/{part}.{text['end']}", {})[0] = w.T
            continue
        match = LAYER.fullmatch(key)
        layer = match["layer"].replace(".", "/") if match else ""
        if match and (adapter := ADAPTER.fullmatch(match["rest"])):
            stacks.setdefault(f"net.lora.{layer}/{adapter['part']}.{adapter['end']}", {})[int(adapter["branch"])] = w.T
        elif match and (name := SAIM.get(match["rest"].removeprefix("temporal_").split(".")[0])):
            found[f"net.exchange.{layer}.{name}.{match['rest'].split('.')[-1]}"] = w
        else:
            raise RunError(f"{path}: has the unknown weights {key!r}; expected a checkpoint of DualAnoDiff's public code.")
    return found | {name: torch.stack([parts[i] for i in sorted(parts)]).contiguous() for name, parts in stacks.items()}
