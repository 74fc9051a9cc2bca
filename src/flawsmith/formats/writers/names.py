"""Names that file systems and formats can hold, each different from the others."""

import re
from collections.abc import Iterable

from flawsmith.core.errors import DataError

_LONGEST = 60  # characters of a source's name that are kept


def picture_name(stem: str, digest: str, synthetic: bool) -> str:
    """Return the name of a picture's files: where it is from, what it was called there, and eight digits of its content's digest.

    So pictures of the same name do not collide, and the same picture has the same name in every export. There is no dot in it, which
    some formats take for a suffix, and no space, which some take for the end.
    """
    plain = re.sub(r"[^\w-]+", "_", stem).strip("_")[:_LONGEST]
    return f"{'synthetic' if synthetic else 'real'}_{plain or 'picture'}_{digest[:8]}"


def folder_names(classes: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a folder's name for each class. Raises DataError where two would be the same, in small letters too, or one is `taken`."""
    found: dict[str, str] = {}
    used = {name: f"the name {name!r}, which means something else there" for name in taken}
    for name in dict.fromkeys(classes):
        folder = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name).strip(". ") or "_"
        if folder.lower() in used:
            raise DataError(f"the class {name!r} would share its folder with {used[folder.lower()]}. Rename one of them.")
        used[folder.lower()] = f"the class {name!r}"
        found[name] = folder
    return found
