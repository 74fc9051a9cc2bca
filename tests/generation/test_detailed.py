"""Which structure of real defects is laid on what was drawn: the coarser where most of it is missing, else what is fine."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flawsmith.generation import finishing
from flawsmith.generation.finishing import LACKING, Finishing

DRAWN, WITH_COARSER, WITH_FINE = object(), object(), object()


class Kept:
    """Structure that is given where at least so much of a real defect's is missing."""

    def __init__(self, given: object, has: float, asked: list[float]) -> None:
        self._given, self._has, self._asked = given, has, asked

    def give(self, drawn: object, *rest: Any, **more: Any) -> object:
        lacking = rest[4] if len(rest) > 4 else np.inf
        self._asked.append(lacking)
        self.only = rest[5] if len(rest) > 5 else more["only"]
        self.ends = more.get("ends", False)
        return drawn if self._has >= lacking else self._given


@pytest.mark.parametrize(
    ("noise", "replaces", "laid", "coarser", "fine", "found", "asked"),
    [
        (0.0, False, False, 0.3, 0.2, WITH_COARSER, [LACKING]),
        (0.0, False, False, 0.7, 0.8, WITH_FINE, [LACKING, 1.0]),
        (0.0, False, False, 0.7, 1.2, DRAWN, [LACKING, 1.0]),
        (0.0, True, False, 5.0, 5.0, WITH_COARSER, [np.inf]),
        (1.0, False, False, 0.1, 1.2, WITH_FINE, [0.0, np.inf]),
        (0.0, False, True, 0.1, 5.0, WITH_FINE, [np.inf]),
    ],
)
def test_the_coarser_where_most_is_missing_else_the_fine(
    noise: float,
    replaces: bool,
    laid: bool,
    coarser: float,
    fine: float,
    found: object,
    asked: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finishing, "noise_of", lambda *_: noise)
    calls: list[float] = []
    kept = Kept(WITH_COARSER, coarser, calls), Kept(WITH_FINE, fine, calls)
    task = SimpleNamespace(normal=None, seed=0)
    site: Any = SimpleNamespace(spec=SimpleNamespace(defect="dent", severity=1.0), task=task, placement=SimpleNamespace(number=3))
    own: Any = SimpleNamespace(_model=None, _config=None, _details={"dent": kept})
    drawn: Any = DRAWN
    assert Finishing._detailed(own, site, drawn, np.ones((4, 4), bool), replaces, laid) is found and calls == asked
    asked_last = kept[1] if laid else kept[0]
    assert asked_last.only == (3 if replaces or laid else None) and asked_last.ends is laid
