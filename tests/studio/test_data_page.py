"""A person looks at the data: what was understood, pictures by keys, what is to mend, how labels are read."""

from pathlib import Path
from typing import Any

from drawn_files import mvtec  # noqa: F401
from PIL import Image
from studio_server import Server

LONG = 60_000  # milliseconds: a process is started, on a machine that may be busy


def test_data_are_looked_at_and_mended(page: Any, server: Server, mvtec: Path) -> None:  # noqa: F811
    broken = mvtec / "train/good/001.png"
    good = broken.read_bytes()
    broken.write_bytes(good[:60])
    page.goto(server.said)
    page.get_by_label("Path").fill(str(mvtec))
    page.get_by_role("button", name="Open").click()
    page.wait_for_url("**/p/data/data*")
    page.get_by_text("1 to mend.").wait_for(timeout=LONG)
    assert page.get_by_role("tab", name="Pictures 12").get_attribute("aria-selected") == "true"

    # pictures, by keys alone
    page.get_by_label("Show").select_option(label="dent (3)")
    page.get_by_text("3 pictures").wait_for()
    page.get_by_role("listbox", name="Pictures of the data").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("test/dent/001.png", exact=True).wait_for()
    dialog.get_by_text("dent · 64 × 48 px").wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate(PIXELS) > 50, "the label is drawn over the picture"
    page.keyboard.press("o")
    page.wait_for_timeout(100)
    assert page.evaluate(PIXELS) == 0
    page.keyboard.press("0")
    dialog.get_by_role("button", name="100 %").wait_for()
    page.keyboard.press("j")
    dialog.get_by_text("test/dent/002.png", exact=True).wait_for()
    assert dialog.get_by_role("button", name="Next").is_disabled()
    assert dialog.get_by_role("link", name="Label it").get_attribute("href") == "/p/data/label?picture=test%2Fdent%2F002.png"
    page.keyboard.press("Escape")
    assert page.get_by_role("option", name="test/dent/002.png").evaluate("e => e.classList.contains('current')")

    # what is to mend, and that it was mended
    page.get_by_role("tab", name="To mend").click()
    page.get_by_text("truncated").wait_for()
    page.get_by_role("link", name="train/good/001.png").click()
    dialog.get_by_text("truncated").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)  # the damaged picture is sent: one that grows meanwhile is an error of its own
    broken.write_bytes(good)
    page.get_by_role("button", name="Check again").click()
    page.get_by_text("Checked: nothing to mend.").wait_for(timeout=LONG)
    page.get_by_text("Nothing to mend.", exact=True).wait_for()

    # what was understood, by the arrows of the tabs
    page.get_by_role("tab", name="To mend").press("ArrowLeft")
    page.get_by_text("Read as the MVTec AD layout").wait_for()
    assert page.get_by_role("row", name="crack").get_by_text("250 / 275 / 300").count() == 1
    heat = page.get_by_alt_text("Heat map of where the labels of crack lie")
    heat.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert heat.evaluate("e => e.complete && e.naturalWidth > 100")

    # labels read in another way, as another tab sees it, too
    with page.context.new_page() as second:
        second.goto(f"{server.address}/p/data/data#understood")
        page.get_by_role("tab", name="How labels are read").click()
        page.get_by_label("Names of defects").fill("crack=dent")
        page.get_by_role("button", name="Read again").click()
        second.get_by_role("row", name="With a labelled defect 6").wait_for(timeout=LONG)
        second.get_by_role("row", name="crack 6 6").wait_for(timeout=LONG)
    assert {error for error in page.errors if "400" not in error} == set()  # the picture that could not be shown
    page.errors.clear()


def test_pictures_without_labels_are_there_to_be_labelled(page: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (40, 30), 90).save(tmp_path / "flat" / name)
    page.goto(server.said)
    page.get_by_label("Path").fill(str(tmp_path / "flat"))
    page.get_by_role("button", name="Open").click()
    page.get_by_text("No labels could be read.").wait_for(timeout=LONG)
    option = page.get_by_role("option", name="a.png, not labelled")
    option.wait_for(timeout=LONG)
    page.get_by_role("tab", name="What was understood").click()
    assert page.get_by_role("link", name="label them here").get_attribute("href") == "/p/flat/label"
    page.get_by_role("tab", name="Pictures").click()
    page.get_by_role("listbox").focus()
    page.keyboard.press("l")
    page.wait_for_url("**/p/flat/label?picture=a.png")
    page.errors.clear()  # the room of labels may not be there in this test


PIXELS = """() => { const over = document.querySelectorAll('.view canvas')[1], data = over.getContext('2d')
  .getImageData(0, 0, over.width, over.height).data; let n = 0; for (let i = 3; i < data.length; i += 4) n += data[i] > 0; return n; }"""
