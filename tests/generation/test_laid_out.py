"""On the way to a pair a drawn defect gets the layout of the real one that it follows, laid as its shape was."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flawsmith.dataset.dihedral import apply_pose
from flawsmith.generation import finishing
from flawsmith.generation.attempt import DefectSite
from flawsmith.generation.finishing import Finishing, Followed
from flawsmith.product.halo import INSIDE
from flawsmith.synthesis.task import Drawn


@pytest.mark.parametrize(
    ("match_layout", "soft", "ends", "changes", "laid", "detailed"),
    [
        (True, False, False, True, True, True),
        (True, False, False, False, True, False),  # what is no more even than the real one stays as it is
        (False, False, False, True, False, False),
        (True, True, False, True, False, False),
        (True, False, True, True, True, False),  # its coarser structure is laid, as of all that hides the surface
    ],
)
def test_a_kind_with_clear_borders_is_laid_out(
    match_layout: bool,
    soft: bool,
    ends: bool,
    changes: bool,
    laid: bool,
    detailed: bool,
    made: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poses: list[tuple[int, bool]] = []
    labels: list[np.ndarray] = []
    seen: set[bool] = set()
    own = Finishing._laid_out

    def lay(self: Finishing, drawn: Drawn, site: DefectSite, mask: np.ndarray, real: Followed, hides: bool) -> Drawn:
        known = len(labels)
        result = own(self, drawn, site, mask, real, hides)
        if len(labels) > known:
            np.testing.assert_array_equal(labels[-1], apply_pose(real.example.mask, *site.placement.pose))
            poses.append(site.placement.pose)
        return result

    def laid_out(
        image: np.ndarray, normal: np.ndarray, mask: np.ndarray, real: np.ndarray, label: np.ndarray, below: np.ndarray | None, *_: Any
    ) -> np.ndarray:
        assert (below is None) is ends, "nothing is seen of a surface that ends"
        labels.append(label)
        return image + np.float32(0) if changes else image

    def detail(self: Finishing, site: DefectSite, drawn: Drawn, mask: np.ndarray, replaces: bool, laid: bool) -> Drawn:
        seen.add(laid)
        return drawn

    monkeypatch.setattr(Finishing, "_laid_out", lay)
    monkeypatch.setattr(Finishing, "_detailed", detail)
    monkeypatch.setattr(finishing, "laid_out", laid_out)
    monkeypatch.setattr(finishing, "is_thick", lambda mask: True)
    monkeypatch.setattr(finishing, "is_soft", lambda known, defect: soft)
    monkeypatch.setattr(finishing, "ends", lambda known, defect: ends)
    made(4, match_layout=match_layout, detail=0.17)
    assert bool(labels) is laid and seen == {detailed}, "the fine structure of the one that it follows"
    assert not laid or len(set(poses)) > 1, "turned and mirrored, as shapes are"


@pytest.mark.parametrize(
    ("goes_on", "soft", "known", "filled"),
    [(True, False, True, True), (False, False, True, False), (True, True, True, False), (True, False, False, False)],
)
def test_clear_borders_over_a_surface_that_goes_on_are_filled_out(
    goes_on: bool,
    soft: bool,
    known: bool,
    filled: bool,
    made: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    def spy(name: str) -> Callable[..., Any]:
        own = getattr(finishing, name)

        def call(*given: Any) -> Any:
            order.append(name)
            return own(*given)

        return call

    for name in ("carried_on", "fill_out", "as_strong"):
        monkeypatch.setattr(finishing, name, spy(name))
    monkeypatch.setattr(finishing, "is_soft", lambda *_: soft)
    monkeypatch.setattr(finishing, "goes_on", lambda *_: goes_on)
    monkeypatch.setattr(finishing, "seen_rim", lambda *_: np.ones(INSIDE) if known else None)
    made(2)
    each = [*(["carried_on"] if goes_on else []), *(["fill_out"] if filled else []), "as_strong"]
    assert order[: len(each)] == each and ("fill_out" in order) is filled, "before anything is made stronger"


def test_lines_and_specks_have_no_layout(made: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "is_soft", lambda *_: False)
    monkeypatch.setattr(finishing, "is_thick", lambda mask: False)
    monkeypatch.setattr(finishing, "laid_out", lambda *_: pytest.fail("a line was laid out"))
    made(2)
