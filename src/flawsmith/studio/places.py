"""Which folders may be looked into and opened: the one rule of it."""

from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import DataError

MOST = 2000  # names of folders that are shown


@dataclass(frozen=True)
class Places:
    """The folders that whoever uses the studio may name.

    On this machine alone that is whoever started it, who may open what they can read. Reached from elsewhere, it opens what lies in its
    home, and what was opened on the command line.
    """

    home: Path  # of projects
    anywhere: bool

    @property
    def start(self) -> Path:
        """The folder to begin at: the user's home directory, or the studio's own home."""
        if not self.anywhere:
            return self.home
        try:
            return Path.home()
        except RuntimeError:
            return Path("/")

    def checked(self, written: str | Path) -> Path:
        """Return the path that somebody named; raises DataError for one that is none or must not be opened, links followed."""
        text = str(written).strip()
        try:
            if not text or "\0" in text:
                raise DataError("Give the path of a folder.")
            path = Path(text).expanduser() if self.anywhere else Path(text)
            path = path if path.is_absolute() else self.start / path
            real = path.resolve()
        except (RuntimeError, OSError) as error:  # no such user, or links in a circle
            raise DataError(f"{text}: cannot be opened ({error}).") from None
        if not self.anywhere and not real.is_relative_to(self.home.resolve()):
            raise DataError(
                f"{text}: lies outside {self.home}. A studio that other machines can reach opens only what lies there: bring the pictures "
                "in the browser, or name the folder on the command line, flawsmith studio FOLDER."
            )
        return path

    def folders(self, path: Path) -> list[str]:
        """Return the names of the folders in a folder, without hidden ones. Raises DataError for one that cannot be read."""
        found = []
        try:
            for entry in path.iterdir():
                if not entry.name.startswith(".") and self._is_folder(entry):
                    found.append(entry.name)
        except OSError as error:
            raise DataError(f"{path}: cannot be looked into ({error.strerror}).") from error
        return sorted(found, key=str.lower)[:MOST]

    def _is_folder(self, entry: Path) -> bool:
        try:
            return entry.is_dir() and (self.anywhere or entry.resolve().is_relative_to(self.home.resolve()))
        except (OSError, RuntimeError):
            return False
