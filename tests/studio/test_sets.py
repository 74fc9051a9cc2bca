"""What the studio asks of `flawsmith generate`, and what it says of sets of pairs."""

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_set import write_rows
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.files import write_json
from flawsmith.core.locks import hold
from flawsmith.images.files import read_mask
from flawsmith.placement.regions import Regions
from flawsmith.studio import checking, reading, regions, sets, sources
from flawsmith.studio.bits import pack
from flawsmith.studio.home import Home
from flawsmith.studio.jobs.job import DONE, FAILED, QUEUED, STOPPED, Job, jobs_in
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.project import Project
from flawsmith.studio.runs import ELSEWHERE
from flawsmith.studio.sets import Wish

SCHEDULER = Scheduler(lambda: [])  # starts nothing
FIRST, SECOND = "train/good/000.png", "train/good/001.png"


@pytest.fixture
def project(home: Path, make_product: Callable[..., Path], tmp_path: Path) -> Project:
    """Return a project whose data were read."""
    found = Home(home).open(make_product(tmp_path / "parts", each=2))
    assert reading.main(found.folder, always=True) == 0
    return found


@pytest.fixture
def disc() -> np.ndarray:
    """Return a region (H, W) bool on a normal."""
    return cv2.circle(np.zeros((48, 56), np.uint8), (20, 24), 14, 1, -1) > 0


def fitted(project: Project, name: str = "run") -> Path:
    """Leave what is looked at of a run whose model learned blobs and lines."""
    run = project.folder / "runs" / name
    product = {"shape": {"defects": ["blob", "line"]}, "sides": {"blob": [9, 11], "line": [4, 17]}}
    header = json.dumps({"__metadata__": {"product": json.dumps(product)}}).encode()
    (run / "model").mkdir(parents=True)
    (run / "model/model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return run


def words(one: sets.Set) -> tuple[str, ...]:
    assert one.job is not None
    return one.job.order.arguments


def end(job: Job | None, status: int, said: str = "") -> None:
    assert job is not None
    (job.folder / "started.json").write_text("{}")
    (job.folder / "err.txt").write_text(said)
    write_json(job.folder / "ended.json", {"status": status})


def test_what_pairs_are_made_from(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    base = sources.source(project, sources.BASE)
    assert base.kinds == ("blob", "line") and base.path == project.data
    monkeypatch.setattr(checking, "spots", lambda _, kind: ([], {"blob": [7, *range(10, 20), 90], "line": [5]}[kind], []))
    assert sources.source(project, sources.BASE).sides == {"blob": (10, 19), "line": (5, 5)}
    run = fitted(project)
    assert [one.name for one in sources.sources(project)] == ["run", ""]
    found = sources.source(project, "run")
    assert (found.kinds, found.sides["line"], found.path) == (("blob", "line"), (4, 17), run)
    (run / "model/model.safetensors").write_bytes(b"nonsense")
    assert [one.name for one in sources.sources(project)] == [""]
    with pytest.raises(DataError, match="no run 'gone'"):
        sources.source(project, "gone")
    (run / "model/model.safetensors").unlink()
    with pytest.raises(DataError, match="no weights"):
        sources.source(project, "run")


def test_the_plain_command(project: Project) -> None:
    project.change(labels={"line_width": 3})
    out = project.folder / "pairs" / "first"
    made = sets.start(project, SCHEDULER, "first", Wish(5))
    assert words(made) == ("generate", str(project.data), "-o", str(out), "--count", "5", "--line-width", "3")
    fitted(project)
    made = sets.start(project, SCHEDULER, "second", Wish(5, source="run"))  # a run knows how its labels were read
    assert words(made)[:2] == ("generate", str(project.folder / "runs" / "run")) and "--line-width" not in words(made)
    assert {one.name: one.state for one in sets.sets_of(project)} == {"first": QUEUED, "second": QUEUED}
    assert sets.free_name(project, "first") == "first-2"


def test_all_that_can_be_asked_for(project: Project, disc: np.ndarray) -> None:
    regions.save(project, FIRST, disc)
    wish = Wish(
        *(9, "", ("line",), (FIRST, SECOND), True, "0.5-2x", "0.6-1", "1-3", True, ("test/line/000.png",), 0.8, "labelled", 7, 20),
        settings=("quality.visible=2",),
        threads=1,
    )
    made = sets.start(project, SCHEDULER, "first", wish)
    given = project.folder / "requests" / "first"
    assert words(made)[6:] == (
        *("--defect", "line", "--onto", str(given / "normals.jsonl"), "--region", str(given / "regions")),
        *("--like", str(given / "like.jsonl"), "--size", "0.5-2x", "--severity", "0.6-1", "--per-image", "1-3", "--strength", "0.8"),
        *("--mask", "labelled", "--seed", "7", "--start", "20", "--threads", "1", "--mix", "--set", "quality.visible=2"),
    )
    rows = [json.loads(line) for line in (given / "normals.jsonl").read_text().splitlines()]
    assert rows == [{"image": str(project.data / FIRST)}], "the one with a region"
    assert np.array_equal(read_mask(given / "regions/000_mask.png"), disc)
    assert json.loads((given / "like.jsonl").read_text()) == {"image": str(project.data / "test/line/000.png")}
    assert made.wish == wish
    assert sets.command(project, "first", wish) == shlex.join(["flawsmith", *words(made)]) == made.to_json()["command"]


@pytest.mark.parametrize(
    ("wish", "error", "message"),
    [
        (Wish(5, kinds=("dent",)), DataError, "'dent' is not known"),
        (Wish(0), ConfigError, "--count 0"),
        (Wish(5, size="big"), ConfigError, "--size big"),
        (Wish(5, severity="9"), ConfigError, "--severity 9"),
        (Wish(5, per_image="3-1"), ConfigError, "--per-image"),
        (Wish(5, mix=True), ConfigError, "--mix"),
        (Wish(5, settings=("quality.visibel=1",)), ConfigError, "visibel"),
        (Wish(5, settings=("training.steps=1",)), ConfigError, "cannot change here"),
        (Wish(5, regions=True), DataError, "No region is painted"),
        (Wish(5, source="gone"), DataError, "no run"),
    ],
)
def test_what_cannot_be_is_said_at_once(project: Project, wish: Wish, error: type[Exception], message: str) -> None:
    for act in (lambda: sets.start(project, SCHEDULER, "first", wish), lambda: sets.command(project, "first", wish)):
        with pytest.raises(error, match=message):
            act()
    assert not jobs_in(project.folder / "jobs") and not (project.folder / "requests").exists()


@pytest.mark.parametrize("name", ["", "../out", "-o", ".plan", "a/b"])
def test_a_name_is_a_folders(project: Project, name: str) -> None:
    with pytest.raises(DataError, match="cannot be a name"):
        sets.start(project, SCHEDULER, name, Wish(5))


def test_only_pictures_of_the_data_are_named(project: Project) -> None:
    for wish in (Wish(5, normals=("../../secret.png",)), Wish(5, like=("/etc/passwd",))):
        with pytest.raises(HTTPException):
            sets.start(project, SCHEDULER, "first", wish)
    assert not jobs_in(project.folder / "jobs")


def test_two_normals_of_one_name_have_a_region_each(project: Project, disc: np.ndarray) -> None:
    names = (FIRST, "test/good/000.png", "train/good/001.png")
    for turns, name in enumerate(names):
        regions.save(project, name, np.roll(disc, turns, 1))
    sets.start(project, SCHEDULER, "first", Wish(5, regions=True))
    found = Regions(project.folder / "requests/first/regions", [project.data / name for name in names])
    for turns, name in enumerate(names):
        assert np.array_equal(found[project.data / name], np.roll(disc, turns, 1))
    assert (project.folder / "requests/first/regions/001_mask.png").is_file()


def test_a_region_is_kept_and_taken_away(project: Project, disc: np.ndarray) -> None:
    assert regions.save(project, FIRST, disc) == disc.sum()
    path = regions.region_of(project, FIRST)
    assert path is not None and path.parent == project.folder / "regions"
    assert regions.regions(project) == {FIRST: disc.sum()}
    with pytest.raises(DataError, match="load the page again"):
        regions.save(project, FIRST, disc.T)
    with pytest.raises(HTTPException):
        regions.save(project, "gone.png", disc)
    assert regions.save(project, FIRST, np.zeros_like(disc)) == 0
    assert regions.region_of(project, FIRST) is None and not path.exists() and regions.regions(project) == {}


def test_one_that_was_stopped_goes_on_and_more_are_made(project: Project) -> None:
    made = sets.start(project, SCHEDULER, "first", Wish(5, seed=3))
    with pytest.raises(DataError, match="already"):
        sets.start(project, SCHEDULER, "first", Wish(5))
    with pytest.raises(DataError, match="not at rest"):
        sets.go_on(project, SCHEDULER, made)
    write_rows(project, "first", range(2))
    end(made.job, 143)
    made = sets.set_of(project, "first")
    assert made.state == STOPPED
    again = sets.go_on(project, SCHEDULER, made)
    assert words(again) == (*words(made), "--resume")
    end(again.job, 0)
    more = sets.go_on(project, SCHEDULER, sets.set_of(project, "first"), more=10)
    assert more.count == 15 and words(more)[words(more).index("--count") + 1] == "15" and words(more).count("--resume") == 1
    assert more.wish is not None and more.wish.seed == 3


def test_one_that_never_began_is_begun_again(project: Project) -> None:
    made = sets.start(project, SCHEDULER, "first", Wish(5))
    end(made.job, 1, "flawsmith: parts: there is no such folder.\n")
    found = sets.set_of(project, "first")
    assert found.state == FAILED and "no such folder" in found.reason() and [one.name for one in sets.sets_of(project)] == ["first"]
    assert words(sets.go_on(project, SCHEDULER, found))[-1] == "--overwrite"


def test_one_that_was_not_made_here_is_shown_and_left_alone(project: Project) -> None:
    out = write_rows(project, "old", range(3))
    found = sets.set_of(project, "old")
    assert (found.state, found.begun, found.wish) == (DONE, True, None) and not found.to_json()["known"]
    with pytest.raises(DataError, match="not made here"):
        sets.go_on(project, SCHEDULER, found)
    with hold(out):
        assert sets.set_of(project, "old").state == ELSEWHERE
    with pytest.raises(DataError, match="no pairs 'none'"):
        sets.set_of(project, "none")


def test_a_plan_is_drawn_one_at_a_time(project: Project, disc: np.ndarray) -> None:
    regions.save(project, FIRST, disc)
    job = sets.plan(project, SCHEDULER, Wish(5, regions=True))
    given = project.folder / "requests" / ".plan"
    assert job.order.arguments[-2:] == ("--dry-run", "--overwrite") and str(given / "out") in job.order.arguments
    with pytest.raises(DataError, match="already"):
        sets.plan(project, SCHEDULER, Wish(5))
    end(job, 0)
    regions.save(project, FIRST, np.zeros_like(disc))
    regions.save(project, SECOND, disc)
    sets.plan(project, SCHEDULER, Wish(5, regions=True))
    assert [path.name for path in (given / "regions").iterdir()] == ["001_mask.png"], "nothing is left of the plan before"


def test_the_api(client: TestClient, project: Project, disc: np.ndarray) -> None:
    key = client.post("/api/projects", json={"path": str(project.data)}).json()["key"]
    at = f"/p/{key}/api"
    assert client.get(f"/p/{key}/generate").status_code == 200
    said = client.get(f"{at}/generate").json()
    assert said["kinds"] == {"blob": 2, "line": 2} and said["normals"] == 5 and [one["name"] for one in said["sources"]] == [""]
    assert client.get(f"{at}/generate/example", params={"kind": "blob"}).headers["content-type"] == "image/jpeg"
    assert client.get(f"{at}/generate/example", params={"kind": "dent"}).status_code == 404
    assert client.get(f"{at}/generate/plan").status_code == 404

    assert client.post(f"{at}/regions", json={"picture": FIRST, "mask": pack(disc)}).json() == {FIRST: int(disc.sum())}
    shown = np.asarray(Image.open(io.BytesIO(client.get(f"{at}/regions/mask", params={"picture": FIRST}).content)))
    assert np.array_equal(shown > 0, disc)
    assert client.get(f"{at}/regions/mask", params={"picture": SECOND}).status_code == 404
    assert client.post(f"{at}/regions", json={"picture": FIRST, "mask": pack(disc[1:])}).status_code == 400
    assert client.post(f"{at}/regions", json={"picture": "../x.png", "mask": pack(disc)}).status_code == 404

    asked: dict[str, Any] = {"name": "first", "count": 4, "regions": True, "settings": [" ", "quality.visible=2"]}
    line = client.post(f"{at}/generate/command", json=asked).json()["command"]
    assert line.startswith("flawsmith generate ") and line.endswith("--set quality.visible=2")
    assert "'dent' is not known" in client.post(f"{at}/generate/command", json={**asked, "kinds": ["dent"]}).json()["error"]
    assert client.post(f"{at}/sets", json={**asked, "count": 0}).status_code == 422
    assert client.get(f"{at}/sets/none").status_code == 400 and client.get(f"{at}/sets/..%2fruns").status_code in (400, 404)

    write_rows(project, "old", range(3))
    write_rows(project, "old", [3], verdict="rejected")
    found = client.get(f"{at}/sets/old").json()
    assert found["verdicts"] == {"accepted": 3, "rejected": 1, "failed": 0}
    assert found["refused"] == [{"check": "edge", "count": 1, "asks": "Is its own edge as soft or sharp as that of real ones?"}]
    page = client.get(f"{at}/sets/old/pictures", params={"count": 2}).json()
    assert page["total"] == 3 and [one["id"] for one in page["items"]] == ["000002", "000001"]
    assert client.get(f"{at}/sets/old/wish").status_code == 404
    assert client.post(f"{at}/sets/old/stop", json={}).status_code == 409
    assert client.get(f"/p/{key}/generate/old").status_code == 200
