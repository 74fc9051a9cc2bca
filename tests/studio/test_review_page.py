"""Reviewing in a real browser: by keys alone, undone, in bulk, by two people, in two tabs, across a restart."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from drawn_set import project_in, write_rows, write_set
from studio_server import Server

from flawsmith.pairs.review import Review, read_review
from flawsmith.studio.project import Project

DECISIONS = {"a": "accept", "x": "reject", "s": "skip", "2": "reject"}


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Project:
    """A project with a set of seventy pairs."""
    found = project_in(tmp_path, home)
    write_set(found, "first", 70)
    return found


def enter(page: Any, server: Server, name: str = "anna", first: int = 1) -> Any:
    """Open the queue as it was made, as somebody whose name is known; first: the pair that is shown, by its place."""
    page.context.add_cookies([{"name": "flawsmith-reviewer", "value": name, "url": server.address}])
    page.add_init_script("localStorage.setItem('flawsmith-review-sort', 'made')")
    page.goto(f"{server.address}/p/parts/review/first")
    return at(page, first)


def at(page: Any, number: int) -> Any:
    """Wait until a pair is shown, by its place in the queue, and its picture is there."""
    seen = "document.querySelector('[data-place]').textContent.startsWith(`${number} of`) && document.querySelector('[data-over]').hidden"
    page.wait_for_function(f"number => {seen}", arg=number, polling=5)
    return page


def saved(project: Project, count: int) -> Review:
    """Return the review when so many lines are in it."""
    path = project.folder / "pairs/first/review.jsonl"
    end = time.monotonic() + 20
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end, "decisions were not saved"
        time.sleep(0.02)
    return read_review(project.folder / "pairs/first")


def test_more_than_sixty_pictures_a_minute_by_keys_alone(page: Any, server: Server, project: Project) -> None:
    page.add_init_script("localStorage.setItem('flawsmith-review-sort', 'made')")
    page.goto(f"{server.address}/p/parts/review/first")
    at(page, 1)
    page.keyboard.press("a")  # who reviews is asked once
    page.get_by_role("dialog").get_by_label("Name").fill("anna")
    page.keyboard.press("Enter")
    at(page, 2)
    pressed = ["a"]
    began = time.monotonic()
    for number in range(2, 66):
        pressed.append("axs2"[number % 4])
        page.keyboard.press(pressed[-1])
        at(page, number + 1)
    took = time.monotonic() - began
    print(f"{64 * 60 / took:.0f} pictures a minute")
    assert 64 * 60 / took > 60
    review = saved(project, 65)
    for number, key in enumerate(pressed):
        opinion = review.by_pair[f"{number:06d}"]["anna"]
        assert (opinion.decision, opinion.reasons) == (DECISIONS[key], ("its border shows",) if key == "2" else ())
    page.keyboard.press("z")  # undone: the last, and the one before
    at(page, 65)
    page.keyboard.press("Control+z")
    at(page, 64)
    page.keyboard.press("Shift+z")
    page.get_by_text("Done again: 000063.").wait_for()
    review = saved(project, 68)
    assert "anna" not in review.by_pair["000064"] and "anna" in review.by_pair["000063"]
    # shift marks reasons and stays; a rejection takes all of them
    page.keyboard.press("Shift+1")
    page.keyboard.press("Shift+3")
    page.keyboard.press("x")
    at(page, 65)
    assert saved(project, 69).by_pair["000063"]["anna"].reasons == ("does not look real", "too faint")
    server.stop()  # a decision while the studio is away is saved when it is back
    page.keyboard.press("a")
    page.get_by_text("decisions wait until the studio answers").wait_for()
    port = server.address.rsplit(":", 1)[1]
    with Server(project.folder.parent / "home", "--port", port):
        assert saved(project, 70).by_pair["000064"]["anna"].decision == "accept"
        page.reload()  # the queue goes on where it was, and so does undo
        at(page, 66)
        page.keyboard.press("z")
        at(page, 65)
        page.get_by_text("Undone: 000064.").wait_for()
        assert "anna" not in saved(project, 71).by_pair["000064"]
    page.errors[:] = [error for error in page.errors if "ERR_CONNECTION_REFUSED" not in error and "ERR_CONNECTION_RESET" not in error]


def test_many_at_once_in_the_grid(page: Any, server: Server, project: Project) -> None:
    enter(page, server)
    page.keyboard.press("g")
    grid = page.get_by_role("listbox", name="Pairs")
    grid.get_by_role("option", name="000003, crack, not looked at").click()
    grid.get_by_role("option", name="000007, dent, not looked at").click(modifiers=["Shift"])
    page.keyboard.press("x")
    grid.get_by_role("option", name="000005, stain, rejected").wait_for()
    assert Counter(opinion["anna"].decision for opinion in saved(project, 1).by_pair.values()) == {"reject": 5}
    page.keyboard.press("z")
    grid.get_by_role("option", name="000005, stain, not looked at").wait_for()
    assert not saved(project, 2).begun, "in one step"
    page.keyboard.press("Control+a")
    page.keyboard.press("a")
    grid.get_by_role("option", name="000005, stain, accepted").wait_for()
    assert sum(saved(project, 3).verdict(f"{number:06d}") == "accepted" for number in range(70)) == 70
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    at(page, 2)


def test_two_people_and_two_tabs_agree_on_what_is_decided(chromium: Any, page: Any, server: Server, project: Project) -> None:
    enter(page, server)
    page.keyboard.press("a")
    at(page, 2)
    tab = enter(page.context.new_page(), server, first=2)  # what is not decided yet
    tab.keyboard.press("k")
    at(tab, 1).get_by_text("✓ accepted").wait_for()
    tab.keyboard.press("x")
    tab.keyboard.press("a")
    page.keyboard.press("k")
    page.get_by_text("✗ rejected").wait_for()  # without a reload
    page.keyboard.press("z")  # one history of this reviewer, whatever the tab
    saved(project, 4)
    assert [read_review(project.folder / "pairs/first").verdict(f"00000{number}") for number in (0, 1)] == ["rejected", "open"]
    with chromium.new_context() as other:
        second = enter(other.new_page(), server, "ben")
        second.keyboard.press("a")
        at(second, 2)
        second.keyboard.press("a")
        saved(project, 6)
        second.get_by_label("Show", exact=True).select_option(label="disagreed on (1)")
        second.get_by_text("1 of 1; ").wait_for()
        second.get_by_text("≠ disagreed on – anna: rejected; ben: accepted").wait_for()
    page.keyboard.press("k")
    page.get_by_text("≠ disagreed on – anna: rejected; ben: accepted").wait_for()


def test_what_is_shown_can_be_changed_by_keys(page: Any, server: Server, project: Project) -> None:
    enter(page, server)
    stage = page.locator("[data-single]")

    def look() -> bytes:
        page.wait_for_timeout(120)
        return bytes(stage.screenshot())

    first = look()
    page.keyboard.press("o")
    bare = look()
    page.keyboard.press("o")
    assert look() == first != bare
    page.keyboard.down("Space")
    assert look() == bare
    page.keyboard.up("Space")
    page.keyboard.press("]")
    assert look() not in (first, bare) and page.get_by_role("slider", name="Overlay").input_value() == "0.45"
    page.keyboard.press("[")
    page.keyboard.press("b")
    page.get_by_text("The normal", exact=True).wait_for()
    page.keyboard.press("b")
    assert look() == first
    for key in ("+", "-", "0", "f"):
        page.keyboard.press(key)
    page.keyboard.press("d")
    page.get_by_role("slider", name="Brightness").fill("2")
    assert look() != first
    page.get_by_role("button", name="Reset").click()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_role("button", name="Accept, and go on: A. Change it").click()
    page.keyboard.press("q")
    page.get_by_role("button", name="Accept, and go on: Q. Change it").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("a")  # means nothing now
    page.keyboard.press("q")
    at(page, 2)
    assert saved(project, 1).verdict("000000") == "accepted"
    page.get_by_label("Kind", exact=True).select_option(label="stain (23)")
    at(page, 1)
    page.get_by_text("stain 0000").first.wait_for()


def test_decisions_wait_for_room_on_the_disk(page: Any, server: Server, project: Project) -> None:
    enter(page, server)
    page.route("**/decide", lambda route: route.fulfill(status=507, json={"error": "the disk is full"}))
    page.keyboard.press("a")
    page.get_by_label("Picture of pair 000001").wait_for()
    page.keyboard.press("x")
    page.get_by_text("2 decisions wait until there is room on its disk again.").wait_for()
    page.unroute("**/decide")
    review = saved(project, 2)
    assert (review.verdict("000000"), review.verdict("000001")) == ("accepted", "rejected")
    at(page, 3)
    page.errors.clear()


def test_the_reasons_can_be_changed(page: Any, server: Server, project: Project) -> None:
    enter(page, server)
    page.keyboard.press("j")
    at(page, 2)
    page.get_by_role("button", name="Change the reasons").click()
    page.get_by_label("One a line").fill("bent\nx\nx")  # keys mean nothing in a dialog
    page.get_by_role("button", name="Keep").click()
    page.get_by_text("one is empty, or there twice").wait_for()
    page.errors.clear()
    page.get_by_label("One a line").fill("bent pin\n\nscratch of a tool\n")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="scratch of a tool").wait_for()
    at(page, 2)
    page.keyboard.press("2")
    at(page, 3)
    assert saved(project, 1).by_pair["000001"]["anna"].reasons == ("scratch of a tool",)


def test_pairs_that_are_made_meanwhile_are_offered(page: Any, server: Server, project: Project) -> None:
    enter(page, server)
    page.keyboard.press("j")
    at(page, 2)
    write_rows(project, "first", range(70, 73))
    page.get_by_role("button", name="3 new pairs: show them").click()
    page.get_by_text("2 of 73; ").wait_for()
    page.get_by_role("link", name="Correct the mask").wait_for()
    assert page.get_by_role("link", name="Correct the mask").get_attribute("href") == "/p/parts/label?pairs=first&id=000001"
