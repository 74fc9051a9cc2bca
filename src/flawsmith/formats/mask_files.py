"""Mask pictures among pictures: what each marks, whether their values are classes, and which picture each belongs to."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import FileError
from flawsmith.core.processors import cores
from flawsmith.core.text import normal_form
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.assemble import assemble
from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Labelled, Object
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.shapes import MaskFile
from flawsmith.images.codes import code_name, read_codes
from flawsmith.images.mask_values import SMALL

FAINT = 16  # of 255: what JPEG makes of black is darker
VOID = 255  # among the numbers of classes: what belongs to none


@dataclass(frozen=True)
class Held:
    """The values that occur in a mask picture."""

    path: Path
    counts: dict[int, int]  # pixels by value
    colours: bool = False  # the values are colours 0xRRGGBB

    @property
    def marked(self) -> tuple[int, ...]:
        """The values that are not the background's; none: all is black."""
        return tuple(value for value in self.counts if value)

    @property
    def blurred(self) -> bool:
        """Whether its type mixes values."""
        return self.path.suffix.lower() in (".jpg", ".jpeg")


def look(path: Path, colours: bool = False) -> Held:
    """Return what a mask picture holds; colours: palettes and greys as the colours that they show. Raises FileError as `read_codes`."""
    codes = read_codes(path, colours)
    return Held(path, codes.counts, codes.colours)


def look_at(paths: Iterable[Path], found: Scan) -> dict[Path, Held]:
    """Return what mask pictures hold, by path; those that cannot be read go to the problems."""
    held: dict[Path, Held] = {}
    paths = list(paths)
    with ThreadPoolExecutor(cores()) as pool:
        for path, one in zip(paths, pool.map(_try, paths), strict=True):
            if isinstance(one, FileError):
                found.problems.append(Problem(found.name(path), one.what))
            else:
                held[path] = one
    return held


def are_classes(masks: Collection[Held], options: ReadOptions) -> bool:
    """Return whether the values of a data set's masks are classes: two or more small whole numbers, or two or more colours."""
    if options.mask_values != "auto":
        return options.mask_values == "classes"
    sharp = [mask for mask in masks if not mask.blurred]
    if any(mask.colours for mask in sharp):
        return len({value if mask.colours else value * 0x010101 for mask in sharp for value in mask.marked}) > 1
    several = {value for mask in sharp for value in mask.marked}
    return len(several - {VOID}) > 1 and max(several - {VOID}) < SMALL and not any(mask.marked == (VOID,) for mask in sharp)


def marks_nothing(mask: Held, rule: str) -> bool:
    """Return whether a mask picture marks nothing by a rule of `mask_values`; what JPEG makes of black is nothing."""
    most = max(mask.marked, default=0)
    if mask.colours or not most:
        return not most
    return most < (FAINT if mask.blurred else 128 if rule == "high" and most < 256 else 0)


def objects(
    mask: Held, classes: bool, name: str, options: ReadOptions, names: Mapping[str, str] = {}, left_out: Collection[str] = ()
) -> tuple[Object, ...]:
    """Return what a mask picture marks.

    classes: its values are classes, called as `names` says by "3" or "#0080c0", else just so; those in `left_out` are none. Otherwise all
    of it is called `name`.
    """
    if classes:
        codes = {code_name(value, mask.colours): value for value in mask.marked}
        return tuple(
            Object(names.get(text, text), MaskFile(mask.path, code=value, colours=mask.colours))
            for text, value in codes.items()
            if text not in left_out
        )
    if marks_nothing(mask, options.mask_values):
        return ()
    if len(mask.marked) == 1 and options.mask_values == "auto":
        return (Object(name, MaskFile(mask.path, code=mask.marked[0], colours=mask.colours)),)
    return (Object(name, MaskFile(mask.path, _rule(mask, options))),)


def read_masks(files: Files, options: ReadOptions, labelled: Iterable[Labelled], told: Scan, unlisted: str = "masks") -> Scan:
    """Return what lies in a folder of pictures and masks; told: what was found out on the way; unlisted: see `assemble`."""
    found = assemble(files, options, labelled, unlisted)
    found.problems += told.problems
    found.warnings += told.warnings
    found.notes += told.notes
    found.lone_images += told.lone_images
    found.lone_masks += told.lone_masks
    return found


def entry(found: Scan, picture: Path, source: Path, objects: Iterable[Object] = (), part: str = "", group: str = "") -> Labelled:
    """Return what a mask picture or a folder, `source`, says of a picture that is there."""
    return Labelled(found.name(picture), source, tuple(objects), part=part or None, group=group or None, path=picture)


def names_by_kinds(masks: Iterable[tuple[Held, Collection[str]]]) -> dict[str, str]:
    """Return the classes by number from what is known of whole pictures: the one that all with the number have and no other number is."""
    left: dict[int, set[str]] = {}
    for mask, kinds in masks:
        for value in mask.marked:
            left[value] = left.get(value, set(kinds)) & set(kinds)
    names: dict[int, str] = {}
    while single := {value: next(iter(own)) for value, own in left.items() if len(own) == 1 and value not in names}:
        names |= single
        for value in left.keys() - names.keys():
            left[value] -= set(single.values())
    return {str(value): name for value, name in names.items()}


def by_stem(paths: Iterable[Path], told: Scan, ending: str = "") -> dict[str, Path]:
    """Return files by their names without suffix and `ending`; one whose name another has goes to the problems."""
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(normal_form(path.stem).removesuffix(ending), path)
        if other != path:
            told.problems.append(
                Problem(told.name(path), f"has the name of {other.name}; expected one of them. Rename or remove the other.")
            )
    return found


def masked(pictures: Mapping[str, Path], masks: Mapping[str, Path], told: Scan, expected: str = "") -> Iterator[tuple[Path, Held]]:
    """Yield the pictures that have a mask of the same key, with what it holds.

    Masks without a picture go to the problems; pictures without a mask do where `expected` says how it would be called.
    """
    if expected:
        lacking(told, (picture for key, picture in pictures.items() if key not in masks), expected)
    alone(told, (mask for key, mask in masks.items() if key not in pictures))
    own = {mask: pictures[key] for key, mask in masks.items() if key in pictures}
    yield from ((own[path], held) for path, held in look_at(own, told).items())


def lacking(told: Scan, pictures: Iterable[Path], expected: str) -> None:
    """Tell of pictures that should have a mask."""
    for picture in sorted(pictures):
        told.lone_images.append(picture)
        told.problems.append(Problem(told.name(picture), f"has no mask; expected {expected}. Add it, or remove the picture."))


def alone(told: Scan, masks: Iterable[Path]) -> None:
    """Tell of masks that have no picture."""
    for mask in sorted(masks):
        told.lone_masks.append(mask)
        told.problems.append(Problem(told.name(mask), "is a mask without a picture. Add its picture, or remove it."))


def _try(path: Path) -> Held | FileError:
    try:
        return look(path)
    except FileError as error:
        return error


def _rule(mask: Held, options: ReadOptions) -> str:
    """Return which values mark the defect; of a mask that compression has blurred those above the middle."""
    if options.mask_values in ("nonzero", "high"):
        return options.mask_values
    return "high" if mask.blurred else "auto"
