"""The errors a user can cause; each message says what, where, got, expected and the next step."""

from pathlib import Path


class FlawsmithError(Exception):
    """Base of every error that is the input's fault; the command line prints it without a traceback and exits with 2."""


class ConfigError(FlawsmithError):
    """A configuration key or value that cannot be used."""


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
    """A place to write to that already holds something."""


class FolderBusyError(FlawsmithError):
    """A folder that another process is writing to."""


class RunError(FlawsmithError):
    """A RUN folder or model file that cannot be loaded."""


class WeightsError(FlawsmithError):
    """Pretrained weights that are not there, or of another kind than what is needed."""
