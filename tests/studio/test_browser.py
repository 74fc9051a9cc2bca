"""What a person sees and does, in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from studio_server import Server


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


def test_a_folder_is_opened(page: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / "pills").mkdir()
    page.goto(server.said)
    page.get_by_label("Path").fill(str(tmp_path / "pills"))
    page.get_by_role("button", name="Open").click()
    page.wait_for_url("**/p/pills/data")
    page.goto(f"{server.address}/p/pills/jobs")
    page.get_by_text("Nothing has run yet.").wait_for()
    assert all(url.startswith(server.address) for url in page.asked)
