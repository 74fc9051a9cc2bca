"""The errors a user can cause; each message says what, where, got, expected and the next step."""

from pathlib import Path


class FlawsmithError(Exception):
    """Base of every error that is not the program's fault; the command line prints it without a traceback."""

    exit_status = 1  # of the command: bad input, or nothing usable


class ConfigError(FlawsmithError):
    """A configuration key, a value or a combination of options that cannot be used."""

    exit_status = 2  # wrong usage


class DataError(FlawsmithError):
    """A data folder or file that cannot be used."""


class NoRoomError(DataError):
    """A picture has no place for a defect as it is asked for; another place or picture may."""


class FileError(DataError):
    """One file that cannot be used: `path`, and `what` is wrong with it, what was expected and what to do."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path, what)  # both, so that the error survives pickling between processes
        self.path = path
        self.what = what

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


class OutputExistsError(FlawsmithError):
    """A place to write to that already holds something; another name or --overwrite is needed."""

    exit_status = 2  # wrong usage


class FolderBusyError(FlawsmithError):
    """A folder that another process is writing to."""


class DiskFullError(FlawsmithError):
    """A disk without room for what is to be written; the message has the numbers."""


class RunError(FlawsmithError):
    """A RUN folder or model file that cannot be loaded."""


class WeightsError(FlawsmithError):
    """Pretrained weights that are not there, or of another kind than what is needed."""
