"""Which folders hold the normals, the defects and their masks: the MVTec AD layout, or a small YAML that names them."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flawsmith.core.errors import DataError
from flawsmith.core.text import read_text
from flawsmith.dataset.sample import GOOD

YAML_NAME = "flawsmith.yaml"
GROUPS_NAME = "groups.csv"
EXPECTED = f"""\
expected the MVTec AD layout
  train/good/*.png                        pictures without a defect
  test/good/*.png                         more of them, never learned from (optional)
  test/<defect>/<name>.png                pictures of a defect
  ground_truth/<defect>/<name>_mask.png   their masks: 255 where the defect is, else 0
or a file {YAML_NAME} that names the folders you have:
  normals: path/to/normals
  defects:
    scratch: {{images: path/to/pictures, masks: path/to/masks}}"""

_IGNORED = {"thumbs.db", "desktop.ini"}  # and every name that starts with a dot
STEM = "{stem}"  # in the pattern of a mask's name: its picture's name without the suffix
_DEFAULT_PATTERNS = ("{stem}_mask", "{stem}")
_KEYS = ("normals", "held_out_normals", "defects", "mask_pattern", "groups")
_DEFECT_KEYS = ("images", "masks", "mask_pattern")


@dataclass(frozen=True)
class Problem:
    """Something wrong with one file or folder."""

    path: str  # relative to the data's root, with "/"; "." for the root itself
    message: str  # what was found, what was expected, what to do

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True)
class Defect:
    """Where one kind of defect lies."""

    images: Path
    masks: Path
    patterns: tuple[str, ...]  # names of masks, best first; with or without a suffix


@dataclass(frozen=True)
class Folders:
    """Which folders to look into."""

    root: Path
    normals: Path
    held_out_normals: Path | None
    defects: dict[str, Defect]
    groups: Path | None
    warnings: tuple[Problem, ...] = ()


def find_folders(path: Path) -> Folders:
    """Return the folders that `path` stands for. Raises DataError when there are none, and for a YAML that cannot be used."""
    if path.is_dir():
        listed = path / YAML_NAME
        return _from_yaml(listed) if listed.is_file() else _from_mvtec(path)
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        return _from_yaml(path)
    if path.exists():
        raise DataError(f"{path}: is a file; expected a data folder, or a YAML file that names folders.")
    raise DataError(f"{path}: there is no such folder or file. Check the path; relative paths start at {Path.cwd()}.")


def relative(path: Path, root: Path) -> str:
    """Return `path` as seen from `root`, with "/"; it may begin with ".."."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()


def _from_mvtec(root: Path) -> Folders:
    normals, test, truth = root / "train" / GOOD, root / "test", root / "ground_truth"
    names = sorted({d.name for folder in (test, truth) for d in _subfolders(folder)} - {GOOD})
    if not normals.is_dir() and not names:
        inside = [d.name for d in _subfolders(root) if (d / "train" / GOOD).is_dir()]
        hint = f"\nThese folders inside it are in that layout, so name one of them: {', '.join(inside)}." if inside else ""
        raise DataError(f"{root}: no layout was recognised; {EXPECTED}\nfound\n{_tree(root)}{hint}")
    warnings = [
        Problem(relative(entry, root), "is ignored: only train/good and the folders in test are looked into.")
        for folder in (root / "train", test, truth)
        for entry in entries(folder)
        if not entry.is_dir() or (folder.name == "train" and entry.name != GOOD)
    ]
    if (truth / GOOD).is_dir():
        warnings.append(Problem(f"ground_truth/{GOOD}", "is ignored: normals need no masks."))
    held_out = test / GOOD if (test / GOOD).is_dir() else None
    defects = {name: Defect(test / name, truth / name, _DEFAULT_PATTERNS) for name in names}
    groups = root / GROUPS_NAME if (root / GROUPS_NAME).is_file() else None
    return Folders(root, normals, held_out, defects, groups, tuple(warnings))


def _from_yaml(path: Path) -> Folders:
    try:
        tree = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not YAML ({error}).") from error
    _check_keys(path, "", tree, _KEYS, ("normals", "defects"))
    pattern = _pattern(path, "mask_pattern", tree.get("mask_pattern"))
    if not isinstance(tree["defects"], dict) or not tree["defects"]:
        example = "scratch: {images: path, masks: path}"
        raise DataError(f"{path}: defects: got {tree['defects']!r}, expected names with folders such as {example}.")
    root = path.parent
    defects = {}
    for name in sorted(tree["defects"], key=str):
        entry = tree["defects"][name]
        _check_name(path, name)
        where = f"defects.{name}."
        _check_keys(path, where, entry, _DEFECT_KEYS, ("images", "masks"))
        patterns = _pattern(path, f"{where}mask_pattern", entry.get("mask_pattern")) or pattern or _DEFAULT_PATTERNS
        images, masks = (_path(path, where + key, entry[key]) for key in ("images", "masks"))
        if images.samefile(masks):
            masks, patterns = images, tuple(p for p in patterns if p != STEM)  # a picture would be its own mask
        defects[str(name)] = Defect(images, masks, patterns)
    normals = _path(path, "normals", tree["normals"])
    held_out = _path(path, "held_out_normals", tree["held_out_normals"]) if tree.get("held_out_normals") else None
    groups = _path(path, "groups", tree["groups"], folder=False) if tree.get("groups") else root / GROUPS_NAME
    used: dict[str, str] = {}
    roles = [("normals", normals), ("held_out_normals", held_out), *((f"defects.{n}.images", d.images) for n, d in defects.items())]
    for role, folder in roles:
        if folder is not None and (other := used.setdefault(os.path.realpath(folder), role)) != role:
            raise DataError(f"{path}: {other} and {role} are the same folder, {folder}. Each needs a folder of its own.")
    return Folders(root, normals, held_out, defects, groups if groups.is_file() else None)


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
    target = path.parent / value
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


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name, without hidden files; nothing when there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted((e for e in folder.iterdir() if not e.name.startswith(".") and e.name.lower() not in _IGNORED), key=lambda e: e.name)


def _subfolders(folder: Path) -> list[Path]:
    return [entry for entry in entries(folder) if entry.is_dir()]


def _tree(root: Path, lines: int = 24) -> str:
    """Return the first two levels of a folder as indented text, with the number of files in each folder."""
    rows = []
    for folder, depth in [(root, 0)] + [pair for d in _subfolders(root) for pair in [(d, 1), *((s, 2) for s in _subfolders(d))]]:
        files = sum(1 for e in entries(folder) if not e.is_dir())
        rows.append(f"{'  ' * (depth + 1)}{folder.name}/  ({files} files)")
    return "\n".join(rows[:lines] + ([f"  ... and {len(rows) - lines} more folders"] if len(rows) > lines else []))
