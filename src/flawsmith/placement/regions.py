"""Where defects may go in a picture: the user's regions and place maps, and the object."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from flawsmith.core.errors import ConfigError, DataError, NoRoomError
from flawsmith.core.paths import entries, subfolders
from flawsmith.core.text import normal_form
from flawsmith.images.channels import without_alpha
from flawsmith.images.files import SUFFIXES, image_size, read_image, read_mask
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.background import Background
from flawsmith.product.foreground import foreground

ASPECT = 0.02  # by which a place map's ratio of sides may differ from its picture's
_BOX = re.compile(r"\s*(rect|ellipse)\s*:(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*(%?)\s*")
_EXAMPLE = "X,Y,W,H (column and row of the top left corner, width, height) in pixels or percent, for example"


@dataclass(frozen=True)
class BoxRegion:
    """A rectangle, or the ellipse in it, given by numbers."""

    ellipse: bool
    numbers: tuple[float, float, float, float]  # column and row of the top left corner, width, height
    percent: tuple[bool, bool, bool, bool]  # which of them are percent of the picture's width or height

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """Return the region (H, W) bool in a picture of `size`; what leaves the picture is cut off, so it may be empty."""
        height, width = size
        scaled = [n * e / 100 if p else n for n, p, e in zip(self.numbers, self.percent, (width, height, width, height), strict=True)]
        left, right = _ends(scaled[0], scaled[2])
        top, bottom = _ends(scaled[1], scaled[3])
        mask = np.zeros(size, bool)
        if not self.ellipse:
            mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
            return mask
        rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5  # of the pixels' centres
        y = (rows - (top + bottom) / 2) / ((bottom - top) / 2)  # -1 to 1 inside
        half = np.where(np.abs(y) <= 1, np.sqrt(np.maximum(1 - y * y, 0)) * (right - left) / 2, -1.0)  # of the row's length
        x = np.abs(columns - (left + right) / 2).astype(np.float32)
        return np.less_equal(x[None], half[:, None].astype(np.float32), out=mask)


def parse_box(text: str) -> BoxRegion | None:
    """Return the region that `rect:X,Y,W,H` or `ellipse:X,Y,W,H` describes; None for a text that begins with neither.

    Raises ConfigError for anything but four numbers, and for a width or height that is not above 0.
    """
    found = _BOX.fullmatch(text)
    if found is None:
        return None
    kind, fields = found[1].lower(), found[2].split(",")
    expected = f"expected {kind}:{_EXAMPLE} {kind}:10%,20%,30%,10% or {kind}:120,80,64,32."
    if len(fields) != 4:
        raise ConfigError(f"--region {text}: got {len(fields) if found[2].strip() else 0} numbers; {expected}")
    numbers, percent = [], []
    for name, value in zip("XYWH", fields, strict=True):
        number = _NUMBER.fullmatch(value)
        if number is None:
            raise ConfigError(f"--region {text}: got {value.strip()!r} for {name}; {expected}")
        numbers.append(float(number[1]))
        percent.append(bool(number[2]))
        if name in "WH" and numbers[-1] <= 0:
            raise ConfigError(f"--region {text}: got {value.strip()} for {name}, which must be above 0; {expected}")
    return BoxRegion(kind == "ellipse", tuple(numbers), tuple(percent))  # type: ignore[arg-type]


class Regions:
    """The user's regions: one mask or box for every normal, or a folder with a mask per normal."""

    def __init__(self, wanted: str | Path, normals: Sequence[Path]) -> None:
        """Check the region of every normal.

        Raises ConfigError or DataError for a text that is no box, for a missing, empty or wrongly sized mask and for a box outside
        a normal. wanted: a file, a folder, or as `parse_box` reads.
        """
        self._box = parse_box(str(wanted))
        self._masks: dict[Path, Path] = {}
        if self._box is None:
            self._masks = _files_for("--region", "mask", Path(wanted), normals)
            _check_masks("--region", self._masks, "mark (255) where the defect may be")
            return
        seen: set[tuple[int, int]] = set()
        for normal in normals:
            size = image_size(normal)
            if size not in seen and not self._box.mask(size).any():
                raise DataError(
                    f"--region {wanted}: lies outside {normal.name}, which is {_size(size)} (columns 0 to {size[1] - 1}, rows 0 to "
                    f"{size[0] - 1}); move it into the picture."
                )
            seen.add(size)

    def file_for(self, normal: Path) -> Path | None:
        """Return the mask's file for a normal; None for a box."""
        return self._masks.get(normal)

    def __getitem__(self, normal: Path) -> np.ndarray:
        """Return the region (H, W) bool for a normal."""
        return self._box.mask(image_size(normal)) if self._box is not None else read_mask(self._masks[normal])


class PlaceMap:
    """The user's grey pictures of how likely defects are where: one for every normal, or a folder with one per normal."""

    def __init__(self, path: Path, normals: Sequence[Path]) -> None:
        """Check the map of every normal; raises DataError for one that is missing, black, in colour or of another shape."""
        self._maps = _files_for("--place-map", "map", path, normals)
        sizes = {file: image_size(file) for file in dict.fromkeys(self._maps.values())}
        for normal, file in self._maps.items():
            size, own = image_size(normal), sizes[file]
            if abs(np.log(own[0] * size[1] / (own[1] * size[0]))) > ASPECT:
                raise DataError(
                    f"--place-map {file}: is {_size(own)} but {normal.name} is {_size(size)}; a map needs its picture's ratio of "
                    f"width to height, at most {ASPECT:.0%} off."
                )
        for file in sizes:
            if not _read_grey(file).any():
                raise DataError(f"--place-map {file}: is black; expected a grey picture, brighter where defects are likelier, 0 for never.")

    def file_for(self, normal: Path) -> Path:
        """Return the map's file for a normal."""
        return self._maps[normal]

    def __getitem__(self, normal: Path) -> np.ndarray:
        """Return how likely a defect is at each pixel of a normal, (H, W) float32 from 0 (never) to 1 (where it is likeliest)."""
        height, width = image_size(normal)
        grey = _read_grey(self._maps[normal])
        values = grey.astype(np.float32)
        if grey.shape != (height, width):
            smaller = height * width < grey.size
            values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
            if not smaller:  # between a 0 and its neighbours the values would run up inside the 0
                values *= cv2.resize((grey > 0).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        values /= values.max() or np.float32(1)
        return values


class Foregrounds:
    """Where the object is in the normals: the user's masks, else what was learned of the background, else everywhere."""

    def __init__(self, folder: Path | None, background: Background | None, scale: PixelRange, normals: Sequence[Path]) -> None:
        """Check the user's masks, one for every normal in `folder`; raises DataError for a missing, empty or wrongly sized one."""
        self._masks: dict[Path, Path] = {}
        if folder is not None:
            if folder.is_file():
                raise DataError(f"--foreground {folder}: is a file; expected a folder with a mask for each picture.")
            self._masks = _files_for("--foreground", "mask", folder, normals)
            _check_masks("--foreground", self._masks, "mark (255) where the object is")
        self._background, self._scale = background, scale

    @property
    def given(self) -> bool:
        """Whether the masks are the user's own."""
        return bool(self._masks)

    def file_for(self, normal: Path) -> Path | None:
        """Return the user's mask for a normal; None where the object is found."""
        return self._masks.get(normal)

    def extent_for(self, image: np.ndarray, defect: str) -> np.ndarray | None:
        """Return where the pixels of a `defect` may be in a normal (H, W, C) as stored, (H, W) bool; None for anywhere.

        Only where the object was learned: no farther from it than those of real defects, so that glass does not break beyond its rim.
        """
        if self._masks or self._background is None or (extent := self._background.extent(defect)) is None:
            return None
        return foreground(image, self._background, self._scale, extent)

    def mask_for(self, normal: Path, image: np.ndarray, defect: str) -> np.ndarray | None:
        """Return where the centre of a `defect` may be on the object in a normal, (H, W) bool; None for anywhere.

        image: that normal (H, W, C) as stored. The user's masks hold for every defect, what was learned only for those whose real
        examples were on the object or as near to it as `Background.reach` says.
        """
        if self._masks:
            return read_mask(self._masks[normal])
        if self._background is None or (reach := self._background.reach(defect)) is None:
            return None
        return foreground(image, self._background, self._scale, reach)


def possible_places(
    normal: Path, region: np.ndarray | None, likely: np.ndarray | None, object_mask: np.ndarray | None, given: bool
) -> np.ndarray | None:
    """Return where the centre of a defect may be in a normal, (H, W) bool: in all that is not None; None for anywhere.

    region: from `Regions`; likely: from `PlaceMap`; object_mask: from `Foregrounds`, given: by the user. A learned object gives way
    where the user's wishes leave nothing of it, as those are sure and it is not. Raises NoRoomError when the user's own leave nothing.
    """
    asked = {"--region": region, "--place-map": None if likely is None else likely > 0, "--foreground": object_mask if given else None}
    wishes = {name: mask for name, mask in asked.items() if mask is not None}
    allowed: np.ndarray | None = None
    for mask in wishes.values():
        allowed = mask if allowed is None else allowed & mask
    if allowed is not None and not allowed.any():
        have = "have no pixel in common" if len(wishes) > 1 else "has no pixel"
        raise NoRoomError(f"{normal.name}: {' and '.join(wishes)} {have} where a defect may be; widen one, or leave it out.")
    if given or object_mask is None:
        return allowed
    both = object_mask if allowed is None else allowed & object_mask
    return both if both.any() else allowed


def _ends(start: float, length: float) -> tuple[int, int]:
    """Return the first pixel of a stretch and the one after its last; there is at least one."""
    first = int(np.floor(start + 0.5))
    return first, max(first + 1, int(np.floor(start + length + 0.5)))


def _files_for(option: str, what: str, path: Path, normals: Sequence[Path]) -> dict[Path, Path]:
    """Return the file that belongs to each normal: `path` itself, or in a folder the picture with its stem, `_mask` added or not.

    Where normals of several folders share a stem, subfolders of `path` that are called as theirs tell them apart: the file in the one that
    has most of a normal's folders in its own path counts.
    """
    if not path.exists():
        raise DataError(f"{option} {path}: there is no such file or folder; expected a {what}, or a folder with a {what} per picture.")
    if path.is_file():
        return dict.fromkeys(normals, path)
    places = _by_stem(path)
    files = {}
    for normal in normals:
        stem, above = normal_form(normal.stem), tuple(map(normal_form, normal.parent.parts))
        near = (places.get(above[start:], {}) for start in range(len(above) + 1))  # all of its folders, then fewer, then none
        found = next((found for place in near if (found := place.get(f"{stem}_mask") or place.get(stem))), None)
        if not found:
            raise DataError(f"{option} {path}: has no {what} for {normal.name}; expected {normal.stem}.png or {normal.stem}_mask.png.")
        if len(found) > 1:
            names = " and ".join(entry.name for entry in found)
            raise DataError(f"{option} {path}: has {len(found)} {what}s for {normal.name}, {names}; remove all but one.")
        files[normal] = found[0]
    return files


def _by_stem(folder: Path) -> dict[tuple[str, ...], dict[str, list[Path]]]:
    """Return the pictures in a folder and all below it, by the folders between, then by their stem."""
    found: dict[tuple[str, ...], dict[str, list[Path]]] = {}
    waiting: list[tuple[Path, tuple[str, ...]]] = [(folder, ())]
    while waiting:
        place, between = waiting.pop()
        here = found.setdefault(between, {})
        for entry in entries(place):
            if entry.suffix.lower() in SUFFIXES:
                here.setdefault(normal_form(entry.stem), []).append(entry)
        waiting += [(one, (*between, normal_form(one.name))) for one in subfolders(place) if not one.is_symlink()]
    return found


def _check_masks(option: str, masks: Mapping[Path, Path], advice: str) -> None:
    """Raise DataError for a mask whose size is not its normal's, or that is empty. Each is read once and none is kept."""
    sizes = {mask: image_size(mask) for mask in dict.fromkeys(masks.values())}
    for normal, mask in masks.items():
        if sizes[mask] != (size := image_size(normal)):
            raise DataError(f"{option} {mask}: is {_size(sizes[mask])} but {normal.name} is {_size(size)}; they must be of one size.")
    for mask in sizes:
        if not read_mask(mask).any():
            raise DataError(f"{option} {mask}: is empty; {advice}.")


def _read_grey(path: Path) -> np.ndarray:
    """Return a place map's values (H, W) as stored; raises DataError for a picture in colour."""
    image = read_image(path)
    colours = without_alpha(image)
    if colours.shape[2] == 3 and not (colours == colours[..., :1]).all():
        raise DataError(f"--place-map {path}: is in colour; expected a grey picture, brighter where defects are likelier, 0 for never.")
    return np.ascontiguousarray(colours[..., 0])


def _size(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"
