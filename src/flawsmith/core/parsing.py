"""JSON and YAML that may be nested without end, or unfold to more than any memory: refused with an error of the usual kind."""

import json
from typing import Any

MOST_VALUES = 1_000_000  # in a YAML file, those that aliases repeat counted as often as they are repeated


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text holds. Raises json.JSONDecodeError, also for one that is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None


def parse_yaml(text: str, loader: type | None = None) -> Any:
    """Return what a YAML text of plain values holds. Raises ValueError for all else: tags, deep nesting, aliases that unfold to too much.

    loader: a kind of yaml.SafeLoader; None = that one.
    """
    import yaml

    try:
        tree = yaml.load(text, loader or yaml.SafeLoader)
        if _count(tree, {}) > MOST_VALUES:
            raise ValueError(f"it unfolds to more than {MOST_VALUES} values")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return tree


def _count(tree: Any, known: dict[int, int]) -> int:
    """Return how many values a tree unfolds to, each alias counted whole; known: of the lists and objects counted before, by id."""
    if not isinstance(tree, (dict, list, tuple, set)):
        return 1
    if id(tree) not in known:
        known[id(tree)] = MOST_VALUES + 1  # while it is counted: one that holds itself has no end
        inside = [*tree, *tree.values()] if isinstance(tree, dict) else tree
        known[id(tree)] = 1 + sum(_count(value, known) for value in inside)
    return known[id(tree)]
