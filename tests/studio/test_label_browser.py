"""The room where masks are drawn, in a real browser: what is drawn is what lies on the disk."""

import json
import re
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_files import mvtec  # noqa: F401
from PIL import Image
from studio_server import Server

NAME = "test/crack/000.png"


@pytest.fixture
def room(page: Any, server: Server, mvtec: Path) -> Callable[..., Any]:  # noqa: F811
    """Return what opens a picture in the room: (name, page) -> the page."""
    page.goto(server.said)
    page.evaluate("(path) => import('/static/api.js').then(({ post }) => post('/api/projects', { path }))", str(mvtec))

    def open_it(name: str = NAME, on: Any = page) -> Any:
        on.goto(f"{server.address}/p/data/label?picture={name}")
        on.get_by_label(f"Picture {name}").wait_for()
        return on

    return open_it


def on_disk(root: Path, kind: str, name: str = NAME) -> np.ndarray:
    """Return a mask (H, W) bool as it was saved."""
    pixels = np.asarray(Image.open(root.with_name("data.studio") / f"labels/masks/{kind}/{name}.png"))
    assert set(np.unique(pixels)) <= {0, 255}
    return pixels > 0


def saved(page: Any) -> None:
    page.get_by_text("Saved.", exact=True).wait_for()


def at(page: Any, x: float, y: float, name: str = NAME) -> tuple[float, float]:
    """Return where a point of the picture is on the page, where the picture is fitted in the middle at a whole scale."""
    box = page.get_by_label(f"Picture {name}").bounding_box()
    scale = min(box["width"] // 64, box["height"] // 48)
    return round(box["x"] + (box["width"] - 64 * scale) / 2 + x * scale), round(box["y"] + (box["height"] - 48 * scale) / 2 + y * scale)


def drag(page: Any, *points: tuple[float, float], name: str = NAME) -> None:
    for i, point in enumerate(points):
        page.mouse.move(*at(page, *point, name=name))
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def test_a_mask_is_drawn_by_mouse_and_keys_and_saved_as_drawn(room: Callable[..., Any], mvtec: Path) -> None:  # noqa: F811
    page = room("train/good/000.png")
    assert page.get_by_role("button", name="No defect here").get_attribute("aria-pressed") == "true"
    page.get_by_label("Name of a new kind").fill("hole")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("radio", name="hole").wait_for()
    for _ in range(12):
        page.get_by_label("Picture train/good/000.png").press("[")  # size 1
    drag(page, (10.5, 12.5), (20.5, 12.5), name="train/good/000.png")
    wanted = np.zeros((48, 64), bool)
    wanted[12, 10:21] = True
    saved(page)
    assert np.array_equal(on_disk(mvtec, "hole", "train/good/000.png"), wanted)
    assert page.get_by_role("button", name="No defect here").get_attribute("aria-pressed") == "false"
    page.keyboard.press("ArrowDown")  # shows the cursor of the keys, in the middle
    x, y = (int(word) for word in re.findall(r"\d+", page.locator("[data-place]").inner_text()))
    assert abs(x - 32) <= 1 and abs(y - 24) <= 1
    for key in ("Enter", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    both = wanted.copy()
    both[y : y + 3, x] = True
    saved_as(page, mvtec, "hole", both, "train/good/000.png")
    for key, mask in (("z", wanted), ("Shift+Z", both), ("Control+z", wanted)):
        page.keyboard.press(key)
        saved_as(page, mvtec, "hole", mask, "train/good/000.png")
    page.keyboard.press("z")  # nothing is drawn: it is a normal again
    index = mvtec.with_name("data.studio") / "labels/index.json"
    until(lambda: json.loads(index.read_text())["pictures"]["train/good/000.png"] == {"normal": True})
    until(lambda: not list(mvtec.with_name("data.studio").glob("labels/masks/**/*.png")))


def saved_as(page: Any, root: Path, kind: str, mask: np.ndarray, name: str = NAME) -> None:
    until(lambda: np.array_equal(on_disk(root, kind, name), mask))


def test_what_cannot_be_shown_is_passed_over_and_leaving_saves(room: Callable[..., Any], mvtec: Path) -> None:  # noqa: F811
    (mvtec / "test/crack/001.png").write_bytes(b"no picture")
    page = room()
    page.get_by_label(f"Picture {NAME}").press("m")
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_text("test/crack/001.png: ").wait_for()
    page.get_by_label("Picture test/crack/002.png").wait_for()
    page.errors.clear()  # of the picture that is none
    page.get_by_label("Picture test/crack/002.png").press("m")
    page.get_by_role("link", name="Jobs").click()
    page.wait_for_url("**/p/data/jobs")
    index = json.loads((mvtec.with_name("data.studio") / "labels/index.json").read_text())
    assert index["pictures"] == {NAME: {"normal": True}, "test/crack/002.png": {"normal": True}}


def test_the_mask_of_a_pair_is_corrected(
    room: Callable[..., Any],
    page: Any,
    server: Server,
    make_pairs: Callable[..., Path],
    data8: Path,
    mvtec: Path,  # noqa: F811
) -> None:
    pairs = make_pairs(mvtec.with_name("data.studio") / "pairs/first", data8, 4)
    [generated] = pairs.glob("ground_truth/*/000001_mask.png")
    before = np.asarray(Image.open(generated)) > 0
    page.goto(f"{server.address}/p/data/label?pairs=first&id=000001")
    picture = page.get_by_label("Picture 000001")
    picture.wait_for()
    for name in ("No defect here", "Box", "Propose"):  # of pictures of the data
        assert not page.get_by_role("button", name=name).is_visible()
    for key in ("e", *"]" * 14):  # an eraser over all that is marked, but for a corner
        picture.press(key)
    picture.press("b")
    for key in ("[",) * 26:
        picture.press(key)
    for key in ("ArrowDown", "Enter", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("heading", name="Who reviews?").wait_for()
    page.get_by_label("Name", exact=True).fill("Ann")
    page.get_by_role("button", name="Go on").click()
    saved(page)
    [path] = pairs.glob("reviewed/*/000001_mask.png")
    found = np.asarray(Image.open(path)) > 0
    assert 1 <= (found != before).sum() <= 2 and (found | before == found).all()
    assert barriers(page) == []
    page.get_by_role("link", name="Back to the review").click()
    page.wait_for_url("**/p/data/review/first#000001")
    page.get_by_role("link", name="Correct the mask").wait_for()


def barriers(page: Any) -> list[str]:
    """Return what axe-core finds on a page."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in page.evaluate("axe.run()")["violations"]]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def test_of_two_tabs_the_second_is_told_and_nothing_is_lost(room: Callable[..., Any], page: Any, mvtec: Path) -> None:  # noqa: F811
    first = room()
    second = room(on=first.context.new_page())
    second.set_viewport_size({"width": 1280, "height": 800})
    own = np.asarray(Image.open(mvtec / "ground_truth/crack/000_mask.png")) > 0
    for tab, y in ((first, 30), (second, 40)):
        tab.bring_to_front()
        for _ in range(12):
            tab.get_by_label(f"Picture {NAME}").press("[")
        drag(tab, (40.5, y + 0.5), (50.5, y + 0.5))
        if tab is first:
            saved(tab)
    second.get_by_role("heading", name="Saved meanwhile by somebody else").wait_for()
    here, there = own.copy(), own.copy()
    there[30, 40:51] = here[40, 40:51] = True
    assert np.array_equal(on_disk(mvtec, "crack"), there)
    second.get_by_role("button", name="Put both together").click()
    saved_as(second, mvtec, "crack", here | there)
    second.keyboard.press("z")
    saved_as(second, mvtec, "crack", here)
    second.close()


def test_to_the_next_picture_without_waiting(room: Callable[..., Any], mvtec: Path) -> None:  # noqa: F811
    page = room()
    page.get_by_label(f"Picture {NAME}").press("m")  # no defect here, and on at once
    page.keyboard.press("j")
    page.get_by_label("Picture test/crack/001.png").wait_for()
    index = json.loads((mvtec.with_name("data.studio") / "labels/index.json").read_text())
    assert index["pictures"] == {NAME: {"normal": True}}
    page.go_back()
    page.get_by_label(f"Picture {NAME}").wait_for()
    assert page.get_by_role("button", name="No defect here").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Discard what was labelled here").click()
    page.get_by_text("250 px").wait_for()


def test_what_is_drawn_while_the_next_loads_is_not_lost(room: Callable[..., Any], mvtec: Path) -> None:  # noqa: F811
    page = room()
    before = np.asarray(Image.open(mvtec / "ground_truth/crack/000_mask.png")) > 0
    held: list[Any] = []
    page.route("**/api/label/picture?*", lambda route: held.append(route))
    page.keyboard.press("j")
    page.get_by_text("The picture is loading").wait_for()
    until(lambda: bool(page.title() and held))
    assert page.locator(".view").get_attribute("aria-busy") == "true"
    for change in (lambda: drag(page, (5.5, 5.5), (9.5, 5.5)), lambda: page.keyboard.press("m"), lambda: page.keyboard.press("z")):
        change()
        page.get_by_text("still loading: nothing was changed").wait_for()
    held.pop().continue_()
    page.get_by_label("Picture test/crack/001.png").wait_for()
    page.locator(".view[aria-busy=false]").wait_for()
    page.unroute("**/api/label/picture?*")
    page.keyboard.press("k")
    page.get_by_label(f"Picture {NAME}").wait_for()
    assert not (mvtec.with_name("data.studio") / "labels").exists()
    page.get_by_text(f"{before.sum()} px").wait_for()


def test_a_proposal_is_taken_and_the_room_is_accessible(room: Callable[..., Any], page: Any, mvtec: Path) -> None:  # noqa: F811
    for i in range(4):
        (mvtec / f"train/good/{i:03}.png").unlink()
        Image.fromarray(np.full((48, 64), 100 + i, np.uint8)).save(mvtec / f"train/good/{i:03}.png")
    spot = np.full((48, 64), 101, np.uint8)
    spot[20:30, 40:50] = 116
    Image.fromarray(spot).save(mvtec / "test/crack/lone.png")
    room("test/crack/lone.png")
    page.get_by_text("1 area, ").wait_for()  # proposed at once, as it is unlabelled
    assert barriers(page) == []
    page.get_by_label("Threshold").fill("250")
    page.get_by_text("Nothing stands out at this threshold").wait_for()
    page.get_by_label("Threshold").press("d")
    page.get_by_text("at a lower threshold").wait_for()
    page.get_by_label("Threshold").fill("64")
    page.keyboard.press("a")
    saved(page)
    found, wanted = on_disk(mvtec, "crack", "test/crack/lone.png"), spot == 116
    assert (found & wanted).sum() > 90 and (found & ~wanted).sum() < 60
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keys").wait_for()
    assert barriers(page) == []
