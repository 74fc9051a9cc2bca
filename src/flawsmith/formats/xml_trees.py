"""Label files in XML, read part by part and without anything that XML may do beyond holding them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

from flawsmith.core.errors import FileError
from flawsmith.core.opening import open_plain
from flawsmith.formats.files import LARGEST

DEEPEST = 32  # elements within each other
_HEAD = 8  # elements by which a file is recognised


def parts(path: Path) -> Iterator[Element]:
    """Yield the elements directly below the root, one at a time; each is emptied afterwards.

    Raises FileError for what is no XML, nested deeper than DEEPEST, or has a document type: entities are what XML is attacked by.
    """
    for depth, element in _events(path):
        if depth == -1:
            yield element
            element.clear()


def head(path: Path) -> list[str]:
    """Return the names of the root and of the first few elements in it, as far as it is XML."""
    names: list[str] = []
    with suppress(FileError):
        for depth, element in _events(path):
            if depth > 0:
                names.append(element.tag)
            if len(names) == _HEAD:
                break
    return names


def spoiled(path: Path) -> FileError | None:
    """Return why a file cannot be read as XML to its end, None where it can."""
    try:
        for _ in parts(path):
            pass
    except FileError as error:
        return error
    return None


def _events(path: Path) -> Iterator[tuple[int, Element]]:
    """Yield elements with their depth, 1 for the root, where they begin; and with -1 those below the root where they end."""
    depth = 0
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise FileError(path, f"has {size >> 20} MiB; expected a label file of at most {LARGEST >> 20} MiB. Split the export.")
        with open_plain(path) as stream:
            for event, element in iterparse(stream, ("start", "end"), forbid_dtd=True):
                if event == "start":
                    depth += 1
                    if depth > DEEPEST:
                        raise FileError(path, f"is XML that is nested deeper than {DEEPEST}; expected the export of a labelling tool.")
                    yield depth, element
                else:
                    depth -= 1
                    if depth == 1:
                        yield -1, element
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror}). Check that it is there and readable.") from error
    except (SyntaxError, ValueError, LookupError) as error:  # defusedxml's own are ValueErrors
        raise FileError(path, f"is not XML that may be read ({error}). Export it again, or remove it.") from error
