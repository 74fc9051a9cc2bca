"""RUN/data.json: the files that were learned from, with their hashes."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from flawsmith.core.errors import RunError
from flawsmith.core.files import content_hash
from flawsmith.core.parsing import parse_json
from flawsmith.core.paths import relative
from flawsmith.core.text import read_text
from flawsmith.dataset.sample import Dataset, Item


def data_record(data: Dataset, chosen: dict[str, tuple[Item, ...]], split: str) -> dict[str, Any]:
    """Return the record of a training on the normals of `data` and the `chosen` defects."""
    return {
        "root": str(data.root.resolve()),
        "split": split,
        "normals": _rows(data.good, data.root),
        "defects": {name: _rows(items, data.root) for name, items in chosen.items()},
    }


def digest_of(record: dict[str, Any]) -> str:
    """Return 16 hex digits that tell what was learned from, wherever it lay."""
    content = {key: record[key] for key in ("split", "normals", "defects")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def read_record(run: Path) -> dict[str, Any]:
    """Return the record of a RUN folder; raises RunError when it is missing or spoiled."""
    path = run / "data.json"
    try:
        record: dict[str, Any] = parse_json(read_text(path))
    except FileNotFoundError:
        raise RunError(f"{path}: is missing; copy the whole RUN folder, or fit again.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: is not JSON ({error}); copy the RUN folder anew, or fit again.") from error
    if not _is_record(record):
        raise RunError(f"{path}: is no record of what was learned from; copy the RUN folder anew, or fit again.")
    if missing := {"root", "split", "normals", "defects"} - set(record):
        raise RunError(f"{path}: lacks {', '.join(sorted(missing))}; copy the RUN folder anew, or fit again.")
    return record


def _is_record(record: Any) -> bool:
    """Return whether what there is of a record is of the right types."""
    if not isinstance(record, dict) or not isinstance(record.get("defects", {}), dict):
        return False
    lists = [record.get("normals", []), *record.get("defects", {}).values()]
    texts = all(isinstance(record.get(key, ""), str) for key in ("root", "split"))
    return texts and all(isinstance(rows, list) and all(map(_is_row, rows)) for rows in lists)


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), str) for key in ("image", "sha256"))


def _rows(items: tuple[Item, ...], root: Path) -> list[dict[str, str]]:
    rows = []
    hash_of = cache(content_hash)  # many pictures may be labelled in one file
    for item in items:
        row = {"image": relative(item.image, root), "sha256": content_hash(item.image)}
        if item.mask is not None:
            row |= {"mask": relative(item.mask, root), "mask_sha256": hash_of(item.mask)}
        rows.append(row)
    return rows
