"""From what label files say to what lies in a data folder: pictures found, classes named, and what became of every odd thing."""

import base64
import binascii
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flawsmith.core.cache import kept_file
from flawsmith.core.errors import DataError, FileError
from flawsmith.core.text import command, normal_form
from flawsmith.dataset.sample import GOOD, Item
from flawsmith.dataset.scan import NoMasks, Problem, Scan
from flawsmith.formats.drawing import Drawing, Mark, alike
from flawsmith.formats.files import Files, name_key
from flawsmith.formats.labelled import NAMELESS, Classes, Entry, Labelled, Note
from flawsmith.formats.options import ReadOptions, class_key
from flawsmith.formats.pictures import Finder, MissingPicture
from flawsmith.formats.shapes import Rectangle, Unmarked, reaches_over
from flawsmith.images.files import content_type, image_size

HELD_OUT = {"test", "val", "valid", "validation", "testing", "test_public"}  # subsets whose normals are never learned from
_NO_FOLDER = re.compile(r'[/\\:*?"<>|\x00-\x1f]')  # characters that no folder's name may have everywhere
_ROBOFLOW = re.compile(r"^(?P<stem>.+)\.rf\.[0-9A-Za-z]{8,}$")  # what Roboflow calls a copy of a picture
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "BMP": ".bmp", "TIFF": ".tif", "WebP": ".webp"}


@dataclass
class _Known:
    """What is labelled in one picture, over all label files that name it."""

    source: Path
    part: str | None
    group: str | None
    drawn: dict[str, list[Mark]] = field(default_factory=lambda: defaultdict(list))  # by defect
    boxes: list[tuple[str, Mark]] = field(default_factory=list)  # by defect
    unused: int = 0  # labels that mark nothing
    good: int = 0  # labels of classes that --classes calls good
    labels: int = 0  # of any kind


def assemble(files: Files, options: ReadOptions, labelled: Iterable[Entry], unlisted: str = "left out") -> Scan:
    """Return what lies in a data folder of which label files say `labelled`.

    unlisted: what pictures are that no label file names: "normals", "left out", or "masks", of which nothing is said; of normals one with
    the stem of a labelled picture is taken for a mask or another rendering of it, and left out. Pictures that are not there, labels that
    cannot be used and the like go to the scan's problems; what was decided about odd things goes to its notes.
    """
    found, finder = Scan(files.root), Finder(files)
    pictures: dict[Path, _Known] = {}
    counts: Counter[str] = Counter()
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    scaled: list[str] = []
    missing: list[Problem] = []
    over: dict[Path, int] = {}  # labels that reach over the border, by picture
    spoiled: set[str] = set()  # stems of label files that cannot be used
    for entry in labelled:
        if isinstance(entry, Note):
            found.notes.append(entry.text)
            continue
        if isinstance(entry, Classes):
            found.classes.update(dict.fromkeys(map(class_key, entry.names), 0))
            continue
        if isinstance(entry, FileError):
            spoiled.add(name_key(entry.path.stem))
            found.problems.append(Problem(found.name(entry.path), entry.what))
            continue
        found.classes.update(class_key(one.name) or NAMELESS for one in entry.objects)
        try:
            picture = _picture(entry, finder)
        except MissingPicture as error:
            missing.append(Problem(found.name(entry.source), str(error)))
            continue
        except DataError as error:
            found.problems.append(Problem(found.name(entry.source), str(error)))
            continue
        known = pictures.setdefault(picture, _Known(entry.source, entry.part, entry.group))
        if entry.size and _was_scaled(picture, entry.size):
            scaled.append(found.name(picture))
        known.labels += len(entry.objects)
        if units := entry.units or entry.size:
            over[picture] = over.get(picture, 0) + sum(reaches_over(one.shape, units) for one in entry.objects)
        for one in entry.objects:
            name = options.defect_of(one.name if one.name.strip() else NAMELESS)
            if name == GOOD:
                known.good += class_key(one.name) in options.renamed
                continue
            if name is None:
                known.unused += 1
                counts[f"labels of the class {one.name!r}: left out"] += 1
            elif isinstance(one.shape, Unmarked):
                known.unused += 1
                counts[f"labels that are a {one.shape.what} without a mask: left out, as nothing says which pixels are the defect"] += 1
                if one.shape.place is not None:
                    known.boxes.append((_folder(name), Mark(one.shape.place, entry.source, entry.size, entry.units)))
            else:
                if isinstance(one.shape, Rectangle):
                    counts["labels that are a rectangle: filled as drawn; --classes ignore=CLASS leaves those out that are mere boxes"] += 1
                folder = _folder(name)
                classes[folder][one.name] += 1
                known.drawn[folder].append(Mark(one.shape, entry.source, entry.size, entry.units))
    _sort_out(pictures, found)
    _tell(found, counts, classes, scaled)
    _tell_border(found, over)
    _tell_missing(missing, found, bool(pictures), files.archives)
    stems = {name_key(p.stem) for p in pictures}
    others = [p for p in files.pictures if p not in pictures]
    found.lone_images += [p for p in others if name_key(p.stem) in spoiled]  # what is labelled in it is not known
    others = [p for p in others if name_key(p.stem) not in spoiled]
    plain = [p for p in others if unlisted == "normals" and name_key(p.stem) not in stems]
    bare = sum(not known.labels for known in pictures.values())
    if bare and unlisted != "masks":
        found.notes.append(f"pictures that label files list without any label: {bare}, taken as normals.")
    if plain:
        found.normals = sorted({*found.normals, *plain})
        found.notes.append(f"pictures without a label file: {len(plain)}, taken as normals.")
    if (others := sorted({*others} - {*plain})) and unlisted != "masks":
        found.unlisted = others
        found.notes.append(f"pictures that no label file names: {len(others)} ({_some(found, others)}), left out.")
    _group(found, pictures, options)
    if pictures and not found.defects and any(known.unused for known in pictures.values()) and not found.problems:
        found.problems.append(NoMasks(".", no_masks(counts, files.path)))
    return found


def _folder(name: str) -> str:
    """Return what the folder of a defect can be called."""
    return _NO_FOLDER.sub("_", name).strip(". ") or NAMELESS


def no_masks(counts: Iterable[str], data: Path) -> str:
    """Return what to do with the labels in `data` that mark no pixels; counts: what they are."""
    kinds = sorted({match.group(1) for text in counts if (match := re.match(r"labels that are a (.+) without a mask", text))})
    what = f"holds labels without masks ({', '.join(kinds)})" if kinds else "holds labels that are all left out"
    return (
        f"{what}, and a mask is not invented from them. Draw masks of a few: `{command('studio', data)}` opens the pictures, with boxes "
        "where there are any, and what is drawn there counts with --labels; or give lines and points a width with --line-width. Once "
        "defects are learned, a box can be where one is made: `flawsmith generate RUN -o OUT --count 20 --region rect:X,Y,WIDTH,HEIGHT`."
    )


def _picture(entry: Labelled, finder: Finder) -> Path:
    """Return the picture of an entry; one inside the label file is kept as a file of its own. Raises DataError as `Finder.find` does."""
    if entry.path:
        return entry.path
    try:
        return finder.find(entry.picture, entry.source.parent, entry.part)
    except DataError:
        if entry.data is None:
            raise
    try:
        content = base64.b64decode(entry.data, validate=False)
    except (binascii.Error, ValueError):
        content = b""
    suffix = _SUFFIXES.get(content_type(content[:16]) or "")
    if suffix is None:
        raise MissingPicture(f"the picture {entry.picture!r} is not there, and the one inside the label file cannot be read. Add it.")
    return kept_file(content, f"{Path(entry.source.name).stem}{suffix}")


def _tell_border(found: Scan, over: dict[Path, int]) -> None:
    if several := sorted(picture for picture, number in over.items() if number):
        labels = f"labels that reach over the border of their picture: {sum(over.values())} ({_some(found, several)})"
        found.notes.append(f"{labels}, cut off there.")


def _tell_missing(missing: list[Problem], found: Scan, some_are_there: bool, archives: Sequence[Path]) -> None:
    """Tell of pictures that are not there: all of them where there is none, else how many; a part of a labelled set may be all one has.

    archives: in which they may lie.
    """
    if missing and archives:
        message = f"lies there, and {len(missing)} labelled pictures are missing. If it holds them, unpack it where it lies."
        (found.warnings if some_are_there else found.problems).append(Problem(found.name(archives[0]), message))
    if not some_are_there:
        found.problems += missing
    elif missing:
        found.missing = len(missing)
        shown = "".join(f"\n  {problem}" for problem in missing[:5]) + ("\n  ..." if len(missing) > 5 else "")
        found.warnings.append(Problem(".", f"labelled pictures that are not there: {len(missing)}, left out with their labels.{shown}"))


def _was_scaled(picture: Path, size: tuple[int, int]) -> bool:
    try:
        now = image_size(picture)
        return now != size and alike(now, size)  # one that was turned, or cut, is told when its labels are drawn
    except DataError:
        return False  # told when the picture is decoded


def _sort_out(pictures: dict[Path, _Known], found: Scan) -> None:
    """Fill in normals and defects."""
    normals: dict[bool, list[Path]] = {True: [], False: []}
    left, called_good = 0, 0
    for picture, known in sorted(pictures.items()):
        for name, drawn in sorted(known.drawn.items()):
            item = Item(picture, drawn[0].source, name, draw=Drawing(picture, tuple(drawn)))
            found.defects.setdefault(name, []).append(item)
        found.boxes += [Item(picture, mark.source, name, draw=Drawing(picture, (mark,))) for name, mark in known.boxes]
        if known.drawn:
            continue
        if known.unused:
            left += 1
            found.lone_images.append(picture)
        else:
            called_good += known.good > 0
            normals[(known.part or "").casefold() in HELD_OUT].append(picture)
    found.defects = dict(sorted(found.defects.items()))
    found.normals, found.held_out_normals = normals[False] or normals[True], normals[True] if normals[False] else []
    if called_good:
        found.warnings.append(Problem(".", f"pictures that are normals only because --classes calls their labels {GOOD}: {called_good}."))
    if left:
        found.notes.append(f"pictures all of whose labels are left out: {left}; they are neither normals nor defects.")


def _tell(found: Scan, counts: Counter[str], classes: dict[str, Counter[str]], scaled: list[str]) -> None:
    """Say how classes were named and what became of labels."""
    for folder, written in sorted(classes.items()):
        others = [repr(name) if name else "without a class" for name in sorted(written) if normal_form(name.strip()) != folder]
        if others:
            found.notes.append(f"defect {folder}: labels {', '.join(others)}.")
    found.notes += [f"{what[:1].upper()}{what[1:]} ({number})." for what, number in sorted(counts.items())]
    if scaled:
        shown = ", ".join(scaled[:3]) + (", ..." if len(scaled) > 3 else "")
        found.warnings.append(
            Problem(
                ".", f"pictures of another size than their label file says: {len(scaled)} ({shown}); their labels are scaled with them."
            )
        )


def _group(found: Scan, pictures: dict[Path, _Known], options: ReadOptions) -> None:
    """Fill in the specimens: as the pattern says, as the label files say, or as Roboflow names copies of one picture."""
    copies: dict[str, list[Path]] = defaultdict(list)
    for picture in found.pictures():
        known = pictures.get(picture)
        group = options.group_of(found.name(picture)) or (known.group if known else None)
        if group is None and (match := _ROBOFLOW.match(picture.stem)):
            group = match["stem"]
            copies[group].append(picture)
        if group is not None:
            found.groups[picture] = normal_form(group)
    if not copies:
        return
    split = [stem for stem, same in copies.items() if len({(pictures[p].part if p in pictures else None) for p in same}) > 1]
    several = sum(len(same) > 1 for same in copies.values())
    found.notes.append(
        f"Roboflow's names: {len(copies)} pictures before it made copies, {several} of them in several copies; copies stay together."
    )
    if split:
        found.warnings.append(
            Problem(
                ".", f"pictures with copies in several subsets: {len(split)} ({', '.join(split[:3])}); a score on such a split is too good."
            )
        )


def _some(found: Scan, paths: list[Path]) -> str:
    return ", ".join(found.name(p) for p in paths[:3]) + (", ..." if len(paths) > 3 else "")
