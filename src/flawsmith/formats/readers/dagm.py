"""DAGM 2007: Train and Test with pictures, and in Label a coarse ellipse around each defect, 0576_label.PNG; the others are normals."""

import re
from collections.abc import Iterator
from pathlib import Path

from flawsmith.core.paths import entries, subfolders
from flawsmith.core.text import normal_form
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files, read_label_text
from flawsmith.formats.folders import holds_product, product
from flawsmith.formats.labelled import NAMELESS, Labelled
from flawsmith.formats.mask_files import by_stem, entry, masked, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format
from flawsmith.images.files import SUFFIXES

_LABEL, _LISTED = "_label", re.compile(r"(\S+)_label\.png", re.IGNORECASE)


def recognise(files: Files) -> str | None:
    """Return which folder has masks in Train/Label or Test/Label."""
    found = holds_product(files, lambda folder: bool(_parts(folder)))
    return f"there are masks in {found}/{'Train'}/Label or Test/Label" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a texture's folder; normals of the test are held out."""
    files = product(files, lambda folder: bool(_parts(folder)))
    told = Scan(files.root)
    told.notes.append("DAGM marks a defect by an ellipse around it: its masks hold more than the defect.")
    return read_masks(files, options, _labelled(files.root, options, told), told)


def _labelled(root: Path, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    for part, labels in _parts(root):
        pictures = by_stem(_pictures(part), told)
        masks = by_stem((p for p in _pictures(labels) if p.stem.endswith(_LABEL)), told, _LABEL)
        gone = {normal_form(stem) for list_ in entries(labels) for stem in _listed(list_)} - masks.keys()
        for stem in sorted(gone & pictures.keys()):
            message = f"is listed with a mask, {stem}{_LABEL}.PNG, that is not there. Add it, or remove the picture."
            told.problems.append(Problem(told.name(pictures[stem]), message))
        for stem, picture in pictures.items():
            if stem not in masks and stem not in gone:
                yield entry(told, picture, part, part=part.name)
        for picture, mask in masked(pictures, masks, told):
            yield entry(told, picture, mask.path, objects(mask, False, NAMELESS, options), part=part.name)


def _parts(folder: Path) -> list[tuple[Path, Path]]:
    """Return the folders of pictures with those of their masks."""
    parts = [d for d in subfolders(folder) if d.name.casefold() in ("train", "test")]
    both = [(part, labels) for part in parts for labels in subfolders(part) if labels.name.casefold() == "label"]
    masks = any(p.stem.endswith(_LABEL) for _, labels in both for p in entries(labels))
    return both if masks else []


def _pictures(folder: Path) -> list[Path]:
    return [p for p in entries(folder) if p.suffix.lower() in SUFFIXES]


def _listed(path: Path) -> list[str]:
    """Return the pictures that a list says have a mask; none for what is no list."""
    return _LISTED.findall(read_label_text(path)) if path.suffix.lower() == ".txt" else []


FORMAT = Format("dagm", "DAGM 2007", recognise, read, rank=40)
