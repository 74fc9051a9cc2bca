"""Drawing on masks, in a real browser: exactly these pixels, taken back and done again."""

import base64
import zlib
from typing import Any

import numpy as np
import pytest
from studio_server import Server

WIDTH, HEIGHT, SCALE = 300, 280, 2  # of the picture; pixels of the page for one of it
BEGIN = """async ([width, height, scale]) => {
  const { Mask, Picture, View } = await import("/static/canvas.js");
  const { Drawing } = await import("/static/drawing.js");
  const { toolbar } = await import("/static/toolbar.js");
  const board = new OffscreenCanvas(width, height).getContext("2d");
  board.fillStyle = "#505050"; board.fillRect(0, 0, width, height);
  board.fillStyle = "#606060"; board.fillRect(20, 20, 30, 10);
  const host = document.createElement("div"), bar = document.createElement("div");
  Object.assign(host.style, { width: `${scale * width}px`, height: `${scale * height}px` });
  document.querySelector("main").replaceChildren(host, bar);
  window.view = new View(host, { label: "picture" });
  window.drawing = new Drawing(view);
  window.mask = new Mask(width, height);
  view.show(new Picture(await createImageBitmap(board.canvas)));
  view.layers = [{ mask }];
  drawing.reset(mask);
  toolbar(bar, drawing);
  window.told = [];
  drawing.addEventListener("told", (event) => told.push(event.detail));
  view.host.addEventListener("keydown", (event) => drawing.key(event));
  await new Promise((done) => setTimeout(done, 100));
}"""


@pytest.fixture
def board(page: Any, server: Server) -> Any:
    """Return a page on which a mask of WIDTH x HEIGHT is drawn, in a view of SCALE."""
    page.goto(server.said)
    page.evaluate(BEGIN, [WIDTH, HEIGHT, SCALE])
    assert page.evaluate("[view.scale, view.left, view.top]") == [SCALE, 0, 0]
    return page


def marked(board: Any) -> np.ndarray:
    """Return the mask (H, W) bool as it would be sent."""
    rows = np.frombuffer(zlib.decompress(base64.b64decode(board.evaluate("mask.pack()"))), np.uint8)
    return np.unpackbits(rows.reshape(HEIGHT, -1), axis=1)[:, :WIDTH].astype(bool)


def drag(board: Any, *points: tuple[float, float]) -> None:
    """Drag the mouse along points of the picture."""
    for i, point in enumerate(points):
        at(board, *point)
        if i == 0:
            board.mouse.down()
    board.mouse.up()


def at(board: Any, x: float, y: float) -> None:
    box = board.get_by_label("picture").bounding_box()
    board.mouse.move(box["x"] + x * SCALE, box["y"] + y * SCALE)


def near(a: tuple[float, float], b: tuple[float, float], size: float) -> np.ndarray:
    """Return the pixels (H, W) bool whose middle is at most size / 2 from the line between two points."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    (ax, ay), (bx, by) = a, b
    length = max(1e-12, (bx - ax) ** 2 + (by - ay) ** 2)
    share = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1)
    return np.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay)) <= size / 2 + 1e-9


def test_strokes_are_exact_and_taken_back(board: Any) -> None:
    board.get_by_role("button", name="Brush").click()
    board.evaluate("drawing.size = 7")
    drag(board, (250.2, 250.2), (262.2, 259.2))  # over the corner of four tiles
    first = near((250.5, 250.5), (262.5, 259.5), 7)
    assert np.array_equal(marked(board), first)
    board.keyboard.press("]")  # 8: an even size is put on corners
    drag(board, (100, 40))
    both = first | near((100, 40), (100, 40), 8)
    assert np.array_equal(marked(board), both)
    board.get_by_role("button", name="Eraser").click()
    drag(board, (255, 200), (255, 280))
    less = both & ~near((255, 200), (255, 280), 8)
    assert np.array_equal(marked(board), less)
    for wanted in (both, first, np.zeros_like(first)):
        board.keyboard.press("z")
        assert np.array_equal(marked(board), wanted)
    assert board.get_by_role("button", name="Undo").is_disabled()
    for wanted in (first, both, less):
        board.keyboard.press("Control+Shift+z")
        assert np.array_equal(marked(board), wanted)


def test_lines_and_polygons(board: Any) -> None:
    board.evaluate("drawing.size = 3")
    at(board, 1, 1)
    board.get_by_label("picture").focus()
    board.keyboard.press("l")
    drag(board, (30.5, 30.5), (90.5, 50.5))
    line = near((30.5, 30.5), (90.5, 50.5), 3)
    assert np.array_equal(marked(board), line)
    board.keyboard.press("p")
    for corner in ((100, 100), (140, 100), (140, 130)):
        drag(board, corner)
    drag(board, (140, 130))  # again: it is closed
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    inside = (x > 100) & (x < 141) & (y > 100) & ((y - 100) * 40 < (x - 100) * 30)
    found = marked(board) & ~line
    assert (found & inside).sum() >= inside.sum() - 45  # beside its border, which is marked itself
    assert not (
        found & ~inside & ~near((100, 100), (140, 130), 2.9) & ~near((140.5, 100), (140.5, 130.5), 1) & ~near((100, 100), (140, 100), 1.5)
    ).any()
    drag(board, (60, 200))
    drag(board, (80, 200))
    board.keyboard.press("Escape")
    assert np.array_equal(marked(board), found | line)


def test_fill_and_similar_tones(board: Any) -> None:
    board.evaluate("drawing.size = 1")
    for a, b in (((50, 60), (80, 60)), ((80, 60), (80, 90)), ((80, 90), (50, 90)), ((50, 90), (50, 62))):
        board.keyboard.press("Escape")
        board.evaluate("drawing.use('line')")
        drag(board, a, b)
    board.evaluate("drawing.use('fill')")
    before = marked(board)
    drag(board, (65, 75))
    assert np.array_equal(marked(board), before)  # the outline is open
    assert "gap" in board.evaluate("told")[0]
    board.evaluate("drawing.use('brush')")
    drag(board, (50, 61))
    board.evaluate("drawing.use('fill')")
    drag(board, (65, 75))
    square = np.zeros((HEIGHT, WIDTH), bool)
    square[60:91, 50:81] = True
    assert np.array_equal(marked(board), square)
    board.evaluate("drawing.use('tones')")
    drag(board, (30, 25))
    assert marked(board)[20:30, 20:50].all() and marked(board).sum() > square.sum() + 300  # tolerance 16: all is alike
    board.keyboard.press("z")
    board.evaluate("drawing.tolerance = 15")
    drag(board, (30, 25))
    square[20:30, 20:50] = True
    assert np.array_equal(marked(board), square)


def test_by_keys_alone(board: Any) -> None:
    board.evaluate("drawing.size = 1")
    board.get_by_label("picture").focus()
    keys = ["b", "ArrowRight", "Enter", *["ArrowRight"] * 5, "Shift+ArrowDown", "Enter", "ArrowLeft", "ArrowLeft"]
    for key in keys:  # the cursor begins in the middle, and the first arrow shows it
        board.keyboard.press(key)
    wanted = near((150.5, 140.5), (155.5, 140.5), 1) | near((155.5, 140.5), (155.5, 150.5), 1)
    assert np.array_equal(marked(board), wanted)
    assert board.evaluate("view.cursor") == {"x": 153.5, "y": 150.5}
