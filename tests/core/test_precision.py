"""The precision that is taken is the faster one of the two, by the clock."""

import types
from collections.abc import Callable

import pytest
import torch

from flawsmith.core import precision
from flawsmith.core.precision import Precision, autocast, measure_precision, supports_bf16

CLOCK = [0.0]


def work(fp32: float, bf16: float, seen: list[str] | None = None) -> Callable[[], None]:
    """Return a step that takes so many seconds in each, on a drawn clock."""

    def step() -> None:
        low = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        if seen is not None:
            seen.append("bf16" if low else "fp32")
        CLOCK[0] += bf16 if low else fp32

    return step


@pytest.fixture(autouse=True)
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "supports_bf16", lambda device: True)
    monkeypatch.setattr(precision, "SECONDS", 0.0)
    monkeypatch.setattr(precision, "time", types.SimpleNamespace(monotonic=lambda: CLOCK[0]))
    monkeypatch.setattr(precision, "_measured", {})


@pytest.mark.parametrize(
    ("fp32", "bf16", "expected"), [(0.01, 0.03, "fp32"), (0.03, 0.01, "bf16"), (0.02, 0.0196, "fp32"), (0.02, 0.0193, "bf16")]
)
def test_the_faster_one_is_taken_and_fp32_where_they_are_equal(fp32: float, bf16: float, expected: str) -> None:
    found = measure_precision("auto", "cpu", work(fp32, bf16), "test")
    assert found.name == expected and "s a step" in found.why
    other = "bf16" if expected == "fp32" else "fp32"
    assert other in found.why and found.name in str(found)


def test_what_was_asked_for_is_not_timed() -> None:
    seen: list[str] = []
    for name in ("fp32", "bf16"):
        assert measure_precision(name, "cpu", work(0, 0, seen), "test").name == name
    assert seen == []


def test_it_is_timed_once_in_a_process_for_the_same_work() -> None:
    seen: list[str] = []
    first = measure_precision("auto", "cpu", work(0.001, 0.002, seen), "test", ("a", 1))
    count = len(seen)
    assert count == 6 and seen.count("bf16") == 3, "warmed up once and timed twice"
    assert measure_precision("auto", "cpu", work(0.001, 0.002, seen), "test", ("a", 1)) is first and len(seen) == count
    measure_precision("auto", "cpu", work(0.001, 0.002, seen), "test", ("a", 2))
    assert len(seen) == 2 * count, "other work is timed anew"


def test_hardware_without_bf16_is_not_asked_to_emulate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "supports_bf16", lambda device: False)
    seen: list[str] = []
    assert measure_precision("auto", "cpu", work(0, 0, seen), "test").name == "fp32" and seen == []


def test_what_does_not_fit_into_memory_is_not_taken() -> None:
    def step() -> None:
        if not torch.is_autocast_enabled("cpu"):
            raise torch.OutOfMemoryError

    found = measure_precision("auto", "cpu", step, "test")
    assert found.name == "bf16" and "fp32 does not fit into memory" in found.why


def test_autocast_is_on_in_bf16_alone() -> None:
    for name in ("fp32", "bf16"):
        with autocast("cpu", name):
            y = torch.ones(2, 2) @ torch.ones(2, 2)
        assert (y.dtype == torch.bfloat16) == (name == "bf16")


def test_a_device_that_is_neither_has_no_bf16() -> None:
    assert not supports_bf16("mps") and Precision("fp32", "why").name == "fp32"
