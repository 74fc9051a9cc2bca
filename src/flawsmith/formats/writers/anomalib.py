"""anomalib's Folder: normal, normal_test and abnormal, with masks that lie and sort as their pictures do."""

from collections.abc import Iterable, Iterator

from flawsmith.formats.writers.names import folder_names
from flawsmith.formats.writers.pictures import PNG, put_picture
from flawsmith.formats.writers.registry import Writer, nothing_more
from flawsmith.formats.writers.row import SEVERAL, TRAIN, Entry, Place, Row
from flawsmith.images.files import write_mask


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


WRITER = Writer(
    "anomalib",
    "anomalib's Folder: normal, normal_test, abnormal, mask",
    exact=True,
    write=write,
    finish=nothing_more,
    classes=False,
    use="""\
from anomalib.data import Folder
data = Folder(
    name="{name}", root="{folder}", normal_dir="normal", abnormal_dir="abnormal", mask_dir="mask",
    normal_test_dir="normal_test",  # leave out where there is no such folder
)""",
)
