"""What was added to a file of JSON lines since the last look, however long it is."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PIECE = 1 << 20  # bytes that are read at a time
START = ""  # the mark of whoever has seen nothing yet


@dataclass(frozen=True)
class Added:
    """What came after a mark."""

    rows: list[dict[str, Any]]
    mark: str  # where the next look begins
    anew: bool  # the file was written anew since the mark was made: what was seen before counts no more
    more: bool  # there is more to be read at once


def added(path: Path, mark: str = START) -> Added:
    """Return the whole rows behind a mark, at most PIECE bytes of them; nothing of a file that is not there yet.

    A mark that is none counts as START. Lines that are no rows are left out.
    """
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            file, _, place = mark.partition(".")
            known = file == str(found.st_ino) and place.isdecimal() and int(place) <= found.st_size
            seen = int(place) if known else 0
            stream.seek(seen)
            piece = stream.read(PIECE)
    except OSError:
        return Added([], START, mark != START, False)
    end = piece.rfind(b"\n") + 1
    return Added(_rows(piece[:end]), f"{found.st_ino}.{seen + end}", mark != START and not known, len(piece) == PIECE and end > 0)


def _rows(text: bytes) -> list[dict[str, Any]]:
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows
