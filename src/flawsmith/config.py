"""The configuration: one tree of frozen dataclasses, filled from a preset, a YAML file and `--set a.b=c`."""

import dataclasses
import difflib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from flawsmith.errors import ConfigError
from flawsmith.presets import PRESETS

T = TypeVar("T")


@dataclass(frozen=True)
class DataConfig:
    """What is learned from, and how it is cut."""

    defects: str = ""  # names of the defects to learn, separated by commas; empty = all
    split: str = "all"  # labelled defects to learn from: "all", or "third" (the strict first third; the rest stays unseen)
    window: int = 0  # side of a window in native pixels; 0 = chosen from the defects' sizes, -1 = the whole picture
    good_share: float = 0.3  # share of training windows cut from normals, 0 to 1
    flips: bool = True  # mirror windows left-right and up-down
    rotations: bool = True  # turn windows by quarter turns; never where the normals have a direction, such as grinding marks
    brightness: float = 0.1  # largest random change of contrast and offset, as a share of the value range


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    backbone: str = ""  # Stable Diffusion checkpoint to adapt: a diffusers folder, a file or a hub name; empty = a small network of our own
    codec: str = "unshuffle"  # "unshuffle" (exact), or a folder with a diffusers autoencoder; a backbone brings its own
    cells: int = 0  # side of the latent grid, the codec's factor being window / cells; 0 = a quarter of the window's, 16 to 32
    channels: tuple[int, ...] = (64, 96, 160)  # width per level; each level halves the grid
    layers: int = 1  # residual blocks per level
    attention_levels: int = 1  # how many levels have attention, counted from the coarsest
    head_dim: int = 32  # channels per attention head
    tokens: int = 4  # learned tokens per defect; with a backbone they stand in its prompts, and may be none
    token_dim: int = 128  # width of a token
    dual: bool = False  # two branches that exchange information; false = only the whole branch, with the mask: more steps a minute
    interaction: str = "saim"  # how branches exchange information: "saim", "joint" or "none"
    saim_rank: int = 0  # rank of SAIM's linear layers; 0 = full rank
    bcm: bool = False  # background features enter the whole branch's self-attention (half as much work again)
    bcm_form: str = "output"  # what they are added to: the layer's "output" (the paper) or its "keys" and values (its public code)
    lora_rank: int = 0  # with a backbone: rank of each branch's adapters on all attention layers; 0 = none
    text_lora_rank: int = 0  # with a backbone: rank of the text encoder's adapters; 0 = none
    widen: bool = True  # with a backbone: new channels tell it background and region; false = it is told the prompt alone
    mask: str = "cells"  # with a backbone: "cells" (new channels in which the mask is denoised) or "grey" (where the part is not mid-grey)
    product: str = ""  # with a backbone: what the prompts call the product; empty = the data folder's name
    prompt_whole: str = "a photo of a {product} with {defect} {tokens}"  # with a backbone: of the whole branch
    prompt_part: str = "{defect} {tokens}"  # with a backbone: of the part branch
    prompt_good: str = "a photo of a {product}"  # with a backbone: of normals


@dataclass(frozen=True)
class DiffusionConfig:
    """The noise, the loss and the target."""

    prediction: str = "x"  # what the network predicts: "x" (clean picture), "v" (velocity) or "eps" (noise)
    rho: float = 0.0  # correlation of the two branches' noise, 0 (the paper) to 1
    time_mean: float = 0.0  # mean of the logit of the training time (lower = less noise)
    time_std: float = 1.0  # its standard deviation
    weighting: str = "velocity"  # of times in the loss: "velocity" (1 / t^2), "noise" (signal-to-noise ratio), "min-snr" (that, at most 5)
    min_time: float = 0.1  # the weight stops growing below this time
    outside_weight: float = 0.1  # loss weight of pixels that the background already shows (1 = as much as the others)
    mask_weight: float = 0.5  # loss weight of the mask channel against one colour channel
    align_weight: float = 0.1  # weight of the term that ties mask, part and whole
    token_dropout: float = 0.1  # share of training pairs whose defect tokens are replaced by the empty token
    token_noise: float = 0.1  # standard deviation of the noise on the defect's tokens in training (a token's own is about 0.5)
    free_share: float = 0.1  # share of training windows without background, for --free


@dataclass(frozen=True)
class TrainingConfig:
    """The optimiser and what is saved while it runs."""

    steps: int = 4000  # optimiser steps at most
    minutes: float = 12.0  # wall-clock minutes at most; 0 = no limit; the learning rate falls to zero as it runs out
    batch: int = 8  # windows per step
    pieces: int = 1  # parts in which a batch goes through the network, one after the other: less memory
    learning_rate: float = 1e-3  # peak
    warmup: int = 50  # steps to the peak
    decay: float = 0.4  # last share of the training in which the learning rate falls to zero; 0 = it stays
    weight_decay: float = 1e-2  # AdamW
    clip: float = 1.0  # largest gradient norm
    ema: float = 0.995  # decay of the averaged weights that generation uses
    latents: int = 0  # with an autoencoder: windows that are encoded once and drawn from in all steps; 0 = new ones at every step
    checkpointing: bool = False  # compute inner values again for the gradients instead of keeping them: less memory, a third slower
    optimiser: str = "adamw"  # "adamw", or "adamw8bit" (bitsandbytes, on a GPU), whose own memory is a quarter
    memory: float = 0.0  # GB of device memory to stay within: checkpointing, pieces and optimiser are chosen for it; 0 = as they are set
    precision: str = "auto"  # "bf16", "fp32", or "auto": bf16 where the device multiplies it faster
    checkpoint_every: int = 250  # steps between checkpoints
    preview_every: int = 500  # steps between pictures of fixed seeds
    log_every: int = 10  # steps between rows of log.jsonl
    keep: int = 2  # checkpoints kept
    tensorboard: bool = False  # also write RUN/tensorboard
    init: str = ""  # RUN folder of another product whose weights to start from; empty = random ones
    seed: int = 0  # of the weights, windows, noise and times


@dataclass(frozen=True)
class GenerationConfig:
    """How pairs are made."""

    steps: int = 12  # solver steps
    sampler: str = "dpmpp"  # "dpmpp" (second order), "ddim" (first), "pndm" (the paper's multistep) or "renewed" (new noise every step)
    guidance: float = 1.5  # classifier-free guidance scale; 1 = off
    batch: int = 4  # pairs at a time
    compile: bool = False  # compile the network first (torch.compile): minutes at the start, faster for many pairs on a GPU
    attempts: int = 6  # tries per wanted pair before it counts as failed
    region_margin: float = 0.3  # how far the region reaches beyond the proposed defect, as a share of its thickness
    feather: int = 3  # width in pixels over which the picture returns to the normal
    start: float = 1.0  # time at which --onto starts: 1 = pure noise, less = the partly noised normal
    shape_until: float = 0.5  # above this time the mask is held to the proposed shape, below it the model may change it; 1 = never held
    anchor: float = 0.6  # below this time the picture outside the predicted mask is held to the normal; 0 = never
    tones: float = 0.5  # of binarised pictures: below this time, values that they never show are moved to those they do; 0 = never
    token_noise: float = 0.1  # standard deviation of the noise on the defect's tokens, so that pairs differ more
    detail: float = 0.17  # what is finer than this share of a real defect's side is that of real ones; 0 = as the model drew it
    tint: float = 0.06  # standard deviation of the shift of a tinted defect's colours, as a share of the value range
    tinted: float = 0.5  # share of defects in other colours than the few learned ones; grey and binarised pictures have none
    invented: float = 0.2  # share of pairs whose shape the model invents inside the region, instead of rendering a proposed one
    joined: float = 0.1  # share of proposed shapes that are two real ones joined
    canvas: int = 4  # a defect larger than a window is drawn on a canvas of at most this many windows a side
    placement: str = "context"  # where regions go: "context" (looks like a real defect's surroundings), "position", "uniform"


@dataclass(frozen=True)
class QualityConfig:
    """When a pair counts."""

    visible: float = 3.0  # least mean change inside the mask, as a multiple of the product's noise level
    change: float = 0.04  # a pixel has changed when it differs by more than this share of the value range
    agreement: float = 0.5  # least agreement of mask and change, 0 to 1 (masks/align.py defines it)
    outside: float = 0.2  # most of the visible change that may lie outside the mask, as a share
    duplicate: float = 0.9  # most alike that two accepted pairs may be, 0 to 1
    margin: float = 1.0  # how far scores may leave those of real defects: 1.0 allows half the least to twice the largest area


@dataclass(frozen=True)
class Config:
    """Everything `fit` and `generate` can be told."""

    preset: str = "tiny"
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)


def preset(name: str) -> Config:
    """Return the configuration called `name`."""
    if name not in PRESETS:
        raise ConfigError(f"preset: got {name!r}, expected one of {', '.join(PRESETS)}.")
    return from_dict({"preset": name, **PRESETS[name]})


def resolve(name: str | None = None, file: Path | None = None, settings: typing.Sequence[str] = ()) -> Config:
    """Return the preset, with the YAML file over it and the `a.b=c` settings over both."""
    tree: dict[str, Any] = _read_yaml(file) if file else {}
    _apply(tree, settings)
    name = name or tree.get("preset") or "tiny"
    return from_dict({**tree, "preset": name}, preset(name))


def override(config: Config, settings: typing.Sequence[str], groups: typing.Sequence[str] = ()) -> Config:
    """Return `config` with the `a.b=c` settings over it; with `groups`, only keys of those groups may be set."""
    for setting in settings:
        if groups and setting.partition(".")[0].strip() not in groups:
            raise ConfigError(f"--set {setting}: got a key that cannot change here, expected one of {', '.join(f'{g}.*' for g in groups)}.")
    tree: dict[str, Any] = {}
    _apply(tree, settings)
    return from_dict(tree, config)


def from_dict(tree: dict[str, Any], base: Config | None = None) -> Config:
    """Return `base` (default: the defaults) with the values of `tree` over it.

    Raises ConfigError for an unknown key (naming the nearest one) and for a value of the wrong type or range.
    """
    config = _merge(Config(), base, tree, "")
    _check(config)
    return config


def to_dict(config: Any) -> dict[str, Any]:
    """Return a configuration as plain values that `from_dict` takes back."""
    return {
        name: to_dict(value) if dataclasses.is_dataclass(value) else list(value) if isinstance(value, tuple) else value
        for name, value in ((f.name, getattr(config, f.name)) for f in dataclasses.fields(config))
    }


def dump(config: Config) -> str:
    """Return the whole resolved configuration as YAML."""
    return yaml.safe_dump(to_dict(config), sort_keys=False)


def _apply(tree: dict[str, Any], settings: typing.Sequence[str]) -> None:
    """Put the `a.b=c` settings into `tree`."""
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator:
            raise ConfigError(f"--set {setting}: expected KEY=VALUE, such as training.steps=500.")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {setting}: the value is not YAML ({error}).") from error
        node = tree
        *parents, last = key.strip().split(".")
        for parent in parents:
            child = node.setdefault(parent, {})
            if not isinstance(child, dict):
                raise ConfigError(f"--set {setting}: {parent} is a value, not a group of keys.")
            node = child
        node[last] = value


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML ({error}).") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: got a {type(tree).__name__}, expected keys and values such as `training: {{steps: 500}}`.")
    return tree


def _merge(default: T, base: T | None, tree: dict[str, Any], where: str) -> T:
    current = base if base is not None else default
    names = {f.name: f for f in dataclasses.fields(current)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(type(current))
    changes: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{where}{key}"
        if key not in names:
            groups = [f.name for f in dataclasses.fields(Config) if dataclasses.is_dataclass(getattr(Config(), f.name))]
            near = difflib.get_close_matches(path, groups if isinstance(value, dict) else _all_keys(), n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ConfigError(f"{path}: no such configuration key.{hint}")
        old = getattr(current, key)
        if dataclasses.is_dataclass(old):
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: got {value!r}, expected a group of keys such as {path}.{next(iter(vars(old)))}.")
            changes[key] = _merge(old, None, value, f"{path}.")
        else:
            changes[key] = _convert(path, value, hints[key])
    return dataclasses.replace(current, **changes)  # type: ignore[type-var]


def _convert(path: str, value: Any, kind: Any) -> Any:
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind is float and isinstance(value, str):  # YAML 1.1 reads 1e-4 as text
        try:
            return float(value)
        except ValueError:
            pass
    if kind is str and isinstance(value, str):
        return value
    if typing.get_origin(kind) is tuple and isinstance(value, (list, tuple)) and value:
        return tuple(_convert(path, v, typing.get_args(kind)[0]) for v in value)
    expected = "a list of whole numbers" if typing.get_origin(kind) is tuple else _KINDS[kind]
    raise ConfigError(f"{path}: got {value!r}, expected {expected}.")


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _all_keys(config: Any = None, where: str = "") -> list[str]:
    config = config or Config()
    keys = []
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        keys += _all_keys(value, f"{where}{f.name}.") if dataclasses.is_dataclass(value) else [f"{where}{f.name}"]
    return keys


def _check(config: Config) -> None:
    """Raise ConfigError for the first value outside its range."""

    def need(key: str, ok: bool, expected: str) -> None:
        if not ok:
            group, name = key.split(".")
            raise ConfigError(f"{key}: got {getattr(getattr(config, group), name)!r}, expected {expected}.")

    d, m, f, t, g, q = config.data, config.model, config.diffusion, config.training, config.generation, config.quality
    need("data.split", d.split in ("all", "third"), "all or third")
    need("data.window", d.window in (0, -1) or 16 <= d.window <= 1024, "0 (chosen from the data), -1 (whole pictures) or 16 to 1024 pixels")
    need("data.good_share", 0 <= d.good_share < 1, "at least 0 and less than 1")
    need("data.brightness", 0 <= d.brightness <= 0.5, "0 to 0.5")
    halvings = 2 ** (len(m.channels) - 1)
    need("model.cells", (m.cells or 8) % halvings == 0 and (m.cells == 0 or m.cells >= 8), f"0 or at least 8, and a multiple of {halvings}")
    need("model.channels", all(c % 32 == 0 and c > 0 for c in m.channels), "multiples of 32")
    need("model.layers", m.layers >= 1, "at least 1")
    need("model.attention_levels", 1 <= m.attention_levels <= len(m.channels), f"1 to {len(m.channels)}")
    need("model.head_dim", m.head_dim > 0 and all(c % m.head_dim == 0 for c in m.channels), "a divisor of every entry of model.channels")
    need("model.tokens", m.tokens >= (0 if m.backbone else 1), "at least 1, or 0 with a model.backbone")
    need("model.lora_rank", m.lora_rank >= 0, "0 (none) or more")
    need("model.text_lora_rank", m.text_lora_rank >= 0, "0 (none) or more")
    need("model.mask", m.mask in ("cells", "grey"), "cells or grey")
    need("model.interaction", m.interaction in ("saim", "joint", "none"), "saim, joint or none")
    need("model.bcm_form", m.bcm_form in ("output", "keys"), "output or keys")
    need("model.saim_rank", m.saim_rank >= 0, "0 (full rank) or more")
    need("diffusion.prediction", f.prediction in ("x", "v", "eps"), "x, v or eps")
    if m.backbone:
        need("diffusion.prediction", f.prediction == "x", "x with a model.backbone, whose own prediction is brought to it")
        need("model.codec", m.codec == "unshuffle", "nothing with a model.backbone, which brings its own")
        need("diffusion.align_weight", f.align_weight == 0 or m.mask == "cells", "0 with model.mask=grey, where no mask is predicted")
    need("diffusion.weighting", f.weighting in ("velocity", "noise", "min-snr"), "velocity, noise or min-snr")
    need("diffusion.rho", 0 <= f.rho <= 1, "0 to 1")
    need("diffusion.min_time", 0 < f.min_time < 1, "more than 0 and less than 1")
    need("diffusion.token_dropout", 0 <= f.token_dropout < 1, "at least 0 and less than 1")
    need("diffusion.token_noise", f.token_noise >= 0, "at least 0")
    need("diffusion.free_share", 0 <= f.free_share <= 1, "0 to 1")
    need("training.latents", t.latents == 0 or (t.latents > 0 and (m.backbone or m.codec) != "unshuffle"), "0 without an autoencoder")
    need("training.steps", t.steps >= 1, "at least 1")
    need("training.batch", t.batch >= 1, "at least 1")
    need("training.pieces", t.pieces >= 1 and t.batch % t.pieces == 0, f"a divisor of training.batch, {t.batch}")
    need("training.memory", t.memory >= 0, "0 (no limit) or GB")
    need("training.learning_rate", t.learning_rate > 0, "more than 0")
    need("training.optimiser", t.optimiser in ("adamw", "adamw8bit"), "adamw or adamw8bit")
    need("training.decay", 0 <= t.decay <= 1, "0 to 1")
    need("training.ema", 0 <= t.ema < 1, "at least 0 and less than 1")
    need("training.minutes", t.minutes >= 0, "0 (no limit) or more")
    need("training.warmup", t.warmup >= 0, "at least 0")
    need("training.clip", t.clip > 0, "more than 0")
    need("training.log_every", t.log_every >= 1, "at least 1")
    need("training.precision", t.precision in ("auto", "bf16", "fp32"), "auto, bf16 or fp32")
    need("training.checkpoint_every", t.checkpoint_every >= 1, "at least 1")
    need("training.preview_every", t.preview_every >= 1, "at least 1")
    need("training.keep", t.keep >= 1, "at least 1")
    need("generation.steps", g.steps >= 1, "at least 1")
    need("generation.sampler", g.sampler in ("dpmpp", "ddim", "pndm", "renewed"), "dpmpp, ddim, pndm or renewed")
    need("generation.guidance", g.guidance >= 0, "at least 0")
    need("generation.batch", g.batch >= 1, "at least 1")
    need("generation.attempts", g.attempts >= 1, "at least 1")
    need("generation.feather", g.feather >= 0, "at least 0 pixels")
    need("generation.start", 0 < g.start <= 1, "more than 0, at most 1")
    need("generation.shape_until", 0 <= g.shape_until <= 1, "0 to 1")
    need("generation.anchor", 0 <= g.anchor <= 1, "0 to 1")
    need("generation.tones", 0 <= g.tones <= 1, "0 to 1")
    need("generation.token_noise", g.token_noise >= 0, "at least 0")
    need("generation.detail", 0 <= g.detail <= 1, "0 to 1")
    need("generation.tint", 0 <= g.tint <= 0.5, "0 to 0.5")
    need("generation.tinted", 0 <= g.tinted <= 1, "0 to 1")
    need("generation.invented", 0 <= g.invented <= 1, "0 to 1")
    need("generation.joined", 0 <= g.joined <= 1, "0 to 1")
    need("generation.canvas", g.canvas >= 1, "at least 1")
    need("generation.placement", g.placement in ("context", "position", "uniform"), "context, position or uniform")
    need("quality.change", 0 < q.change < 1, "more than 0 and less than 1")
    need("quality.agreement", 0 <= q.agreement <= 1, "0 to 1")
    need("quality.outside", 0 <= q.outside <= 1, "0 to 1")
    need("quality.duplicate", 0 <= q.duplicate <= 1, "0 to 1")
    need("quality.margin", q.margin >= 0, "at least 0")
