"""Magnetic-Tile defects: MT_Blowhole/Imgs with a picture .jpg and its mask .png of the same name; MT_Free are normals."""

from collections.abc import Iterator
from pathlib import Path

from flawsmith.core.paths import subfolders
from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import pictures_in
from flawsmith.formats.labelled import Labelled, Object
from flawsmith.formats.mask_files import by_stem, entry, marks_nothing, masked, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format
from flawsmith.formats.shapes import MaskFile

_KIND, _NORMAL, _MASK = "mt_", "free", ".png"


def recognise(files: Files) -> str | None:
    """Return which folders have the names of this data set's."""
    if files.only:
        return None
    found = [folder.parent.name for folder in _folders(files.root)]
    return f"there are folders {', '.join(found)} with Imgs" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in the folders; greys at the border of a mask count from the middle, as its authors drew them smooth."""
    told = Scan(files.root)
    told.notes.append("The same tile is there under several exposures and no name says which: groups.csv may.")
    return read_masks(files, options, _labelled(files.root, options, told), told)


def _labelled(root: Path, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    empty = 0
    rule = "high" if options.mask_values == "auto" else options.mask_values
    for folder in _folders(root):
        name = folder.parent.name[len(_KIND) :].casefold()
        files = pictures_in(folder, told)
        pictures = by_stem((p for p in files if p.suffix.lower() != _MASK), told)
        if name == _NORMAL:
            yield from (entry(told, picture, folder) for picture in pictures.values())
            continue
        masks = by_stem((p for p in files if p.suffix.lower() == _MASK), told)
        for picture, mask in masked(pictures, masks, told, "<picture>.png"):
            if marks_nothing(mask, rule):
                empty += 1
                told.lone_images.append(picture)
            else:
                yield entry(told, picture, mask.path, [Object(name, MaskFile(mask.path, rule))])
    if empty:
        told.notes.append(f"pictures of a defect whose mask marks nothing: {empty}, left out: they are neither normals nor defects.")


def _folders(root: Path) -> list[Path]:
    """Return the folders Imgs of the kinds in a folder, or in the only folder in it: what GitHub packs is in one."""
    inside = subfolders(root)
    if len(inside) == 1 and not inside[0].name.casefold().startswith(_KIND):
        inside = subfolders(inside[0])
    kinds = [folder for folder in inside if folder.name.casefold().startswith(_KIND)]
    return [folder for kind in kinds for folder in subfolders(kind) if folder.name.casefold() == "imgs"]


FORMAT = Format("magnetic-tile", "Magnetic-Tile defects", recognise, read, rank=40)
