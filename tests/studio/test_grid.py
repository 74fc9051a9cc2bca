"""The virtual grid: 20,000 items scroll, are reached by keys and chosen, and nothing moves when their pictures arrive."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from studio_server import Server

TOTAL = 20_000
PAGE = """<!doctype html><html lang=en><title>grid</title><link rel=stylesheet href=/base.css><link rel=stylesheet href=/static/studio.css>
<style>.grid { height: 600px; }</style><body data-base=""><main><div id=host></div></main><div class=told></div><script type=module>
import { ask } from "/static/api.js";
import { Grid } from "/static/grid.js";
const host = document.getElementById("host");
window.opened = [];
window.grid = new Grid(host, {
  label: "Things", load: (offset, count) => ask(`/items?offset=${offset}&count=${count}`), select: true,
  show: (item) => ({ src: `/thumb/${item.id}`, label: `thing ${item.id}`, caption: `thing ${item.id}` }),
  open: (item) => window.opened.push(item.id),
});
await window.grid.reload();
document.body.dataset.ready = "";
</script>"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/></svg>'


@pytest.fixture
def shown(page: Any, server: Server) -> Any:
    """Return a page with a grid of TOTAL things, which notes what it asked for."""

    def items(route: Any) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        offset, count = int(asked["offset"][0]), int(asked["count"][0])
        found = [{"id": i} for i in range(offset, min(offset + count, TOTAL))]
        route.fulfill(content_type="application/json", body=json.dumps({"total": TOTAL, "items": found}))

    page.route("**/grid-page", lambda route: route.fulfill(content_type="text/html", body=PAGE))
    page.route(re.compile(r"/items\?"), items)
    page.route("**/thumb/*", lambda route: route.fulfill(content_type="image/svg+xml", body=SVG))
    page.goto(f"{server.address}/grid-page")
    page.wait_for_selector("body[data-ready]")
    return page


def thumbs(page: Any) -> list[str]:
    return [url for url in page.asked if "/thumb/" in url]


def test_only_what_is_in_sight_is_made_and_asked_for(shown: Any) -> None:
    shown.wait_for_function("document.querySelectorAll('.cell img[src]').length > 10")
    assert shown.locator(".cell").count() < 60 and len(thumbs(shown)) < 60
    shift = """() => new Promise(done => { let sum = 0;
      const observer = new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; });
      observer.observe({ type: 'layout-shift', buffered: true });
      setTimeout(() => done(sum), 200); })"""
    assert shown.evaluate(shift) == 0
    # flying over thousands asks for no picture on the way, and for few pages
    before = len(thumbs(shown))
    shown.evaluate("""async () => { const host = document.getElementById('host');
      for (let i = 1; i <= 60; i++) { host.scrollTop = host.scrollHeight * i / 60; await new Promise(requestAnimationFrame); } }""")
    shown.wait_for_selector("[aria-label='thing 19999']")
    shown.wait_for_function("document.querySelector(\"[aria-label='thing 19999'] img\").complete")
    assert len(thumbs(shown)) - before < 80 and shown.locator(".cell").count() < 60
    assert len([url for url in shown.asked if "/items" in url]) < 8


def test_keys_reach_everything(shown: Any) -> None:
    host = shown.get_by_role("listbox", name="Things")
    host.focus()
    columns = shown.evaluate("grid.columns")
    for key, at in (
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowUp", 1),
        ("ArrowUp", 1),
        ("End", TOTAL - 1),
        ("ArrowDown", TOTAL - 1),
        ("Home", 0),
        ("ArrowLeft", 0),
    ):
        shown.keyboard.press(key)
        assert shown.evaluate("grid.current") == at, key
    shown.keyboard.press("PageDown")
    page = shown.evaluate("grid.current")
    assert page % columns == 0 and page > columns
    active = shown.locator(f"#{host.get_attribute('aria-activedescendant')}")
    assert active.get_attribute("aria-posinset") == str(page + 1) and active.get_attribute("aria-setsize") == str(TOTAL)
    assert active.evaluate("e => { const a = e.getBoundingClientRect(), b = e.closest('.grid').getBoundingClientRect(); "
                           "return a.top >= b.top - 1 && a.bottom <= b.bottom + 1 }")  # fmt: skip
    shown.keyboard.press("Enter")
    assert shown.evaluate("opened") == [page]


def test_several_are_chosen(shown: Any) -> None:
    shown.get_by_role("listbox").focus()
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("Space")
    shown.keyboard.press("Shift+End")
    assert shown.evaluate("grid.chosen.size") == TOTAL - 1
    shown.keyboard.press("Escape")
    assert shown.evaluate("grid.chosen.size") == 0
    shown.keyboard.press("Home")
    shown.get_by_label("thing 2", exact=True).locator(".tick").click()
    shown.get_by_label("thing 5", exact=True).click(modifiers=["Shift"])
    assert shown.evaluate("[...grid.chosen]") == [2, 3, 4, 5] and shown.evaluate("opened") == []
    assert shown.get_by_label("thing 3", exact=True).get_attribute("aria-selected") == "true"
    shown.keyboard.press("Control+a")
    shown.evaluate("grid.choose([150, 7])")
    assert [each["id"] for each in shown.evaluate("grid.selected()")] == [7, 150]


def test_place_and_choice_stay(shown: Any) -> None:
    shown.evaluate("grid.current = 5000; grid.choose([5001])")
    shown.wait_for_selector("[aria-label='thing 5000']")
    shown.evaluate("grid.refresh()")
    assert shown.evaluate("grid.current") == 5000 and shown.evaluate("[...grid.chosen]") == [5001]
    shown.set_viewport_size({"width": 820, "height": 1180})
    shown.wait_for_function("grid.columns < 6")
    assert shown.evaluate("grid.cells.has(5000)")
    shown.evaluate("grid.update(5000, { id: 'other' })")
    shown.get_by_label("thing other").wait_for()
    shown.evaluate("grid.reload({ current: 12345 })")
    shown.wait_for_selector("[aria-label='thing 12345']")
    assert shown.evaluate("grid.chosen.size") == 0 and shown.evaluate("grid.current") == 12345
