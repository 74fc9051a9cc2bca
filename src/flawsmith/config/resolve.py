"""From a preset, a YAML file and `--set a.b=c` to one checked configuration, and back to YAML."""

import dataclasses
import difflib
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml

from flawsmith.config.presets import PRESETS
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError
from flawsmith.core.text import read_text

T = TypeVar("T")

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


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
        tree = yaml.safe_load(read_text(path))
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
    need("training.preview_every", t.preview_every >= 0, "at least 1, or 0 (none)")
    need("training.keep", t.keep >= 1, "at least 1")
    need("generation.steps", g.steps >= 1, "at least 1")
    need("generation.precision", g.precision in ("auto", "bf16", "fp32"), "auto, bf16 or fp32")
    need("generation.guidance", g.guidance >= 0, "at least 0")
    need("generation.batch", g.batch >= 1, "at least 1")
    need("generation.attempts", g.attempts >= 1, "at least 1")
    need("generation.feather", g.feather >= 0, "at least 0 pixels")
    need("generation.start", 0 < g.start <= 1, "more than 0, at most 1")
    need("generation.shape_until", 0 <= g.shape_until <= 1, "0 to 1")
    need("generation.anchor", 0 <= g.anchor <= 1, "0 to 1")
    need("generation.snap", 0 <= g.snap <= 1, "0 to 1")
    need("generation.token_noise", g.token_noise >= 0, "at least 0")
    need("generation.detail", 0 <= g.detail <= 1, "0 to 1")
    need("generation.tint", 0 <= g.tint <= 0.5, "0 to 0.5")
    need("generation.tinted", 0 <= g.tinted <= 1, "0 to 1")
    need("generation.free_shapes", 0 <= g.free_shapes <= 1, "0 to 1")
    need("generation.composed_shapes", 0 <= g.composed_shapes <= 1, "0 to 1")
    need("generation.max_windows", g.max_windows >= 1, "at least 1")
    need("generation.placement", g.placement in ("context", "position", "uniform"), "context, position or uniform")
    need("quality.change", 0 < q.change < 1, "more than 0 and less than 1")
    need("quality.consistency", 0 <= q.consistency <= 1, "0 to 1")
    need("quality.outside", 0 <= q.outside <= 1, "0 to 1")
    need("quality.duplicate", 0 <= q.duplicate <= 1, "0 to 1")
    need("quality.margin", q.margin >= 0, "at least 0")
