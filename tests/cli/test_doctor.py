"""`flawsmith doctor`: everything a person needs to know before choosing a preset, and nothing fetched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawsmith.config.presets import PRESETS
from flawsmith.models.backbones import loading
from flawsmith.models.backbones.loading import KNOWN
from flawsmith.workflows import doctor


def test_as_text(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_in_cache", lambda name: None)
    text = run("doctor").stdout
    for part in (
        "cores",
        "free disk",
        "torch ",
        "extra       metrics: installed",
        "extra       studio: installed",
        "extractor   LPIPS:",
        "preset      tiny: ready",
    ):
        assert part in text
    for known in KNOWN:
        assert f"weights     {known.name}: not here ({known.size:g} GB to fetch); licence {known.licence}, commercial use allowed" in text


def test_as_json_it_says_the_same(run: Callable[..., Any]) -> None:
    found = json.loads(run("doctor", "--json").stdout)
    assert found["cores"] >= 1 and found["packages"]["torch"] and found["bf16"] in (True, False)
    assert set(found["presets"]) == set(PRESETS)
    assert [row["name"] for row in found["weights"]] == [known.name for known in KNOWN]


def test_weights_in_the_cache_and_a_gpu_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr(doctor, "_gpu", lambda index: {"name": "GPU of the test", "memory": 24.0})
    monkeypatch.setattr(doctor, "supports_bf16", lambda device: True)
    found = doctor.examine_machine()
    text = "\n".join(doctor.lines(found))
    assert "GPU of the test (24 GB); work runs on cuda in fp32 or bf16, whichever a timed step shows to be faster" in text
    assert f"{KNOWN[0].name}: found in /cache; licence" in text
    assert found["presets"]["sd15"] == "ready" and found["presets"]["small"] == "ready"
    assert found["presets"]["sd15-inpaint"] == f"needs {KNOWN[1].name}, which is fetched, or another checkpoint named as model.backbone"


@pytest.mark.parametrize(("index", "ready"), [(0, {"sd15", "sd15-paper"}), (1, {"sd15-inpaint"}), (2, set()), (3, set())])
def test_a_preset_is_ready_with_its_own_checkpoint_alone(index: int, ready: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, index)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr(doctor, "_gpu", lambda index: {"name": "GPU of the test", "memory": 24.0})
    monkeypatch.setattr(doctor, "supports_bf16", lambda device: True)
    states = doctor.examine_machine()["presets"]
    assert {name for name, state in states.items() if state == "ready"} == {"tiny", "small", *ready}


def here(monkeypatch: pytest.MonkeyPatch, index: int) -> None:
    """Let one of the known checkpoints alone be in the hub's cache."""
    monkeypatch.setattr(loading, "find_in_cache", lambda name: Path("/cache") if name == KNOWN[index].name else None)
