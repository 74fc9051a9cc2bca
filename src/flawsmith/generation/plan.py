"""Which pairs are wanted: every row depends on the run's seed and its own number, never on its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flawsmith.data.folders import entries
from flawsmith.data.image_files import image_size, read_mask, type_of
from flawsmith.errors import ConfigError, DataError
from flawsmith.seeds import derive, numpy_generator


@dataclass(frozen=True)
class Wanted:
    """One attempt at one pair."""

    index: int
    attempt: int
    defect: str
    normal: Path | None  # None in --free
    seed: int

    @property
    def id(self) -> str:
        """The pair's name in OUT."""
        return f"{self.index:06d}"


def wanted(index: int, attempt: int, defects: Sequence[str], normals: Sequence[Path], seed: int) -> Wanted:
    """Return attempt number `attempt` at pair `index`: defects in turn, normals shuffled anew for every round through them."""
    normal = None
    if normals:
        turn, place = divmod(index + attempt * 7919, len(normals))  # a later attempt takes another normal
        normal = normals[int(numpy_generator(seed, "normals", turn).permutation(len(normals))[place])]
    return Wanted(index, attempt, defects[index % len(defects)], normal, derive(seed, "pair", index, attempt))


def choose_defects(known: Sequence[str], asked: str | Sequence[str] | None) -> list[str]:
    """Return the defects to make; raises ConfigError for a name the model does not know."""
    names = list(known) if asked is None else [asked] if isinstance(asked, str) else list(asked)
    for name in names:
        if name not in known:
            raise ConfigError(f"--defect {name}: this model learned {', '.join(known)}.")
    return names


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder, sorted; raises DataError when there are none."""
    if not folder.is_dir():
        raise DataError(f"--onto {folder}: there is no such folder; expected one with pictures of good parts.")
    files = [path for path in entries(folder) if path.is_file() and type_of(path) is not None]
    if not files:
        raise DataError(f"--onto {folder}: there are no pictures in it (PNG, JPEG, BMP or TIFF).")
    return files


class Regions:
    """The user's regions: one mask for every normal, or a folder with a mask per normal."""

    def __init__(self, path: Path, normals: Sequence[Path]) -> None:
        """Find the mask of every normal; raises DataError for a missing, empty or wrongly sized one before anything is drawn."""
        if not path.exists():
            raise DataError(f"--region {path}: there is no such file or folder; expected a mask, or a folder of masks.")
        self._masks = {normal: self._find(path, normal) for normal in normals}
        for normal, mask in self._masks.items():
            drawn = read_mask(mask)
            if drawn.shape != image_size(normal):
                height, width = image_size(normal)
                got = f"{drawn.shape[1]}x{drawn.shape[0]}"
                raise DataError(f"--region {mask}: is {got} but {normal.name} is {width}x{height}; they must be of one size.")
            if not drawn.any():
                raise DataError(f"--region {mask}: is empty; mark (255) where the defect may be.")

    def __getitem__(self, normal: Path) -> np.ndarray:
        """Return the region (H, W) bool for a normal."""
        return read_mask(self._masks[normal])

    @staticmethod
    def _find(path: Path, normal: Path) -> Path:
        if path.is_file():
            return path
        for entry in entries(path):
            if entry.stem in (normal.stem, f"{normal.stem}_mask"):
                return entry
        raise DataError(f"--region {path}: has no mask for {normal.name}; expected {normal.stem}.png or {normal.stem}_mask.png.")
