"""Parts of a label file's JSON as its tool writes them; anything else in their place is an error that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flawsmith.core.errors import FileError

_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}


def rows(path: Path, value: Any, what: str) -> list[dict[str, Any]]:
    """Return a list of objects, empty for nothing. Raises FileError for something else; what: its name in the file."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise FileError(path, f"{what} is {kind(value)}; expected a list of objects.")
    odd = [kind(row) for row in value if not isinstance(row, dict)]
    if odd:
        raise FileError(path, f"{what} holds {odd[0]}; expected objects alone.")
    return value


def fields(path: Path, value: Any, what: str) -> dict[str, Any]:
    """Return an object, empty for nothing. Raises FileError for something else; what: its name in the file."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FileError(path, f"{what} is {kind(value)}; expected an object.")
    return value


def text(value: Any) -> str:
    """Return a name: text, or a whole number as text; empty for something else."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def kind(value: Any) -> str:
    """Return what a part is, in words; the part itself may be too large to be shown."""
    return _KINDS.get(type(value), "something else")


@contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Raise a ValueError of what is read within as a FileError; what: which label it is."""
    try:
        yield
    except ValueError as error:
        raise FileError(path, f"{what}: {error}. Correct or remove it.") from error
