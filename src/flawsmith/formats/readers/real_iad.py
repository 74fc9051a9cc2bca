"""Real-IAD: PRODUCT/OK/S0001 and PRODUCT/NG/DEFECT/S0001 with views of a specimen, and a split in realiad_jsons/.../PRODUCT.json."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.paths import subfolders
from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import holds_product, pictures_in, product
from flawsmith.formats.labelled import Labelled
from flawsmith.formats.mask_files import by_stem, entry, masked, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import plain_parts
from flawsmith.formats.registry import Format

_NORMAL, _DEFECT, _SPECIMEN, _MASK = "OK", "NG", re.compile(r"S\d+"), "_mask"
_SIZES = ("realiad_1024", "realiad_512", "realiad_256")  # folders of the same pictures in several sizes
_LISTS = ("realiad_jsons/realiad_jsons", "realiad_jsons", "realiad_jsons/realiad_jsons_sv", "realiad_jsons_sv")


def recognise(files: Files) -> str | None:
    """Return which folder has specimens' folders in OK and NG, or whether a file is a product's list."""
    if files.only:
        return "it lists pictures with image_path and anomaly_class" if _is_list(files) else None
    found = next((found for folder in _inside(files.root) if (found := holds_product(Files(folder), _is_one))), None)
    return f"there are folders {_NORMAL} and {_DEFECT} of specimens in {found}" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a product's folder; the pictures of a specimen stay together, normals of its split's test are held out."""
    if files.only:
        listed: Path | None = files.only
        root = _pictures_of(files)
    else:
        folder = next((folder for folder in _inside(files.root) if holds_product(Files(folder), _is_one)), files.root)
        root = product(Files(folder), _is_one).root
        listed = _list_of(root)
    told = Scan(root)
    parts = _parts(Files(listed), told) if listed else {}
    return read_masks(Files(root), options, _labelled(root, parts, options, told), told)


def _labelled(root: Path, parts: dict[tuple[str, ...], str], options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    """Yield the pictures of all specimens; where there is a split, those that are in it."""

    def part(picture: Path) -> str | None:
        return parts.get(picture.relative_to(root).parts) if parts else ""

    for specimen in subfolders(root / _NORMAL):
        for picture in pictures_in(specimen, told):
            if (own := part(picture)) is not None:
                yield entry(told, picture, specimen, part=own, group=told.name(specimen))
    for kind in subfolders(root / _DEFECT):
        for specimen in subfolders(kind):
            files = pictures_in(specimen, told)
            pictures = by_stem((p for p in files if not p.stem.endswith(_MASK) and part(p) is not None), told)
            masks = by_stem((p for p in files if p.stem.endswith(_MASK)), told, _MASK)
            masks = {stem: mask for stem, mask in masks.items() if not parts or stem in pictures}
            for picture, mask in masked(pictures, masks, told, f"<picture>{_MASK}.png"):
                yield entry(told, picture, mask.path, objects(mask, False, kind.name, options), part(picture) or "", told.name(specimen))


def _parts(files: Files, told: Scan) -> dict[tuple[str, ...], str]:
    """Return train or test by a picture's path, in parts. Raises FileError for what is no list of Real-IAD."""
    assert files.only is not None
    tree = files.json(files.only)
    if not _is_tree(tree):
        raise FileError(files.only, "is no list of Real-IAD; expected train and test with image_path and anomaly_class. Copy it again.")
    found: dict[tuple[str, ...], str] = {}
    for part in ("train", "test"):
        for row in tree.get(part, []):
            if not isinstance(row, dict) or not isinstance(row.get("image_path"), str):
                raise FileError(files.only, f"{part} holds {str(row)[:40]!r}; expected objects with image_path. Copy it again.")
            path = plain_parts(row["image_path"])
            start = next((i for i, name in enumerate(path) if name in (_NORMAL, _DEFECT)), 0)  # some lists begin with the product
            found[path[start:]] = part
    gone = [path for path in found if not os.path.exists(told.root.joinpath(*path))]
    if gone:
        told.notes.append(f"{files.only.name}: pictures that it names and that are not there: {len(gone)} ({'/'.join(gone[0])}, ...).")
    told.notes.append(f"{files.only.name}: its {len(found)} pictures are used, in its split.")
    return found


def _list_of(root: Path) -> Path | None:
    """Return a product's list where it lies as in the data set's archive: two folders up, or beside."""
    places = [root.parent, root.parent.parent, root]
    return next((p for place in places for name in ("", *_LISTS) if (p := place / name / f"{root.name}.json").is_file()), None)


def _pictures_of(files: Files) -> Path:
    """Return the folder of a list's product. Raises DataError where it is not there."""
    assert files.only is not None
    name, near = files.only.stem, [files.root, *files.root.parents[:3]]
    found = next((p for place in near for size in ("", *_SIZES) if _is_one(p := place / size / name)), None)
    if found is None:
        raise DataError(f"{files.only}: the pictures of {name} are not there; expected a folder {_SIZES[0]}/{name} beside it. Add it.")
    return found


def _inside(root: Path) -> list[Path]:
    """Return the folder itself, and those in it for the pictures of one size, the largest first."""
    return [root, *(root / size for size in _SIZES if (root / size).is_dir())]


def _is_one(folder: Path) -> bool:
    kinds = [folder / _NORMAL, *subfolders(folder / _DEFECT)]
    return (folder / _DEFECT).is_dir() and any(_SPECIMEN.fullmatch(d.name) for kind in kinds for d in subfolders(kind))


def _is_list(files: Files) -> bool:
    path = files.only
    return path is not None and path.suffix.lower() == ".json" and _is_tree(files.glance(path))


def _is_tree(tree: Any) -> bool:
    """Return whether JSON is what Real-IAD's lists hold."""
    if not isinstance(tree, dict) or not all(isinstance(tree.get(key, []), list) for key in ("train", "test")):
        return False
    rows = [*tree.get("train", [])[:1], *tree.get("test", [])[:1]]
    return bool(rows) and all(isinstance(row, dict) and {"image_path", "anomaly_class"} <= row.keys() for row in rows)


FORMAT = Format("real-iad", "Real-IAD", recognise, read, rank=40)
