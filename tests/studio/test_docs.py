"""docs/studio.md names what is there: the rooms, and the keys of a review."""

import re
from importlib.resources import files
from pathlib import Path

from flawsmith.studio.views import ROOMS

TEXT = (Path(__file__).parents[2] / "docs/studio.md").read_text(encoding="utf-8")


def test_every_room_is_named() -> None:
    assert {name for _, name in ROOMS} < set(re.findall(r"^\| (\w+) \|", TEXT, re.M))


def test_the_keys_are_those_of_a_review() -> None:
    script = (files("flawsmith.studio") / "static/review_keys.js").read_text(encoding="utf-8")
    actions = re.findall(r'words: "([^"]+)", keys: \[(.*)\] }', script)
    assert len(actions) > 15
    for words, keys in actions:
        shown = ", ".join(key.upper() if len(key) == 1 else key.replace("+z", "+Z") for key in re.findall('"([^"]+)"', keys))
        assert f"| {shown} | {words} |" in TEXT
