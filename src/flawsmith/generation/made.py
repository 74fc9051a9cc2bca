"""OUT/made.json: what pairs were made with, so that whoever gets them later can say where they come from."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from flawsmith.config.resolve import to_dict
from flawsmith.config.schema import Config, DataConfig
from flawsmith.core.parsing import parse_json
from flawsmith.core.text import read_text
from flawsmith.dataset.record import digest_of, read_record
from flawsmith.formats.options import ReadOptions
from flawsmith.generation.generator import Generator
from flawsmith.generation.request import Request
from flawsmith.models.backbones.registry import known_checkpoints
from flawsmith.version import __version__

MADE = "made.json"
OF_LABELS = ("classes", "line_width", "mask_values", "group_pattern")  # of the configuration's data: how labels were read
OWN = "the base that comes with flawsmith"


@dataclass(frozen=True)
class _Base:
    name: str
    licence: str


@dataclass(frozen=True)
class _Learned:
    name: str
    digest: str
    split: str
    normals: int
    defects: dict[str, list[str]]


@dataclass(frozen=True)
class _Request:
    seed: int
    mask: str


@dataclass(frozen=True)
class _Made:
    """What is read of the file later, and has to be as it was written."""

    flawsmith: str
    model: str
    fitted: bool
    base: _Base
    learned_from: _Learned
    request: _Request
    labels: dict[str, Any] = field(default_factory=dict)


_FORM = TypeAdapter(_Made)


def what_made(generator: Generator, request: Request, fitted: bool) -> dict[str, Any]:
    """Return what pairs are made with: model, what it learned from, settings and wishes. No absolute path of this machine is in it.

    fitted: whether the model was fitted, and does not only follow examples.
    """
    record = read_record(generator.run)
    learned: dict[str, list[dict[str, str]]] = record["defects"]
    return {
        "flawsmith": __version__,
        "model": generator.hash,
        "fitted": fitted,
        "base": base_of(generator.config),
        "learned_from": {
            "name": Path(record["root"]).name,
            "digest": digest_of(record),
            "split": record["split"],
            "normals": len(record["normals"]),
            "defects": {name: [row["sha256"] for row in rows] for name, rows in learned.items()},
        },
        "labels": {name: value for name in OF_LABELS if (value := getattr(generator.config.data, name)) != getattr(DataConfig(), name)},
        "settings": {group: to_dict(generator.config)[group] for group in ("generation", "quality")},
        "request": {one.name: _plain(getattr(request, one.name)) for one in fields(request)},
    }


def base_of(config: Config) -> dict[str, str]:
    """Return the name and the licence of the weights that a fit with this configuration begins with."""
    if config.model.backbone:
        found = next((one for _, one in known_checkpoints() if one.name == config.model.backbone), None)
        told = {} if found is None else {key: asdict(found)[key] for key in ("licence", "commercial")}
        return {"name": Path(config.model.backbone).name if found is None else found.name, "licence": "not known", **told}
    if config.training.init == "base":
        return {"name": OWN, "licence": "Apache-2.0"}
    if config.training.init == "none":
        return {"name": "none: the weights began at random", "licence": "none"}
    return {"name": f"another base or product's run, {Path(config.training.init).name}", "licence": "as of what that began with"}


def read_made(out: Path) -> dict[str, Any] | None:
    """Return what OUT/made.json says; None where there is none, as in folders of other programs, or a damaged one."""
    try:
        said: dict[str, Any] = parse_json(read_text(out / MADE))
        _FORM.validate_python(said)
    except (OSError, ValueError):
        return None
    return said


def as_fitted(options: ReadOptions, made: Mapping[str, Any] | None) -> tuple[ReadOptions, list[str]]:
    """Return options for labels with what they do not say as it was when the model was fitted, and that this was so, in a sentence.

    Classes that were named then need not be there now.
    """
    before = {} if made is None else {name: value for name, value in made.get("labels", {}).items() if name in OF_LABELS}
    taken = {name: value for name, value in before.items() if getattr(options, name) == getattr(ReadOptions(), name)}
    if not taken:
        return options, []
    said = " ".join(f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in taken.items())
    must = options.must_be_there and "classes" not in taken
    return replace(options, **taken, must_be_there=must), [f"labels of the real data are read as for the fit: {said}."]


def _plain(value: Any) -> Any:
    """Return a wish as what JSON holds; of a file or folder its name."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value
