"""Regions painted on normals: PROJECT/regions holds a mask for each, and beside it which picture it belongs to."""

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from flawsmith.core.errors import DataError
from flawsmith.core.files import read_json, write_json
from flawsmith.images.files import image_size, write_mask
from flawsmith.studio import listing
from flawsmith.studio.project import Project

FOLDER = "regions"


def save(project: Project, name: str, mask: np.ndarray) -> int:
    """Keep the region (H, W) bool of a normal, and return its pixels; an empty one takes the normal's region away.

    Raises DataError for a mask of another size than its picture, a 404 as `listing.picture_of` does.
    """
    path = listing.picture_of(project, name)
    if mask.shape != (size := image_size(path)):
        raise DataError(f"The region is {mask.shape[1]} x {mask.shape[0]}, but {name} is {size[1]} x {size[0]}; load the page again.")
    file, area = _file(project, name), int(mask.sum())
    if area:
        write_mask(file, mask)
        write_json(file.with_suffix(".json"), {"picture": name, "area": area})
    else:
        for one in (file.with_suffix(".json"), file):
            one.unlink(missing_ok=True)
    return area


def region_of(project: Project, name: str) -> Path | None:
    """Return the file of a normal's region; None where it has none."""
    path = _file(project, name)
    return path if path.is_file() else None


def regions(project: Project) -> dict[str, int]:
    """Return the pixels of each region by its normal's name; what is damaged is left out."""
    found = {}
    for path in (project.folder / FOLDER).glob("*.json"):
        with suppress(DataError, KeyError, TypeError, ValueError):
            said = read_json(path)
            found[str(said["picture"])] = int(said["area"])
    return dict(sorted(found.items()))


def _file(project: Project, name: str) -> Path:
    return project.folder / FOLDER / f"{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}.png"
