"""Exports: what is asked for reaches the command, what came of it is shown, and the zip holds the folder."""

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from flawsmith.cli.main import main
from flawsmith.formats.writers.registry import writers
from flawsmith.pairs.review import decide
from flawsmith.studio import exports, zipped
from flawsmith.studio.home import Home
from flawsmith.studio.jobs.job import jobs_in
from flawsmith.studio.project import Project
from flawsmith.workflows.export import export


@pytest.fixture
def project(home: Path, data8: Path, make_pairs: Callable[..., Path], tmp_path: Path) -> Project:
    """A project of the drawn product with a set of six pairs; its key is "parts"."""
    data = Path(shutil.copytree(data8, tmp_path / "parts"))
    found = Home(home).open(data)
    make_pairs(found.folder / "pairs/first", data, 6)
    return found


def wish(**given: Any) -> exports.Wish:
    return exports.Wish(**{"pairs": "first", "to": "coco", "name": "out", **given})


def test_an_export_runs_and_says_what_came_of_it(project: Project, client: TestClient) -> None:
    answer = client.post("/p/parts/api/exports", json=wish(real=True, split=(80, 20, 0)).model_dump())
    assert answer.status_code == 200 and answer.json()["state"] in ("queued", "running")
    again = client.post("/p/parts/api/exports", json=wish().model_dump())
    assert again.status_code == 400 and "being exported already" in again.json()["error"]
    end = time.monotonic() + 60
    while (found := client.get("/p/parts/api/exports").json())[0]["job"]["state"] in ("queued", "running"):
        assert time.monotonic() < end
        time.sleep(0.2)
    (one,) = found
    assert one["job"]["state"] == "done", one["job"]["error"]
    left = next((count for what, count in one["result"]["told"].items() if "normals that are in val" in what), 0)
    assert one["result"]["added"] == 6 + 12 + 7 - left and not one["result"]["poor"]
    assert one["result"]["exact"] == one["result"]["compared"] == one["result"]["added"]
    assert one["pictures"]["train"]["synthetic"] == 6 - left and "synthetic" not in one["pictures"]["val"], "val is real"
    assert one["classes"] == ["blob", "line"] and f'COCO("{project.folder}/exports/out/annotations' in one["use"]
    assert "parts.studio/exports/out" in client.get("/p/parts/export").text
    refused = client.post("/p/parts/api/exports", json=wish(to="yolo").model_dump())
    assert "holds an export to coco, to which this one cannot be added" in refused.json()["error"]


def test_what_people_said_is_told_before_and_honoured(project: Project, client: TestClient) -> None:
    out = project.folder / "pairs/first"
    none = client.get("/p/parts/api/exports/review/first").json()
    assert none["complete"] and none["pairs"] == 6 and none["verdicts"]["open"] == 6
    decide(out, "ann", ["000000", "000003"], "accept")
    decide(out, "ann", ["000001"], "reject")
    decide(out, "bob", ["000003"], "reject")
    said = client.get("/p/parts/api/exports/review/first").json()["verdicts"]
    assert said == {"accepted": 1, "rejected": 1, "disputed": 1, "skipped": 0, "open": 3}
    assert client.get("/p/parts/api/exports/review/second").status_code == 404
    for choice, taken in (("", ["000000"]), ("unrejected", ["000000", "000002", "000004", "000005"])):
        words = exports.order(project, wish(name=f"out{choice}", review=choice)).arguments
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        rows = [json.loads(line) for line in (project.folder / f"exports/out{choice}/pairs.jsonl").read_text().splitlines()]
        assert [row["id"] for row in rows] == taken and json.loads(result.stdout)["review"]["rejected"] == 1


def test_the_zip_holds_the_folder(project: Project, client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zipped, "PIECE", 700)
    folder = project.folder / "exports/größe 2"
    export(project.folder / "pairs/first", folder, "coco", quiet=True)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "away").symlink_to(tmp_path)
    answer = client.get("/p/parts/exports/größe 2.zip")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe%202.zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    (folder / "away").unlink()
    (folder / "link.txt").unlink()
    assert found == {f"größe 2/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_zip_is_sent_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(os.urandom(3 * zipped.PIECE + 17))
    pieces = list(zipped.zipped(tmp_path, "top"))
    assert len(pieces) >= 3 and max(map(len, pieces)) < 2 * zipped.PIECE
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.read("top/large.png") == (tmp_path / "large.png").read_bytes()


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e", "..%2fpairs", "out%00"])
def test_no_other_folder_is_sent(project: Project, client: TestClient, name: str, tmp_path: Path) -> None:
    (project.folder / "exports").mkdir()
    assert client.get(f"/p/parts/exports/{name}.zip").status_code in (400, 404)
    (project.folder / "exports/out").symlink_to(tmp_path / "parts/..")
    assert client.get("/p/parts/exports/out.zip").status_code == 404


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pairs": "second"}, "no such set of pairs"),
        ({"to": "cocoa"}, "Did you mean coco"),
        ({"name": "../x"}, "cannot be a name"),
        ({"to": "yolo", "polygons": True}, "yolo has no outlines"),
        ({"split": (80, 10, 0)}, "come to 1 or 100"),
        ({"name": "x" * 65}, "at most 64 characters"),
        ({"review": "mine"}, "review"),
    ],
)
def test_what_cannot_be_is_told_at_once(project: Project, client: TestClient, given: dict[str, Any], told: str) -> None:
    answer = client.post("/p/parts/api/exports", json={**wish().model_dump(), **given})
    assert answer.status_code in (400, 422) and told in answer.json()["error"]
    assert not jobs_in(project.folder / "jobs")


def test_every_choice_reaches_the_command(project: Project) -> None:
    project.change(labels={"mask_values": "high"})
    words = exports.order(project, wish(real=True, polygons=True, link=True, marker=False, normals=False, review="unrejected")).arguments
    for option in ("--polygons", "--link", "--no-marker", "--no-normals", "--review unrejected", "--with", "--mask-values high", "--json"):
        assert option in " ".join(words)
    bare = exports.order(project, wish()).arguments
    assert not {"--polygons", "--link", "--no-marker", "--no-normals", "--with", "--mask-values"} & set(bare)


def test_all_formats_can_be_chosen(project: Project, client: TestClient) -> None:
    text = client.get("/p/parts/export").text
    assert all(f'value="{one.name}"' in text for one in writers())


def test_long_results_are_kept_short(tmp_path: Path) -> None:
    poor = {f"{number}.png": number / 100 for number in range(95)}
    said = {
        "added": 95,
        "already_there": 0,
        "told": {},
        "notes": ["n"],
        "outlines": poor,
        "round_trip": {"compared": 95, "different": poor, "poor": poor},
    }
    (tmp_path / "out.txt").write_text(json.dumps(said))
    found = exports._result(tmp_path / "out.txt")
    assert found["notes"] == ["n"] and found["poor"] == 95 and found["least"] == 0
    assert list(found["worst"]) == [f"{number}.png" for number in range(exports.LISTED)]
    assert exports._result(tmp_path / "none.txt") == {}
