"""Damaged label files: any part of a good one replaced by something else."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        10**30,
        1e300,
        -0.5,
        float("nan"),
        float("inf"),
        "",
        "x",
        "../../x",
        "\0",
        [],
        {},
        [None],
        [[]],
        {"x": 1},
        [1, 2],
        "9" * 400,
    ]
)


def mutated(tree: Any, draw: Callable[[st.SearchStrategy], Any], most: int = 3) -> Any:
    """Return a copy of a tree of lists and dictionaries in which one to `most` parts are replaced, removed or doubled."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        how = draw(st.sampled_from(["replace", "replace", "remove", "double"]))
        if how == "replace":
            holder[key] = copy.deepcopy(draw(ODD))
        elif how == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(holder[key])
    return tree


def _places(tree: Any) -> Any:
    """Yield every (holder, key) below a tree."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield tree, key
        yield from _places(value)
