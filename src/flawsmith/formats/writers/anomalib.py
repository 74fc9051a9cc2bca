"""anomalib's Folder: normal, normal_test and abnormal, with masks that lie and sort as their pictures do."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from flawsmith.core.paths import entries, relative
from flawsmith.formats.writers.names import folder_names
from flawsmith.formats.writers.pictures import PNG, put_picture
from flawsmith.formats.writers.registry import Writer, nothing_more
from flawsmith.formats.writers.row import SEVERAL, TRAIN, Entry, Place, Row
from flawsmith.images.files import read_mask, write_mask


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures and masks of 0 and 255; anomalib learns from normals alone and tests on every defect, whatever its split.

    It gives the first mask to the first picture and so on, each in sorted order, so both have the same names in the same folders.
    """
    names = folder_names((*place.classes, SEVERAL))
    for row in rows:
        if not row.classes:
            yield put_picture(row, place, "normal" if row.split == TRAIN else "normal_test"), {}
            continue
        image = put_picture(row, place, f"abnormal/{names[row.label]}")
        mask = f"mask/{names[row.label]}/{row.name}{PNG}"
        write_mask(place.folder / mask, row.mask())
        yield image, {"mask": mask}


def read(place: Place) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    """Yield pictures with the masks that anomalib gives them: by their place in the sorted lists."""
    for folder in ("normal", "normal_test"):
        yield from ((f"{folder}/{path.name}", {}) for path in entries(place.folder / folder))
    pictures, masks = (sorted(path for path in (place.folder / part).glob("*/*") if path.is_file()) for part in ("abnormal", "mask"))
    for picture, mask in zip(pictures, masks, strict=True):
        yield relative(picture, place.folder), {picture.parent.name: read_mask(mask)}


WRITER = Writer(
    "anomalib",
    "anomalib's Folder: normal, normal_test, abnormal, mask",
    exact=True,
    write=write,
    finish=nothing_more,
    classes=False,
    read=read,
    use="""\
from anomalib.data import Folder
data = Folder(
    name="{name}", root="{folder}", normal_dir="normal", abnormal_dir="abnormal", mask_dir="mask",
    normal_test_dir="normal_test",  # leave out where there is no such folder
)""",
)
