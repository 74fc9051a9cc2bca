"""From a preset, a YAML file and `--set a.b=c` to one checked configuration, and back to YAML."""

import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flawsmith.config.messages import RENAMED_VALUES, sentence, unknown
from flawsmith.config.presets import PRESETS
from flawsmith.config.schema import GROUPS, Config
from flawsmith.core.errors import ConfigError
from flawsmith.core.parsing import parse_yaml
from flawsmith.core.text import read_text


class _Loader(yaml.SafeLoader):
    """YAML 1.1 with the numbers of YAML 1.2: 1e-4 is a number and no text."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+|\d*\.\d+|\d+\.)[eE][-+]?\d+$"), list("-+0123456789."))


def preset(name: str) -> Config:
    """Return the configuration called `name`."""
    if name not in PRESETS:
        raise ConfigError(f"preset: got {name!r}, expected one of {', '.join(PRESETS)}.")
    return from_dict({"preset": name, **PRESETS[name]})


def resolve(name: str | None = None, file: Path | None = None, settings: typing.Sequence[str] = ()) -> Config:
    """Return the preset, with the YAML file over it and the `a.b=c` settings over both."""
    tree: dict[str, Any] = _read_yaml(file) if file else {}
    if file:
        try:
            from_dict(tree)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from error
    _apply(tree, settings)
    name = name or tree.get("preset") or "tiny"
    return from_dict({**tree, "preset": name}, preset(name))


def override(config: Config, settings: typing.Sequence[str], allowed: typing.Sequence[str] = ()) -> Config:
    """Return `config` with the `a.b=c` settings over it; with `allowed`, only those keys, and keys of those groups, may be set."""
    for setting in settings:
        if allowed and not {setting.partition(".")[0].strip(), setting.partition("=")[0].strip()} & set(allowed):
            expected = ", ".join(name if "." in name else f"{name}.*" for name in allowed)
            raise ConfigError(f"--set {setting}: got a key that cannot change here, expected one of {expected}.")
    tree: dict[str, Any] = {}
    _apply(tree, settings)
    return from_dict(tree, config)


def from_dict(tree: dict[str, Any], base: Config | None = None) -> Config:
    """Return `base` (default: the defaults) with the values of `tree` over it.

    Raises ConfigError for an unknown key (naming the nearest one) and for a value of the wrong type or range.
    """
    whole = to_dict(base or Config())
    _merge(whole, tree)
    return _build(whole)


def to_dict(config: Config) -> dict[str, Any]:
    """Return a configuration as plain values that `from_dict` takes back."""
    return {"preset": config.preset, **{name: dataclasses.asdict(getattr(config, name)) for name in GROUPS}}


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
            value = parse_yaml(text, _Loader)
        except ValueError as error:
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
        tree = parse_yaml(read_text(path), _Loader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); expected a YAML file.") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not YAML that can be used ({error}).") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: got a {type(tree).__name__}, expected keys and values such as `training: {{steps: 500}}`.")
    return tree


def _merge(tree: dict[str, Any], changes: dict[str, Any], where: str = "") -> None:
    """Put `changes` into the whole `tree`; raises ConfigError for a key that is not there and for a value in the place of a group."""
    for key, value in changes.items():
        path = f"{where}{key}"
        if key not in tree:
            raise ConfigError(unknown(path, isinstance(value, dict), tree=to_dict(Config())))
        if isinstance(value, str) and (path, value) in RENAMED_VALUES:
            raise ConfigError(f"{path}: got {value!r}, which is called {RENAMED_VALUES[path, value]} now; write that.")
        if not isinstance(tree[key], dict):
            tree[key] = value
        elif isinstance(value, dict):
            _merge(tree[key], value, f"{path}.")
        else:
            raise ConfigError(f"{path}: got {value!r}, expected a group of keys such as {path}.{next(iter(tree[key]))}.")


def _build(tree: dict[str, Any]) -> Config:
    """Return the configuration of a whole tree of plain values; raises ConfigError for the first value that cannot be."""
    groups: dict[str, Any] = {}
    for name, value in tree.items():
        kind = GROUPS.get(name)
        if kind is None:
            groups[name] = value
            continue
        try:
            groups[name] = kind(**value)
        except ValidationError as error:
            raise ConfigError(sentence(error, kind, f"{name}.")) from error
    try:
        return Config(**groups)
    except ValidationError as error:
        raise ConfigError(sentence(error, Config, "")) from error
