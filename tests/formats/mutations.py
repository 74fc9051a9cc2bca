"""Damaged label files: any part of a good one replaced by something else."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

ODD: list[Any] = [
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


def mutated(tree: Any, draw: Callable[[st.SearchStrategy], Any], most: int = 3) -> Any:
    """Return a copy of a tree of lists and dictionaries in which one to `most` parts are replaced, removed or doubled."""
    return changed(tree, lambda options: draw(st.sampled_from(options)), most)


def changed(tree: Any, choose: Callable[[Sequence[Any]], Any], most: int = 3) -> Any:
    """Return what `mutated` does; choose: returns one of several things."""
    tree = copy.deepcopy(tree)
    for _ in range(choose(range(1, most + 1))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = choose(places)
        how = choose(["replace", "replace", "remove", "double"])
        if how == "replace":
            holder[key] = copy.deepcopy(choose(ODD))
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
