"""From a path to what it holds, in whatever label format it is."""

from dataclasses import replace
from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.core.paths import entries, stored, subfolders
from flawsmith.dataset.check import Report, examine
from flawsmith.dataset.sample import GOOD, Dataset, Item
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.groups import GROUPS_NAME, read_groups
from flawsmith.formats.registry import formats


def read(path: Path | str) -> Dataset:
    """Return what a data folder holds; the pictures themselves are not decoded.

    path: a folder or file in a format that `formats.registry.formats` lists. Raises DataError when there is no such folder, no
    normals or no defects, and when pictures and masks do not pair up.
    """
    found = scan(path)
    if found.problems:
        raise DataError(_complaint(found, path))

    def grouped(items: list[Item]) -> tuple[Item, ...]:
        return tuple(replace(item, group=found.groups.get(item.image)) for item in items)

    return Dataset(
        root=found.root,
        good=grouped([Item(image, None, GOOD) for image in found.normals]),
        held_out=grouped([Item(image, None, GOOD) for image in found.held_out_normals]),
        defects={name: grouped(items) for name, items in found.defects.items()},
    )


def check(path: Path | str, window: int = 0, cells: int = 0, quiet: bool = True) -> Report:
    """Return what a data folder holds and everything that is wrong with it; every file is decoded once.

    window: side in pixels of the windows for training, cells: side of their latent grid; 0 = the one that training would choose.
    quiet: no bar on a terminal. Raises DataError only where nothing can be looked at: no such folder, no known layout.
    """
    return examine(scan(path), window, cells, quiet)


def scan(path: Path | str) -> Scan:
    """Return what lies at a path. Raises DataError when nothing does, when no format recognises it, and as the format's `read` does."""
    path = stored(Path(path))
    if not path.exists():
        raise DataError(f"{path}: there is no such folder or file. Check the path; relative paths start at {Path.cwd()}.")
    chosen = next((one for one in formats() if one.recognise(path)), None)
    if chosen is None:
        raise DataError(_unknown(path))
    found = chosen.read(path)
    if not found.normals and not found.problems:
        found.problems.append(Problem(".", "holds no pictures of the product without a defect; expected some. Add them."))
    if not any(found.defects.values()) and not found.problems:
        found.problems.append(Problem(".", f"holds no picture of a defect with its mask; {_expected()}"))
    if not found.groups and (listed := found.root / GROUPS_NAME).is_file():
        read_groups(listed, found)
    return found


def _expected() -> str:
    return "expected " + "\nor ".join(one.expected for one in reversed(formats()))


def _unknown(path: Path) -> str:
    """Return that no format was recognised, what was expected, and what is there."""
    if not path.is_dir():
        return f"{path}: is a file; expected a data folder, or a YAML file that names folders."
    inside = [d.name for d in subfolders(path) if (d / "train" / GOOD).is_dir()]
    hint = f"\nThese folders inside it are in that layout, so name one of them: {', '.join(inside)}." if inside else ""
    return f"{path}: no layout was recognised; {_expected()}\nfound\n{_tree(path)}{hint}"


def _tree(root: Path, lines: int = 24) -> str:
    """Return the first two levels of a folder as indented text, with the number of files in each folder."""
    rows = []
    for folder, depth in [(root, 0)] + [pair for d in subfolders(root) for pair in [(d, 1), *((s, 2) for s in subfolders(d))]]:
        files = sum(1 for e in entries(folder) if not e.is_dir())
        rows.append(f"{'  ' * (depth + 1)}{folder.name}/  ({files} files)")
    return "\n".join(rows[:lines] + ([f"  ... and {len(rows) - lines} more folders"] if len(rows) > lines else []))


def _complaint(found: Scan, path: Path | str) -> str:
    if len(found.problems) == 1:
        return f"{found.root / found.problems[0].path}: {found.problems[0].message}"
    shown = "\n".join(f"  {problem}" for problem in found.problems[:5])
    more = f"\n  ... and {len(found.problems) - 5} more" if len(found.problems) > 5 else ""
    return f"{found.root}: {len(found.problems)} problems; `flawsmith check {path}` lists every bad file.\n{shown}{more}"
