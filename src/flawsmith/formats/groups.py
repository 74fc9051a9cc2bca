"""groups.csv: which pictures show one physical specimen."""

import csv
import io
import os
from pathlib import Path

from flawsmith.core.text import normal_form, read_text
from flawsmith.dataset.scan import Problem, Scan

GROUPS_NAME = "groups.csv"


def read_groups(path: Path, found: Scan) -> None:
    """Fill in the groups from a CSV file with the columns path and group; paths are relative to the root."""
    name = found.name(path)
    pictures = {_key(p): p for p in found.pictures()}
    try:
        reader = csv.DictReader(io.StringIO(read_text(path)))
        columns = [c or "" for c in reader.fieldnames or []]
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        found.problems.append(Problem(name, f"is not a CSV file in UTF-8 ({error}); expected the columns path,group."))
        return
    if not {"path", "group"} <= set(columns):
        found.problems.append(Problem(name, f"has the columns {','.join(columns)}; expected path,group, with commas between them."))
        return
    for number, row in enumerate(rows, start=2):
        text, group = (row["path"] or "").strip(), normal_form((row["group"] or "").strip())
        picture = pictures.get(_key(found.root / text.replace("\\", "/")))
        if picture is None:
            message = f"row {number} names {text!r}, which is no picture of this data. Correct or remove the row."
            found.stale_rows.append(Problem(name, message))
        elif not group:
            message = f"row {number}: {text} has no group; expected a name or number. Add it, or remove the row."
            found.problems.append(Problem(name, message))
        elif found.groups.setdefault(picture, group) != group:
            message = f"row {number}: {text} is in the group {group!r} and before in {found.groups[picture]!r}. Keep one of the two rows."
            found.problems.append(Problem(name, message))
    missing = [found.name(p) for p in pictures.values() if p not in found.groups]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        found.warnings.append(
            Problem(name, f"pictures that it names no group for: {len(missing)} ({shown}). Each counts as a specimen of its own.")
        )


def _key(path: Path) -> str:
    return normal_form(os.path.abspath(path))
