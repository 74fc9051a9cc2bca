"""Label files in CSV, whatever their separator and the length of their cells."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from flawsmith.core.errors import FileError
from flawsmith.core.opening import open_plain
from flawsmith.formats.files import LARGEST, read_label_text


def header(path: Path) -> list[str]:
    """Return the names of a CSV file's columns without a leading "#"; none for what is no CSV."""
    try:
        with open_plain(path) as stream:
            line = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace").readline(10_000)
        return [name.strip().lstrip("#") for name in next(csv.reader([line], delimiter=_separator(line)), [])]
    except (OSError, csv.Error):
        return []


def table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file by column, with the number of the line on which each ends. Raises FileError for what is no CSV."""
    content = read_label_text(path)
    names = header(path)
    limit = csv.field_size_limit(LARGEST)  # run lengths and outlines are longer than what is the limit else
    try:
        reader = csv.reader(io.StringIO(content), delimiter=_separator(content[:10_000].partition("\n")[0]), strict=True)
        found = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise FileError(path, f"is not CSV ({error}). Export it again, or remove it.") from error
    finally:
        csv.field_size_limit(limit)
    for line, row in found[1:]:
        if row:
            yield line, dict(zip(names, row, strict=False))


def _separator(line: str) -> str:
    return max(",;\t", key=line.count)
