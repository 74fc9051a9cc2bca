"""What the first page shows of a project, in one small file: many projects are listed without a database of any."""

from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from flawsmith.core.errors import DataError, FlawsmithError
from flawsmith.core.files import read_json, write_json
from flawsmith.studio.listing import DEFECT, ROLES, TO_MEND, Which, database, listed, numbers
from flawsmith.studio.project import Project

CARD = "card.json"


@dataclass(frozen=True)
class Card:
    """A project in short."""

    pictures: int = 0
    roles: dict[str, int] = field(default_factory=dict)  # pictures of each of ROLES
    kinds: dict[str, int] = field(default_factory=dict)  # pictures by kind of defect
    bad: int = 0  # findings that must be mended
    cover: str = ""  # name of the picture that stands for it


def write_card(project: Project) -> None:
    """Write what the listing and the last check say."""
    found = numbers(project)
    cover = next(iter(listed(project, 0, 1, Which(role=DEFECT)) or listed(project, 0, 1)), None)
    row = database(project).one("SELECT count(*) FROM findings WHERE list = ?", (TO_MEND,))
    bad = int(row[0]) if row else 0
    card = Card(sum(found["roles"].values()), found["roles"], found["kinds"], bad, cover.name if cover else "")
    with suppress(OSError, FlawsmithError):  # a full disk: it is old until the next time
        write_json(project.folder / CARD, asdict(card))


def read_card(project: Project) -> Card | None:
    """Return what was written last; None where nothing was."""
    try:
        said: Any = read_json(project.folder / CARD)
        card = Card(**said)
        known = isinstance(card.pictures, int) and isinstance(card.kinds, dict) and set(card.roles) == set(ROLES)
    except (DataError, TypeError):
        return None
    return card if known else None
