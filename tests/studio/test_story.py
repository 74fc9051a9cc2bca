"""The whole job by somebody who never sees a command line: open, label, fit, generate, review, export, in a real browser."""

import json
from pathlib import Path
from typing import Any

from studio_fit import SETTINGS, wait
from studio_server import Server

from flawsmith.formats.reading import read
from flawsmith.images.files import read_mask
from flawsmith.pairs.folder import PairFolder

UNLABELLED = "test/blob/005.png"
STEPS, COUNT = 30, 6
DECIDED = "axaxxa"  # the keys for the pairs in turn: accepted or rejected
# a network that has learned for thirty steps draws nothing that real limits let through
LEARNING = [*SETTINGS, "quality.margin=1e9", "training.preview_every=15", "training.checkpoint_every=15"]
SHOWN = """number => document.querySelector("[data-place]").textContent.startsWith(`${number} of`)
  && document.querySelector("[data-over]").hidden"""
LENIENT = [
    *("generation.shape_until=0", "generation.steps=2", "quality.visible=0", "quality.change=0.0001", "quality.consistency=0"),
    *("quality.outside=1", "quality.duplicate=1"),
]


def test_from_a_folder_to_an_export(page: Any, server: Server, make_product: Any, tmp_path: Path) -> None:
    page.set_default_timeout(120_000)  # a process that learns has to start first
    data = make_product(tmp_path / "parts")
    (data / "ground_truth/blob/005_mask.png").unlink()
    project = tmp_path / "parts.studio"
    open_folder(page, server, data)
    label(page, server, project)
    fit(page, server, project)
    generate(page, server, project)
    accepted = review(page, server, project)
    export(page, server, project, accepted)
    assert all(url.startswith((server.address, "blob:", "data:")) for url in page.asked)


def open_folder(page: Any, server: Server, data: Path) -> None:
    page.goto(server.said)
    page.get_by_label("Path").fill(str(data))
    page.get_by_role("button", name="Open", exact=True).click()
    page.wait_for_url("**/p/parts/data")


def label(page: Any, server: Server, project: Path) -> None:
    """Draw a mask on the picture that has none."""
    page.goto(f"{server.address}/p/parts/label?picture={UNLABELLED}")
    canvas = page.get_by_label(f"Picture {UNLABELLED}")
    page.get_by_role("radio", name="blob").click()
    middle(page, canvas, 20)
    page.get_by_text("Saved.", exact=True).wait_for()
    mask = read_mask(project / f"labels/masks/blob/{UNLABELLED}.png")
    assert 5 < mask.sum() < mask.size / 2


def fit(page: Any, server: Server, project: Path) -> None:
    """Learn for STEPS steps, from what was drawn, too."""
    page.goto(f"{server.address}/p/parts/fit")
    page.get_by_label("Name").fill("quick")
    page.get_by_label("Minutes").fill("0")
    page.get_by_label("Steps").fill(str(STEPS))
    page.get_by_text("More settings").click()
    page.get_by_label("Keys of the configuration").fill("\n".join(LEARNING))
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/fit/quick")
    page.locator(".state-done").wait_for()
    assert json.loads((project / "runs/quick/log.jsonl").read_text().splitlines()[-1])["step"] == STEPS
    learned = json.loads((project / "runs/quick/data.json").read_text())
    assert UNLABELLED in {one["image"] for one in learned["defects"]["blob"]}, "with what was labelled here"
    page.get_by_role("link", name="Generate with it").click()


def generate(page: Any, server: Server, project: Path) -> None:
    """Make COUNT pairs inside a region that is painted on a normal."""
    page.wait_for_url("**/generate?run=quick")
    page.get_by_label("Only in painted regions").check()
    page.get_by_role("option", name="train/good/000.png").click()
    dialog = page.get_by_role("dialog")
    middle(page, dialog.get_by_label("where defects may be"), 60)
    dialog.get_by_role("button", name="Keep region").click()
    dialog.wait_for(state="hidden")
    page.get_by_role("list", name="Normals with a region").get_by_role("button", name="000.png").wait_for()
    page.get_by_label("Accepted pairs").fill(str(COUNT))
    page.get_by_label("Name").fill("first")
    page.get_by_text("More settings").click()
    page.get_by_label("Keys of generation and quality").fill("\n".join(LENIENT))
    page.get_by_role("button", name="Make pairs").click()
    page.wait_for_url("**/generate/first")
    page.locator(".state-done").wait_for()
    (region,) = (project / "regions").rglob("*.png")
    painted = read_mask(region)
    folder = PairFolder(project / "pairs/first")
    pairs = folder.accepted()
    assert len(pairs) == COUNT and {Path(pair.normal or "").name for pair in pairs} == {"000.png"}
    assert all(painted[folder.mask(pair)].all() for pair in pairs), "where it was painted"
    page.get_by_role("link", name="Review", exact=True).last.click()


def review(page: Any, server: Server, project: Path) -> set[str]:
    """Accept half and reject half by keys, and take the last back; return the ids that were accepted."""
    page.wait_for_url("**/review/first")
    accepted = set()
    for number, key in enumerate(DECIDED, 1):
        page.wait_for_function(SHOWN, arg=number)
        accepted |= {page.locator("[data-title] small").inner_text()} if key == "a" and number < COUNT else set()
        page.keyboard.press(key)
        if number == 1:  # who reviews is asked once
            page.get_by_role("dialog").get_by_label("Name").fill("anna")
            page.keyboard.press("Enter")
    lines = project / "pairs/first/review.jsonl"
    wait(lambda: lines.exists() and lines.read_bytes().count(b"\n") == COUNT)
    page.keyboard.press("z")
    wait(lambda: lines.read_bytes().count(b"\n") == COUNT + 1)
    return accepted


def export(page: Any, server: Server, project: Path, accepted: set[str]) -> None:
    """Export what was accepted, and nothing else."""
    page.goto(f"{server.address}/p/parts/export")
    page.get_by_text("Reviewed: 2 accepted, 3 rejected, 1 not decided. This exports 2 of 6 pairs.").wait_for()
    page.get_by_role("radio", name="COCO").check()
    page.get_by_role("button", name="Export").click()
    made = page.get_by_role("article", name="first-coco")
    made.get_by_role("link", name="Download as zip").wait_for()
    made.get_by_text("Read again: 3 of 3 pictures with exactly the same masks.").wait_for()  # and the normal that they were made on
    folder = project / "exports/first-coco"
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows} == accepted
    source = PairFolder(project / "pairs/first")
    wanted = sorted(source.mask(pair).tobytes() for pair in source.accepted() if pair.id in accepted)
    found = [item.read_mask() for items in read(folder).defects.values() for item in items]
    assert sorted(mask.tobytes() for mask in found) == wanted
    with page.expect_download() as download:
        made.get_by_role("link", name="Download as zip").click()
    assert download.value.suggested_filename == "first-coco.zip"


def middle(page: Any, canvas: Any, length: int) -> None:
    """Draw a line of some pixels of the page over the middle of a canvas, once it has its picture."""
    canvas.wait_for()
    wait(lambda: canvas.locator("..").get_attribute("aria-busy") == "false")
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - length / 2, y)
    page.mouse.down()
    page.mouse.move(x + length / 2, y, steps=4)
    page.mouse.up()
