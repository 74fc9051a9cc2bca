"""MVTec AD: good pictures in train/good and test/good, defects by class in test, their masks in ground_truth."""

from collections.abc import Iterable, Iterator

from flawsmith.formats.writers.names import folder_names
from flawsmith.formats.writers.pictures import PNG, put_picture
from flawsmith.formats.writers.registry import Writer, nothing_more
from flawsmith.formats.writers.row import NORMAL, SEVERAL, TRAIN, Entry, Place, Row
from flawsmith.images.files import write_mask


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures and masks of 0 and 255; all defects are in test, as the layout has no other place for them."""
    names = folder_names((*place.classes, SEVERAL), taken=(NORMAL,))
    for row in rows:
        if not row.classes:
            yield put_picture(row, place, f"{'train' if row.split == TRAIN else 'test'}/{NORMAL}", (PNG,)), {}
            continue
        image = put_picture(row, place, f"test/{names[row.label]}", (PNG,))
        mask = f"ground_truth/{names[row.label]}/{row.name}_mask{PNG}"
        write_mask(place.folder / mask, row.mask())
        yield image, {"mask": mask}


WRITER = Writer(
    "mvtec",
    "MVTec AD layout: train/good, test/DEFECT, ground_truth/DEFECT",
    exact=True,
    write=write,
    finish=nothing_more,
    classes=False,
    use="""\
from anomalib.data import MVTecAD
data = MVTecAD(root="{parent}", category="{name}")""",
)
