"""The MVTec AD layout: train/good, test/DEFECT and ground_truth/DEFECT/NAME_mask.png."""

from pathlib import Path

from flawsmith.core.paths import entries, relative, subfolders
from flawsmith.core.text import normal_form
from flawsmith.dataset.sample import GOOD
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files
from flawsmith.formats.folders import DEFAULT_PATTERNS, DefectFolders, Folders, scan_folders
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import COMMON, Format
from flawsmith.formats.words import is_normal


def recognise(files: Files) -> str | None:
    """Return whether a folder has normals in train/good, or folders of defects in ground_truth; not where the folders have other names."""
    if files.only:
        return None
    root, names = files.root, _names(files.root)
    truth, others = subfolders(root / "ground_truth"), [d for d in subfolders(root / "train") if d.name != GOOD]
    if (root / "train" / GOOD).is_dir():
        return f"there is a folder train/{GOOD}" if truth or not (names or others) else None
    normals = any(is_normal(d.name) for d in others)
    return f"there are folders of defects in ground_truth ({', '.join(names[:3])})" if truth and not normals else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a folder in this layout."""
    root = files.root
    normals, test, truth = root / "train" / GOOD, root / "test", root / "ground_truth"
    found = scan_folders(Folders(root, normals, (test / GOOD,), {name: _folders(root, name) for name in _names(root)}), options)
    found.warnings[:0] = [
        Problem(relative(entry, root), "is ignored: only train/good and the folders in test are looked into.")
        for folder in (root / "train", test, truth)
        for entry in entries(folder)
        if not entry.is_dir() or (folder.name == "train" and entry.name != GOOD)
    ]
    for folder in (test, truth):
        names: dict[str, Path] = {}
        for entry in subfolders(folder):
            if names.setdefault(normal_form(entry.name), entry) != entry:
                message = "has the name of another folder beside it, in other Unicode characters that look alike. Bring the two together."
                found.problems.append(Problem(relative(entry, root), message))
    if (truth / GOOD).is_dir():
        found.warnings.append(Problem(f"ground_truth/{GOOD}", "is ignored: normals need no masks."))
    return found


def _names(root: Path) -> list[str]:
    folders = [d for folder in (root / "test", root / "ground_truth") for d in subfolders(folder)]
    return sorted({normal_form(d.name) for d in folders} - {GOOD})


def _folders(root: Path, name: str) -> DefectFolders:
    """Return where a defect lies; its two folders may be spelled with other characters for the same name."""
    images, masks = (
        next((d for d in subfolders(root / part) if normal_form(d.name) == name), root / part / name) for part in ("test", "ground_truth")
    )
    return DefectFolders(images, masks, DEFAULT_PATTERNS)


FORMAT = Format(
    "mvtec",
    "the MVTec AD layout",
    recognise,
    read,
    """\
the MVTec AD layout
  train/good/*.png                        pictures without a defect
  test/good/*.png                         more of them, never learned from (optional)
  test/<defect>/<name>.png                pictures of a defect
  ground_truth/<defect>/<name>_mask.png   their masks: 255 where the defect is, else 0""",
    rank=COMMON,
)
