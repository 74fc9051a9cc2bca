"""Files that list pictures, one in a line: of normals for `--onto`, of defects for `--like`."""

from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.core.parsing import parse_json
from flawsmith.core.text import read_text
from flawsmith.images.files import type_of
from flawsmith.pairs.pair import ACCEPTED

LISTS = (".txt", ".jsonl")  # how their names end


def is_list(path: Path) -> bool:
    """Return whether a file is called as lists are."""
    return path.suffix.lower() in LISTS


def listed(path: Path, option: str) -> list[Path]:
    """Return the pictures that a list names, in its order; option: of the command, for errors.

    A line is a path, as seen from the list's folder, in .jsonl a row such as those of pairs.jsonl, of which only accepted ones count.
    Raises DataError for a line that names no picture.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        rows = [parse_json(line) if path.suffix.lower() == ".jsonl" else {"image": line} for line in lines]
        names = [row["image"] for row in rows if row.get("verdict", ACCEPTED) == ACCEPTED]
        pictures = [path.parent / name for name in names]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{option} {path}: is no list of pictures ({error}); expected a path in each line, or rows with an image."
        ) from error
    for picture in pictures:
        if not picture.is_file() or type_of(picture) is None:
            raise DataError(f"{option} {path}: names {picture}, which is no picture; expected paths as seen from the list's folder.")
    return pictures
