"""Where the studio keeps its projects, and which it knows."""

import re
import threading
from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.core.files import read_json, write_json
from flawsmith.core.folders import Kind, mark, read_marker
from flawsmith.formats.files import written_kind
from flawsmith.formats.writers.journal import EXPORT
from flawsmith.studio.project import Project, create, is_project

KNOWN = "projects.json"
HOME = Kind("studio-home", (r"projects\.json", r"[^/]+/"))
BESIDE = ".studio"  # a data folder's project lies beside it, under its name with this behind


def usual_home() -> Path:
    """Return the home that is used where none is named: ~/flawsmith-studio. Raises DataError where there is no home directory."""
    try:
        return Path.home() / "flawsmith-studio"
    except RuntimeError:
        raise DataError("There is no home directory to keep projects in; name a folder for them: flawsmith studio --home DIR.") from None


class Home:
    """A folder with projects, and the list of those that lie elsewhere."""

    def __init__(self, folder: Path) -> None:
        """folder: need not exist."""
        self.folder = folder.absolute()
        self._open: dict[str, Project] = {}
        self._lock = threading.Lock()

    def projects(self) -> list[Project]:
        """Return those that are there, by name; one whose file cannot be read is left out."""
        found = []
        for key in self._known():
            try:
                found.append(self.project(key))
            except DataError:
                continue
        return sorted(found, key=lambda project: project.name.lower())

    def project(self, key: str) -> Project:
        """Return the project that addresses call so. Raises DataError where there is none."""
        with self._lock:
            folder = self._known().get(key)
            if folder is None or not is_project(folder):
                self._open.pop(key, None)
                raise DataError(f"There is no project {key!r}; those that are known stand on the first page.")
            if key not in self._open:
                self._open[key] = Project(folder, key)
            return self._open[key]

    def open(self, folder: Path) -> Project:
        """Return the project in a folder, or of a data folder, label file or archive; it is made if there is none.

        The project of DATA lies beside it, DATA.studio, or in the home where that place cannot be written to; a run or pairs in a
        project open that one. Raises DataError for what is not there, and for a folder of flawsmith's in no project: it is no data.
        """
        folder = folder.absolute()
        if not folder.exists():
            raise DataError(f"{folder}: there is no such folder or file. Check the path.")
        if is_project(folder):
            return self._register(folder)
        if (kind := written_kind(folder)) and kind != EXPORT.name:
            return self._register(_project_around(folder, kind))
        beside = folder.with_name(folder.name + BESIDE)
        if is_project(beside):
            return self._register(beside)
        try:
            create(beside, folder.stem if folder.is_file() else folder.name, folder, "")
        except OSError:
            beside = self.place(folder.name)
            create(beside, folder.name, folder, "")
        return self._register(beside)

    def new(self, name: str) -> Project:
        """Make a project in the home whose data are its own, PROJECT/data, for pictures that are brought to it."""
        folder = self.place(name)
        create(folder, name, folder / "data", "")
        (folder / "data").mkdir(exist_ok=True)
        return self._register(folder)

    def place(self, name: str) -> Path:
        """Return a folder in the home that is not there yet."""
        stem, number = _slug(name), 1
        while (folder := self.folder / (stem if number == 1 else f"{stem}-{number}")).exists():
            number += 1
        return folder

    def forget(self, key: str) -> None:
        """Take a project from the list; its folder stays."""
        with self._lock:
            known = self._known()
            known.pop(key, None)
            self._open.pop(key, None)
            self._write(known)

    def _register(self, folder: Path) -> Project:
        with self._lock:
            known = self._known()
            key = next((key for key, path in known.items() if path == folder), "")
            if not key:
                stem, number = _slug(folder.name.removesuffix(BESIDE)), 1
                while (key := stem if number == 1 else f"{stem}-{number}") in known:
                    number += 1
                self._write({**known, key: folder})
        return self.project(key)

    def _known(self) -> dict[str, Path]:
        path = self.folder / KNOWN
        if not path.is_file():
            return {}
        said = read_json(path)
        if not isinstance(said, dict):
            raise DataError(f"{path}: expected a list of projects' folders by key. Move it away: opening a project notes it again.")
        return {str(key): Path(str(folder)) for key, folder in said.items()}

    def _write(self, known: dict[str, Path]) -> None:
        if read_marker(self.folder) is None:
            mark(self.folder, HOME)
        write_json(self.folder / KNOWN, {key: str(folder) for key, folder in known.items()})


def _project_around(folder: Path, kind: str) -> Path:
    """Return the project that a folder of flawsmith's lies in. Raises DataError where it lies in none."""
    around = next((one for one in folder.parents if is_project(one)), None)
    if around is None:
        raise DataError(
            f"{folder}: is a folder of flawsmith's ({kind}) and no data. Open the data folder that it was made of; a run that lies in "
            f"DATA{BESIDE}/runs, and pairs that lie in DATA{BESIDE}/pairs, appear there by themselves: `flawsmith generate RUN "
            f"-o DATA{BESIDE}/pairs/NAME`, or copy the folder."
        )
    return around


def _slug(name: str) -> str:
    """Return a name as addresses can hold it."""
    return re.sub(r"[^\w-]+", "-", name.lower()).strip("-_")[:48] or "project"
