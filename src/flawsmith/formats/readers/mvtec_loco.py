"""MVTec LOCO and AutoVI: several masks a picture, ground_truth/KIND/PICTURE/000.png, whose one value says the type of the defect."""

from collections.abc import Iterator
from pathlib import Path

from flawsmith.core.errors import FileError
from flawsmith.core.paths import entries, subfolders
from flawsmith.core.text import normal_form
from flawsmith.dataset.sample import GOOD
from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import holds_product, pictures_in, product
from flawsmith.formats.labelled import Labelled, Object
from flawsmith.formats.mask_files import Held, alone, entry, lacking, look_at, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format
from flawsmith.formats.shapes import MaskFile

_TYPES = "defects_config.json"  # what the values mean


def recognise(files: Files) -> str | None:
    """Return which folder has masks in folders called as pictures are."""
    found = holds_product(files, _is_one)
    return f"each picture has a folder of masks in {found}/ground_truth" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a product's folder: defects by their types, or by their folders where nothing says the types."""
    files = product(files, _is_one)
    told = Scan(files.root)
    types = _types(files, told)
    return read_masks(files, options, _labelled(files.root, types, told), told)


def _labelled(root: Path, types: dict[int, str], told: Scan) -> Iterator[Labelled]:
    for part in ("train", "validation", "test"):
        for picture in pictures_in(root / part / GOOD, told):
            yield entry(told, picture, picture.parent, part=part)
    for folder in subfolders(root / "test"):
        if folder.name == GOOD:
            continue
        own = {normal_form(d.name): d for d in subfolders(root / "ground_truth" / folder.name)}
        for picture in pictures_in(folder, told):
            masks = own.pop(normal_form(picture.stem), None)
            several = look_at(pictures_in(masks, told), told) if masks else {}
            if not several:
                lacking(told, [picture], f"ground_truth/{folder.name}/{picture.stem}/000.png")
            for path, mask in several.items():
                yield entry(told, picture, path, _objects(mask, folder.name, types), "test")
        alone(told, own.values())


def _objects(mask: Held, kind: str, types: dict[int, str]) -> list[Object]:
    return [Object(types.get(value, kind), MaskFile(mask.path, code=value, colours=mask.colours)) for value in mask.marked]


def _types(files: Files, told: Scan) -> dict[int, str]:
    """Return the types of defects by the value of their masks. Raises FileError for a list that cannot be understood."""
    path = files.root / _TYPES
    if not path.is_file():
        told.notes.append(f"{_TYPES} is not there: defects are called as their folders are.")
        return {}
    rows = files.json(path)
    try:
        types = {int(row["pixel_value"]): str(row["defect_name"]) for row in rows}
    except (TypeError, KeyError, ValueError, OverflowError):
        raise FileError(path, "holds no list of defect_name and pixel_value, as MVTec LOCO has it. Copy it again, or remove it.") from None
    if any(isinstance(row, dict) and "saturation_threshold" in row for row in rows):
        told.notes.append(
            f"{_TYPES}: a defect counts as found when less than its mask is (its saturation threshold); masks are taken whole."
        )
    return types


def _is_one(folder: Path) -> bool:
    for kind in subfolders(folder / "ground_truth"):
        stems = {picture.stem for picture in entries(folder / "test" / kind.name)}
        if any(masks.name in stems for masks in subfolders(kind)):
            return True
    return False


FORMAT = Format("mvtec-loco", "MVTec LOCO or AutoVI", recognise, read, rank=40)
