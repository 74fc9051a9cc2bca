"""What is brought to the studio: sorted, checked by content, whole or not at all, and never anywhere else."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_files import chunk
from PIL import Image
from starlette.testclient import TestClient

from flawsmith.core import disk
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import scan
from flawsmith.studio import incoming, taking
from flawsmith.studio.app import make_app
from flawsmith.studio.home import Home
from flawsmith.studio.security import access_for


def picture(kind: str = "PNG", value: int = 90, size: tuple[int, int] = (20, 16)) -> bytes:
    stream = io.BytesIO()
    Image.new("L", size, value).save(stream, kind)
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def bring(client: TestClient) -> Callable[..., Any]:
    """Return what brings one file, and gives the answer."""
    name = client.post("/api/incoming", json={"files": 5, "bytes": 1000}).json()["id"]

    def send(written: str, content: bytes, **said: str) -> Any:
        return client.post(f"/incoming/{name}/api/upload", params={"name": written, **said}, content=content)

    send.id = name  # type: ignore[attr-defined]
    return send


def finish(client: TestClient, bring: Any, **said: str) -> Any:
    return client.post(f"/api/incoming/{bring.id}/finish", json={"name": "Parts", **said})


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_sorted_pictures_become_a_data_set(client: TestClient, home: Path, bring: Any) -> None:
    mask = np.zeros((16, 20), np.uint8)
    mask[3:9, 4:12] = 255
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    for number in range(3):
        assert bring(f"IMG_{number}.png", picture(value=number), place="normal").status_code == 200
        assert bring(f"bad/IMG_{number}.png", picture(value=9), place="defect", kind="deep scratch").json() == {"left": []}
    assert bring("IMG_0_mask.png", stream.getvalue(), place="mask", kind="deep scratch").status_code == 200
    said = finish(client, bring).json()
    data = home / "parts/data"
    assert said == {"key": "parts", "address": "/p/parts/data"} and not list((home / ".incoming").iterdir())
    found = scan(data, ReadOptions())
    assert "MVTec" in found.format and len(found.normals) == 3
    assert [item.image.name for item in found.defects["deep scratch"]] == ["IMG_0.png"] and len(found.lone_images) == 2
    assert (data / "ground_truth/deep scratch/IMG_0_mask.png").read_bytes() == stream.getvalue()


def test_pictures_of_a_defect_without_masks_are_of_a_usable_layout(client: TestClient, home: Path, bring: Any) -> None:
    bring("a.png", picture(), place="normal")
    bring("b.png", picture(), place="defect", kind="dent")
    finish(client, bring)
    found = scan(home / "parts/data", ReadOptions())
    assert "MVTec" in found.format and len(found.normals) == 1 and [path.name for path in found.lone_images] == ["b.png"]


def test_folders_stay_as_they_are_and_one_alone_is_the_data(client: TestClient, home: Path, bring: Any) -> None:
    bring("set/images/a.png", picture())
    bring("set/labels.json", b'{"images": []}')
    bring("set/.DS_Store", b"\0\0")
    bring("set/Thumbs.db", b"\0\0")
    finish(client, bring)
    assert files_in(home / "parts/data") == ["images/a.png", "labels.json"]


def test_an_archive_is_unpacked_and_looked_through(client: TestClient, home: Path, bring: Any) -> None:
    inner = zipped({"x.png": picture()})
    members = {"set/a.png": picture(), "set/b.exe": b"MZ\0\0", "set/inner.zip": inner, "set/l.csv": b"a,b\n", "__MACOSX/._a.png": b"x"}
    answer = bring("set.zip", zipped(members))
    assert answer.status_code == 200 and len(answer.json()["left"]) == 2
    assert "no picture" in answer.json()["left"][0] and "archive in an archive" in answer.json()["left"][1]
    finish(client, bring)
    assert files_in(home / "parts/data") == ["a.png", "l.csv"]


def test_an_archive_of_normals_is_sorted(client: TestClient, home: Path, bring: Any) -> None:
    bring("good.zip", zipped({"x/1.png": picture(), "y/1.png": picture(value=3), "y/2.png": picture()}), place="normal")
    finish(client, bring)
    assert files_in(home / "parts/data/train/good") == ["1.png", "2.png", "y_1.png"]


@pytest.mark.parametrize(
    ("name", "kind", "kept"), [("a.png", "JPEG", "a.jpg"), ("a.dat", "PNG", "a.dat.png"), ("a.JPEG", "JPEG", "a.JPEG")]
)
def test_a_picture_is_told_by_its_content(client: TestClient, home: Path, bring: Any, name: str, kind: str, kept: str) -> None:
    assert bring(name, picture(kind)).status_code == 200
    finish(client, bring)
    assert files_in(home / "parts/data") == [kept]


BOMB = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", (50_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0]))
    + chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\x01")
    + chunk(b"IEND", b"")
)


@pytest.mark.parametrize(
    ("name", "content", "place", "told"),
    [
        ("a.png", b"MZ\x90\0 a program", "whole", "no picture"),
        ("a.png", b"", "whole", "no picture"),
        ("a.png", b"<script>alert(1)</script>", "whole", "no picture"),
        ("a.svg", b"<svg onload='alert(1)'/>", "whole", "no picture"),
        ("a.html", b"<html>", "whole", "no picture"),
        ("a.gif", b"GIF89a....", "whole", "GIF"),
        ("a.pdf", b"%PDF-1.7", "whole", "PDF"),
        ("a.json", b"{\0}", "whole", "is no text"),
        ("a.csv", b"\xff\xfe\x00\xd8\x00\xd8", "whole", "is no text"),
        ("labels.json", b"{}", "normal", "no picture"),
        ("bomb.png", BOMB, "whole", "178 megapixels"),
        ("cut.png", picture()[:20], "whole", "PNG"),
        ("a.zip", b"PK\x03\x04 and nothing else", "whole", "cannot be unpacked"),
        ("out.zip", zipped({"../../evil.png": picture()}), "whole", "leads out"),
        ("root.zip", zipped({"/etc/evil.png": picture()}), "whole", "leads out"),
        ("many.zip", zipped({"a.txt": bytes(1_100_000_000)}), "whole", "would unfold"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_and_no_label_is_refused(
    client: TestClient, home: Path, bring: Any, name: str, content: bytes, place: str, told: str
) -> None:
    answer = bring(name, content, place=place)
    assert answer.status_code == 400 and told in answer.json()["error"], answer.text
    assert name.split(".")[0] in answer.json()["error"]
    assert files_in(home / ".incoming" / bring.id) == ["owner.json"], "nothing is left of it"
    assert finish(client, bring).status_code == 400 and not (home / "parts").exists()


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "a/../../evil.png", "/tmp/evil.png", "C:\\evil.png", "..\\..\\evil.png", "a\0.png", "a\n.png", "x" * 1500 + ".png"],
)
def test_names_lead_nowhere_else(home: Path, bring: Any, tmp_path: Path, name: str) -> None:
    before = files_in(tmp_path)
    assert bring(name, picture()).status_code == 400
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("kind", ["../../x", "", "good", "a/b", "..", "con", "a:b", " dent", "." + "x", "x" * 65])
def test_a_kind_is_a_name(bring: Any, kind: str) -> None:
    answer = bring("a.png", picture(), place="defect", kind=kind)
    assert answer.status_code == 400 and "name of a defect" in answer.json()["error"]


def test_names_that_another_system_refuses_are_changed(client: TestClient, home: Path, bring: Any) -> None:
    for name in ("12:30?.png", "con.png", "trailing. /c.png", "ü" * 150 + ".png"):
        assert bring(name, picture()).status_code == 200, name
    finish(client, bring)
    found = files_in(home / "parts/data")
    assert {"12_30_.png", "_con.png", "trailing/c.png"} < set(found)
    assert max(len(name.encode()) for name in found) <= 210


def test_a_file_that_is_there_is_not_written_over(client: TestClient, home: Path, bring: Any) -> None:
    bring("a.png", picture(value=1))
    assert "another file of this name" in bring("a.png", picture(value=2)).json()["error"]
    assert bring("a.png/b.png", picture()).status_code == 400
    key = finish(client, bring).json()["key"]
    assert np.asarray(Image.open(home / "parts/data/a.png")).max() == 1
    # more for the same project: all of it, or nothing where something is there
    more = client.post("/api/incoming", json={"files": 2, "bytes": 10}).json()["id"]
    for name in ("a.png", "new.png"):
        client.post(f"/incoming/{more}/api/upload", params={"name": name}, content=picture(value=5))
    answer = client.post(f"/api/incoming/{more}/finish", json={"project": key})
    assert answer.status_code == 400 and "there already (a.png)" in answer.json()["error"]
    assert files_in(home / "parts/data") == ["a.png"]
    client.post(f"/api/incoming/{more}/cancel")
    more = client.post("/api/incoming", json={"files": 1, "bytes": 10}).json()["id"]
    client.post(f"/incoming/{more}/api/upload", params={"name": "new.png"}, content=picture())
    assert client.post(f"/api/incoming/{more}/finish", json={"project": key}).status_code == 200
    assert files_in(home / "parts/data") == ["a.png", "new.png"]


def test_data_of_others_get_nothing(client: TestClient, home: Path, tmp_path: Path, bring: Any) -> None:
    (tmp_path / "theirs").mkdir()
    key = client.post("/api/projects", json={"path": str(tmp_path / "theirs")}).json()["key"]
    bring("a.png", picture())
    assert "never written to" in finish(client, bring, project=key).json()["error"]
    assert client.get(f"/new?project={key}").status_code == 400 and not list((tmp_path / "theirs").iterdir())


def test_what_is_stopped_leaves_nothing(client: TestClient, home: Path, bring: Any) -> None:
    bring("a.png", picture())
    assert client.post(f"/api/incoming/{bring.id}/cancel").status_code == 200
    assert not list((home / ".incoming").iterdir())
    assert "known no more" in bring("b.png", picture()).json()["error"]
    assert client.get("/").text.count("/p/") == 0


def test_a_file_that_breaks_off_leaves_nothing(home: Path) -> None:
    import asyncio

    from starlette.requests import ClientDisconnect

    found = incoming.Incoming(Home(home))
    name = found.begin(1, 10)

    async def body() -> Any:
        yield picture()[:30]
        raise ClientDisconnect

    # in a thread of its own: a browser that another test looks with has an event loop in this one
    with ThreadPoolExecutor(1) as pool, pytest.raises(ClientDisconnect):
        pool.submit(lambda: asyncio.run(found.receive(name, taking.Place(), "a.png", body()))).result()
    assert files_in(home / ".incoming" / name) == ["owner.json"]


def test_a_full_disk_is_told_before_and_meanwhile(client: TestClient, home: Path, bring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("", (), {"total": 10**9, "used": 10**9, "free": 1000})())
    answer = client.post("/api/incoming", json={"files": 2, "bytes": 10**6})
    assert answer.status_code == 507 and "are free there" in answer.json()["error"]

    async def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(incoming, "_write", full)
    answer = bring("a.png", picture())
    assert answer.status_code == 507 and "the disk is full" in answer.json()["error"]
    assert files_in(home / ".incoming" / bring.id) == ["owner.json"]


def test_too_many_and_too_much_are_refused(client: TestClient, bring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for files, size in ((incoming.MOST_FILES + 1, 1), (1, incoming.MOST_BYTES + 1)):
        answer = client.post("/api/incoming", json={"files": files, "bytes": size})
        assert answer.status_code == 400 and "Copy them" in answer.json()["error"]
    monkeypatch.setattr(incoming, "MOST_BYTES", 100)
    assert "cannot be brought at once" in bring("a.png", picture() + bytes(200)).json()["error"]
    monkeypatch.setattr(incoming, "MOST_FILES", 2)
    assert bring("b.csv", b"a,b").status_code == 400
    for _ in range(incoming.MOST_OPEN - 1):
        client.post("/api/incoming", json={"files": 1, "bytes": 1})
    assert "wait for the end of one" in client.post("/api/incoming", json={"files": 1, "bytes": 1}).json()["error"]


def test_a_file_that_is_too_large_is_refused(home: Path) -> None:
    from dataclasses import replace

    access = replace(access_for("127.0.0.1"), upload=1000)
    with TestClient(make_app(home, access), base_url="http://127.0.0.1:8765", headers={"origin": "http://127.0.0.1:8765"}) as client:
        name = client.post("/api/incoming", json={"files": 1, "bytes": 1}).json()["id"]
        address = f"/incoming/{name}/api/upload?name=a.png"
        assert client.post(address, content=bytes(1001)).status_code == 413

        def pieces() -> Iterator[bytes]:  # of a size that is not said before
            for _ in range(20):
                yield bytes(100)

        assert client.post(address, content=pieces()).status_code == 400
        assert files_in(home / ".incoming" / name) == ["owner.json"]
        assert client.post(address, content=picture()).status_code == 200


def test_what_a_killed_server_left_is_removed(client: TestClient, home: Path) -> None:
    gone = home / ".incoming" / "left"
    (gone / "files").mkdir(parents=True)
    (gone / "files/a.png").write_bytes(picture())
    said = {"pid": 2**22 - 1, "host": os.uname().nodename, "since": "", "command": ""}
    (gone / "owner.json").write_text(json.dumps(said))
    alive = home / ".incoming" / "other"
    alive.mkdir()
    (alive / "owner.json").write_text(json.dumps({**said, "pid": os.getppid()}))
    client.post("/api/incoming", json={"files": 1, "bytes": 1})
    assert not gone.exists() and alive.exists()


def test_links_are_never_made(client: TestClient, home: Path, bring: Any) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("evil.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert "a link" in bring("links.zip", stream.getvalue()).json()["error"]


def test_only_the_studio_itself_brings_anything(client: TestClient) -> None:
    answer = client.post("/incoming/x/api/upload", params={"name": "a.png"}, content=b"x", headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
