"""Labels that lie over a data set: a folder whose index says of pictures which defects are in them, or that there are none.

FOLDER/index.json, with paths that never lead out of their folders:

    {"kind": "flawsmith labels", "version": 1, "pictures": {
    "test/dent/007.png": {"kinds": {"dent": "masks/dent/test/dent/007.png.png"}},
    "test/dent/008.png": {"normal": true},
    "test/dent/009.png": {"kinds": {}}
    }}

A picture is named by its path as seen from the data's root. What the index says of it replaces all that the data say of it; of other
pictures the data's own labels count. One without any kind that is no normal is left out. A mask is a picture of its picture's size in
which what is above the middle grey is marked.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flawsmith.core.errors import FileError
from flawsmith.core.files import write_text
from flawsmith.core.parsing import parse_json
from flawsmith.core.paths import leads_out, relative, stored
from flawsmith.core.text import normal_form
from flawsmith.dataset.sample import GOOD, Item, mask_trouble
from flawsmith.dataset.scan import NoMasks, Problem, Scan
from flawsmith.formats.options import LABELS_INDEX, ReadOptions
from flawsmith.images.files import SUFFIXES, image_size

KIND, VERSION = "flawsmith labels", 1
_KIND = re.compile(r"""(?![ .])[^/\\:*?"<>|\x00-\x1f]{1,80}(?<![ .])""")


@dataclass(frozen=True)
class Label:
    """What an index says of one picture."""

    masks: Mapping[str, str] = field(default_factory=dict)  # path in the folder, by kind of defect
    normal: bool = False  # nothing is wrong with it; of one that has no masks either nothing is known


def read_index(folder: Path) -> dict[str, Label]:
    """Return what a folder of labels says, by picture. Raises FileError for an index that is missing or is none."""
    path = folder / LABELS_INDEX
    try:
        said = parse_json(path.read_bytes())
    except OSError as error:
        raise FileError(
            path, f"cannot be read ({error.strerror}); expected the index of a folder of labels, as the studio writes it."
        ) from error
    except ValueError as error:
        raise FileError(path, f"is no JSON ({error}); it is damaged, or was edited by hand.") from error
    if not isinstance(said, dict) or said.get("kind") != KIND or not isinstance(said.get("pictures"), dict):
        raise FileError(path, f'is no index of labels; expected {{"kind": "{KIND}", "version": {VERSION}, "pictures": {{...}}}}.')
    if said.get("version") != VERSION:
        raise FileError(path, f"is of version {said.get('version')!r}, expected {VERSION}; a newer flawsmith may read it.")
    return {name: _label(path, name, entry) for name, entry in said["pictures"].items()}


def write_index(folder: Path, labels: Mapping[str, Label]) -> None:
    """Write the index of a folder of labels, a line for each picture, atomically."""
    text = json.JSONEncoder().encode  # as json.dumps, which makes an encoder for each row
    entries = ((name, '{"normal": true}' if label.normal else text({"kinds": dict(label.masks)})) for name, label in sorted(labels.items()))
    rows = ",\n".join(f"{text(name)}: {entry}" for name, entry in entries)
    write_text(folder / LABELS_INDEX, f'{{"kind": "{KIND}", "version": {VERSION}, "pictures": {{\n{rows}\n}}}}\n')


def lay_over(found: Scan, options: ReadOptions) -> None:
    """Have the labels of the folder that the options name replace what a scan says of their pictures.

    What is wrong with them goes to the scan's problems. Raises FileError as `read_index` does.
    """
    folder = Path(options.labels)
    named = {normal_form(name): path for path, name in found.names().items()}
    held_out = {*found.held_out_normals}
    labels: dict[Path, Label] = {}  # by picture
    for name, label in read_index(folder).items():
        picture = named.get(normal_form(name)) or _in_root(found.root, name)
        if picture is None:
            message = f"labels {name}, but there is no such picture in the data. Put it back, or remove its label."
            found.problems.append(Problem(relative(folder / LABELS_INDEX, found.root), message))
        else:
            labels[picture] = label
    _take_out(found, labels)
    for picture, label in labels.items():
        if label.normal:
            (found.held_out_normals if picture in held_out else found.normals).append(picture)
        elif not label.masks:
            found.unlisted.append(picture)
        for kind, path in label.masks.items():
            _add(found, picture, kind, folder / path)
    for listed in (found.normals, found.held_out_normals, found.unlisted):
        listed.sort()
    found.defects = {name: sorted(items, key=lambda item: item.image) for name, items in sorted(found.defects.items()) if items}
    normals = sum(label.normal for label in labels.values())
    found.notes.append(f"labels in {folder}: they replace what the data say of {len(labels)} pictures; {normals} of these are normals.")
    if found.defects:
        _excuse(found)


def is_kind(name: str) -> bool:
    """Return whether a defect can be called so: what a folder can be called everywhere, and is not that of normals."""
    return bool(_KIND.fullmatch(name)) and name != GOOD and name == normal_form(name)


def _label(path: Path, name: str, entry: Any) -> Label:
    normal = entry == {"normal": True}
    kinds = {} if normal else entry.get("kinds") if isinstance(entry, dict) else None
    if not isinstance(kinds, dict):
        raise FileError(path, f'{name}: expected {{"kinds": {{DEFECT: MASK, ...}}}} or {{"normal": true}}.')
    for kind, mask in kinds.items():
        if not is_kind(kind):
            raise FileError(path, f"{name}: {kind!r} cannot be the name of a defect.")
        if not isinstance(mask, str) or not mask or leads_out(mask):
            raise FileError(path, f"{name}: the mask {mask!r} is no path inside the folder of labels.")
    if leads_out(name):
        raise FileError(path, f"labels {name!r}, which is no path inside the data.")
    return Label(kinds, normal)


def _in_root(root: Path, name: str) -> Path | None:
    """Return a picture that no label file names; None where there is none."""
    path = stored(root / name)
    return path if path.suffix.lower() in SUFFIXES and path.is_file() else None


def _take_out(found: Scan, pictures: Collection[Path]) -> None:
    """Forget what the data say of pictures, and what they lack."""
    for listed in (found.normals, found.held_out_normals, found.lone_images, found.unlisted):
        listed[:] = [picture for picture in listed if picture not in pictures]
    found.defects = {name: [item for item in items if item.image not in pictures] for name, items in found.defects.items()}
    names = {found.name(picture) for picture in pictures}
    found.problems = [problem for problem in found.problems if problem.path not in names]


def _add(found: Scan, picture: Path, kind: str, mask: Path) -> None:
    try:
        trouble = mask_trouble(image_size(mask), picture, image_size(picture)) if mask.is_file() else "is missing."
    except FileError as error:
        trouble = error.what
    if trouble:
        message = f"{trouble} It is the mask of {kind} in {found.name(picture)}: draw it again, or remove that label."
        found.problems.append(Problem(relative(mask, found.root), message))
    else:
        found.defects.setdefault(kind, []).append(Item(picture, mask, kind, rule="high"))


def _excuse(found: Scan) -> None:
    """Leave out what has no mask yet: there are masks to learn from."""
    names = {found.name(picture) for picture in found.lone_images}
    found.problems = [problem for problem in found.problems if problem.path not in names and not isinstance(problem, NoMasks)]
    if names:
        found.notes.append(f"pictures of a defect without a mask: {len(names)}, left out until they are labelled.")
