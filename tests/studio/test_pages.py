"""Every page: nothing that keeps somebody out, nothing asked of anybody else, no error, in light and dark, on each width."""

import json
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from studio_fit import asked, wait
from studio_server import Server

from flawsmith.images.files import write_image
from flawsmith.reports.blocks import Note
from flawsmith.reports.page import Page
from flawsmith.studio.home import Home
from flawsmith.studio.jobs.job import Order, place
from flawsmith.studio.views import ROOMS
from flawsmith.workflows.export import export

MORE = tuple(f"/p/parts/{address}" for address in ("review/first", "fit/old", "generate/first"))
PAGES = ("/", "/new", *(f"/p/parts/{address}" for address, _ in ROOMS), *MORE, "/p/parts/nothing")
SIZES = ((1280, 800), (1920, 1080), (820, 1180))
GRAVE = ("serious", "critical")
STILL = 0.02  # of the page, weighted, may move while it is loaded
WATCH = """
window.moved = 0;
new PerformanceObserver((found) => { for (const one of found.getEntries()) if (!one.hadRecentInput) window.moved += one.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
SEEN = """() => [...document.images].every((image) => image.complete || !image.checkVisibility()
  || image.getBoundingClientRect().top > innerHeight) && ![...document.querySelectorAll(".cell img")].some((image) => !image.src)"""
SHOTS = "FLAWSMITH_SCREENSHOTS"  # a folder to keep pictures of the pages in


@pytest.fixture(scope="module")
def studio(data8: Path, make_pairs: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio on a project with something in each room."""
    root = tmp_path_factory.mktemp("pages")
    data = Path(shutil.copytree(data8, root / "parts"))
    project = Home(root / "home").open(data)
    pairs = make_pairs(project.folder / "pairs/first", data, 8)
    report = Page("Pairs of the test", [Note("8 of 8.", "sum")], []).html()
    (pairs / "report.html").write_text(report.replace("</body>", "<script>document.title = 'it ran'</script></body>"))
    export(pairs, project.folder / "exports/first-coco", "coco", quiet=True)
    failed = place(project.folder / "jobs", Order("fit", "Fit parts", ("fit",), {}))
    for name, said in (("started", {}), ("ended", {"status": 1})):
        (failed.folder / f"{name}.json").write_text(json.dumps(said))
    (failed.folder / "err.txt").write_text("flawsmith: nothing to learn from.\n")
    leave_run(project.folder / "runs/old")
    with Server(root / "home") as server:
        asked(server.address, "/p/parts/api/data/renew", {})
        wait(lambda: not asked(server.address, "/p/parts/api/data")["reading"])
        asked(server.address, "/p/parts/api/data/check", {})
        wait(lambda: asked(server.address, "/p/parts/api/data")["findings"] is not None)
        yield server


def leave_run(run: Path) -> None:
    """Write what the page of a fit shows."""
    rows: list[dict[str, Any]] = [{"step": step, "loss": 1 / step, "seconds": 2.0 * step} for step in range(10, 210, 10)]
    rows += [{"step": 200, "held_inside": 0.04, "seconds": 401.0}, {"step": 201, "pieces": 2, "why": "out of memory"}]
    look = {"step": 100, "seconds": 200.0, "drawn": 6, "passed": 4, "refusals": {"seam": 2}}
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("preset: tiny\n")
    (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run / "looks.jsonl").write_text(json.dumps(look) + "\n")
    write_image(run / "previews/step-0000100.png", np.random.default_rng(0).integers(0, 255, (192, 128, 1), np.uint8))


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of screenshots."""
    folder = Path(os.environ[SHOTS]) if os.environ.get(SHOTS) else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def page(chromium: Any) -> Iterator[Any]:
    """Return a page that notes what it asks for and what goes wrong, and that can look for barriers."""
    with chromium.new_context() as context:
        context.add_init_script(path=str(files("axe_playwright_python") / "axe.min.js"))
        context.add_init_script(WATCH)
        found = context.new_page()
        found.asked, found.errors = [], []
        found.on("request", lambda request: found.asked.append(request.url))
        found.on("pageerror", lambda error: found.errors.append(f"{found.url}: {error}"))
        found.on("console", lambda message: found.errors.append(f"{found.url}: {message.text}") if message.type == "error" else None)
        yield found


@pytest.mark.parametrize("address", PAGES)
def test_nothing_keeps_anybody_out(page: Any, studio: Server, shots: Path, address: str) -> None:
    page.errors.clear()
    page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    answer = page.goto(f"{studio.address}{address}", wait_until="networkidle")
    assert answer.status == (404 if address.endswith("nothing") else 200)
    assert page.evaluate("window.moved") <= STILL, "what was there moves as more comes"
    assert barriers(page) == []
    name = address.removeprefix("/p/parts").strip("/").replace("/", "-") or "projects"
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{width}: a page that is scrolled sideways"
        page.wait_for_function(SEEN)
        page.screenshot(path=shots / f"{name}-{width}.png")
    page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(SEEN)
    page.screenshot(path=shots / f"{name}-dark.png")
    assert barriers(page, "color-contrast") == []
    assert [error for error in page.errors if not (address.endswith("nothing") and "404" in error)] == []
    elsewhere = [url for url in page.asked if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(studio.address)]
    assert page.asked and elsewhere == []


def test_a_report_opens_and_runs_nothing(page: Any, studio: Server) -> None:
    page.goto(f"{studio.address}/p/parts/reports")
    page.get_by_role("link", name="Report on first").click()
    page.get_by_role("heading", name="Pairs of the test").wait_for()
    assert page.title() == "Pairs of the test"
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "1180px", "its own styles hold"


def test_the_test_sees_a_barrier(page: Any, studio: Server) -> None:
    page.goto(f"{studio.address}/p/parts/jobs")
    page.evaluate("document.querySelector('main').append(Object.assign(document.createElement('img'), {src: '/static/icon.svg'}))")
    assert [each for each in barriers(page) if "image-alt" in each]


def test_a_page_says_which_room_it_is(studio: Server) -> None:
    for address, name in ROOMS:
        text = urllib.request.urlopen(f"{studio.address}/p/parts/{address}").read().decode()
        assert f'aria-current="page">{name}' in text and text.count("<h1") == 1 and 'lang="en"' in text


def barriers(page: Any, *rules: str) -> list[str]:
    """Return what axe-core finds that is grave; rules: by these alone."""
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = page.evaluate("options => axe.run(document, options)", {**only, "resultTypes": ["violations"]})
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
