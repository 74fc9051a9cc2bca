"""A person begins: finds a folder, brings pictures without a label, stops half-way, forgets a project."""

import io
import zipfile
from pathlib import Path
from typing import Any

from drawn_files import mvtec  # noqa: F401
from PIL import Image
from studio_server import Server

LONG = 60_000  # milliseconds


def drawn(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (48, 32), value).save(stream, "PNG")
    return stream.getvalue()


def test_pictures_alone_are_sorted_as_they_are_dropped(page: Any, server: Server, home: Path) -> None:
    page.goto(server.said)
    page.get_by_text("None yet.").wait_for()
    page.get_by_role("link", name="Bring pictures").click()
    page.get_by_label("Name of the project").fill("Brackets")
    page.get_by_label("Pictures alone").check()
    files = [{"name": f"ok{i}.png", "mimeType": "image/png", "buffer": drawn(60 + i)} for i in range(8)]
    files.append({"name": "notes.exe", "mimeType": "", "buffer": b"MZ\0\0"})
    good = page.get_by_role("region", name="Without a defect")
    good.get_by_label("Choose files").set_input_files(files)
    good.get_by_text("9 files").wait_for()
    start = page.get_by_role("button", name="Bring them")
    # dropped on the zone of a kind that has no name yet
    drop = """(element) => { const data = new DataTransfer();
      const bytes = atob("%s"); const raw = Uint8Array.from(bytes, (c) => c.charCodeAt(0));
      data.items.add(new File([raw], "bent.png", { type: "image/png" }));
      element.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); }"""
    import base64

    page.get_by_role("region", name="With this defect").evaluate(drop % base64.b64encode(drawn(7)).decode())
    page.get_by_text("Give the kind of defect a name.").wait_for()
    assert start.is_disabled()
    page.get_by_label("Kind of defect").fill("dent")
    page.get_by_text("10 files,").wait_for()
    start.click()
    page.get_by_role("heading", name="1 file left out").wait_for(timeout=LONG)
    page.get_by_text("notes.exe: is no picture").wait_for()
    page.get_by_role("link", name="Go on to the data").click()
    page.wait_for_url("**/p/brackets/data*")
    page.get_by_role("option", name="test/dent/bent.png, not labelled").wait_for(timeout=LONG)
    page.get_by_role("tab", name="Pictures 9").wait_for()
    assert len(list((home / "brackets/data/train/good").iterdir())) == 8
    assert page.get_by_role("link", name="Bring more pictures").count() == 1

    # the first page shows it, and forgets it
    page.goto(server.address)
    card = page.get_by_role("listitem").filter(has_text="Brackets")
    card.get_by_text("9 pictures, none labelled").wait_for()
    assert card.locator("img").evaluate("e => e.decode().then(() => e.naturalWidth)") > 0
    page.once("dialog", lambda dialog: dialog.accept())
    card.get_by_role("button", name="Forget").click()
    card.wait_for(state="detached")
    assert (home / "brackets/project.json").is_file()
    page.errors.clear()  # the file that was refused


def test_a_set_is_brought_whole_or_not_at_all(page: Any, server: Server, home: Path, tmp_path: Path, mvtec: Path) -> None:  # noqa: F811
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in mvtec.rglob("*.png"):
            archive.write(path, path.relative_to(mvtec.parent))
    page.goto(f"{server.address}/new")
    page.get_by_label("Name of the project").fill("Tiles")
    everything = page.get_by_role("region", name="Everything")
    everything.get_by_label("Choose files").set_input_files(str(tmp_path / "set.zip"))
    # stopped on its way: nothing stays
    page.route("**/api/upload*", lambda route: None)  # never answered
    page.get_by_role("button", name="Bring them").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Nothing was kept of this upload.").wait_for()
    page.unroute("**/api/upload*")
    assert not (home / "tiles").exists() and not list((home / ".incoming").iterdir())
    # stopped before the studio has said where to: nothing stays either
    asked: list[Any] = []
    page.route("**/api/incoming", lambda route: asked.append(route))
    page.get_by_role("button", name="Bring them").click()
    page.get_by_role("button", name="Stop").click()
    asked[0].continue_()
    page.get_by_role("button", name="Stop").wait_for(state="hidden")
    assert page.url.endswith("/new") and not (home / "tiles").exists() and not list((home / ".incoming").iterdir())
    page.unroute("**/api/incoming")
    # brought whole
    page.get_by_role("button", name="Bring them").click()
    page.wait_for_url("**/p/tiles/data*", timeout=LONG)
    page.get_by_text("Checked: nothing to mend.").wait_for(timeout=LONG)
    assert page.get_by_role("tab", name="Pictures 12").count() == 1
    page.errors.clear()


def test_a_folder_is_found_by_keys(page: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / "line 7/tiles").mkdir(parents=True)
    (tmp_path / "line 7/.hidden").mkdir()
    Image.new("L", (20, 20)).save(tmp_path / "line 7/tiles/a.png")
    page.goto(server.said)
    page.get_by_label("Path").fill(str(tmp_path))
    page.get_by_role("button", name="Browse").press("Enter")
    dialog = page.get_by_role("dialog", name="Choose a folder")
    dialog.get_by_text(str(tmp_path), exact=True).wait_for()
    dialog.get_by_role("button", name="line 7").press("Enter")
    tiles = dialog.get_by_role("button", name="tiles")
    tiles.wait_for()
    assert dialog.get_by_role("list", name="Folders").get_by_role("button").count() == 1
    page.keyboard.press("Backspace")
    dialog.get_by_role("button", name="line 7").press("Enter")
    tiles.press("Enter")
    dialog.get_by_text("There are no folders in it.").wait_for()
    page.keyboard.press("Enter")  # the focus is on what opens it
    page.wait_for_url("**/p/tiles/data*")
