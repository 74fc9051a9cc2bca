"""What lies in the folder of an export, row by row, so that a later export appends to it and changes nothing that is there."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flawsmith.core.errors import OutputExistsError
from flawsmith.core.files import content_hash, write_json, write_text
from flawsmith.core.folders import Kind, is_empty, mark, read_marker
from flawsmith.formats.writers.row import Line, Options

EXPORT = Kind("export", ())
STATE, LINES = "export.json", "export.jsonl"


class Journal:
    """The rows in a folder, its classes and the files about all rows."""

    def __init__(self, folder: Path, to: str, options: Options) -> None:
        """Read what is there. Raises OutputExistsError where an export of this kind cannot go on in the folder."""
        self.folder, self._to, self._options = folder, to, {"polygons": options.polygons, "mask": options.mask}
        self.classes: tuple[str, ...] = ()
        self.digests: set[str] = set()  # of the pictures that are there
        self.splits: dict[str, str] = {}  # by group
        self.count = 0  # of rows
        if is_empty(folder):
            return
        self._check_kind()
        for line in self.lines():
            self.count += 1
            self.digests.add(line.digest)
            self.splits[line.group] = line.split

    def _check_kind(self) -> None:
        found = read_marker(self.folder)
        if found is None or found.name != EXPORT.name or not (self.folder / STATE).is_file():
            raise OutputExistsError(
                f"{self.folder}: is not empty and holds no export of flawsmith; nothing was written. Name another folder."
            )
        state = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        self.classes = tuple(state["classes"])
        options = {"mask": "", **state["options"]}
        if (state["to"], options) != (self._to, self._options):
            there, asked = _asked(state["to"], options), _asked(self._to, self._options)
            raise OutputExistsError(
                f"{self.folder}: holds an export to {there}, and this one is to {asked}; nothing was written. Give the same "
                "options, or name another folder."
            )
        for name, digest in state["files"].items():  # none of an export that was interrupted
            path = self.folder / name
            if not path.is_file() or content_hash(path) != digest:
                what = "was changed" if path.is_file() else "is gone"
                raise OutputExistsError(
                    f"{path}: {what} since it was exported, and this export would replace it; nothing was written. Name another folder."
                )

    def lines(self) -> Iterator[Line]:
        """Yield the rows in the order they came, read as they are asked for; a last one that was cut off is none."""
        path = self.folder / LINES
        if not path.is_file():
            return
        with path.open("rb") as stream:
            for text in stream:
                if not text.endswith(b"\n"):
                    return
                yield _line(json.loads(text))

    def begin(self, classes: Iterable[str]) -> None:
        """Make the folder ready for rows with these classes: those that are new get the next numbers."""
        mark(self.folder, EXPORT)
        self.classes = (*self.classes, *sorted(set(classes) - set(self.classes)))
        self._write_state({})
        path = self.folder / LINES
        if path.is_file() and not path.read_bytes().endswith(b"\n"):
            write_text(path, "".join(_text(line) for line in self.lines()))

    def add(self, lines: Iterable[Line]) -> None:
        """Write rows whose files are there."""
        lines = list(lines)
        with (self.folder / LINES).open("a", encoding="utf-8") as stream:
            stream.write("".join(map(_text, lines)))
        self.count += len(lines)
        self.digests.update(line.digest for line in lines)
        self.splits.update({line.group: line.split for line in lines})

    def end(self, files: Iterable[str]) -> None:
        """Note the files about all rows as they are now."""
        self._write_state({name: content_hash(self.folder / name) for name in files})

    def _write_state(self, files: dict[str, str]) -> None:
        state: dict[str, Any] = {"to": self._to, "options": self._options, "classes": list(self.classes), "files": files}
        write_json(self.folder / STATE, state)


def _asked(to: str, options: dict[str, Any]) -> str:
    """Return the options of an export that a later one into the same folder must have, as they are typed."""
    return f"{to}{' --polygons' if options['polygons'] else ''}{options['mask'] and ' --mask ' + options['mask']}"


def _text(line: Line) -> str:
    return json.dumps(vars(line)) + "\n"


def _line(said: dict[str, Any]) -> Line:
    return Line(**said | {name: tuple(said[name]) for name in ("size", "classes")})
