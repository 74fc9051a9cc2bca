"""What pairs are made with: a RUN, which was fitted, or labelled pictures that the base follows."""

from dataclasses import fields
from pathlib import Path

from flawsmith.core.errors import RunError
from flawsmith.core.folders import read_marker
from flawsmith.core.paths import stored
from flawsmith.core.text import command
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import recognised

MODEL = Path("model", "model.safetensors")  # in a RUN
FITTED = ("generation", "quality")  # groups and keys of the configuration that --set may change
LABELS = tuple(f"data.{one.name}" for one in fields(ReadOptions) if one.init)  # keys that say how labels are read
UNFITTED = (*FITTED, "data.split", "training.init", *LABELS)


def is_fitted(path: Path) -> bool:
    """Return whether `path` is a RUN, and not labelled pictures. Raises RunError for what is neither."""
    path = stored(path)
    if _is_run(path):
        return True
    if not path.exists():
        raise RunError(
            f"{path}: there is no such folder; expected a RUN, which `{command('fit', 'DATA', '-o', path)}` makes, or a data folder of "
            "labelled pictures, which the base follows with nothing fitted."
        )
    if recognised(path):
        return False
    raise RunError(
        f"{path}: is neither a RUN (it has no {MODEL.as_posix()}; `flawsmith fit DATA -o RUN` makes one) nor a data folder in a known "
        f"layout (`{command('check', path)}` says what is expected)."
    )


def settable(path: Path) -> tuple[str, ...]:
    """Return the groups and keys of the configuration that --set may change for a RUN, or for labelled pictures."""
    return FITTED if _is_run(path) or not path.exists() else UNFITTED


def _is_run(path: Path) -> bool:
    marker = read_marker(path)
    return (path / MODEL).is_file() or (marker is not None and marker.name == "run")
