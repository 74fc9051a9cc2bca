"""A fit as a person sees it: begun, left alone, killed, resumed, stopped and removed."""

import os
import re
import signal
from pathlib import Path
from typing import Any

from studio_fit import SETTINGS, opened, wait
from studio_server import Server

from flawsmith.core.locks import holder
from flawsmith.studio.jobs.job import jobs_in

SLOW = 120_000  # milliseconds: a process that learns has to start first


def step_of(page: Any) -> int:
    """Return the step that the page shows."""
    found = re.match(r"Step (\d+)", page.locator("[data-words]").inner_text())
    return int(found[1]) if found else 0


def test_a_fit_survives_page_server_and_kill(page: Any, server: Server, make_product: Any, tmp_path: Path) -> None:
    data = make_product(tmp_path / "data")
    address = opened(server.address, data)
    page.goto(f"{server.address}{address}/fit")
    page.get_by_label("Name").fill("first")
    page.get_by_label("Minutes").fill("0")
    page.get_by_label("Steps").fill("0")
    page.get_by_text("it would never end").wait_for()
    page.get_by_label("Steps").fill("100000")
    page.get_by_text("not known yet").wait_for()
    page.get_by_text("More settings").click()
    page.get_by_label("Keys of the configuration").fill("\n".join(SETTINGS))
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/fit/first")
    wait(lambda: step_of(page) >= 2)
    job = next(job for job in jobs_in(tmp_path / "data.studio" / "jobs") if job.order.kind == "fit")
    pid = holder(job.folder).pid  # type: ignore[union-attr]

    page.goto("about:blank")
    server.stop()
    server.start()
    page.goto(f"{server.address}{address}/fit/first")
    page.locator(".state-running").wait_for()
    before = step_of(page)
    wait(lambda: step_of(page) > max(before, 2))
    assert holder(job.folder).pid == pid, "the same process goes on"  # type: ignore[union-attr]
    wait(lambda: page.locator("svg[data-loss] polyline").count() == 2)
    page.locator("img[data-sheet]").wait_for(timeout=SLOW)
    assert page.locator("img[data-sheet]").evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") == 4 * 32

    os.kill(pid, signal.SIGKILL)
    os.utime(job.folder / "started.json", (0, 0))  # as if it had begun long ago
    page.locator(".state-died").wait_for()
    page.get_by_text("The process was killed from outside").wait_for()
    died = step_of(page)
    assert died >= 2
    page.get_by_role("button", name="Resume").click()
    page.locator(".state-running").wait_for(timeout=SLOW)
    wait(lambda: step_of(page) > died)
    page.get_by_role("button", name="Stop").click()
    page.locator(".state-stopped").wait_for(timeout=SLOW)
    page.get_by_role("link", name="Generate with it").wait_for()

    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Nothing is fitted yet").wait_for()
    assert (tmp_path / "data.studio" / "trash" / "runs" / "first-1" / "config.yaml").is_file()
