"""Pairs in the order and with the filters that a reviewer asks for, and what is known of each: out of the database alone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

from flawsmith.core.errors import DataError
from flawsmith.pairs.pair import ACCEPTED as COUNTS
from flawsmith.pairs.review import DECISIONS, DISPUTED, OPEN, VERDICTS
from flawsmith.studio.project import Project
from flawsmith.studio.review_board import board_of

FEW = 500  # values in one statement
# what pairs are sorted by
SORTS = {
    "made": "p.number",
    "realism": "p.realism",
    "consistency": "p.consistency",
    "novelty": "p.novelty",
    "contrast": "abs(p.contrast)",
    "size": "p.size",
    "kind": "p.defect",
    "disputed": f"coalesce(v.verdict, '') = '{DISPUTED}'",
}
NONE = "none"  # no decision of one's own
_FROM = "FROM pairs p LEFT JOIN verdicts v ON v.pairs = p.pairs AND v.id = p.id"


@dataclass(frozen=True)
class Wanted:
    """Which pairs, and in which order; "" asks for nothing."""

    sort: str = "made"  # of SORTS
    down: bool = False  # the largest first
    kind: str = ""  # of defects
    verdict: str = ""  # of all reviewers together, of VERDICTS
    reviewer: str = ""  # what this one decided
    decision: str = ""  # of DECISIONS, or NONE: that decision of the reviewer; any where empty


def order(project: Project, name: str, wanted: Wanted) -> list[str]:
    """Return the ids of pairs in the order that is asked for; where a pair's number is not known, it comes last."""
    if wanted.sort not in SORTS:
        raise DataError(f"sort: got {wanted.sort!r}, expected one of {', '.join(SORTS)}.")
    column = SORTS[wanted.sort]
    condition, values = _where(name, wanted)
    way = "DESC" if wanted.down else "ASC"
    query = f"SELECT p.id {_FROM} WHERE {condition} ORDER BY {column} IS NULL, {column} {way}, p.number"
    return [row[0] for row in board_of(project).rows(query, values)]


def items(project: Project, name: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what pages show of some pairs, in the order of `ids`; what is not there is left out."""
    database = board_of(project)
    marks = ", ".join("?" * len(ids))
    query = f"""SELECT p.*, v.verdict AS said, c.reviewer AS corrected, c.at AS corrected_at {_FROM}
        LEFT JOIN corrections c ON c.pairs = p.pairs AND c.id = p.id WHERE p.pairs = ? AND p.verdict = ? AND p.id IN ({marks})"""
    rows = {row["id"]: row for row in database.rows(query, (name, COUNTS, *ids))}
    opinions = opinions_of(project, name, ids)
    return [_item(rows[id], opinions.get(id, {})) for id in ids if id in rows]


def missing(project: Project, name: str, ids: Sequence[str]) -> list[str]:
    """Return those of some ids that no pair of the set has."""
    found: set[str] = set()
    for start in range(0, len(ids), FEW):
        some = ids[start : start + FEW]
        query = f"SELECT id FROM pairs WHERE pairs = ? AND verdict = ? AND id IN ({', '.join('?' * len(some))})"
        found |= {row[0] for row in board_of(project).rows(query, (name, COUNTS, *some))}
    return [id for id in ids if id not in found]


def opinions_of(project: Project, name: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return who decided what of some pairs, by id and reviewer."""
    marks = ", ".join("?" * len(ids))
    query = f"SELECT id, reviewer, decision, reasons, at FROM opinions WHERE pairs = ? AND id IN ({marks}) ORDER BY reviewer"
    found: dict[str, dict[str, Any]] = {}
    for row in board_of(project).rows(query, (name, *ids)):
        said = {"decision": row["decision"], "reasons": json.loads(row["reasons"]), "at": row["at"]}
        found.setdefault(row["id"], {})[row["reviewer"]] = said
    return found


def changed_after(project: Project, name: str, act: int, most: int) -> list[str]:
    """Return the pairs of which something was decided after an act, `most` at most, those of the earliest first."""
    query = "SELECT id FROM verdicts WHERE pairs = ? AND changed > ? ORDER BY changed, id LIMIT ?"
    return [row[0] for row in board_of(project).rows(query, (name, act, most))]


def counts(project: Project, name: str) -> dict[str, Any]:
    """Return how many pairs there are, by verdict ("verdicts") and kind ("kinds"), and how many each reviewer decided ("reviewers")."""
    database = board_of(project)
    by_verdict = f"SELECT coalesce(v.verdict, '{OPEN}'), count(*) {_FROM} WHERE p.pairs = ? AND p.verdict = ? GROUP BY 1"
    verdicts = dict(map(tuple, database.rows(by_verdict, (name, COUNTS))))
    kinds = database.rows("SELECT defect, count(*) FROM pairs WHERE pairs = ? AND verdict = ? GROUP BY 1 ORDER BY 1", (name, COUNTS))
    said = database.rows("SELECT reviewer, count(*) FROM opinions WHERE pairs = ? GROUP BY 1 ORDER BY 1", (name,))
    return {
        "pairs": sum(verdicts.values()),
        "verdicts": {verdict: verdicts.get(verdict, 0) for verdict in VERDICTS},
        "kinds": dict(map(tuple, kinds)),
        "reviewers": dict(map(tuple, said)),
    }


def _where(name: str, wanted: Wanted) -> tuple[str, tuple[str, ...]]:
    """Return the condition and its values in SQL. Raises DataError for a filter that there is not."""
    parts, values = ["p.pairs = ? AND p.verdict = ?"], [name, COUNTS]
    if wanted.kind:
        parts.append("p.defect = ?")
        values.append(wanted.kind)
    if wanted.verdict:
        _check(wanted.verdict, VERDICTS, "verdict")
        parts.append(f"coalesce(v.verdict, '{OPEN}') = ?")
        values.append(wanted.verdict)
    if wanted.reviewer:
        own = "SELECT 1 FROM opinions o WHERE o.pairs = p.pairs AND o.id = p.id AND o.reviewer = ?"
        values.append(wanted.reviewer)
        if wanted.decision == NONE:
            parts.append(f"NOT EXISTS ({own})")
        elif wanted.decision:
            _check(wanted.decision, DECISIONS, "decision")
            parts.append(f"EXISTS ({own} AND o.decision = ?)")
            values.append(wanted.decision)
        else:
            parts.append(f"EXISTS ({own})")
    return " AND ".join(parts), tuple(values)


def _check(value: str, known: Iterable[str], what: str) -> None:
    if value not in known:
        raise DataError(f"{what}: got {value!r}, expected one of {', '.join(known)}.")


def _item(row: Row, opinions: Mapping[str, Any]) -> dict[str, Any]:
    ratings = {name: row[name] for name in ("realism", "consistency", "novelty", "contrast", "size")}
    return {
        "id": row["id"],
        "kind": row["defect"],
        "size": None if row["height"] is None else [row["height"], row["width"]],
        "boxes": json.loads(row["boxes"]),
        "ratings": ratings,
        "verdict": row["said"] or OPEN,
        "opinions": dict(opinions),
        "corrected": None if row["corrected"] is None else {"by": row["corrected"], "at": row["corrected_at"]},
    }
