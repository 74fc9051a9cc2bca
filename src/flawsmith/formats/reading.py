"""From a path to what it holds, in whatever label format it is."""

import difflib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flawsmith.core.errors import ConfigError, DataError, FileError
from flawsmith.core.paths import entries, stored, subfolders
from flawsmith.core.progress import say
from flawsmith.core.text import command, normal_form
from flawsmith.dataset.check import Report, examine
from flawsmith.dataset.sample import GOOD, NO_DEFECTS, NO_NORMALS, Dataset, Item
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.archives import is_archive, unpacked
from flawsmith.formats.files import ARCHIVES, Files
from flawsmith.formats.folders import pictures_in
from flawsmith.formats.groups import GROUPS_NAME, read_groups
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.overlay import lay_over
from flawsmith.formats.readers.unlabelled import FORMAT as UNLABELLED
from flawsmith.formats.registry import COMMON, Format, formats, recognised
from flawsmith.formats.xml_trees import spoiled

TOLD = 5  # warnings that are said
FOLDERS = 100  # in a folder of no layout that are looked into


def read(path: Path | str, options: ReadOptions | None = None, **said: Any) -> Dataset:
    """Return what a data folder or label file holds; the pictures themselves are not decoded.

    path: a folder, zip file or label file in a format that `formats.registry.formats` lists; options: how labels are to be read, or `said`:
    the fields of ReadOptions by name. A data set may have no normals, or no defects. Raises DataError when there is no such folder, when
    no label in it has a mask, and when pictures and labels do not pair up; ConfigError for options that cannot be used.
    """
    found = scan(path, options or ReadOptions(**said))
    if found.problems:
        raise DataError(_complaint(found, path))

    def grouped(items: Iterable[Item]) -> tuple[Item, ...]:
        return tuple(replace(item, group=found.groups.get(item.image)) for item in items)

    return Dataset(
        root=found.root,
        good=grouped(Item(image, None, GOOD) for image in found.normals),
        held_out=grouped(Item(image, None, GOOD) for image in found.held_out_normals),
        defects={name: grouped(items) for name, items in found.defects.items()},
        warnings=tuple(map(str, found.warnings)),
    )


def read_telling(path: Path | str, options: ReadOptions | None, quiet: bool) -> Dataset:
    """Return what `read` does; what should be looked at in how it was read is said on standard error, unless `quiet`."""
    found = read(path, options)
    for text in found.warnings[:TOLD] if not quiet else ():
        say(f"{path}: {text}")
    if len(found.warnings) > TOLD and not quiet:
        say(f"{path}: ... and {len(found.warnings) - TOLD} more warnings; `{command('check', path)}` lists them.")
    return found


def check(path: Path | str, window: int = 0, cells: int = 0, quiet: bool = True, options: ReadOptions | None = None, **said: Any) -> Report:
    """Return what a data folder holds and everything that is wrong with it; every file is decoded once.

    window: side in pixels of the windows for training, cells: side of their latent grid; 0 = the one that training would choose.
    quiet: no bar on a terminal; options or said: as `read` takes them. Raises DataError only where nothing can be looked at: no such
    folder, no known layout.
    """
    found = scan(path, options or ReadOptions(**said))
    if not found.problems:
        found.problems += lacking(found)
    return examine(found, window, cells, quiet)


def scan(path: Path | str, options: ReadOptions) -> Scan:
    """Return what lies at a path. Raises DataError when nothing does, when no format recognises it, and as the format's `read` does."""
    path = stored(Path(path))
    if not path.exists():
        raise DataError(f"{path}: there is no such folder or file. Check the path; relative paths start at {Path.cwd()}.")
    folder = unpacked(path) if is_archive(path) else path
    files = Files(folder)
    chosen, why = _choose(files, options)
    found = chosen.read(files, options)
    found.format = f"{chosen.title}: {why}"
    if folder != path:
        found.notes.insert(0, f"{path.name} is unpacked in {folder}.")
    found.problems += [Problem(".", text) for text in options.unknown(found.classes)]
    if files.hidden:
        found.notes.append(f"pictures left out as their names begin with a dot: {len(files.hidden)} ({found.name(files.hidden[0])}, ...).")
    if files.written:
        shown = ", ".join(f"{found.name(path)} ({kind})" for path, kind in sorted(files.written.items())[:5])
        what = "folders that flawsmith wrote, of which nothing is read as data"
        found.notes.append(f"{what}: {len(files.written)} ({shown}{', ...' if len(files.written) > 5 else ''}).")
    if options.normals:
        found.normals = sorted({*found.normals, *_own_normals(Path(options.normals), found)})
    if options.labels:
        lay_over(found, options)
    if not found.groups and (listed := found.root / GROUPS_NAME).is_file():
        read_groups(listed, found)
    for picture in found.pictures():
        if picture not in found.groups and (group := options.group_of(found.name(picture))):
            found.groups[picture] = normal_form(group)
    return found


def _own_normals(folder: Path, found: Scan) -> list[Path]:
    """Return the pictures in and below the folder of --normals; what else lies directly in it goes to the problems and warnings.

    Raises ConfigError for one without any: it would be another folder than was meant.
    """
    files = Files(folder)
    below = [path for path in files.pictures if path.parent != folder]
    own = [*pictures_in(folder, found, bool(below)), *below]
    if not own:
        raise ConfigError(f"normals: {folder} holds no pictures; expected the folder of those without a defect.")
    if below:
        found.notes.append(f"normals of {folder}: {len(own)}, {len(below)} of them in folders below it.")
    return own


def lacking(found: Scan) -> list[Problem]:
    """Return what there is too little of to learn from."""
    problems = [Problem(".", NO_NORMALS)] if not found.normals else []
    return problems + ([Problem(".", f"{NO_DEFECTS} {_expected()}")] if not any(found.defects.values()) else [])


def _choose(files: Files, options: ReadOptions) -> tuple[Format, str]:
    """Return the format of the files, and by what it is recognised."""
    if options.format:
        known = {one.name: one for one in formats()}
        if options.format not in known:
            near = difflib.get_close_matches(options.format, known, n=1, cutoff=0.0)[0]
            raise ConfigError(f"format: there is no {options.format!r}; did you mean {near}? Formats: {', '.join(sorted(known))}.")
        chosen = known[options.format]
        return chosen, f"as was asked for ({chosen.recognise(files) or 'it would not have been recognised'})"
    found = [(one, why) for one in formats() if (why := one.recognise(files))]
    if not found and options.labels:
        return UNLABELLED, "no label file or layout was recognised, and labels come from elsewhere"
    if not found:
        raise DataError(_unknown(files))
    (chosen, why), others = found[0], [one.name for one, _ in found[1:] if one.rank < COMMON]
    return chosen, f"{why}{'; --format ' + ' or '.join(others) + ' would fit, too' if others else ''}"


def _expected() -> str:
    """Return the layouts that need no labelling tool in full, and the names of all others."""
    shown = [one.expected for one in reversed(formats()) if one.expected]
    others = [f"{one.title} ({one.name})" for one in formats() if not one.expected]
    return "expected " + "\nor ".join([*shown, f"what one of these tools or data sets writes: {', '.join(others)}"])


def _unknown(files: Files) -> str:
    """Return that no format was recognised, what was expected, and what is there; label files that cannot be read may be why."""
    path, bad = files.path, _spoiled(files)
    hint = "".join(f"\n{error}" for error in bad[:3]) + (f"\n... and {len(bad) - 3} more" if len(bad) > 3 else "")
    if path.suffix.lower() in ARCHIVES:
        return f"{path}: is an archive that is not unpacked here: zip files are. Unpack it, and name the folder."
    if files.archives:
        shown = ", ".join(files.name(p) for p in files.archives[:3]) + (", ..." if len(files.archives) > 3 else "")
        hint += f"\nArchives inside it are not looked into ({shown}): unpack them, or name the one that holds the data."
    if dictionaries := [files.name(p) for p in files.all if p.suffix.lower() in (".hdict", ".dltp")]:
        hint += f"\n{dictionaries[0]} is of HALCON or MVTec's Deep Learning Tool, in a form that is not open: export COCO or masks there."
    if not path.is_dir():
        return f"{path}: is no label file of a known format; {_expected()}{hint}"
    if inside := [d.name for d in subfolders(path)[:FOLDERS] if recognised(d)]:
        hint += f"\nThese folders inside it are in a known layout, so name one of them: {', '.join(inside)}."
    return f"{path}: no layout was recognised; {_expected()}\nfound\n{_tree(path)}{hint}"


def _spoiled(files: Files) -> list[FileError]:
    """Return why label files cannot be read, of the few that a format would be recognised by."""
    found = [error for path in files.looked_into(".xml") if (error := spoiled(path))]
    for path in files.looked_into(".json"):
        try:
            files.json(path)
        except FileError as error:
            found.append(error)
    return found


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
    return f"{found.root}: {len(found.problems)} problems; `{command('check', path)}` lists every bad file.\n{shown}{more}"
