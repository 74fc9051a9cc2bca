"""Which pairs are wanted: every row depends on the run's seed and its own number, never on its neighbours."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawsmith.core.errors import ConfigError, DataError, FlawsmithError
from flawsmith.core.parsing import parse_json
from flawsmith.core.paths import entries
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.core.text import normal_form, read_text
from flawsmith.generation.listed import is_list, listed
from flawsmith.images.files import READABLE, type_of
from flawsmith.placement.regions import Regions, parse_box
from flawsmith.placement.shapes import Size, parse_size

COMBINED = "combined"  # the defect folder of pictures with several kinds, as in MVTec AD
MOST_DEFECTS = 16  # defects in one picture
MOST_SEVERE = 4.0
SHOWN = 10  # bad rows of a plan named in one error
_RANGE = re.compile(r"([0-9.]+)(?:-([0-9.]+))?")


@dataclass(frozen=True)
class DefectSpec:
    """One defect of a pair."""

    defect: str
    region: str | None = None  # a box or a mask's path, as `Regions` reads it
    size: Size | None = None
    severity: float = 1.0  # 1 as learned


@dataclass(frozen=True)
class PairSpec:
    """One attempt at one pair."""

    index: int
    attempt: int
    defects: tuple[DefectSpec, ...]
    normal: Path | None  # None in --free
    seed: int  # of this attempt
    base: int = 0  # the pair's own, from which those of its attempts come

    @property
    def id(self) -> str:
        """The pair's name in OUT."""
        return f"{self.index:06d}"

    @property
    def defect(self) -> str:
        """The name of its folder: the defect's, or COMBINED for several kinds."""
        kinds = {spec.defect for spec in self.defects}
        return kinds.pop() if len(kinds) == 1 else COMBINED


Plan = Callable[[int, int], PairSpec]  # (index, attempt) to what is asked for


@dataclass(frozen=True)
class SamplingPlan:
    """What a run of `generate` was asked for on the command line."""

    defects: Sequence[str]
    normals: Sequence[Path]  # empty in --free
    seed: int = 0
    region: str | None = None
    size: Size | None = None
    severity: tuple[float, float] = (1.0, 1.0)
    per_image: tuple[int, int] = (1, 1)
    mix: bool = False  # whether the kinds of defect in one picture may differ

    def __call__(self, index: int, attempt: int) -> PairSpec:
        """Return attempt number `attempt` at pair `index`: defects in turn, normals shuffled anew for every round through them."""
        normal = None
        if self.normals:
            turn, place = divmod(index + attempt * 7919, len(self.normals))  # a later attempt takes another normal
            order = numpy_generator(self.seed, "normals", turn).permutation(len(self.normals))
            normal = self.normals[int(order[place])]
        base = derive(self.seed, "pair", index)
        g = numpy_generator(base, "parts")
        count = int(g.integers(self.per_image[0], self.per_image[1] + 1))
        kinds = [self.defects[index % len(self.defects)]] * count
        if self.mix:
            kinds[1:] = [self.defects[int(g.integers(len(self.defects)))] for _ in kinds[1:]]
        low, high = self.severity
        strengths = [min(max(round(float(g.uniform(low, high)), 3), low), high) for _ in kinds]  # rounding keeps the range
        specs = tuple(DefectSpec(kind, self.region, self.size, s) for kind, s in zip(kinds, strengths, strict=True))
        return PairSpec(index, attempt, specs, normal, derive(base, attempt), base)


class PlanFile:
    """The rows of a --plan file, one for each wanted pair."""

    def __init__(self, path: Path, known: Sequence[str], normals: Sequence[Path], seed: int) -> None:
        """Read and check every row; raises DataError that names the first bad ones, before anything is drawn.

        known: the defects that rows may name; normals: for rows without one, in turn, none with --free; seed: for rows without one.
        """
        if not path.is_file():
            raise DataError(f"--plan {path}: there is no such file; expected JSON lines, one row for each wanted pair.")
        self._rows: list[tuple[Path | None, tuple[DefectSpec, ...], int]] = []
        problems = []
        try:
            text = read_text(path)
        except UnicodeDecodeError as error:
            raise DataError(f"--plan {path}: is not UTF-8 text ({error}); expected JSON lines such as {_EXAMPLE}") from error
        lines = [(i, line) for i, line in enumerate(text.split("\n"), start=1) if line.strip()]
        for index, (number, line) in enumerate(lines):
            try:
                fallback = normals[index % len(normals)] if normals else None  # None in --free
                self._rows.append(_read_row(line, path.parent, known, fallback, derive(seed, "pair", index)))
            except FlawsmithError as error:
                problems.append(f"row {number}: {error}")
            except OSError as error:  # a name that no file can have
                problems.append(f"row {number}: names what cannot be looked for ({error.strerror}).")
        if problems:
            more = f"\n({len(problems) - SHOWN} more)" if len(problems) > SHOWN else ""
            raise DataError(f"--plan {path}: " + "\n".join(problems[:SHOWN]) + more)
        if not self._rows:
            raise DataError(f"--plan {path}: is empty; expected JSON lines such as {_EXAMPLE}")

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def normals(self) -> list[Path]:
        """The normals that its rows name or were given, each once."""
        return list(dict.fromkeys(normal for normal, _, _ in self._rows if normal is not None))

    def regions(self) -> dict[str, Regions]:
        """Return the checked regions that its rows name, by their text."""
        where: dict[str, list[Path]] = {}
        for normal, specs, _ in self._rows:
            for spec in specs:
                if spec.region and normal:
                    where.setdefault(spec.region, []).append(normal)
        return {text: Regions(text, list(dict.fromkeys(normals))) for text, normals in where.items()}

    def __call__(self, index: int, attempt: int) -> PairSpec:
        """Return attempt number `attempt` at row `index`; only its seed changes from attempt to attempt."""
        normal, specs, seed = self._rows[index]
        return PairSpec(index, attempt, specs, normal, derive(seed, attempt), seed)


def plan_row(spec: PairSpec) -> dict[str, Any]:
    """Return the row of a --plan file, lying anywhere, that asks for the same pair with the same seed."""
    row: dict[str, Any] = {"normal": str(spec.normal.resolve())} if spec.normal else {}
    defects = [
        {"defect": defect.defect, "severity": defect.severity}
        | ({"region": _anywhere(defect.region)} if defect.region else {})
        | ({"size": defect.size.text()} if defect.size else {})
        for defect in spec.defects
    ]
    return row | (defects[0] if len(defects) == 1 else {"defects": defects}) | {"seed": spec.base}


def choose_defects(known: Sequence[str], asked: str | Sequence[str] | None) -> list[str]:
    """Return the defects to make; raises ConfigError for a name the model does not know."""
    names = list(known) if asked is None else [normal_form(name) for name in ([asked] if isinstance(asked, str) else asked)]
    if not names:
        raise ConfigError(f"--defect: got an empty list; this model learned {', '.join(known)}.")
    for name in names:
        if name not in known:
            raise ConfigError(f"--defect {name}: this model learned {', '.join(known)}.")
    return names


def list_pictures(folder: Path, option: str = "--onto", what: str = "of good parts") -> list[Path]:
    """Return the pictures in the folder that an option names, sorted, or those of a list (`listed`), each once.

    Raises DataError when there are none.
    """
    if folder.is_file() and is_list(folder):
        if not (named := list(dict.fromkeys(listed(folder, option)))):
            raise DataError(f"{option} {folder}: names no picture; expected some {what}.")
        return named
    if not folder.is_dir():
        raise DataError(f"{option} {folder}: there is no such folder or list; expected one with pictures {what}.")
    files = [path for path in entries(folder) if path.is_file() and type_of(path) is not None]
    if not files:
        raise DataError(f"{option} {folder}: there are no pictures in it ({READABLE}).")
    return files


def parse_severity(text: str | float | tuple[float, float]) -> tuple[float, float]:
    """Return the least and the greatest severity of "0.7" or "0.5-1.5"; raises ConfigError."""
    low, high = text if isinstance(text, tuple) else _parse_range(text)
    if not 0 < low <= high <= MOST_SEVERE:
        raise ConfigError(f"--severity {text}: expected a number above 0 and at most {MOST_SEVERE:g}, such as 0.7, or a range, 0.5-1.5.")
    return low, high


def parse_per_image(text: str | int | tuple[int, int]) -> tuple[int, int]:
    """Return the least and the greatest number of defects of "2" or "1-3"; raises ConfigError."""
    low, high = text if isinstance(text, tuple) else _parse_range(text)
    if not 1 <= low <= high <= MOST_DEFECTS or low != int(low) or high != int(high):
        raise ConfigError(f"--per-image {text}: expected a whole number from 1 to {MOST_DEFECTS}, or a range such as 1-3.")
    return int(low), int(high)


_EXAMPLE = '{"normal": "good/007.png", "defect": "scratch", "region": "rect:10%,20%,30%,10%", "size": "20-40px", "severity": 1, "seed": 7}'
_DEFECT_KEYS = ("defect", "region", "size", "severity")
_KEYS = ("normal", *_DEFECT_KEYS, "seed", "defects")


def _read_row(
    line: str, folder: Path, known: Sequence[str], fallback: Path | None, seed: int
) -> tuple[Path | None, tuple[DefectSpec, ...], int]:
    """Return normal, defects and seed of one row; raises FlawsmithError for what cannot be used."""
    try:
        row = parse_json(line)
    except json.JSONDecodeError as error:
        raise DataError(f"is not JSON ({error}); expected a row such as {_EXAMPLE}") from error
    if not isinstance(row, dict):
        raise DataError(f"is a {type(row).__name__}; expected an object such as {_EXAMPLE}")
    if "parts" in row:
        raise DataError("has the key 'parts', which is called 'defects' now; rename it.")
    if unknown := sorted(set(row) - set(_KEYS)):
        raise DataError(f"has the unknown key {unknown[0]!r}; expected {', '.join(_KEYS)}.")
    normal = fallback
    if "normal" in row:
        if fallback is None:
            raise DataError(f"normal {row['normal']}: there is none with --free; leave it out, or leave out --free.")
        normal = folder / str(row["normal"])
        if not normal.is_file() or type_of(normal) is None:
            raise DataError(f"normal {row['normal']}: is no picture; expected a path from the plan's own folder, or an absolute one.")
    given = row.get("seed", seed)
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise DataError(f"seed: got {given!r}, expected a whole number of 0 or more.")
    inner = row.get("defects", [{key: row[key] for key in _DEFECT_KEYS if key in row}])
    if not isinstance(inner, list) or not 1 <= len(inner) <= MOST_DEFECTS or not all(isinstance(each, dict) for each in inner):
        raise DataError(f"defects: expected a list of 1 to {MOST_DEFECTS} objects with defect, region, size and severity.")
    if normal is None and (len(inner) > 1 or any(set(each) & {"size", "severity"} for each in inner)):
        raise DataError("asks for several defects, a size or a severity, which are about a normal, and there is none with --free.")
    if "defects" in row and (both := sorted(set(row) & set(_DEFECT_KEYS))):
        raise DataError(f"has {both[0]!r} beside 'defects'; move it into them.")
    return normal, tuple(_read_defect(each, folder, known, normal) for each in inner), given


def _read_defect(row: dict[str, Any], folder: Path, known: Sequence[str], normal: Path | None) -> DefectSpec:
    if unknown := sorted(set(row) - set(_DEFECT_KEYS)):
        raise DataError(f"has the unknown key {unknown[0]!r} in its defects; expected {', '.join(_DEFECT_KEYS)}.")
    defect = row.get("defect", known[0] if len(known) == 1 else None)
    defect = normal_form(defect) if isinstance(defect, str) else defect
    if defect not in known:
        raise DataError(f"defect: got {defect!r}, expected {' or '.join(known)}.")
    region = row.get("region")
    if region is not None:
        if normal is None:
            raise DataError("region: says where on a normal, and there is none with --free; leave it out.")
        text = str(region)
        region = text if parse_box(text) is not None else str(folder / text)
        Regions(region, [normal])  # raises for one that this normal cannot have
    size = parse_size(row["size"]) if row.get("size") is not None else None
    severity = parse_severity(row.get("severity", 1.0))
    if severity[0] != severity[1]:
        raise DataError(f"severity: got the range {row['severity']}; expected one number in a plan.")
    return DefectSpec(str(defect), region, size, severity[0])


def _anywhere(region: str) -> str:
    """Return a region's text as it can be read from any folder."""
    return region if parse_box(region) is not None else str(Path(region).resolve())


def _parse_range(text: str | float) -> tuple[float, float]:
    """Return the two numbers of "a-b", or of "a" twice; (0, -1) for what is neither."""
    found = _RANGE.fullmatch(str(text).replace(" ", ""))
    try:
        return (float(found[1]), float(found[2] or found[1])) if found else (0.0, -1.0)
    except ValueError:
        return 0.0, -1.0
