"""KolektorSDD: a folder kos01 for each specimen, with Part0.jpg and Part0_label.bmp; a label that is all black is a normal's."""

import re
from collections.abc import Iterator
from pathlib import Path

from flawsmith.core.paths import entries, subfolders
from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import pictures_in
from flawsmith.formats.labelled import NAMELESS, Labelled
from flawsmith.formats.mask_files import by_stem, entry, masked, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format

_SPECIMEN, _LABEL = re.compile(r"kos\d+", re.IGNORECASE), "_label"


def recognise(files: Files) -> str | None:
    """Return which specimen's folder has a label beside its pictures."""
    if files.only:
        return None
    return next((f"{folder.name} has pictures with {_LABEL} in their names" for folder in _specimens(files.root)), None)


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in the specimens' folders; pictures of one specimen stay together."""
    told = Scan(files.root)
    return read_masks(files, options, _labelled(files.root, options, told), told)


def _labelled(root: Path, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    for folder in _specimens(root):
        files = pictures_in(folder, told)
        pictures = by_stem((p for p in files if not p.stem.endswith(_LABEL)), told)
        masks = by_stem((p for p in files if p.stem.endswith(_LABEL)), told, _LABEL)
        for picture, mask in masked(pictures, masks, told, f"<picture>{_LABEL}.bmp"):
            yield entry(told, picture, mask.path, objects(mask, False, NAMELESS, options), group=folder.name)


def _specimens(root: Path) -> list[Path]:
    return [d for d in subfolders(root) if _SPECIMEN.fullmatch(d.name) and any(p.stem.endswith(_LABEL) for p in entries(d))]


FORMAT = Format("kolektor", "KolektorSDD", recognise, read, rank=40)
