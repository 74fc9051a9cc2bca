"""VisA: PRODUCT/Data/Images/{Normal,Anomaly}, PRODUCT/Data/Masks/Anomaly with the numbers of classes as values, and split_csv/1cls.csv."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.opening import open_plain
from flawsmith.core.text import normal_form
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files, read_label_text
from flawsmith.formats.folders import holds_product, pictures_in, product
from flawsmith.formats.labelled import NAMELESS, Labelled
from flawsmith.formats.mask_files import by_stem, entry, masked, names_by_kinds, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format
from flawsmith.formats.visa_classes import class_names

_SPLITS = ("1cls.csv", "2cls_highshot.csv", "2cls_fewshot.csv")  # in split_csv, beside the products; the first that is there
_KINDS = "image_anno.csv"  # in the product's folder: the kinds of anomalies in each picture
_COLUMNS = ["object", "split", "label", "image", "mask"]


def recognise(files: Files) -> str | None:
    """Return which folder has pictures in Data/Images, or which table is a split of VisA."""
    if found := holds_product(files, _is_one):
        return f"there is a folder Data/Images in {found}"
    return next((f"{files.name(p)} has the columns {','.join(_COLUMNS)}" for p in files.looked_into(".csv") if _is_split(p)), None)


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a product's folder; the normals of the test of its split are held out."""
    if not holds_product(files, _is_one):
        message = "holds a split of VisA and no product with its pictures; expected PRODUCT/Data/Images/Normal and Anomaly. Add them."
        raise DataError(f"{files.root}: {message}")
    files = product(files, _is_one)
    told = Scan(files.root)
    return read_masks(files, options, _labelled(files.root, options, told), told)


def _labelled(root: Path, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    images = root / "Data/Images"
    parts = _parts(root, told)
    for picture in pictures_in(images / "Normal", told):
        yield entry(told, picture, picture.parent, part=parts.get(_key(picture), ""))
    pictures = by_stem(pictures_in(images / "Anomaly", told), told)
    masks = by_stem(pictures_in(root / "Data/Masks/Anomaly", told), told)
    held = list(masked(pictures, masks, told, "a mask of its name in Data/Masks/Anomaly"))
    kinds = _kinds(root)
    names, own = names_by_kinds([(mask, kinds.get(_key(picture), [])) for picture, mask in held]), class_names(root.name)
    values = {str(value) for _, mask in held for value in mask.marked}
    if values - names.keys() and values <= own.keys():
        told.notes.append(f"what the numbers in masks of {root.name} stand for is taken from the table of VisA's authors.")
        names = own
    several = bool(names) or len(values) > 1
    if several and not names:
        told.notes.append(f"{_KINDS} is not there: defects are called by the numbers in their masks; --classes gives them names.")
    for picture, mask in held:
        yield entry(told, picture, mask.path, objects(mask, several, NAMELESS, options, names), parts.get(_key(picture), ""))


def _kinds(root: Path) -> dict[str, list[str]]:
    """Return the kinds of anomalies by picture."""
    path = root / _KINDS
    rows = _rows(path) if path.is_file() else []
    return {
        _key(Path(row["image"])): [kind.strip() for kind in row["label"].split(",") if kind.strip()]
        for row in rows
        if row.get("image") and row.get("label")
    }


def _parts(root: Path, told: Scan) -> dict[str, str]:
    """Return train or test by picture, from a split beside the products or in the product's folder."""
    path = next((p for folder in (root, root.parent) for name in _SPLITS if (p := folder / "split_csv" / name).is_file()), None)
    if path is None:
        return {}
    rows = [row for row in _rows(path) if row.get("object") == root.name and row.get("image")]
    told.notes.append(f"split_csv/{path.name}: {len(rows)} pictures of {root.name} are in its split; normals of its test are held out.")
    if gone := [row["image"] for row in rows if not os.path.isfile(root.parent / row["image"])]:
        told.warnings.append(
            Problem(f"split_csv/{path.name}", f"pictures that it names and that are not there: {len(gone)} ({gone[0]}, ...).")
        )
    return {_key(Path(row["image"])): row.get("split") or "" for row in rows}


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return list(csv.DictReader(io.StringIO(read_label_text(path))))
    except csv.Error as error:
        raise FileError(path, f"is no CSV ({error}). Copy it again.") from error


def _key(picture: Path) -> str:
    """Return what tells a picture of a product: its folder, Normal or Anomaly, and its name."""
    return normal_form("/".join(picture.parts[-2:]))


def _is_one(folder: Path) -> bool:
    return (folder / "Data/Images").is_dir()


def _is_split(path: Path) -> bool:
    try:
        with open_plain(path) as stream:
            return stream.readline(200).decode("utf-8-sig").strip().split(",") == _COLUMNS
    except (OSError, UnicodeDecodeError):
        return False


FORMAT = Format("visa", "VisA", recognise, read, rank=40)
