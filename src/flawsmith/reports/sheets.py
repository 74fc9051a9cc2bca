"""Contact sheets: what was generated, at a glance, with the outline of each mask."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flawsmith.core.files import write_bytes
from flawsmith.images.files import image_size, read_image
from flawsmith.images.shrinking import within_side
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.reports.drawing import (
    FAINT,
    INK,
    PAPER,
    WHOLE,
    Frame,
    crop_picture,
    encode_picture,
    fit,
    limits,
    outline,
    to_display,
    view,
)

GAP, APART, LINE, LETTERS = 8, 20, 28, 18  # pixels between tiles, between cells, of a line of text, of its letters
WIDTH = 2000  # pixels across a sheet at most
READ = 1_000_000_000  # pixels of pictures and masks to read for a sheet or for the strips: beyond it, very large ones take minutes
BANNER = ("normal", "generated", "its mask")


def contact_sheet(cells: Sequence[tuple[str, Sequence[np.ndarray | None]]], banner: Sequence[str] = (), heading: str = "") -> np.ndarray:
    """Return a sheet (H, W, 3) uint8 of cells: a title, and pictures (h, w, 3) uint8 side by side; None leaves a gap.

    Every picture is fitted into a tile of one size; `banner` names the pictures of a cell, once at the top of each column; `heading` is a
    line above all.
    """
    if not cells:
        return _blank(2 * GAP + LINE, 400, "nothing to show")
    most = max(len(pictures) for _, pictures in cells)
    longest = max((max(p.shape[:2]) for _, pictures in cells for p in pictures if p is not None), default=64)
    tile = int(np.clip(longest, 128, WHOLE))
    cell_width, cell_height = most * (tile + GAP) - GAP + APART, LINE + tile + GAP
    columns = int(np.clip(WIDTH // cell_width, 1, len(cells)))
    lines = -(-len(cells) // columns)
    top = LINE if heading else 0
    head = top + (LINE if banner else 0)
    sheet = Image.new("RGB", (columns * cell_width - APART + 2 * GAP, head + lines * cell_height + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=LETTERS)
    draw.text((GAP, GAP // 2), shorten(heading, font, sheet.width - 2 * GAP), fill=INK, font=font)
    for column in range(columns):
        for index, name in enumerate(banner[:most]):
            draw.text((column * cell_width + GAP + index * (tile + GAP), top + GAP // 2), name, fill=FAINT, font=font)
    for number, (title, pictures) in enumerate(cells):
        left, top = (number % columns) * cell_width + GAP, head + (number // columns) * cell_height
        draw.text((left, top + GAP // 2), shorten(title, font, cell_width - APART), fill=INK, font=font)
        for index, picture in enumerate(pictures):
            if picture is not None:
                sheet.paste(Image.fromarray(fit(picture, tile)), (left + index * (tile + GAP), top + LINE))
    return np.asarray(sheet)


def write_sheet(out: Path, limit: int = 48, heading: str = "") -> Path:
    """Write OUT/sheet.png with at most `limit` of the accepted pairs in OUT/pairs.jsonl under a `heading`, and return its path.

    Where there are more, every defect has its share. Only what is shown of a picture stays in memory.
    """
    folder = PairFolder(out)
    cells = [_cell(folder, pair) for pair in choose(folder.present(folder.read()), limit)]
    from_noise = all(normal is None for _, (normal, *_) in cells)
    sheet = contact_sheet([(title, pictures[from_noise:]) for title, pictures in cells], BANNER[from_noise:], heading)
    path = out / "sheet.png"
    write_bytes(path, encode_picture(sheet, "PNG"))
    return path


def choose(pairs: Sequence[Pair], limit: int) -> list[Pair]:
    """Return at most `limit` pairs, the defects taking turns, ordered by defect and id; fewer where their pictures are very large."""
    return sorted(affordable(turns(pairs))[:limit], key=lambda pair: (pair.defect, pair.id))


def affordable(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the first of the pairs, as many as READ allows of normal, picture and mask, but one at least."""
    read = np.cumsum([3 * int(np.prod(pair.size or 0)) for pair in pairs])
    return list(pairs[: max(1, int(np.searchsorted(read, READ, side="right")))])


def turns(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs so that the defects take turns, each in the order of its ids."""
    by_defect: dict[str, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.defect, pair.id)):
        by_defect.setdefault(pair.defect, []).append(pair)
    return [pair for turn in zip_longest(*by_defect.values()) for pair in turn if pair is not None]


def read_views(folder: PairFolder, pair: Pair, frames: Sequence[Frame]) -> list[tuple[np.ndarray | None, np.ndarray]]:
    """Return for each frame the normal, None where there is none, and the generated picture, as (h, w, 3) uint8.

    Both are shown with one black and one white. The pictures are read one after the other, and only the frames are kept.
    """
    place = folder.image_path(pair)
    generated, low, high = _read_crops(place, frames)
    normals: Sequence[np.ndarray | None] = [None] * len(frames)
    normal = folder.normal_path(pair)
    if normal is not None and image_size(normal) == image_size(place):
        normals, darkest, brightest = _read_crops(normal, frames)
        if low is not None and high is not None and darkest is not None and brightest is not None:
            low, high = min(low, darkest), max(high, brightest)
    return [(None if n is None else to_display(n, low, high), to_display(g, low, high)) for n, g in zip(normals, generated, strict=True)]


def shorten(text: str, font: Any, width: float) -> str:
    """Return as much of the text as `width` pixels hold."""
    while text and font.getlength(text) > width:
        text = text[:-2] + "…" if len(text) > 2 else ""
    return text


def _cell(folder: PairFolder, pair: Pair) -> tuple[str, list[np.ndarray | None]]:
    """Return the title of a pair, and its normal, the generated picture, and that with its mask's outline, each (h, w, 3) uint8."""
    mask = folder.mask(pair)
    frame = view(mask)
    ((normal, generated),) = read_views(folder, pair, [frame])
    inside = crop_picture(mask, frame)
    width = 1 + -(-max(inside.shape) // WHOLE)  # still seen where the tile is smaller than what it shows, and the sheet fitted into a page
    pictures = [normal, generated, outline(generated, inside, width=width)]
    return f"{pair.id}  {pair.defect}", [None if picture is None else within_side(picture, WHOLE) for picture in pictures]


def _read_crops(path: Path, frames: Sequence[Frame]) -> tuple[list[np.ndarray], float | None, float | None]:
    """Return what is in the frames of a picture, (h, w, C) as stored, and the limits to show it with."""
    picture = read_image(path)
    return [crop_picture(picture, frame) for frame in frames], *limits(picture)


def _blank(height: int, width: int, text: str) -> np.ndarray:
    """Return white pixels (height, width, 3) uint8 with a text."""
    sheet = Image.new("RGB", (width, height), PAPER)
    ImageDraw.Draw(sheet).text((GAP, GAP), text, fill=FAINT, font=ImageFont.load_default(size=LETTERS))
    return np.asarray(sheet)
