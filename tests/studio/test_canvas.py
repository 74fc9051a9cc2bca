"""The picture view that the rooms share: what it shows, and where, in a real browser."""

from typing import Any

import pytest
from studio_server import Server

# a picture of 64 x 48 whose pixels tell where they are, in a view of 640 x 480
BEGIN = """async () => {
  const { Mask, Picture, View } = await import("/static/canvas.js");
  const board = new OffscreenCanvas(64, 48).getContext("2d");
  const values = new ImageData(64, 48);
  for (let i = 0; i < 64 * 48; i++) values.data.set([4 * (i % 64), 4 * Math.floor(i / 64), 0, 255], 4 * i);
  board.putImageData(values, 0, 0);
  const host = document.createElement("div");
  Object.assign(host.style, { width: "640px", height: "480px" });
  document.querySelector("main").replaceChildren(host);
  window.view = new View(host, { label: "numbers" });
  window.mask = new Mask(64, 48);
  view.show(new Picture(await createImageBitmap(board.canvas)));
  await new Promise((done) => setTimeout(done, 100));
  window.pixel = (x, y) => [...view.under.getContext("2d").getImageData(x, y, 1, 1).data.slice(0, 2)].map((value) => value / 4);
  window.over = (x, y) => [...view.over.getContext("2d").getImageData(x, y, 1, 1).data];
}"""


@pytest.fixture
def view(page: Any, server: Server) -> Any:
    """Return a page with a view of a small picture."""
    page.goto(server.said)
    page.evaluate(BEGIN)
    return page


def test_pixels_stay_pixels(view: Any) -> None:
    assert view.evaluate("[view.scale, view.left, view.top]") == [10, 0, 0]  # fitted
    assert view.evaluate("[pixel(209, 0), pixel(210, 19), pixel(639, 479)]") == [[20, 0], [21, 1], [63, 47]]
    view.evaluate("view.zoom(1.6, { x: 320, y: 240 }); view.draw()")
    assert view.evaluate("pixel(320, 240)") == [32, 24]  # what lay under the pointer stays there
    assert view.evaluate("[pixel(319, 239), pixel(335, 255), pixel(336, 256)]") == [[31, 23], [32, 24], [33, 25]]
    view.evaluate("view.native(); view.draw()")
    assert view.evaluate("[view.scale, pixel(view.left, view.top), pixel(view.left + 63, view.top + 47)]") == [1, [0, 0], [63, 47]]
    view.evaluate("view.fit(); view.draw()")
    assert view.evaluate("[view.scale, view.left, view.top]") == [10, 0, 0]


def test_mouse_and_keys_move_it(view: Any) -> None:
    box = view.get_by_label("numbers").bounding_box()
    view.mouse.move(box["x"] + 100, box["y"] + 100)
    view.mouse.wheel(0, -400)
    view.wait_for_function("view.scale > 20")
    assert view.evaluate("Math.round(view.toPicture({ x: 100, y: 100 }).x)") == 10
    left = view.evaluate("view.left")
    view.mouse.down(button="middle")
    view.mouse.move(box["x"] + 70, box["y"] + 100)
    view.mouse.up(button="middle")
    assert view.evaluate("view.left") == left - 30
    view.get_by_label("numbers").focus()
    for key, scale in (("0", 1), ("+", 2), ("+", 3), ("-", 2), ("f", 10)):
        view.keyboard.press(key)
        assert view.evaluate("view.scale") == scale
    view.keyboard.press("+")
    left = view.evaluate("view.left")
    view.keyboard.press("ArrowRight")
    assert view.evaluate("view.left") == left - 64


def test_a_mask_lies_over_the_picture(view: Any) -> None:
    view.evaluate("mask.span(20, 30, 40); view.layers = [{ mask, colour: '#ff0000', opacity: 0.5, outline: false }]; view.draw()")
    assert view.evaluate("[over(300, 200), over(399, 209)]") == [[255, 0, 0, 128]] * 2
    assert view.evaluate("[over(299, 200), over(400, 209), over(300, 199), over(300, 210)].every((each) => each[3] === 0)")
    view.evaluate("view.bare = true; view.draw()")
    assert view.evaluate("over(300, 200)") == [0, 0, 0, 0]
    view.evaluate("view.bare = false; view.second = view.picture; view.blink = true; view.draw()")
    assert view.evaluate("over(300, 200)") == [0, 0, 0, 0]


def test_a_mask_is_packed_and_taken_back(view: Any) -> None:
    """Across the borders of tiles, with a width that fills no byte."""
    found = view.evaluate("""async () => {
      const { Mask } = await import("/static/mask.js");
      const mask = new Mask(523, 300), changes = [];
      const mark = (work) => { mask.begin(); work(); changes.push(mask.end()); };
      mark(() => { for (let y = 250; y < 262; y++) mask.span(y, 200 + y, 523); });
      const first = await mask.pack();
      mark(() => mask.span(255, 480, 520, 0));
      mark(() => mask.clear());
      const empty = [mask.area(), mask.tiles.size, mask.bounds()];
      mask.apply(changes[2]); mask.apply(changes[1]);
      const again = await mask.pack();
      const read = await Mask.unpack(first, 523, 300);
      const nothing = (mask.begin(), mask.span(0, -5, 0), mask.span(300, 0, 9), mask.end());
      return { empty, same: first === again && first === await read.pack(), area: read.area(), bounds: read.bounds(), nothing };
    }""")
    assert found["empty"] == [0, 0, None]
    assert found["same"]
    assert found["area"] == sum(523 - 200 - y for y in range(250, 262))
    assert found["bounds"] == {"left": 450, "top": 250, "right": 523, "bottom": 262}
    assert found["nothing"] is None
