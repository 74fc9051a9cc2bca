"""Pascal VOC: SegmentationClass with masks in a palette or in colours, labelmap.txt and ImageSets, or XML of boxes.

Also what CVAT calls Segmentation mask 1.1, what labelme2voc makes, and the XML of the LabelMe of the web, which CVAT and Datumaro write:
polygons, or the names of mask pictures.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.text import normal_form
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files, read_label_text
from flawsmith.formats.label_maps import Names, named_objects, names_beside
from flawsmith.formats.labelled import Labelled, Object, part_of, stated_size
from flawsmith.formats.mask_files import alone, entry, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import Finder
from flawsmith.formats.registry import Format
from flawsmith.formats.shapes import MaskFile, Shape, Unmarked, box, polygon

_MASKS = ("segmentationclass", "segmentationclasspng", "segmentationclassraw", "segmentationclassaug")  # best first
_NO_PICTURES = "segmentation"  # how folders of masks and of what is made of them begin
_SETS = ("train", "val", "test")


def recognise(files: Files) -> str | None:
    """Return which folder has masks of classes, or which XML file is of the kind."""
    if not files.only and (folders := _mask_folders(files)):
        return f"there is a folder {files.name(folders[0])}"
    return next((f"{files.name(p)} is XML of the kind" for p in files.looked_into(".xml") if _is_annotation(p)), None)


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a folder: a picture without a mask and without labels is a normal."""
    told = Scan(files.root)
    masks = not files.only and bool(_mask_folders(files))
    return read_masks(files, options, _labelled(files, told), told, "masks" if masks else "left out")


def _labelled(files: Files, told: Scan) -> Iterator[Labelled]:
    folders = [] if files.only else _mask_folders(files)
    parts = _parts(files)
    pictures: dict[str, Path] = {}  # by path below the folder of pictures, without the suffix
    stems: dict[str, list[Path]] = {}
    for path in files.pictures if folders else ():
        if not any(folder.casefold().startswith(_NO_PICTURES) for folder in path.relative_to(files.root).parts[:-1]):
            pictures.setdefault(_key(path, _base(path, folders)), path)
            stems.setdefault(normal_form(path.stem), []).append(path)
    seen: set[Path] = set()
    for folder in folders:
        names = names_beside(folder.parent) or names_beside(files.root)
        if not names:
            told.notes.append(f"{files.name(folder)}: no labelmap.txt beside it; classes are called by their numbers.")
        for mask in (p for p in files.pictures if folder in p.parents):
            key = normal_form(mask.relative_to(folder).with_suffix("").as_posix())
            picture = pictures.get(key)
            if picture is None:
                same = stems.get(normal_form(mask.stem), [])
                picture = same[0] if len(same) == 1 else None
            if picture is None:
                alone(told, [mask])
                continue
            seen.add(picture)
            yield from _masked(picture, mask, names, parts.get(key) or parts.get(key.rpartition("/")[2], ""), told)
    masked, boxed, finder = {normal_form(picture.stem) for picture in seen}, set(), Finder(files)
    for path in files.of(".xml"):
        tree = _parsed(path)
        if tree.tag == "annotation" and normal_form(path.stem) not in masked:
            boxed.add(normal_form(path.stem))
            yield _annotation(path, tree, part_of(files.name(path)), finder)
    for key, picture in pictures.items():
        if picture not in seen and normal_form(picture.stem) not in masked | boxed:
            yield entry(told, picture, picture.parent, part=parts.get(key) or parts.get(key.rpartition("/")[2], ""))


def _masked(picture: Path, mask: Path, names: Names, part: str, told: Scan) -> Iterator[Labelled]:
    try:
        yield entry(told, picture, mask, named_objects(mask, names), part)
    except FileError as error:
        told.problems.append(Problem(told.name(mask), error.what))


def _annotation(path: Path, tree: Element, part: str | None, finder: Finder) -> Labelled:
    """Return what an XML file says. Raises FileError for a polygon that is none, and for a mask that is not there."""
    pairs = (("size/height", "size/width"), ("imagesize/nrows", "imagesize/ncols"))
    size = next((size for pair in pairs if (size := stated_size(*map(tree.findtext, pair)))), None)
    try:
        drawn = [one for one in tree.iter("object") if one.findtext("deleted", "0").strip() != "1"]
        objects = tuple(Object((one.findtext("name") or "").strip(), _shape(one, path, part, finder)) for one in drawn)
    except (ValueError, DataError) as error:
        raise FileError(path, f"{error}. Correct or remove it.") from error
    return Labelled(tree.findtext("filename") or path.stem, path, objects, size, part=part)


def _shape(one: Element, path: Path, part: str | None, finder: Finder) -> Shape | Unmarked:
    """Return a polygon, as Roboflow (x1, y1, x2, ...) and the LabelMe of the web (pt) write it, a mask picture, or that it is a box."""
    if mask := (one.findtext("segm/mask") or "").strip():
        return MaskFile(finder.find(mask, path.parent, part))
    found = one.find("polygon")
    if found is None:
        return box(*(one.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")))
    points: list[Any] = [[pt.findtext("x"), pt.findtext("y")] for pt in found.iter("pt")]
    if not points:
        values = {child.tag: child.text for child in found}
        numbers = sorted(int(tag[1:]) for tag in values if tag[:1] == "x" and tag[1:].isdecimal() and len(tag) < 8)
        points = [[values[f"x{n}"], values.get(f"y{n}")] for n in numbers]
    return polygon(points)


def _mask_folders(files: Files) -> list[Path]:
    """Return the best folder of masks of each folder that has one."""
    found: dict[Path, Path] = {}
    holders = dict.fromkeys(path.parent for path in files.pictures)
    for folder in dict.fromkeys(folder for holder in holders for folder in (holder, *holder.parents) if files.root in folder.parents):
        name = folder.name.casefold()
        if name in _MASKS and (folder.parent not in found or _MASKS.index(name) < _MASKS.index(found[folder.parent].name.casefold())):
            found[folder.parent] = folder
    return list(found.values())


def _base(picture: Path, folders: Iterable[Path]) -> Path:
    """Return the folder of pictures that a picture is in: what lies beside the folder of masks."""
    base = next((folder.parent for folder in folders if folder.parent in picture.parents), picture.parent)
    return base / picture.relative_to(base).parts[0] if len(picture.relative_to(base).parts) > 1 else base


def _key(picture: Path, base: Path) -> str:
    return normal_form(picture.relative_to(base).with_suffix("").as_posix())


def _parts(files: Files) -> dict[str, str]:
    """Return train, val or test by a picture's path, as the lists in ImageSets say."""
    found: dict[str, str] = {}
    for path in files.of(".txt"):
        if path.stem.casefold() in _SETS and any(parent.name.casefold() == "imagesets" for parent in path.parents):
            for line in read_label_text(path).splitlines():
                if line.strip():
                    found.setdefault(normal_form(PurePosixPath(line.strip().replace("\\", "/")).as_posix()), path.stem.casefold())
    return found


def _is_annotation(path: Path) -> bool:
    try:
        return _parsed(path).tag == "annotation"
    except FileError:
        return False


def _parsed(path: Path) -> Element:
    """Return an XML file's root. Raises FileError for what is none, and for one with entities, which may unfold without end."""
    try:
        return fromstring(read_label_text(path))
    except (ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise FileError(path, f"is no XML that can be used ({error}). Export it again, or remove it.") from error


FORMAT = Format("voc", "Pascal VOC", recognise, read, rank=45)
