"""What a person sees and does, in a real browser."""

from pathlib import Path
from typing import Any

from studio_server import Server


def test_a_folder_is_opened(page: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / "pills").mkdir()
    page.goto(server.said)
    page.get_by_label("Path").fill(str(tmp_path / "pills"))
    page.get_by_role("button", name="Open").click()
    page.wait_for_url("**/p/pills/data")
    page.goto(f"{server.address}/p/pills/jobs")
    page.get_by_text("Nothing has run yet.").wait_for()
    assert all(url.startswith(server.address) for url in page.asked)
