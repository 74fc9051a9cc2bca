"""The products below a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import DataError, FlawsmithError
from flawsmith.core.folders import MARKER
from flawsmith.core.paths import relative, subfolders
from flawsmith.formats.files import Files
from flawsmith.formats.reading import read
from flawsmith.formats.registry import formats

DEEPEST = 4  # folders below the root that are looked into
NONE = 1000  # above the rank of every format


@dataclass(frozen=True)
class Product:
    """A folder of labelled pictures of one product."""

    name: str  # as seen from the root, with "/"
    data: Path
    defects: tuple[str, ...] = ()
    problem: str = ""  # why nothing can be learned from it


def find_products(root: Path) -> list[Product]:
    """Return the products below a folder, by name: the uppermost folders in a label format, be it the folder itself.

    What flawsmith wrote is no product. Raises DataError where there is none.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; expected one with a folder for each product.")
    folders = list(_folders(root, DEEPEST))
    if not folders:
        raise DataError(f"{root}: no folder in it is in a known layout; `flawsmith check FOLDER` says what is expected of one.")
    return [_product(root, folder) for folder in folders]


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """Yield a folder, or those below it, that a format recognises, unless something in it is surer to be a product."""
    if (folder / MARKER).exists():
        return
    inside, rank = subfolders(folder), _rank(folder)
    if rank < NONE and all(_rank(each) >= rank for each in inside):
        yield folder
    elif depth:
        for each in inside:
            yield from _folders(each, depth - 1)


def _rank(folder: Path) -> int:
    """Return the least rank of the formats that recognise a folder: the less, the surer; NONE where none does."""
    files = Files(folder)
    try:
        return min((one.rank for one in formats() if one.recognise(files)), default=NONE)
    except DataError:
        return NONE


def _product(root: Path, folder: Path) -> Product:
    name = root.resolve().name if folder == root else relative(folder, root)
    try:
        found = read(folder)
        found.require()
    except FlawsmithError as error:
        return Product(name, folder, problem=str(error))
    return Product(name, folder, tuple(sorted(name for name, items in found.defects.items() if items)))
