"""A small YAML file that names the folders of one's own layout: normals, and for each defect pictures and masks."""

import difflib
import os
import re
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError
from flawsmith.core.parsing import parse_yaml
from flawsmith.core.paths import stored
from flawsmith.core.text import normal_form, read_text
from flawsmith.dataset.sample import GOOD
from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import DEFAULT_PATTERNS, STEM, DefectFolders, Folders, scan_folders
from flawsmith.formats.groups import GROUPS_NAME, read_groups
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format

YAML_NAME = "flawsmith.yaml"

_KEYS = ("normals", "held_out_normals", "defects", "mask_pattern", "groups")
_DEFECT_KEYS = ("images", "masks", "mask_pattern")


def recognise(files: Files) -> str | None:
    """Return whether a path is a YAML file, other than one of YOLO, or a folder with one of the name YAML_NAME."""
    if files.only:
        return "it is a YAML file" if files.only.suffix.lower() in (".yaml", ".yml") and not _is_yolo(files.only) else None
    return f"there is a file {YAML_NAME}" if (files.root / YAML_NAME).is_file() else None


def _is_yolo(path: Path) -> bool:
    """Return whether a YAML file names classes, as YOLO's does and ours never."""
    try:
        return re.search(r"^(nc|names)\s*:", read_text(path), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in the folders that a YAML file names. Raises DataError for one that cannot be used."""
    if files.only is None and not (files.root / YAML_NAME).is_file():
        raise DataError(f"{files.root}: there is no file {YAML_NAME} in it; expected one that names folders.")
    folders, groups = _folders(files.only or files.root / YAML_NAME)
    found = scan_folders(folders, options)
    if groups.is_file():
        read_groups(groups, found)
    return found


def _folders(path: Path) -> tuple[Folders, Path]:
    """Return the folders that a YAML file names, and where its groups would be."""
    try:
        tree = parse_yaml(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not YAML that can be used ({error}).") from error
    _check_keys(path, "", tree, _KEYS, ("normals", "defects"))
    pattern = _pattern(path, "mask_pattern", tree.get("mask_pattern"))
    if not isinstance(tree["defects"], dict) or not tree["defects"]:
        example = "scratch: {images: path, masks: path}"
        raise DataError(f"{path}: defects: got {tree['defects']!r}, expected names with folders such as {example}.")
    root = path.parent
    defects: dict[str, DefectFolders] = {}
    for name in sorted(tree["defects"], key=str):
        entry = tree["defects"][name]
        _check_name(path, name)
        where = f"defects.{name}."
        _check_keys(path, where, entry, _DEFECT_KEYS, ("images", "masks"))
        patterns = _pattern(path, f"{where}mask_pattern", entry.get("mask_pattern")) or pattern or DEFAULT_PATTERNS
        images, masks = (_path(path, where + key, entry[key]) for key in ("images", "masks"))
        if images.samefile(masks):
            masks, patterns = images, tuple(p for p in patterns if p != STEM)  # a picture would be its own mask
        if normal_form(str(name)) in defects:
            raise DataError(f"{path}: defects: the name {name!r} is there twice, in other Unicode characters that look alike. Rename one.")
        defects[normal_form(str(name))] = DefectFolders(images, masks, patterns)
    normals = _path(path, "normals", tree["normals"])
    held_out = (_path(path, "held_out_normals", tree["held_out_normals"]),) if tree.get("held_out_normals") else ()
    groups = _path(path, "groups", tree["groups"], folder=False) if tree.get("groups") else root / GROUPS_NAME
    used: dict[str, str] = {}
    roles = [("normals", normals), *(("held_out_normals", folder) for folder in held_out)]
    roles += [(f"defects.{name}.images", defect.images) for name, defect in defects.items()]
    for role, folder in roles:
        if (other := used.setdefault(os.path.realpath(folder), role)) != role:
            raise DataError(f"{path}: {other} and {role} are the same folder, {folder}. Each needs a folder of its own.")
    return Folders(root, normals, held_out, defects), groups


def _check_keys(path: Path, where: str, tree: Any, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    if not isinstance(tree, dict):
        raise DataError(f"{path}: {where.rstrip('.') or 'the file'}: got {tree!r}, expected the keys {', '.join(known)}.")
    for key in tree:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
            raise DataError(f"{path}: {where}{key}: there is no such key. Did you mean {near}? The keys are {', '.join(known)}.")
    missing = [key for key in needed if tree.get(key) is None]
    if missing:
        raise DataError(f"{path}: {where}{missing[0]}: is missing; expected the keys {', '.join(needed)}. {_paths_note(path)}")


def _check_name(path: Path, name: Any) -> None:
    if not isinstance(name, (str, int)) or isinstance(name, bool):  # YAML reads no: as false
        raise DataError(f"{path}: defects: got the name {name!r}, expected text. Put it in quotes.")
    text = str(name)
    if text == GOOD or not text.strip() or text.startswith(".") or any(c in text for c in '/\\:*?"<>|'):
        raise DataError(f"{path}: defects: {text!r} cannot be a defect's name; expected one that can name a folder, other than {GOOD}.")


def _path(path: Path, key: str, value: Any, folder: bool = True) -> Path:
    if not isinstance(value, str):
        raise DataError(f"{path}: {key}: got {value!r}, expected the path of a {'folder' if folder else 'file'}.")
    target = stored(path.parent / value)
    if not (target.is_dir() if folder else target.is_file()):
        raise DataError(f"{path}: {key}: there is no {'folder' if folder else 'file'} {target}. {_paths_note(path)}")
    return target


def _paths_note(path: Path) -> str:
    return f"Paths are relative to the folder of {path.name}."


def _pattern(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, str) or value.count(STEM) != 1 or "/" in value or "\\" in value:
        raise DataError(f"{path}: {key}: got {value!r}, expected a file name with {STEM} once, such as '{{stem}}_label.png'.")
    return (value,)


FORMAT = Format(
    "yaml",
    "folders named in a YAML file",
    recognise,
    read,
    f"""\
a file {YAML_NAME} that names the folders you have:
  normals: path/to/normals
  defects:
    scratch: {{images: path/to/pictures, masks: path/to/masks}}""",
    rank=10,
)
