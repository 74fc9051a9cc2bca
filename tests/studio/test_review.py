"""The API of the room of reviews: what it answers, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_set import KINDS, project_in, row, write_rows, write_set
from starlette.testclient import TestClient

from flawsmith.core.errors import DiskFullError
from flawsmith.images.files import read_image, read_mask, write_image, write_mask
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.review import correct_mask, decide, read_review
from flawsmith.studio.project import Project
from flawsmith.studio.reading import main as read_data


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Project:
    """A project with a set of seven pairs, and real defects of two of the three kinds."""
    found = project_in(tmp_path, home)
    write_set(found, "first", 7)
    for number, kind in enumerate((*KINDS[:2], *KINDS[:2])):
        mask = np.zeros((64, 96), bool)
        mask[20 : 24 + 4 * number, 30:40] = True
        write_image(found.data / f"test/{kind}/{number:03d}.png", np.where(mask, 200, 80).astype(np.uint8)[..., None])
        write_mask(found.data / f"ground_truth/{kind}/{number:03d}_mask.png", mask)
    assert read_data(found.folder, always=True) == 0
    return found


class Api:
    """Asks the room of one set."""

    def __init__(self, client: TestClient, project: Project) -> None:
        self._client, self.at = client, f"/p/{project.key}/api/review/first"

    def get(self, path: str = "", **asked: Any) -> Any:
        answer = self._client.get(f"{self.at}{path}", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def picture(self, path: str, **asked: Any) -> np.ndarray:
        answer = self._client.get(f"{self.at}{path}", params=asked)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("image/"), answer.text
        return np.asarray(cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED))

    def post(self, path: str, **said: Any) -> Any:
        answer = self._client.post(f"{self.at}{path}", json=said)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, **said: Any) -> tuple[int, str]:
        answer = self._client.post(f"{self.at}{path}", json=said) if said else self._client.get(f"{self.at}{path}")
        return answer.status_code, answer.json()["error"]


@pytest.fixture
def api(client: TestClient, project: Project) -> Api:
    """Return what asks the room of the set."""
    found = Api(client, project)
    found.get()
    return found


def test_a_queue_is_asked_for_and_worked_through(api: Api, project: Project) -> None:
    queue = api.get("/order", sort="realism")
    assert len(queue["ids"]) == 7 == queue["pairs"] and queue["read"] == 1 and queue["kinds"] == {"crack": 3, "dent": 2, "stain": 2}
    shown = api.get("/items", id=queue["ids"])
    assert [item["id"] for item in shown] == queue["ids"]
    realism = [item["ratings"]["realism"] for item in shown]
    assert (
        realism == sorted(realism)
        and shown[0]["verdict"] == "open"
        and shown[0]["boxes"] == [row(int(queue["ids"][0]))["defects"][0]["box"]]
    )
    first, second, *rest = queue["ids"]
    answer = api.post("/decide", reviewer="anna", ids=[first], decision="accept")
    assert answer["items"][0]["verdict"] == "accepted" and answer["items"][0]["opinions"]["anna"]["decision"] == "accept"
    api.post("/decide", reviewer="ben", ids=[first, second], decision="reject", reasons=["too faint"])
    assert api.get("/order", verdict="disputed")["ids"] == [first]
    assert api.get("/order", reviewer="anna", decision="none", sort="realism")["ids"] == [second, *rest]
    changed = api.get("/changes", after=queue["acts"])
    assert {item["id"]: item["verdict"] for item in changed["items"]} == {first: "disputed", second: "rejected"} and not changed["again"]
    assert api.get("/changes", after=changed["acts"])["items"] == []
    assert api.get("/changes", after=changed["acts"] + 1)["again"], "as after a review was put back"
    undone = api.post("/undo", reviewer="ben")
    assert set(undone["ids"]) == {first, second} and {item["verdict"] for item in undone["items"]} == {"accepted", "open"}
    assert api.post("/undo", reviewer="ben")["ids"] == [] and api.post("/undo", reviewer="cleo")["ids"] == []
    assert set(api.post("/redo", reviewer="ben")["ids"]) == {first, second} and api.post("/redo", reviewer="ben")["ids"] == []
    review = read_review(project.folder / "pairs/first")
    assert (review.verdict(first), review.verdict(second)) == ("disputed", "rejected"), "all of it is in the file"


def test_what_others_write_is_seen_and_what_was_seen_needs_no_database(api: Api, project: Project, client: TestClient) -> None:
    out = project.folder / "pairs/first"
    decide(out, "cleo", ["000003"], "accept")
    assert api.get("/changes", after=0)["items"][0]["opinions"] == {"cleo": api.get("/items", id="000003")[0]["opinions"]["cleo"]}
    write_rows(project, "first", [7, 8], verdict="rejected")
    assert api.get()["pairs"] == 7
    overview = client.get(f"/p/{project.key}/api/review").json()
    assert [each["name"] for each in overview] == ["first"] and overview[0]["verdicts"]["accepted"] == 1


@pytest.mark.parametrize(("error", "status"), [(DiskFullError("the disk is full"), 507), (PermissionError(13, "Permission denied"), 500)])
def test_what_cannot_be_written_is_told(api: Api, project: Project, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("flawsmith.pairs.review.append_line", fail)
    found, why = api.refused("/decide", reviewer="anna", ids=["000001"], decision="accept")
    assert found == status and ("disk is full" in why or "Permission denied" in why)
    assert api.get("/items", id="000001")[0]["verdict"] == "open"


def test_the_reasons_are_the_project_s_own(api: Api, project: Project, client: TestClient) -> None:
    place, page = f"/p/{project.key}/api/reasons", f"/p/{project.key}/review/first"
    assert "does not look real" in client.get(page).text
    for wrong in (["bent", "bent "], ["x" * 61], [" "], [f"reason {number}" for number in range(10)]):
        assert client.post(place, json={"reasons": wrong}).status_code in (400, 422)
    assert client.post(place, json={"reasons": ["bent  pin", "<b>shiny</b>"]}).json() == ["bent pin", "<b>shiny</b>"]
    text = client.get(page).text
    assert 'data-reason="bent pin"' in text and "&lt;b&gt;shiny" in text and "does not look real" not in text
    api.post("/decide", reviewer="anna", ids=["000001"], decision="reject", reasons=["bent pin"])
    assert client.post(place, json={"reasons": []}).json() == []
    assert "does not look real" in client.get(page).text
    assert read_review(project.folder / "pairs/first").by_pair["000001"]["anna"].reasons == ("bent pin",)


def test_pictures_are_those_of_the_pair(api: Api, project: Project) -> None:
    folder = PairFolder(project.folder / "pairs/first")
    pair = next(pair for pair in folder.read() if pair.id == "000002")
    assert np.array_equal(api.picture("/picture", id="000002"), read_image(folder.image_path(pair))[..., 0])
    assert np.array_equal(api.picture("/mask", id="000002") > 0, folder.mask(pair))
    assert pair.normal and np.array_equal(api.picture("/normal", id="000002"), read_image(Path(pair.normal))[..., 0])
    assert api.picture("/thumbnail", id="000002").shape[:2] == (128, 192), "all of a small picture, twice as large"
    assert np.ptp(api.picture("/thumbnail", id="000002", outline=True).astype(int), axis=2).max() > 60, "a coloured outline"
    correct_mask(folder.folder, pair, np.ones((64, 96), bool), "anna")
    assert (api.picture("/mask", id="000002") > 0).all() and api.get("/items", id="000002")[0]["corrected"]["by"] == "anna"
    assert api.get("/changes", after=0)["items"][0]["id"] == "000002"


def test_beside_a_pair_stand_its_scores_in_words_and_real_defects(api: Api) -> None:
    found = api.get("/pair", id="000001")
    (scores,) = found["scores"]
    assert scores["kind"] == "dent" and {one["score"] for one in scores["told"]} == {"softness", "tone0", "consistency", "copy"}
    softness = next(one for one in scores["told"] if one["score"] == "softness")
    assert softness["text"].startswith("its border is ") and softness["allowed"] == "allowed is at least 1.00 px and at most 16.00 px"
    assert found["normal"] and not found["reading"]
    assert found["real"] == [{"kind": "dent", "name": "test/dent/001.png", "why": "its shape is from this one"}], "as far as it is labelled"
    crop = api.picture("/real", id="000001", number=0)
    assert crop.shape[:2] == (64, 96) and abs(int(crop[22, 35]) - 200) < 20
    assert [one["why"] for one in api.get("/pair", id="000003")["real"]] == ["a real one of this kind"] * 2, (
        "where those it follows are not there"
    )
    assert api.get("/pair", id="000002")["real"] == [], "no stain is labelled"


def test_what_is_not_there_is_refused(api: Api, project: Project, client: TestClient) -> None:
    for path in ("/picture", "/mask", "/normal", "/thumbnail", "/pair"):
        for id in ("000099", "../../../../etc/passwd", "000000%00", "crack/000000"):
            assert api.refused(f"{path}?id={id}")[0] == 404
    assert api.refused("/real?id=000001&number=1")[0] == 404 and api.refused("/real?id=000001&number=-1")[0] == 404
    assert client.get(f"/p/{project.key}/api/review/second").status_code == 404
    assert client.get(f"/p/{project.key}/api/review/..%2f..%2fetc").status_code in (400, 404)
    assert api.refused("/order?sort=beauty") == (400, api.refused("/order?sort=beauty")[1])
    assert api.refused("/decide", reviewer="anna", ids=["000099"], decision="accept") == (400, "first has no accepted pair 000099.")
    assert api.refused("/decide", reviewer="anna", ids=["000001"], decision="maybe")[0] == 400
    assert api.refused("/decide", reviewer=" ", ids=["000001"], decision="accept")[0] == 400
    assert api.refused("/decide", reviewer="anna", ids=[], decision="accept")[0] == 422
    assert api.refused("/decide", reviewer="anna", ids=["000001"], decision="reject", reasons=["x"] * 30)[0] == 422
    assert not (project.folder / "pairs/first/review.jsonl").exists()


def test_a_link_out_of_the_project_shows_nothing(api: Api, project: Project, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    write_image(secret, np.zeros((4, 4, 1), np.uint8))
    path = project.folder / "pairs/first/test/crack/000000.png"
    path.unlink()
    path.symlink_to(secret)
    assert api.refused("/picture?id=000000")[0] == 404 and api.refused("/thumbnail?id=000000")[0] == 404
    rows = project.folder / "pairs/first/pairs.jsonl"
    rows.write_text(json.dumps({**row(0), "normal": str(secret)}) + "\n")
    api.get()
    assert api.refused("/normal?id=000000")[0] == 404 and not api.get("/pair", id="000000")["normal"]


def test_pages_say_what_there_is(client: TestClient, project: Project) -> None:
    decide(project.folder / "pairs/first", "anna", ["000001"], "accept")
    text = client.get(f"/p/{project.key}/review").text
    assert "<b>1</b> of <b>7</b> pairs looked at: 3 crack, 2 dent, 2 stain" in text and "by anna" in text
    assert 'data-queue="first"' in client.get(f"/p/{project.key}/review/first").text
    assert client.get(f"/p/{project.key}/review/second").status_code == 404


def test_masks_of_many_parts_have_thumbnails(api: Api, project: Project) -> None:
    folder = PairFolder(project.folder / "pairs/first")
    folder.rows.write_text(json.dumps({**row(0), "defects": []}) + "\n")
    assert api.get("/order")["ids"] == ["000000"] and api.get("/items", id="000000")[0]["boxes"] == []
    assert read_mask(folder.mask_path(folder.read()[0])).any() and api.picture("/thumbnail", id="000000").size


def test_the_room_needs_no_torch() -> None:
    script = "import sys, flawsmith.studio.pages.review; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
