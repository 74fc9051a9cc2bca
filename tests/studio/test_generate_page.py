"""Pairs as a person asks for them: a region painted, a plan, pictures that arrive, and more of the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from studio_fit import opened, wait
from studio_server import Server

from flawsmith.images.files import read_mask
from flawsmith.studio import reading

SLOW = 120_000  # milliseconds: a process that loads the base has to start first
LENIENT = ("margin=100", "visible=0", "change=0.001", "consistency=0", "outside=1", "duplicate=1")  # of quality.
SETTINGS = "\n".join((*(f"quality.{one}" for one in LENIENT), "generation.steps=2", "generation.precision=fp32"))


def test_pairs_arrive_where_a_region_was_painted(page: Any, server: Server, make_product: Any, tmp_path: Path) -> None:
    data = make_product(tmp_path / "parts")
    address = opened(server.address, data)
    folder = tmp_path / "parts.studio"
    assert reading.main(folder, always=True) == 0
    page.goto(f"{server.address}{address}/generate")
    page.get_by_role("checkbox", name="line").uncheck()
    page.get_by_label("Only in painted regions").check()
    page.get_by_text("Paint a region on a normal first").wait_for()
    page.get_by_text("More settings").click()
    page.get_by_label("Keys of generation and quality").fill(SETTINGS)

    page.locator(".cell").nth(1).click()  # train/good/001.png
    canvas = page.get_by_role("application")
    canvas.wait_for()
    page.locator(".view[aria-busy=false]").wait_for()
    stroke(page)
    page.keyboard.press("Escape")  # leaves the picture as it was
    page.get_by_role("dialog").wait_for(state="hidden")
    assert not (folder / "regions").exists()
    page.get_by_role("button", name="Paint a region on the current one").click()
    page.locator(".view[aria-busy=false]").wait_for()
    for key in ("ArrowRight", "Enter", *["ArrowRight"] * 4, "Enter"):  # by keys alone
        page.keyboard.press(key)
    page.get_by_role("button", name="Keep region").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    page.locator(".painted button", has_text="001.png").wait_for()
    page.get_by_label("Accepted pairs").fill("3")
    page.get_by_label("Name", exact=True).fill("spots")
    wait(lambda: "--region" in page.locator("[data-command]").inner_text())

    page.get_by_role("button", name="Look at a plan first").click()
    page.locator("[data-plan-picture]").wait_for(timeout=SLOW)
    page.get_by_role("button", name="Make pairs").click()
    page.wait_for_url("**/generate/spots")
    page.locator(".cell img[src]").first.wait_for(timeout=SLOW)
    page.locator(".state-done").wait_for(timeout=SLOW)
    page.get_by_text("3 of 3 accepted").wait_for()
    wait(lambda: page.locator(".cell").count() == 3)
    page.get_by_role("button", name="More of the same").click()
    page.get_by_label("Make", exact=True).fill("1")
    page.get_by_role("button", name="Make them").click()
    page.get_by_text("4 of 4 accepted").wait_for(timeout=SLOW)
    wait(lambda: page.locator(".cell").count() == 4)

    painted = read_mask(folder / "requests/spots/regions/001_mask.png")
    masks = sorted((folder / "pairs/spots/ground_truth/blob").glob("*.png"))
    assert len(masks) == 4 and painted.any() and not painted.all()
    for path in masks:
        marked = np.argwhere(read_mask(path))
        assert painted[tuple(marked.mean(0).round().astype(int))], "its middle is where it was asked for"
    page.get_by_role("link", name="Ask for others").click()
    page.wait_for_url("**/generate?as=spots")
    wait(lambda: page.get_by_label("First number").input_value() == "4")
    assert page.get_by_label("Only in painted regions").is_checked()
    assert not page.get_by_role("checkbox", name="line").is_checked()


def test_a_region_waits_for_its_picture(page: Any, server: Server, make_product: Any, tmp_path: Path) -> None:
    data = make_product(tmp_path / "parts")
    address = opened(server.address, data)
    folder = tmp_path / "parts.studio"
    assert reading.main(folder, always=True) == 0
    held: list[Any] = []
    page.route("**/api/picture?*", lambda route: held.append(route))
    page.goto(f"{server.address}{address}/generate")
    page.get_by_label("Only in painted regions").check()
    dialog, keep = page.get_by_role("dialog"), page.get_by_role("button", name="Keep region")
    loading = dialog.get_by_text("The picture is loading")

    page.get_by_role("option", name="train/good/000.png").click()
    loading.wait_for()
    wait(lambda: page.title() and held)
    assert page.locator(".view").get_attribute("aria-busy") == "true" and keep.is_disabled()
    stroke(page)
    dialog.get_by_text("still loading: nothing was changed").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("option", name="train/good/001.png").click()  # the first comes late, and is not what is asked for
    wait(lambda: page.title() and len(held) == 2)
    held.pop(0).continue_()
    held.pop(0).continue_()
    loading.wait_for(state="hidden")
    assert page.get_by_role("heading", name="Region on 001.png").is_visible()

    keep.click()
    dialog.get_by_text("Nothing is painted.").wait_for()
    stroke(page)
    page.route("**/api/regions", lambda route: route.abort())
    keep.click()
    dialog.get_by_text("The studio does not answer.").wait_for()
    page.unroute("**/api/regions")
    page.errors.clear()
    keep.click()
    page.get_by_text("The region is kept.").wait_for()
    assert not dialog.is_visible()
    assert [json.loads(one.read_text())["picture"] for one in (folder / "regions").glob("*.json")] == ["train/good/001.png"]


def stroke(page: Any) -> None:
    """Draw over the middle of the canvas."""
    box = page.get_by_label("where defects may be").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
