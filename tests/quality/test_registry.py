"""A check is one module: it is calibrated on real defects, applied to drawn ones, and its sentence is among the reasons."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from flawsmith.config.schema import Config, QualityConfig
from flawsmith.formats.reading import read
from flawsmith.pairs.reason import Reason
from flawsmith.product.exemplars import Exemplar
from flawsmith.quality import registry
from flawsmith.quality.limits import load_limits, save_limits
from flawsmith.quality.registry import Check, checks, register
from flawsmith.quality.verify import Verifier
from flawsmith.quality.view import Candidate, View
from flawsmith.reports.verdicts import meanings
from flawsmith.training.prepare import TrainingData, prepare_training

TILT = '''
"""tilt: left and right of the mask are as bright as each other."""

from flawsmith.quality.registry import Check, Rule


def measure(view):
    halves = np.array_split(view.picture.mean(-1), 2, axis=1)
    return {"tilt": float(halves[1].mean() - halves[0].mean())}


def faults(view, normal, generator):
    ramp = np.linspace(-0.4, 0.4, view.mask.shape[1], dtype=np.float32)[None, :, None]
    yield "tilt", view.showing((view.picture + ramp).clip(0, 1))


RULES = {"tilt": Rule("its right half is {:.2f} brighter than its left", True, True, False, 0.05, "few")}
CHECK = Check("tilt", "Is the light even?", faults, measure, rules=RULES)
'''


@pytest.fixture
def tilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """A check that a user wrote, in one module, registered."""
    (tmp_path / "user_tilt.py").write_text("import numpy as np\n" + textwrap.dedent(TILT))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_ADDED", {})
    import user_tilt  # type: ignore[import-not-found]

    yield register(user_tilt.CHECK)
    del sys.modules["user_tilt"]


def verifier(learned: TrainingData) -> Verifier:
    return Verifier(learned.product, learned.limits, learned.examples, QualityConfig(), 3)


def tilted(example: Exemplar) -> Candidate:
    ramp = np.linspace(-100, 100, example.mask.shape[1])[None, :, None]
    return Candidate(np.clip(example.image + ramp, 0, 255).astype(np.uint8), None, example.mask, example.defect)


def test_one_module_adds_a_check(tilt: Check, data8: Path, tiny: Callable[..., Config], tmp_path: Path) -> None:
    learned = prepare_training(read(data8), tiny())
    limit = learned.limits.kinds["blob"]["tilt"]
    assert limit.low is not None and limit.high is not None and limit.low < 0 < limit.high, "calibrated on the real defects"
    assert limit.rejected == 1.0 and limit.passed >= 0.5, "and on its own fault"
    example = next(e for e in learned.examples if e.defect == "blob")
    verdict = verifier(learned).verify(tilted(example))
    assert verdict.scores["tilt"] > limit.high
    (reason,) = (reason for reason in verdict.reasons if reason.check == "tilt")
    assert "brighter than its left; real ones show" in reason.text
    assert tilt.name not in {r.check for r in verifier(learned).verify_real(example).reasons}
    assert meanings()["tilt"] == "Is the light even?"
    save_limits(tmp_path / "limits.safetensors", learned.limits)
    assert load_limits(tmp_path / "limits.safetensors").kinds["blob"]["tilt"] == limit


@pytest.mark.usefixtures("tilt")
def test_limits_of_a_check_that_is_gone_do_not_hold(data8: Path, tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    learned = prepare_training(read(data8), tiny())
    monkeypatch.setattr(registry, "_ADDED", {})
    verdict = verifier(learned).verify(tilted(learned.examples[0]))
    assert "tilt" not in verdict.scores and Reason("tilt", "") not in verdict.reasons
    assert all(reason.check != "tilt" for reason in verdict.reasons)


def test_every_check_has_a_file_of_its_name_and_scores_are_no_others() -> None:
    folder = Path(registry.package.__file__ or "").parent
    assert {check.name for check in checks()} == {file.stem for file in folder.glob("*.py")} - {"__init__"}
    names = [name for check in checks() for name in check.rules]
    assert len(names) == len(set(names)), "a score belongs to one check"
    assert checks()[0].name == "empty"


# Noise in pieces is noise; duplicates are asked of the run; lines are too thin for grain; the drawn normals have no structure, and
# the drawn defects are flat themselves and hide what is below.
LEAST = {"apart": 0.0, "product": 0.0, "duplicate": 0.0, "grain": 0.25, "structure": 0.0, "profile": 0.2, "texture": 0.15}


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.name)
def test_a_check_refuses_its_own_faults(check: Check, data8: Path, learned8: TrainingData) -> None:
    """Every fault made on purpose for a check must be refused by it, for most of the real defects that it is made from."""
    judge = verifier(learned8)
    size = (*learned8.examples[0].mask.shape, 1)
    normal = (0.4 + np.random.default_rng(0).normal(0, 0.02, size)).astype(np.float32)
    refused = []
    for example in learned8.examples:
        view = View.of_real(example, judge.known)
        for _, fault in check.faults(view, normal, np.random.default_rng(1)):
            refused.append(check.name in {reason.check for reason in judge.verify_view(fault).reasons})
    assert refused and np.mean(refused) >= LEAST.get(check.name, 0.5)
