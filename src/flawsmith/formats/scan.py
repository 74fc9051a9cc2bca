"""What the folders hold: pictures, masks, which belong together, the groups, and everything that does not fit."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flawsmith.core.text import read_text
from flawsmith.formats.folders import EXPECTED, STEM, Defect, Folders, Problem, entries, find_folders, relative
from flawsmith.images.files import READABLE, SUFFIXES, type_of


@dataclass
class Scan:
    """What lies in the folders. Every list is sorted by name. Nothing has been decoded."""

    root: Path
    normals: list[Path] = field(default_factory=list)
    held_out_normals: list[Path] = field(default_factory=list)
    defects: dict[str, list[tuple[Path, Path]]] = field(default_factory=dict)  # (picture, mask)
    lone_images: list[Path] = field(default_factory=list)  # of a defect, without a mask
    lone_masks: list[Path] = field(default_factory=list)
    groups: dict[Path, str] = field(default_factory=dict)  # by picture
    problems: list[Problem] = field(default_factory=list)  # these keep the data from being read
    stale_rows: list[Problem] = field(default_factory=list)  # rows of groups.csv that name no picture; they do no harm
    warnings: list[Problem] = field(default_factory=list)

    def name(self, path: Path) -> str:
        """Return `path` relative to the root, with "/"."""
        return relative(path, self.root)

    def pictures(self) -> Iterator[Path]:
        """Yield every picture, masks left out."""
        yield from self.normals
        yield from self.held_out_normals
        for pairs in self.defects.values():
            yield from (picture for picture, _ in pairs)
        yield from self.lone_images


def scan(path: Path | str) -> Scan:
    """Return what lies in a data folder (MVTec AD layout, or with a flawsmith.yaml) or in the folders that a YAML file names.

    Raises DataError when there is no such folder, when no layout can be recognised, and for a YAML that cannot be used.
    """
    folders = find_folders(Path(path))
    found = Scan(folders.root, warnings=list(folders.warnings))
    found.normals = _pictures(folders.normals, found)
    if folders.held_out_normals:
        found.held_out_normals = _pictures(folders.held_out_normals, found)
    _pair(folders, found)
    if not found.normals:
        message = f"holds no pictures ({READABLE}); expected pictures of the product without a defect. Add some."
        found.problems.append(Problem(found.name(folders.normals), message))
    if not any(found.defects.values()) and not found.problems:
        found.problems.append(Problem(".", f"holds no picture of a defect with its mask; {EXPECTED}"))
    if folders.groups:
        _read_groups(folders.groups, found)
    return found


def _pictures(folder: Path, found: Scan) -> list[Path]:
    """Return the files in a folder that have a picture's suffix; what else lies there goes to the problems and warnings."""
    pictures = []
    for entry in entries(folder):
        name = found.name(entry)
        if entry.is_dir():
            found.warnings.append(Problem(name, "is a folder among pictures and is ignored. Move its pictures out of it."))
        elif not entry.exists():
            found.problems.append(Problem(name, "is a link to a file that is not there. Mend or remove it."))
        elif entry.suffix.lower() in SUFFIXES:
            pictures.append(entry)
        elif kind := type_of(entry):
            message = f"is a {kind} file that would be left out for its suffix {entry.suffix!r}; expected {', '.join(SUFFIXES)}."
            found.problems.append(Problem(name, f"{message} {'Rename' if kind in SUFFIXES.values() else 'Convert'} or remove it."))
        else:
            found.warnings.append(Problem(name, f"is no picture ({READABLE}) and is ignored."))
    return pictures


def _pair(folders: Folders, found: Scan) -> None:
    """Fill in the pairs, and what is left over."""
    masks: dict[Path, list[Path]] = {}  # several defects may share a folder of masks
    used: set[Path] = set()
    for name, defect in folders.defects.items():
        pictures = _pictures(defect.images, found)
        if defect.masks not in masks:
            masks[defect.masks] = pictures if defect.masks == defect.images else _pictures(defect.masks, found)
        if defect.masks == defect.images:
            own = [p for p in pictures if any(_looks_like_mask(p, pattern) for pattern in defect.patterns)]
            masks[defect.masks] = own
            pictures = [p for p in pictures if p not in own]
        if not pictures and not masks[defect.masks]:
            found.warnings.append(Problem(found.name(defect.images), "holds no pictures; the defect is left out."))
        pairs = _match(pictures, masks[defect.masks], defect, found, used)
        if pairs:
            found.defects[name] = pairs
    for lone in sorted({mask for folder in masks.values() for mask in folder} - used):
        found.lone_masks.append(lone)
        found.problems.append(Problem(found.name(lone), "is a mask without a picture. Add its picture, or remove it."))


def _match(pictures: list[Path], masks: list[Path], defect: Defect, found: Scan, used: set[Path]) -> list[tuple[Path, Path]]:
    """Return the pictures with their masks; a picture with none, or with a doubtful one, goes to the problems.

    Every mask that some picture claims is added to `used`.
    """
    masks_by_name = _by(_key, masks) | _by(lambda mask: mask.stem, masks)  # a pattern may name the suffix or not
    same_stem = _by(lambda picture: picture.stem, pictures)
    pairs = []
    for picture in pictures:
        names = [_pattern_key(pattern).replace(STEM, picture.stem) for pattern in defect.patterns]
        candidates = next((masks_by_name[name] for name in names if name in masks_by_name), [])
        twins = [p.name for p in same_stem[picture.stem] if p != picture]
        if not candidates:
            expected = " or ".join(found.name(defect.masks / (n if _has_suffix(n) else f"{n}.png")) for n in names) or "a mask_pattern"
            found.lone_images.append(picture)
            found.problems.append(Problem(found.name(picture), f"has no mask; expected {expected}. Add it, or remove the picture."))
            continue
        pairs.append((picture, candidates[0]))
        used.update(candidates)
        if len(candidates) > 1:
            message = f"has {len(candidates)} masks, {' and '.join(c.name for c in candidates)}; expected one. Remove the others."
            found.problems.append(Problem(found.name(picture), message))
        elif twins:
            message = f"shares the mask {candidates[0].name} with {', '.join(twins)}; expected a mask for each. Rename or remove one."
            found.problems.append(Problem(found.name(picture), message))
    return pairs


def _looks_like_mask(path: Path, pattern: str) -> bool:
    text = _key(path) if _has_suffix(pattern) else path.stem
    start, end = _pattern_key(pattern).split(STEM)
    return text.startswith(start) and text.endswith(end) and len(text) > len(start) + len(end)


def _key(path: Path) -> str:
    """Return the file's name with its suffix in small letters."""
    return path.stem + path.suffix.lower()


def _pattern_key(pattern: str) -> str:
    return _key(Path(pattern)) if _has_suffix(pattern) else pattern


def _has_suffix(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _by(key: Callable[[Path], str], paths: Iterable[Path]) -> dict[str, list[Path]]:
    table: dict[str, list[Path]] = {}
    for path in paths:
        table.setdefault(key(path), []).append(path)
    return table


def _read_groups(path: Path, found: Scan) -> None:
    """Fill in the groups from a CSV file with the columns path and group; paths are relative to the root."""
    name = found.name(path)
    pictures = {os.path.abspath(p): p for p in found.pictures()}
    try:
        reader = csv.DictReader(io.StringIO(read_text(path)))
        columns = [c or "" for c in reader.fieldnames or []]
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        found.problems.append(Problem(name, f"is not a CSV file in UTF-8 ({error}); expected the columns path,group."))
        return
    if not {"path", "group"} <= set(columns):
        found.problems.append(Problem(name, f"has the columns {','.join(columns)}; expected path,group, with commas between them."))
        return
    for number, row in enumerate(rows, start=2):
        text, group = (row["path"] or "").strip(), (row["group"] or "").strip()
        picture = pictures.get(os.path.abspath(found.root / text.replace("\\", "/")))
        if picture is None:
            message = f"row {number} names {text!r}, which is no picture of this data. Correct or remove the row."
            found.stale_rows.append(Problem(name, message))
        elif not group:
            message = f"row {number}: {text} has no group; expected a name or number. Add it, or remove the row."
            found.problems.append(Problem(name, message))
        elif found.groups.setdefault(picture, group) != group:
            message = f"row {number}: {text} is in the group {group!r} and before in {found.groups[picture]!r}. Keep one of the two rows."
            found.problems.append(Problem(name, message))
    missing = [found.name(p) for p in pictures.values() if p not in found.groups]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        found.warnings.append(
            Problem(name, f"pictures that it names no group for: {len(missing)} ({shown}). Each counts as a part of its own.")
        )
