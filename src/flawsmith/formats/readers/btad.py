"""BTAD: train/ok, test/ok, test/ko and ground_truth/ko, whose masks are called as their pictures are; .bmp and .png by turns."""

from pathlib import Path

from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import DEFAULT_PATTERNS, DefectFolders, Folders, holds_product, product, scan_folders
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format

_NORMAL, _DEFECT = "ok", "ko"


def recognise(files: Files) -> str | None:
    """Return which folder has pictures in test/ko or masks of them."""
    found = holds_product(files, _is_one)
    return f"there are folders train/{_NORMAL} and test/{_DEFECT} in {found}" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a product's folder."""
    root = product(files, _is_one).root
    test = root / "test"
    defects = {_DEFECT: DefectFolders(test / _DEFECT, root / "ground_truth" / _DEFECT, DEFAULT_PATTERNS)}
    return scan_folders(Folders(root, root / "train" / _NORMAL, (test / _NORMAL,), defects), options)


def _is_one(folder: Path) -> bool:
    return (folder / "train" / _NORMAL).is_dir() and (folder / "test" / _DEFECT).is_dir()


FORMAT = Format("btad", "BTAD", recognise, read, rank=40)
