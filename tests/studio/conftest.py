"""A studio without a network for the API, and one that a real browser looks at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the studio extra is not installed")

from starlette.testclient import TestClient
from studio_server import ORIGIN, Server, find_chromium

from flawsmith.studio.app import make_app
from flawsmith.studio.security import access_for


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder of projects."""
    return tmp_path / "home"


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    """Return what asks a studio as one of its own pages would; jobs run."""
    with TestClient(make_app(home, access_for("127.0.0.1")), base_url=ORIGIN, headers={"origin": ORIGIN}) as found:
        yield found


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    """Return a studio in a process of its own, on a free port."""
    with Server(home) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Return a browser without windows; the test is skipped where there is none, unless FLAWSMITH_BROWSER=required."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Any:
    """Return a page that notes what it asked for, and what went wrong on it."""
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        found = context.new_page()
        found.asked, found.errors = [], []
        found.on("request", lambda request: found.asked.append(request.url))
        found.on("pageerror", lambda error: found.errors.append(str(error)))
        found.on("console", lambda message: found.errors.append(message.text) if message.type == "error" else None)
        yield found
        assert not found.errors
