"""What OUT/made.json has to say to be believed."""

import json
from pathlib import Path
from typing import Any

import pytest

from flawsmith.generation.made import MADE, read_made

WHOLE: dict[str, Any] = {
    "flawsmith": "0.1.0",
    "model": "0123",
    "fitted": True,
    "base": {"name": "the base", "licence": "Apache-2.0"},
    "learned_from": {"name": "parts", "digest": "0", "split": "all", "normals": 8, "defects": {"scratch": ["a", "b"]}},
    "request": {"count": 4, "seed": 0, "mask": "exact"},
}


def test_what_is_whole_is_read_with_all_that_it_says(tmp_path: Path) -> None:
    (tmp_path / MADE).write_text(json.dumps(WHOLE))
    assert read_made(tmp_path) == WHOLE


@pytest.mark.parametrize(
    "damage",
    [
        {"base": {"name": "the base"}},
        {"base": None},
        {"learned_from": {**WHOLE["learned_from"], "defects": ["a", "b"]}},
        {"learned_from": {**WHOLE["learned_from"], "normals": "many"}},
        {"request": {"count": 4, "seed": 0}},
        {"labels": "none"},
    ],
    ids=str,
)
def test_what_is_damaged_anywhere_says_nothing(damage: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / MADE).write_text(json.dumps({**WHOLE, **damage}))
    assert read_made(tmp_path) is None


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_what_is_not_there_or_no_such_file_says_nothing(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / MADE).write_text(text)
    assert read_made(tmp_path) is None
