"""The products below a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import DataError, FlawsmithError
from flawsmith.core.folders import MARKER
from flawsmith.core.paths import relative, subfolders
from flawsmith.formats.reading import read
from flawsmith.formats.registry import recognised

DEEPEST = 4  # folders below the root that are looked into


@dataclass(frozen=True)
class Product:
    """A folder of labelled pictures of one product."""

    name: str  # as seen from the root, with "/"
    data: Path
    defects: tuple[str, ...] = ()
    problem: str = ""  # why nothing can be learned from it


def find_products(root: Path) -> list[Product]:
    """Return the products below a folder, by name: the uppermost folders that are in a label format, or the folder itself.

    What flawsmith wrote is no product. Raises DataError where there is none.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; expected one with a folder for each product.")
    folders = list(_folders(root, DEEPEST)) or ([root] if recognised(root) else [])
    if not folders:
        raise DataError(f"{root}: no folder in it is in a known layout; `flawsmith check FOLDER` says what is expected of one.")
    return [_product(root, folder) for folder in folders]


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    for inner in subfolders(folder):
        if (inner / MARKER).exists():
            continue
        if recognised(inner):
            yield inner
        elif depth > 1:
            yield from _folders(inner, depth - 1)


def _product(root: Path, folder: Path) -> Product:
    name = root.resolve().name if folder == root else relative(folder, root)
    try:
        found = read(folder)
        found.require()
    except FlawsmithError as error:
        return Product(name, folder, problem=str(error))
    return Product(name, folder, tuple(sorted(name for name, items in found.defects.items() if items)))
