"""Who may ask, and what every answer says."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from studio_server import ORIGIN

from flawsmith.studio.app import make_app
from flawsmith.studio.security import BODY, access_for


def test_another_name_is_refused(client: TestClient) -> None:
    answer = client.get("/", headers={"host": "evil.example:8765"})
    assert answer.status_code == 421 and "evil.example" in answer.text


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:1", "[::1]:8765", "LOCALHOST"])
def test_names_of_this_machine_are_fine(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", ""])
def test_another_site_changes_nothing(client: TestClient, tmp_path: Path, origin: str) -> None:
    answer = client.post("/api/projects", json={"name": "mine"}, headers={"origin": origin})
    assert answer.status_code == 403
    assert client.get("/").text.count("/p/") == 0


def test_a_request_without_an_origin_changes_nothing(home: Path) -> None:
    with TestClient(make_app(home, access_for("127.0.0.1")), base_url=ORIGIN) as bare:
        assert bare.post("/api/projects", json={"name": "mine"}).status_code == 403


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("cross-site", "no-cors", "image", 403),
        ("same-site", "cors", "empty", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "document", 200),
        ("same-origin", "cors", "empty", 200),
    ],
)
def test_other_sites_look_at_nothing(client: TestClient, site: str, mode: str, dest: str, status: int) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    assert client.get("/", headers=headers).status_code == status


@pytest.mark.parametrize("address", ["/", "/static/studio.css", "/nothing", "/p/none/api/jobs"])
def test_every_answer_has_a_policy(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    assert "script-src 'self'" in headers["content-security-policy"] and "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_large_body_is_refused(client: TestClient) -> None:
    answer = client.post("/api/projects", content=b"x" * 10, headers={"content-length": str(BODY + 1), "content-type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/p/..%2f..%2fetc/data"])
def test_paths_lead_nowhere_else(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 400)


def test_a_token_is_asked_elsewhere(home: Path) -> None:
    access = access_for("0.0.0.0")
    assert access.token
    with TestClient(make_app(home, access), base_url="http://192.168.7.7:8765") as far:
        assert far.get("/").status_code == 401
        assert far.get("/?token=wrong").status_code == 401
        answer = far.get(f"/?token={access.token}&a=b", follow_redirects=False)
        assert answer.headers["location"] == "/?a=b" and "HttpOnly" in answer.headers["set-cookie"]
        assert far.get("/").status_code == 200  # the cookie
        assert far.get("/", headers={"host": "evil.example"}).status_code == 421


def test_no_token_on_this_machine_unless_asked() -> None:
    assert not access_for("127.0.0.1").token and access_for("127.0.0.1", token=True).token
