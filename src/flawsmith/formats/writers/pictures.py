"""The picture of a row in the folder of an export: copied as it is, linked, marked, or made upright."""

import os
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from flawsmith.core.files import write_bytes
from flawsmith.formats.writers.marker import with_marker
from flawsmith.formats.writers.row import Place, Row
from flawsmith.images.files import SUFFIXES, check_picture, orientation, read_image, read_pitch, type_of, write_image

PNG = ".png"


def put_picture(row: Row, place: Place, folder: str, suffixes: Collection[str] = tuple(SUFFIXES)) -> str:
    """Put a row's picture into `folder` of the export; returns its path there with "/".

    suffixes: that the format's readers look for; another picture becomes a PNG. One that its EXIF data turns becomes an upright PNG, as
    readers differ in whether they turn it, and the masks are upright.
    """
    path = row.picture
    suffix = path.suffix.lower()
    real = not row.synthetic
    if suffix not in suffixes or (real and orientation(path) != 1):
        target = place.folder / folder / f"{row.name}{PNG}"
        write_image(target, read_image(path), read_pitch(path))
        place.tell("pictures written anew as PNG, upright and without loss")
        return f"{folder}/{target.name}"
    target = place.folder / folder / f"{row.name}{suffix}"
    if place.options.link and _linked(path, target):
        check_picture(path)
        return f"{folder}/{target.name}"
    if place.options.link:
        place.tell("pictures copied, as this file system makes no hard links to them")
    place.later(partial(_copy, path, target, _marked(row, place)))
    return f"{folder}/{target.name}"


def content(row: Row, place: Place) -> bytes:
    """Return the file of a row's picture, with a marker where it is synthetic and one is wanted."""
    check_picture(row.picture)
    found = row.picture.read_bytes()
    return with_marker(found) if _marked(row, place) else found


def _marked(row: Row, place: Place) -> bool:
    return row.synthetic and place.options.marker and type_of(row.picture) == "PNG"


def _copy(source: Path, target: Path, marked: bool) -> None:
    """Copy a picture; its folder is settled when the rows that it belongs to are noted."""
    check_picture(source)
    found = source.read_bytes()
    write_bytes(target, with_marker(found) if marked else found, settled=False)


def _linked(source: Path, target: Path) -> bool:
    """Return whether `target` is now another name of `source`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if target.samefile(source):
            return True  # of an export that was interrupted
        target.unlink()
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        return False
    return True
