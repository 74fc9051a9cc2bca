"""The room of the data: what check said, pictures and masks by name, how labels are read, which folders may be named."""

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_files import mvtec  # noqa: F401
from PIL import Image
from starlette.testclient import TestClient

from flawsmith.studio import checking, figures, listing, reading
from flawsmith.studio.app import make_app
from flawsmith.studio.home import Home
from flawsmith.studio.jobs.job import place
from flawsmith.studio.security import access_for


def opened(client: TestClient, data: Path) -> str:
    """Return the address of the project of some data, which are read."""
    key = client.post("/api/projects", json={"path": str(data)}).json()["key"]
    client.post(f"/p/{key}/api/data/renew")
    until(client, f"/p/{key}", lambda said: not said["reading"])
    return f"/p/{key}"


def until(client: TestClient, base: str, done: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
    """Return the state of the data once it is so."""
    end = time.monotonic() + seconds
    while not done(said := client.get(f"{base}/api/data").json()):
        assert time.monotonic() < end, said
        time.sleep(0.05)
    return said


def checked(client: TestClient, base: str) -> dict[str, Any]:
    """Have the data checked, and return the state."""
    client.post(f"{base}/api/data/check")
    return until(client, base, lambda said: said["of_now"] or said["check_error"])


def shown(answer: Any) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_what_check_found_is_shown(client: TestClient, mvtec: Path) -> None:  # noqa: F811
    (mvtec / "train/good/001.png").write_bytes(b"")
    Image.new("L", (64, 48)).save(mvtec / "ground_truth/dent/001_mask.png")
    base = opened(client, mvtec)
    assert client.get(f"{base}/api/data").json()["due"]
    assert checked(client, base)["findings"] == {"problem": 2, "warning": 0}
    assert json.loads((mvtec.with_name("data.studio") / "check.json").read_text())["bad"]
    found = client.get(f"{base}/api/findings?of=problem").json()
    assert {each["name"] for each in found} == {"train/good/001.png", "test/dent/001.png"}
    assert [each["name"] for each in client.get(f"{base}/api/pictures?bad=true").json()["items"]] == [
        "test/dent/001.png",
        "train/good/001.png",
    ]
    assert "empty mask" in client.get(f"{base}/api/pictures/one?picture=test/dent/001.png").json()["findings"]["problem"][0]
    text = client.get(f"{base}/data").text
    assert "MVTec AD layout" in text and "<svg" in text and "48 × 64 px" in text and "250 / 275 / 300" in text
    # nothing changed: it is not checked again by itself, but where somebody asks
    client.post(f"{base}/api/data/check")
    assert not client.get(f"{base}/api/data").json()["due"] and len(client.get(f"{base}/api/jobs").json()) == 1
    client.post(f"{base}/api/data/check?again=true")
    assert len(client.get(f"{base}/api/jobs").json()) == 2


def test_what_changed_is_due_for_a_check(client: TestClient, mvtec: Path) -> None:  # noqa: F811
    base = opened(client, mvtec)
    checked(client, base)
    (mvtec / "test/crack/000.png").unlink()
    client.post(f"{base}/api/data/renew")
    said = until(client, base, lambda said: not said["reading"])
    assert said["due"] and not said["of_now"] and said["numbers"]["kinds"] == {"crack": 2, "dent": 3}


def test_a_check_that_died_is_told(client: TestClient, home: Path, mvtec: Path) -> None:  # noqa: F811
    base = opened(client, mvtec)
    project = Home(home).open(mvtec)
    job = place(project.folder / "jobs", checking.order(project))
    for name, said in (("started", {}), ("ended", {"status": 1})):
        (job.folder / f"{name}.json").write_text(json.dumps(said))
    (job.folder / "err.txt").write_text("flawsmith: the disk is full.\n")
    said = until(client, base, lambda said: said["check_error"])
    assert said["check_error"] == "flawsmith: the disk is full." and not said["due"]


def test_a_report_that_is_none_is_told(client: TestClient, home: Path, mvtec: Path) -> None:  # noqa: F811
    base = opened(client, mvtec)
    project = Home(home).open(mvtec)
    job = place(project.folder / "jobs", checking.order(project))
    for name, said in (("started", {}), ("ended", {"status": 0})):
        (job.folder / f"{name}.json").write_text(json.dumps(said))
    (project.folder / "check.json").write_text("[1, 2]")
    assert "is no report" in until(client, base, lambda said: said["check_error"])["check_error"]


def test_pictures_of_all_kinds_are_listed_in_pages(client: TestClient, mvtec: Path) -> None:  # noqa: F811
    base = opened(client, mvtec)
    said = client.get(f"{base}/api/pictures?offset=2&count=3").json()
    assert said["total"] == 12 and [each["name"] for each in said["items"]] == [
        "test/crack/002.png",
        "test/dent/000.png",
        "test/dent/001.png",
    ]
    assert client.get(f"{base}/api/pictures?role=held out").json()["total"] == 2
    assert client.get(f"{base}/api/pictures?kind=dent&text=002").json()["total"] == 1
    assert client.get(f"{base}/api/pictures?count=501").status_code == 422
    assert client.get(f"{base}/api/pictures?role=secret").status_code == 422
    assert client.get(f"{base}/api/pictures/one?picture=test/dent/001.png&kind=dent").json()["place"] == 1


def test_a_picture_its_thumbnail_and_its_mask(client: TestClient, mvtec: Path) -> None:  # noqa: F811
    base, name = opened(client, mvtec), "test/crack/001.png"
    native = shown(client.get(f"{base}/api/picture?picture={name}"))
    assert np.array_equal(native, np.asarray(Image.open(mvtec / name)))
    drawn = np.asarray(Image.open(mvtec / "ground_truth/crack/001_mask.png"))
    assert np.array_equal(shown(client.get(f"{base}/api/mask?picture={name}&kind=crack")), drawn)
    assert client.get(f"{base}/api/mask?picture={name}&kind=dent").status_code == 404
    bare = client.get(f"{base}/api/thumb?picture={name}")
    outlined = client.get(f"{base}/api/thumb?picture={name}&outline=true")
    assert shown(bare).shape == (48, 64)
    reddish = shown(outlined).astype(int)
    around = (reddish[..., 0] - reddish[..., 1] > 60).sum()
    assert 40 < around < 300, "a line round the label"
    assert client.get(f"{base}/api/thumb?picture={name}", headers={"if-none-match": bare.headers["etag"]}).status_code == 304


def test_deep_and_turned_pictures_are_made_for_browsers(client: TestClient, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    Image.fromarray((np.arange(48 * 64).reshape(48, 64) * 20).astype(np.uint16)).save(folder / "a.png")
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(folder / "b.tif")
    base = opened(client, folder)
    native = client.get(f"{base}/api/picture?picture=a.png")
    assert shown(native).dtype == np.uint8 and shown(native).max() == 255
    assert shown(client.get(f"{base}/api/picture?picture=b.tif")).shape == (48, 64)


@pytest.mark.parametrize("what", ["picture", "thumb", "mask", "pictures/one"])
@pytest.mark.parametrize(
    "name", ["../data.studio/project.json", "/etc/passwd", "ground_truth/crack/000_mask.png", "test/crack", "linked.png"]
)
def test_nothing_else_is_sent(client: TestClient, mvtec: Path, tmp_path: Path, what: str, name: str) -> None:  # noqa: F811
    Image.new("L", (9, 9)).save(tmp_path / "outside.png")
    (mvtec / "train/good/linked.png").symlink_to(tmp_path / "outside.png")
    asked = {"linked.png": "train/good/linked.png"}.get(name, name)
    answer = client.get(f"{opened(client, mvtec)}/api/{what}", params={"picture": asked, "kind": "crack"})
    assert answer.status_code == 404 or (what == "pictures/one" and not answer.json()["shown"])


def test_a_picture_that_is_too_large_is_told(client: TestClient, tmp_path: Path, png_header: Callable[[int, int], bytes]) -> None:
    (tmp_path / "set").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "set/fine.png")
    (tmp_path / "set/bomb.png").write_bytes(png_header(50_000, 50_000))
    base = opened(client, tmp_path / "set")
    for what in ("picture", "thumb"):
        answer = client.get(f"{base}/api/{what}?picture=bomb.png")
        assert answer.status_code == 400 and "larger than 178 megapixels" in answer.json()["error"]
    assert client.get(f"{base}/api/thumb?picture=fine.png").status_code == 200


def test_where_labels_lie_is_drawn(client: TestClient, home: Path, mvtec: Path) -> None:  # noqa: F811
    base = opened(client, mvtec)
    assert client.get(f"{base}/api/places?kind=crack").status_code == 404
    checked(client, base)
    drawn = shown(client.get(f"{base}/api/places?kind=crack")).astype(int)
    assert drawn.shape == (*figures.panel(Home(home).open(mvtec)), 3)
    blue = drawn[..., 2] - drawn[..., 0] > 60  # rows 10 to 21 and columns 5 to 29 of 48 x 64
    rows, columns = np.flatnonzero(blue.any(1)) / blue.shape[0] * 48, np.flatnonzero(blue.any(0)) / blue.shape[1] * 64
    assert 7 < rows[0] < 12 and 18 < rows[-1] < 25 and 2 < columns[0] < 8 and 27 < columns[-1] < 34


def test_labels_are_read_in_another_way(client: TestClient, mvtec: Path, tmp_path: Path) -> None:  # noqa: F811
    base = opened(client, mvtec)
    (tmp_path / "more").mkdir()
    Image.new("L", (64, 48)).save(tmp_path / "more/n.png")
    answer = client.post(f"{base}/api/data/options", json={"classes": "crack=dent", "normals": str(tmp_path / "more"), "line_width": 0})
    assert answer.status_code == 200
    said = until(client, base, lambda said: not said["reading"])
    assert said["numbers"] == {"roles": {"normal": 5, "held out": 2, "defect": 6, "unlabelled": 0}, "kinds": {"crack": 6}}
    assert client.get(f"{base}/api/thumb?picture=__/more/n.png").status_code == 200
    kept = json.loads((mvtec.with_name("data.studio") / "project.json").read_text())["labels"]
    assert kept == {"classes": "crack=dent", "normals": str(tmp_path / "more")}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"group_pattern": "("}, "no regular expression"),
        ({"mask_values": "some"}, "mask values"),
        ({"classes": "scratch"}, "expected NAME=CLASS"),
        ({"normals": "/no/such/folder"}, "no folder"),
        ({"format": "cocoa"}, "There is no format"),
        ({"line_width": -1}, "line_width"),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, mvtec: Path, said: dict[str, Any], told: str) -> None:  # noqa: F811
    base = opened(client, mvtec)
    answer = client.post(f"{base}/api/data/options", json=said)
    assert answer.status_code in (400, 422) and told in answer.json()["error"]
    assert json.loads((mvtec.with_name("data.studio") / "project.json").read_text())["labels"] == {}


def test_from_elsewhere_only_what_lies_in_the_home_is_opened(home: Path, mvtec: Path, tmp_path: Path) -> None:  # noqa: F811
    access = access_for("0.0.0.0", token=False)
    (home / "inside").mkdir(parents=True)
    (home / "link").symlink_to(tmp_path)
    with TestClient(make_app(home, access), base_url="http://192.168.7.7:8765", headers={"origin": "http://192.168.7.7:8765"}) as far:
        for path in (str(mvtec), "..", "link", str(home / "link" / "data"), str(home / ".." / "data"), "/etc"):
            answer = far.post("/api/projects", json={"path": path})
            assert answer.status_code == 400 and "lies outside" in answer.json()["error"], path
        key = far.post("/api/projects", json={"path": "inside"}).json()["key"]
        assert far.post(f"/p/{key}/api/data/options", json={"normals": str(mvtec)}).status_code == 400


def test_a_proxy_makes_a_studio_reachable_from_elsewhere() -> None:
    assert access_for("127.0.0.1").local and access_for("localhost").local
    assert not access_for("127.0.0.1", names=("studio.example",)).local and not access_for("0.0.0.0").local


def test_two_tabs_see_the_same(home: Path, mvtec: Path) -> None:  # noqa: F811
    project, other = Home(home).open(mvtec), Home(home).open(mvtec)
    assert reading.main(project.folder, always=False) == 0
    assert listing.number(other) == 12 and listing.reading(project) == listing.reading(other)


def test_the_server_knows_no_torch() -> None:
    import subprocess

    code = "import sys, flawsmith.studio.app as a, pathlib; from flawsmith.studio.security import access_for; "
    code += "a.make_app(pathlib.Path('nowhere'), access_for('127.0.0.1')); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}).returncode == 0


@pytest.fixture
def png_header() -> Callable[[int, int], bytes]:
    """Return what makes a PNG that says a size, and holds hardly any pixels."""
    from drawn_files import chunk

    def make(width: int, height: int) -> bytes:
        head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\x01") + chunk(b"IEND", b"")

    return make
