"""Datumaro's common semantic segmentation: images, masks of the same names, and dataset_meta.json with classes and their colours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flawsmith.core.errors import FileError
from flawsmith.core.text import normal_form
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files
from flawsmith.formats.label_maps import colour_of, from_classes, named_objects
from flawsmith.formats.labelled import Labelled
from flawsmith.formats.mask_files import alone, entry, lacking, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format

_META, _IMAGES, _MASKS = "dataset_meta.json", "images", "masks"


def recognise(files: Files) -> str | None:
    """Return whether there are classes in dataset_meta.json, and a folder of masks."""
    meta = files.root / _META
    if files.only or not meta.is_file() or not any(_MASKS in p.relative_to(files.root).parts[:-1] for p in files.pictures):
        return None
    tree = files.glance(meta)
    return f"{_META} has a label_map, and there is a folder {_MASKS}" if isinstance(tree, dict) and "label_map" in tree else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in the folders."""
    told = Scan(files.root)
    return read_masks(files, options, _labelled(files, told), told)


def _labelled(files: Files, told: Scan) -> Iterator[Labelled]:
    names = _names(files.root / _META, files.json(files.root / _META))
    pictures, masks = (_by_path(files, folder) for folder in (_IMAGES, _MASKS))
    lacking(told, (picture for key, picture in pictures.items() if key not in masks), f"a mask of its name in {_MASKS}")
    alone(told, (mask for key, mask in masks.items() if key not in pictures))
    for key, mask in masks.items():
        if key in pictures:
            try:
                yield entry(told, pictures[key], mask, named_objects(mask, names), part=key.rpartition("/")[0].partition("/")[0])
            except FileError as error:
                told.problems.append(Problem(told.name(mask), error.what))


def _by_path(files: Files, kind: str) -> dict[str, Path]:
    """Return the pictures in folders of a kind by their paths, without that folder and the suffix."""
    found: dict[str, Path] = {}
    for path in files.pictures:
        parts = list(path.relative_to(files.root).with_suffix("").parts)
        if kind in parts[:-1]:
            parts.remove(kind)
            found.setdefault(normal_form("/".join(parts)), path)
    return found


def _names(path: Path, tree: Any) -> dict[str, str]:
    """Return the classes by number and colour; that of the background is one that is none. Raises FileError for what are no classes."""
    try:
        names = [str(tree["label_map"][str(number)]) for number in range(len(tree["label_map"]))]
        colours = [colour_of(colour) for colour in tree.get("segmentation_colors") or [None] * len(names)]
        background = int(tree.get("background_label") or 0)
        if len(colours) != len(names):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        message = 'has no classes that can be used; expected label_map {"0": name, ...} and as many segmentation_colors.'
        raise FileError(path, f"{message} Export it again.") from None
    if 0 <= background < len(names):
        names[background] = "background"
    return from_classes(names, colours)


FORMAT = Format("semantic-masks", "Datumaro's common semantic segmentation", recognise, read, rank=40)
