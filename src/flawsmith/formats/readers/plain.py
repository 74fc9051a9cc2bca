"""Plain folders: good and bad ones, masks beside the pictures or in folders of their own, by names that people give.

Nothing is guessed about a picture that has no mask and lies in no folder of normals: that is told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import FileError
from flawsmith.core.text import normal_form
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files
from flawsmith.formats.label_maps import names_beside
from flawsmith.formats.labelled import NAMELESS, Labelled, Object
from flawsmith.formats.mask_files import Held, alone, are_classes, entry, look, look_at, marks_nothing, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import COMMON, Format
from flawsmith.formats.words import DEFECT, MASKS, NORMAL, NUMBERED, PARTS, PICTURES, unmasked, words
from flawsmith.images.codes import code_name
from flawsmith.images.mask_values import FEW


@dataclass(frozen=True)
class _Place:
    """What a file's folders say of it."""

    path: Path
    stem: str  # its picture's name, without suffix
    mask: bool
    marks: frozenset[str]  # what tells its folders from others: all but words for pictures and masks
    part: str  # train, test, ...
    normal: bool
    defect: str  # the folder of defects that it is in, as it is written
    kind: str  # the deepest folder that has a name of its own, as it is written
    above: str  # such a folder with a folder of normals in it
    split: bool  # such a folder has a folder of a subset in it


def recognise(files: Files) -> str | None:
    """Return which folders are called as those of normals, of defects or of masks are, or which files are called as masks.

    A folder of products, each with its own normals, is none: each is learned for itself.
    """
    if files.only:
        return None
    places = _places(files)
    if any(p.split for p in places) or len({p.above for p in places if p.above}) > 1:
        return None
    named = {p.path.parent.name for p in places if p.normal or p.defect or (p.mask and p.path.parent != files.root)}
    if named:
        return f"there are folders {', '.join(sorted(named)[:4])}"
    return next((f"{files.name(p.path)} is called as a mask" for p in places if p.mask), None)


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in the folders."""
    told = Scan(files.root)
    return read_masks(files, options, _labelled(files, options, told), told)


def _labelled(files: Files, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    places = _with_same_names(_places(files))
    pictures, masks = [p for p in places if not p.mask], [p for p in places if p.mask]
    pairs = _pairs(pictures, masks, told)
    held = look_at((mask.path for masks in pairs.values() for mask in masks), told)
    ordinary = {p.kind for p in pictures if p.normal}  # folders that normals are in, too, are no kinds of defects
    if not ordinary and len(all_kinds := {p.kind for p in pictures}) == 1:
        ordinary = all_kinds  # nor is one that all pictures are in
    kinds = {p.path: kind for p in places if (kind := p.kind) and kind not in ordinary}
    own = {p.path: next((kinds[q.path] for q in (p, *pairs.get(p.path, ())) if q.path in kinds), "") for p in pictures}
    by_folder = options.mask_values != "classes" and all(own[p] for p in pairs)
    beside = dict.fromkeys([files.root, *(folder for path in held for folder in (path.parent, path.parent.parent))])
    names = {} if by_folder else next(filter(None, map(names_beside, beside)), {})
    classes = not by_folder and (are_classes(list(held.values()), options) or (options.mask_values == "auto" and _named(held, names)))
    if classes and not names:
        told.notes.append("the values of masks are classes, called by their numbers or colours; --classes gives them names.")
    unsure: Counter[str] = Counter()
    empty = 0
    for picture in pictures:
        found: list[Object] = []
        sources = [m for m in pairs.get(picture.path, ()) if m.path in held]
        for mask in sources:
            name = kinds.get(mask.path) or own[picture.path] or picture.defect or mask.defect or NAMELESS
            found += _objects(held[mask.path], classes, name, options, names)
        if picture.normal and found:
            message = f"lies with the normals and its mask {sources[0].path.name} marks something. Move it, or empty the mask."
            told.problems.append(Problem(told.name(picture.path), message))
        elif pairs.get(picture.path) and not sources:
            continue  # its mask cannot be read, which is told
        elif found or picture.normal or sources:
            if sources and not found and picture.defect:
                empty += 1
            yield entry(told, picture.path, sources[0].path if sources else picture.path.parent, found, picture.part)
        else:
            unsure[told.name(picture.path.parent)] += 1
            told.lone_images.append(picture.path)
    if empty:
        told.notes.append(f"pictures in folders of defects whose mask is black: {empty}, taken as normals.")
    _tell_unsure(unsure, pictures, told)


def _named(held: Mapping[Path, Held], names: Mapping[str, str]) -> bool:
    """Return whether a list of classes has a name for every value of the masks, as for a class that is alone."""
    values = {(value, mask.colours) for mask in held.values() for value in mask.marked}
    return bool(values) and all(code_name(value, colours) in names for value, colours in values)


def _objects(mask: Held, classes: bool, name: str, options: ReadOptions, names: dict[str, str]) -> Iterable[Object]:
    if classes and mask.blurred:
        return () if marks_nothing(mask, options.mask_values) else objects(mask, False, name, options)
    return objects(mask, classes, name, options, names)


def _tell_unsure(unsure: Counter[str], pictures: list[_Place], told: Scan) -> None:
    """Tell in which folders pictures are that have no mask, of which it is not known whether they have a defect."""
    defects = {told.name(p.path.parent) for p in pictures if p.defect}
    for folder, number in sorted(unsure.items()):
        what = (
            "have a defect by their folder and no mask" if folder in defects else "have no mask, and nothing says that they have no defect"
        )
        advice = "Add masks (NAME_mask.png beside NAME.jpg, or NAME.png in a folder masks)"
        normals = "" if folder in defects else "; move pictures without a defect to a folder good, or give them a mask that is all black"
        told.problems.append(Problem(folder, f"pictures that {what}: {number}. {advice}{normals}."))


def _places(files: Files) -> list[_Place]:
    """Return what the folders say of every picture, as seen from the folder that all are in."""
    common = _common([p.relative_to(files.root).parts[:-1] for p in files.pictures])
    stems = {normal_form(p.stem) for p in files.pictures}
    return [_place(path, path.relative_to(files.root).parts[common:-1], stems) for path in files.pictures]


def _place(path: Path, folders: tuple[str, ...], stems: set[str]) -> _Place:
    stem = normal_form(path.stem)
    mask, normal, split, above, defect, kind, part, marks = False, False, False, "", "", "", "", set()
    for folder in folders:
        found = words(folder)
        mask |= any(word in MASKS for word in found)
        rest = [word for word in found if word not in MASKS | PICTURES]
        if not rest:
            continue
        marks.add("_".join(rest))
        if any(word in NORMAL for word in rest):
            normal, above = True, kind
        if any(word in DEFECT for word in rest):
            defect = folder if len(rest) == len(found) else "_".join(rest)
        if own := next((word for word in rest if word in PARTS), ""):
            part, split = own, split or bool(kind)
        if not all(word in NORMAL | DEFECT | PARTS for word in rest):
            kind = folder if len(rest) == len(found) else "_".join(rest)
    made_from = unmasked(stem)
    if made_from and (mask or made_from in stems):
        mask, stem = True, made_from if made_from in stems else stem
    return _Place(path, stem, mask, frozenset(marks), part, normal and not defect, defect, kind, above, split)


def _with_same_names(places: list[_Place]) -> list[_Place]:
    """Return the places, where of part1.jpg and part1.png in one folder the second is a mask if it looks like one."""
    beside: dict[tuple[Path, str], list[_Place]] = {}
    for place in places:
        if not place.mask:
            beside.setdefault((place.path.parent, place.stem), []).append(place)
    masks: set[Path] = set()
    for several in beside.values():
        drawn = [p.path for p in several if p.path.suffix.lower() == ".png"]
        if len(several) == 2 and len(drawn) == 1 and _looks_like_mask(drawn[0]):
            masks.add(drawn[0])
    return [_Place(**(vars(p) | {"mask": True})) if p.path in masks else p for p in places]


def _looks_like_mask(path: Path) -> bool:
    try:
        held = look(path)
    except FileError:
        return False
    return len(held.counts) <= FEW or (not held.colours and held.counts.get(0, 0) > sum(held.counts.values()) / 2)


def _pairs(pictures: list[_Place], masks: list[_Place], told: Scan) -> dict[Path, list[_Place]]:
    """Return the masks of each picture that has some: those of its name whose folders are most like its own.

    Several are taken where their folders are kinds of defects, or their names numbered. What may belong to more than one picture goes to
    the problems.
    """
    by_stem: dict[str, list[_Place]] = {}
    for picture in pictures:
        by_stem.setdefault(picture.stem, []).append(picture)
    pairs: dict[Path, list[_Place]] = {}
    for mask in masks:
        same = by_stem.get(mask.stem, [])
        best = max((_likeness(p, mask) for p in same), default=None)
        fitting = [p for p in same if _likeness(p, mask) == best]
        fitting = [p for p in fitting if not p.normal] or fitting
        if not fitting:
            alone(told, [mask.path])
        elif len(fitting) > 1:
            names = " or ".join(told.name(p.path) for p in fitting[:3])
            told.problems.append(
                Problem(told.name(mask.path), f"may be the mask of {names}. Put it into a folder that is called as theirs.")
            )
        else:
            pairs.setdefault(fitting[0].path, []).append(mask)
    for path, several in pairs.items():
        if len({mask.kind for mask in several}) < len(several) and not all(NUMBERED.search(mask.path.stem) for mask in several):
            names = " and ".join(told.name(mask.path) for mask in several[:3])
            told.problems.append(
                Problem(told.name(path), f"has {len(several)} masks, {names}; expected one, or one for each kind of defect.")
            )
    return pairs


def _likeness(picture: _Place, mask: _Place) -> tuple[int, int]:
    """Return how well the folders of a picture and a mask go together: how many they share, and how few they do not."""
    return len(picture.marks & mask.marks), -len(picture.marks ^ mask.marks)


def _common(paths: list[tuple[str, ...]]) -> int:
    """Return how many folders all paths begin with; a folder whose name says something is none of them."""
    if not paths:
        return 0
    first, last = min(paths), max(paths)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    known = NORMAL | DEFECT | MASKS | PARTS
    return next((i for i in range(same) if any(word in known for word in words(first[i]))), same)


FORMAT = Format(
    "plain",
    "plain folders",
    recognise,
    read,
    """\
folders called by what is in them
  good/*.jpg                              pictures without a defect
  bad/*.jpg or bad/<defect>/*.jpg         pictures of a defect
  bad/<name>_mask.png or masks/<name>.png their masks; one that is all black is a normal's""",
    rank=COMMON + 9,
)
