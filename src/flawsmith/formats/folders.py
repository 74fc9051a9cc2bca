"""Folders of pictures and folders of masks: which mask belongs to which picture, by its name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.core.paths import entries
from flawsmith.core.text import normal_form
from flawsmith.dataset.sample import GOOD, Item
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files
from flawsmith.formats.options import ReadOptions, class_key
from flawsmith.images.files import READABLE, SUFFIXES, type_of

STEM = "{stem}"  # in the pattern of a mask's name: its picture's name without the suffix
DEFAULT_PATTERNS = ("{stem}_mask", "{stem}")


@dataclass(frozen=True)
class DefectFolders:
    """Where one kind of defect lies."""

    images: Path
    masks: Path
    patterns: tuple[str, ...]  # names of masks, best first; with or without a suffix


@dataclass(frozen=True)
class Folders:
    """Which folders to look into."""

    root: Path
    normals: Path
    held_out_normals: tuple[Path, ...]
    defects: dict[str, DefectFolders]


def scan_folders(folders: Folders, options: ReadOptions) -> Scan:
    """Return what lies in the folders; kinds of defect are named as the options say."""
    found = Scan(folders.root)
    found.normals = pictures_in(folders.normals, found)
    found.held_out_normals = sorted(picture for folder in folders.held_out_normals for picture in pictures_in(folder, found))
    _pair(folders, found, options)
    return found


def holds_product(files: Files, is_one: Callable[[Path], bool]) -> str | None:
    """Return which folder is that of a product: the root itself, or the first in it that is; None where there is none."""
    if files.only:
        return None
    return next((found.name or str(found) for found in (files.root, *files.folders) if is_one(found)), None)


def product(files: Files, is_one: Callable[[Path], bool]) -> Files:
    """Return the files of the one product that a folder holds. Raises DataError for several: each is learned for itself."""
    if is_one(files.root):
        return files
    inside = [folder for folder in files.folders if is_one(folder)]
    if len(inside) == 1:
        return Files(inside[0])
    if not inside:
        raise DataError(f"{files.root}: holds no product in this layout. `flawsmith check` without --format says what it recognises.")
    names = ", ".join(folder.name for folder in inside)
    raise DataError(f"{files.root}: holds {len(inside)} products ({names}), and each is learned for itself. Name the folder of one.")


def pictures_in(folder: Path, found: Scan, below: bool = False) -> list[Path]:
    """Return the files in a folder that have a picture's suffix; what else lies there goes to the problems and warnings.

    below: folders in it are read, too, so nothing is said of them.
    """
    pictures = []
    for entry in entries(folder):
        name = found.name(entry)
        if entry.is_dir() and below:
            continue
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


def _pair(folders: Folders, found: Scan, options: ReadOptions) -> None:
    """Fill in the pairs, and what is left over."""
    masks: dict[Path, list[Path]] = {}  # several defects may share a folder of masks
    used: set[Path] = set()
    for name, defect in folders.defects.items():
        pictures = pictures_in(defect.images, found)
        if defect.masks not in masks:
            masks[defect.masks] = pictures if defect.masks == defect.images else pictures_in(defect.masks, found)
        if defect.masks == defect.images:
            own = [p for p in pictures if any(_looks_like_mask(p, pattern) for pattern in defect.patterns)]
            masks[defect.masks] = own
            pictures = [p for p in pictures if p not in own]
        if not pictures and not masks[defect.masks]:
            found.warnings.append(Problem(found.name(defect.images), "holds no pictures; the defect is left out."))
        pairs = _match(pictures, masks[defect.masks], defect, found, used)
        target = options.defect_of(name)
        found.classes[class_key(name)] += len(pairs)
        if target == GOOD and pairs:
            message = f"pictures that are normals only because --classes calls their class {name} {GOOD}: {len(pairs)}."
            found.warnings.append(Problem(".", message))
            found.normals = sorted({*found.normals, *(image for image, _ in pairs)})
        elif target is None and pairs:
            found.notes.append(f"class {name}: left out ({len(pairs)} pictures).")
        elif pairs and target is not None:
            read = [Item(image, mask, target, rule=options.mask_values) for image, mask in pairs]
            found.defects[target] = sorted([*found.defects.get(target, ()), *read], key=lambda item: item.image)
    for lone in sorted({mask for folder in masks.values() for mask in folder} - used):
        found.lone_masks.append(lone)
        found.problems.append(Problem(found.name(lone), "is a mask without a picture. Add its picture, or remove it."))


def _match(pictures: list[Path], masks: list[Path], defect: DefectFolders, found: Scan, used: set[Path]) -> list[tuple[Path, Path]]:
    """Return the pictures with their masks; a picture with none, or with a doubtful one, goes to the problems.

    Every mask that some picture claims is added to `used`.
    """
    masks_by_name = _by(_key, masks) | _by(_stem, masks)  # a pattern may name the suffix or not
    same_stem = _by(_stem, pictures)
    pairs = []
    for picture in pictures:
        names = [_pattern_key(pattern).replace(STEM, _stem(picture)) for pattern in defect.patterns]
        candidates = next((masks_by_name[name] for name in names if name in masks_by_name), [])
        twins = [p.name for p in same_stem[_stem(picture)] if p != picture]
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
    text = _key(path) if _has_suffix(pattern) else _stem(path)
    start, end = _pattern_key(pattern).split(STEM)
    return text.startswith(start) and text.endswith(end) and len(text) > len(start) + len(end)


def _stem(path: Path) -> str:
    """Return the file's name without its suffix, as names are compared."""
    return normal_form(path.stem)


def _key(path: Path) -> str:
    """Return the file's name with its suffix in small letters."""
    return _stem(path) + path.suffix.lower()


def _pattern_key(pattern: str) -> str:
    return _key(Path(pattern)) if _has_suffix(pattern) else normal_form(pattern)


def _has_suffix(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _by(key: Callable[[Path], str], paths: Iterable[Path]) -> dict[str, list[Path]]:
    table: dict[str, list[Path]] = {}
    for path in paths:
        table.setdefault(key(path), []).append(path)
    return table
