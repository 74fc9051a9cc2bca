"""Pictures alone: their labels come from elsewhere, by --labels."""

from flawsmith.dataset.scan import Scan
from flawsmith.formats.files import Files
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import Format


def recognise(files: Files) -> str | None:
    """Return None: any folder would do, so it is taken where it is asked for, or where nothing else is recognised."""
    return None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return the pictures, of which nothing is known."""
    return Scan(files.root, unlisted=list(files.pictures))


FORMAT = Format("pictures", "Pictures alone", recognise, read)
