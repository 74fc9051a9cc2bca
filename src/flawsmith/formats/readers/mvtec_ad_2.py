"""MVTec AD 2: train/good, validation/good, test_public/bad and test_public/ground_truth/bad; the private tests have no labels."""

from pathlib import Path

from flawsmith.core.paths import subfolders
from flawsmith.dataset.sample import GOOD
from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import DEFAULT_PATTERNS, DefectFolders, Folders, holds_product, product, scan_folders
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format

_PUBLIC, _TRUTH, _PRIVATE = "test_public", "ground_truth", ("test_private", "test_private_mixed")


def recognise(files: Files) -> str | None:
    """Return which folder has a public test."""
    found = holds_product(files, _is_one)
    return f"there is a folder {_PUBLIC} in {found}" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a product's folder; normals of the validation and the test are held out."""
    root = product(files, _is_one).root
    public = root / _PUBLIC
    names = [folder.name for folder in subfolders(public) if folder.name not in (GOOD, _TRUTH)]
    defects = {name: DefectFolders(public / name, public / _TRUTH / name, DEFAULT_PATTERNS) for name in names}
    found = scan_folders(Folders(root, root / "train" / GOOD, (root / "validation" / GOOD, public / GOOD), defects), options)
    found.notes += [f"{name}: left out, its pictures have no labels." for name in _PRIVATE if (root / name).is_dir()]
    return found


def _is_one(folder: Path) -> bool:
    return (folder / _PUBLIC).is_dir()


FORMAT = Format("mvtec-ad-2", "MVTec AD 2", recognise, read, rank=40)
