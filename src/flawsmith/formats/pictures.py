"""Which picture a label file means: tools write names with folders of another machine, other slashes, prefixes or no suffix."""

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from flawsmith.core.errors import DataError
from flawsmith.formats.files import Files, name_key
from flawsmith.images.files import SUFFIXES, type_of

_LABEL_STUDIO = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before an uploaded picture's name
_NOT_READ = {".gif", ".heic", ".heif", ".avif", ".jp2", ".jfif", ".dcm"}  # pictures that have to be converted


class MissingPicture(DataError):
    """A picture that a label file names and that is not there."""


class Finder:
    """The pictures of a data folder by what label files call them. A name never leads out of the folder."""

    def __init__(self, files: Files) -> None:
        self._root = files.root
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for picture in files.pictures:
            self._by_name[name_key(picture.name)].append(picture)
            self._by_stem[name_key(picture.stem)].append(picture)
        self._bare: dict[str, list[Path]] = defaultdict(list)  # files without a suffix, as some tools upload pictures
        for file in (p for p in files.all if not p.suffix):
            self._bare[name_key(file.name)].append(file)

    def find(self, written: str, near: Path, part: str | None = None) -> Path:
        """Return the picture that a label file in the folder `near` calls `written`.

        part: the subset that it is in, such as "train", which one of its folders may be called. Raises MissingPicture where no picture
        has that name, DataError where several have it and nothing tells which is meant.
        """
        parts = plain_parts(written)
        if not parts:
            raise DataError(f"a picture without a name ({written!r}); expected the name of a file")
        candidates = self._candidates(parts[-1])
        if len(candidates) > 1:
            candidates = _nearest(candidates, parts, near, part, (near.joinpath(*parts), self._root.joinpath(*parts)))
        if not candidates:
            suffix = PurePosixPath(parts[-1]).suffix.lower()
            convert = f" ({suffix} is not read: convert it to PNG under the same name)" if suffix in _NOT_READ else ""
            raise MissingPicture(f"the picture {written!r} is not there{convert}. Add it, or remove its labels.")
        if len(candidates) > 1:
            names = ", ".join(c.relative_to(self._root).as_posix() for c in candidates[:4])
            raise DataError(f"the picture {written!r} may be any of {names}. Rename them, or keep one.")
        return candidates[0]

    def _candidates(self, name: str) -> list[Path]:
        key = name_key(name)
        if found := self._by_name.get(key):
            return found
        shorter = _LABEL_STUDIO.sub("", key)
        if found := self._by_name.get(shorter):
            return found
        suffix = PurePosixPath(key).suffix
        is_picture = suffix in SUFFIXES or suffix in _NOT_READ
        for called in (key, shorter):
            if found := self._by_stem.get(PurePosixPath(called).stem if is_picture else called):
                return found
        return [p for p in self._bare.get(key, ()) if type_of(p) in SUFFIXES.values()]


def plain_parts(written: str) -> tuple[str, ...]:
    """Return the folders and the name in a path as any tool writes it: slashes of Windows, URLs, a drive; without ".." and "."."""
    text = written.strip().replace("\\", "/")
    if "://" in text:
        text = unquote(text.split("://", 1)[1].split("?", 1)[0])
    parts = [p for p in text.split("/") if p not in ("", ".", "..") and not re.fullmatch(r"[A-Za-z]:", p)]
    return tuple(p for p in parts if "\0" not in p)


def _nearest(candidates: list[Path], parts: tuple[str, ...], near: Path, part: str | None, exact: tuple[Path, ...]) -> list[Path]:
    """Return those of the pictures of one name that fit best: by the path's end, the subset's folder, the whole path, the label file's."""
    wanted = [name_key(p) for p in reversed(parts)]

    def fit(path: Path) -> tuple[int, bool, bool, int]:
        own = [name_key(p) for p in reversed(path.parts)]
        same = next((i for i, (a, b) in enumerate(zip(own, wanted, strict=False)) if a != b), len(wanted))
        folders = {name_key(p) for p in path.parts[:-1]}
        shared = next((i for i, (a, b) in enumerate(zip(path.parts, near.parts, strict=False)) if a != b), len(near.parts))
        return same, part is not None and name_key(part) in folders, path in exact, shared

    fits = {path: fit(path) for path in candidates}
    best = max(fits.values())
    return [path for path in candidates if fits[path] == best]
