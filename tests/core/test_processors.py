"""What control groups leave a process: the least of its own and those around it, of both versions."""

from pathlib import Path

import pytest

from flawsmith.core import processors
from flawsmith.core.processors import cores, memory_limit

FULL = len(processors.os.sched_getaffinity(0)) if hasattr(processors.os, "sched_getaffinity") else processors.os.cpu_count() or 1


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    """Write the files of a machine below `root`; groups: /proc/self/cgroup."""
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{key}": value for key, value in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("groups", "files", "share", "memory"),
    [
        ("0::/", {"cpu.max": "50000 100000", "memory.max": "2000000000"}, 1, 2_000_000_000),
        ("0::/a/b", {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000", "a/memory.max": "7000", "a/b/memory.max": "max"}, 1, 7000),
        ("0::/gone", {"cpu.max": "max 100000", "memory.max": "max"}, FULL, None),
        (
            "4:memory:/job\n3:cpu,cpuacct:/job",
            {"memory/job/memory.limit_in_bytes": "9000", "cpu,cpuacct/job/cpu.cfs_quota_us": "90000"}
            | {"cpu,cpuacct/job/cpu.cfs_period_us": "100000"},
            1,
            9000,
        ),
        ("4:memory:/\n1:cpu:/", {"memory/memory.limit_in_bytes": "9223372036854771712", "cpu/cpu.cfs_quota_us": "-1"}, FULL, None),
        ("", {}, FULL, None),
    ],
)
def test_the_least_limit_counts(groups: str, files: dict[str, str], share: int, memory: int | None, tmp_path: Path) -> None:
    root = machine(tmp_path, groups, files)
    assert (cores(root), memory_limit(root)) == (share, memory)


def test_a_part_of_a_processor_is_one_and_more_than_there_are_is_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    found = {text: cores(machine(tmp_path, "0::/", {"cpu.max": f"{text} 100000"})) for text in ("1000", "150000", "400000", "9900000")}
    assert found == {"1000": 1, "150000": 2, "400000": 4, "9900000": 8}


def test_there_is_an_answer_on_this_machine() -> None:
    assert 1 <= cores() <= FULL
    assert memory_limit() is None or memory_limit() > 1 << 20  # type: ignore[operator]
