"""What is said of a key that is not there and of a value that cannot be: the key, what came, what is expected."""

import difflib
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

# keys and values that had another name before 0.2; this table goes with that version
RENAMED = {
    "generation.invented": "generation.free_shapes",
    "generation.joined": "generation.composed_shapes",
    "generation.canvas": "generation.max_windows",
    "generation.tones": "generation.snap",
    "quality.agreement": "quality.consistency",
    "model.prompt_whole": "model.prompt_image",
    "model.prompt_part": "model.prompt_anomaly",
}
# keys of a network that is no more: our own is always one on cells
GONE = tuple(f"model.{name}" for name in ("network", "codec", "channels", "layers", "attention_levels"))
RENAMED_VALUES = {("generation.sampler", "renewed"): "renoise"}

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def unknown(path: str, group: bool, tree: dict[str, Any]) -> str:
    """Return the sentence for the key `path` that `tree`, the whole configuration, has not; it names what is there instead.

    group: whether a group of keys was given there, so that a group is meant.
    """
    if path in RENAMED:
        return f"{path}: is called {RENAMED[path]} now; write that."
    if path in GONE:
        return f"{path}: is gone with the UNet from scratch; leave it out. The network of our own has model.width and model.depth."
    groups = {name: value for name, value in tree.items() if isinstance(value, dict)}
    keys = [*(name for name in tree if name not in groups), *(f"{name}.{key}" for name, value in groups.items() for key in value)]
    near = difflib.get_close_matches(path, list(groups) if group else [*keys, *RENAMED], n=1, cutoff=0.4)
    return f"{path}: no such configuration key." + (f" Did you mean {RENAMED.get(near[0], near[0])}?" if near else "")


def sentence(error: ValidationError, kind: Any, group: str) -> str:
    """Return "group.key: got X, expected Y" for the first thing that is wrong with an object of the schema's class `kind`."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "relation":
        said = first["ctx"]
        return f"{said['name']}: got {said['got']!r}, expected {said['expected']}."
    name = str(first["loc"][0])
    field = kind.__pydantic_fields__[name]
    return f"{group}{name}: got {first['input']!r}, expected {expected(field)}. Meaning: {field.description}."


def expected(field: Any) -> str:
    """Return what a field of the schema takes: its type, or the values it chooses from, and its range."""
    if get_origin(field.annotation) is Literal:
        *most, last = get_args(field.annotation)
        return f"{', '.join(most)} or {last}"
    limits = {name: getattr(m, name) for m in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(m, name)}
    if limits.keys() == {"ge", "le"}:
        return f"{_KINDS[field.annotation]} from {limits['ge']:g} to {limits['le']:g}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    told = " and ".join(f"{words[name]} {value:g}" for name, value in limits.items())
    return _KINDS[field.annotation] + (f" of {told}" if told else "")
