"""From a data folder to a `Dataset`, and from an `Item` to a `Sample`."""

from pathlib import Path

from flawsmith.core.errors import DataError, FileError
from flawsmith.dataset.sample import GOOD, Dataset, Item, Sample
from flawsmith.formats.scan import Scan, scan
from flawsmith.images.files import orientation, read_image, read_mask


def read(path: Path | str) -> Dataset:
    """Return what a data folder holds; the pictures themselves are not decoded.

    path: a folder in the MVTec AD layout, a folder with a flawsmith.yaml, or such a YAML file.
    Raises DataError when there is no such folder, no normals or no defects, and when pictures and masks do not pair up.
    """
    found = scan(path)
    if found.problems:
        raise DataError(_complaint(found, path))

    def item(image: Path, mask: Path | None, defect: str) -> Item:
        return Item(image, mask, defect, found.groups.get(image))

    return Dataset(
        root=found.root,
        normals=tuple(item(image, None, GOOD) for image in found.normals),
        held_out_normals=tuple(item(image, None, GOOD) for image in found.held_out_normals),
        defects={name: tuple(item(image, mask, name) for image, mask in pairs) for name, pairs in found.defects.items()},
    )


def load_sample(item: Item) -> Sample:
    """Return the decoded picture and mask. Raises FileError for a file that cannot be used, or masks of another size or empty."""
    image = read_image(item.image)
    mask = None
    if item.mask is not None:
        mask = read_mask(item.mask)
        trouble = mask_trouble(mask.shape, item.image, image.shape)
        if trouble is None and not mask.any():
            trouble = EMPTY_MASK
        if trouble is not None:
            raise FileError(item.mask, trouble)
    return Sample(image, mask, item.defect, item.group, item.image)


EMPTY_MASK = "is an empty mask: no pixel is marked. Mark the defect, or move the picture to the normals."


def mask_trouble(mask_shape: tuple[int, ...], image: Path, image_shape: tuple[int, ...]) -> str | None:
    """Return what is wrong when a mask's size is not that of its picture, else None."""
    if mask_shape[:2] == image_shape[:2]:
        return None
    turned = " The picture is stored turned (EXIF); draw its mask on the upright picture." if orientation(image) >= 5 else ""
    return f"mask is {_size(mask_shape)} but {image.name} is {_size(image_shape)}; masks must match their image.{turned}"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _complaint(found: Scan, path: Path | str) -> str:
    if len(found.problems) == 1:
        return f"{found.root / found.problems[0].path}: {found.problems[0].message}"
    shown = "\n".join(f"  {problem}" for problem in found.problems[:5])
    more = f"\n  ... and {len(found.problems) - 5} more" if len(found.problems) > 5 else ""
    return f"{found.root}: {len(found.problems)} problems; `flawsmith check {path}` lists every bad file.\n{shown}{more}"
