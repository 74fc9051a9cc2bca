"""KolektorSDD2: train and test with 10000.png and 10000_GT.png for every picture; a mask that is all black is a normal's."""

import re
from collections.abc import Iterator
from pathlib import Path

from flawsmith.core.paths import entries
from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import pictures_in
from flawsmith.formats.labelled import NAMELESS, Labelled
from flawsmith.formats.mask_files import by_stem, entry, masked, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format

_PARTS, _MASK, _COPY = ("train", "test"), "_GT", re.compile(r"\(copy\)$", re.IGNORECASE)
_MASK_NAME = re.compile(rf"\d+{_MASK}\.(png|bmp|tiff?)", re.IGNORECASE)


def recognise(files: Files) -> str | None:
    """Return in which folder there are masks called by a number and _GT."""
    if files.only:
        return None
    return next((f"{folder.name} has masks called {name}" for folder in _folders(files.root) if (name := _mask_name(folder))), None)


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in the two folders; normals of the test are held out. What the archive holds twice is left out."""
    told = Scan(files.root)
    return read_masks(files, options, _labelled(files.root, options, told), told)


def _labelled(root: Path, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    for folder in _folders(root):
        files = pictures_in(folder, told)
        if copies := [p for p in files if _COPY.search(p.stem)]:
            told.notes.append(f"{', '.join(map(told.name, copies))}: left out as copies.")
        pictures = by_stem((p for p in files if p not in copies and not p.stem.endswith(_MASK)), told)
        masks = by_stem((p for p in files if p not in copies and p.stem.endswith(_MASK)), told, _MASK)
        for picture, mask in masked(pictures, masks, told, f"<picture>{_MASK}.png"):
            yield entry(told, picture, mask.path, objects(mask, False, NAMELESS, options), part=folder.name)


def _folders(root: Path) -> list[Path]:
    """Return the two folders, or the root where it is one of them."""
    inside = [root / part for part in _PARTS if _mask_name(root / part)]
    return inside or ([root] if _mask_name(root) else [])


def _mask_name(folder: Path) -> str:
    return next((p.name for p in entries(folder) if _MASK_NAME.fullmatch(p.name)), "")


FORMAT = Format("ksdd2", "KolektorSDD2", recognise, read, rank=40)
