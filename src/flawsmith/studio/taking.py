"""What is taken of files that somebody brings: under which name, and whether their content is of a kind that is of use.

What a file is, its first bytes say: a picture that can be read, of no more pixels than a picture may have; a label file, which is text; an
archive. A name never leads out of a folder, and can be one on every system.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flawsmith.core.disk import size
from flawsmith.core.errors import DataError, FileError
from flawsmith.core.paths import leads_out
from flawsmith.dataset.sample import GOOD
from flawsmith.formats.files import LARGEST
from flawsmith.images.files import READABLE, SUFFIXES, content_type, image_size

LABELS = (".json", ".jsonl", ".ndjson", ".xml", ".csv", ".tsv", ".txt", ".yaml", ".yml")  # suffixes of label files
WHOLE, NORMAL, DEFECT, MASK = PLACES = ("whole", "normal", "defect", "mask")
HEAD = 16  # bytes that tell what a file is
_PIECE = 1 << 20  # bytes of a text that are looked at together
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}  # and what begins with a dot
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # no file can be called so on Windows
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Place:
    """Where what is brought belongs."""

    role: str = WHOLE  # one of PLACES: as it lies in its folders; a normal; of a kind of defect; its mask
    kind: str = ""  # the kind of defect

    def path(self, name: PurePosixPath, flat: bool = True) -> PurePosixPath:
        """Return the path in the data of a file that is called so; flat: without its folders where it is sorted."""
        if self.role == WHOLE:
            return name
        own = name.name if flat else "_".join(name.parts[-2:])
        folder = {NORMAL: ("train", GOOD), DEFECT: ("test", self.kind), MASK: ("ground_truth", self.kind)}[self.role]
        return PurePosixPath(*folder, own)


def checked_name(place: Place, written: str) -> PurePosixPath | None:
    """Return the name of a file with its folders; None for what systems add. Raises DataError for one that leads elsewhere."""
    text = unicodedata.normalize("NFC", written.replace("\\", "/"))
    if len(text) > 1000 or leads_out(text) or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise DataError(f"{written[:80]!r}: is no name of a file that can be taken.")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or any(part.startswith(".") or part.lower() in _LITTER for part in parts):
        return None
    name = PurePosixPath(*(_portable(part) for part in parts))
    if place.role in (DEFECT, MASK):
        _check_kind(place.kind)
    return name


def is_archive(head: bytes) -> bool:
    """Return whether a file that begins so is a zip file."""
    return head.startswith(_ZIP)


def kept_as(place: Place, name: PurePosixPath, path: Path, head: bytes) -> PurePosixPath:
    """Return what a file is called that was received, with the suffix of what it is; head: its first bytes.

    Raises DataError for one that is not of a kind that is taken there.
    """
    kind = content_type(head)
    if kind in SUFFIXES.values():
        try:
            image_size(path)
        except FileError as error:
            raise DataError(f"{name}: {error.what}") from error
        if SUFFIXES.get(name.suffix.lower()) == kind:
            return name
        stem = name.stem if name.suffix.lower() in SUFFIXES else name.name
        return name.with_name(stem + next(suffix for suffix, own in SUFFIXES.items() if own == kind))
    if place.role == WHOLE and name.suffix.lower() in LABELS:
        _check_text(name, path)
        return name
    found = f"a {kind} file" if kind else "an archive in an archive" if is_archive(head) else "no picture"
    labels = "" if place.role != WHOLE else f", label files ({', '.join(LABELS)}) and zip files"
    raise DataError(f"{name}: is {found}; expected pictures ({READABLE}){labels}.")


def _portable(part: str) -> str:
    """Return a name that is one on every system."""
    kept = re.sub(r'[<>:"|?*]', "_", part).rstrip(". ")
    while len(kept.encode()) > 200:
        kept = kept[: len(kept) // 2 - 8] + kept[-(len(kept) // 2 - 8) :]
    return f"_{kept}" if not kept or _DEVICES.fullmatch(kept) else kept


def _check_kind(kind: str) -> None:
    if (
        kind.strip() != kind
        or not 0 < len(kind) <= 64
        or kind == GOOD
        or _portable(kind) != kind
        or kind.startswith(".")
        or re.search(r"[/\\]", kind)
    ):
        raise DataError(f"{kind!r}: cannot be the name of a defect; use letters, digits, spaces and - _ ( ), and another name than {GOOD}.")


def _check_text(name: PurePosixPath, path: Path) -> None:
    if path.stat().st_size > LARGEST:
        raise DataError(f"{name}: has {size(path.stat().st_size)}; expected a label file of at most {size(LARGEST)}.")
    with path.open("rb") as stream:
        wide = stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8")()
        try:
            for piece in iter(lambda: stream.read(_PIECE), b""):
                if "\0" in decoder.decode(piece):
                    raise UnicodeError("it holds zero bytes")
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            raise DataError(f"{name}: is called as a label file and is no text ({error}).") from error
