"""Contact sheets: what was generated, at a glance, with the outline of each mask."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flawsmith.data.image_files import read_image, read_mask
from flawsmith.files import read_lines, write_bytes

Box = tuple[int, int, int, int]  # top, left, bottom, right in pixels

OUTLINE = (255, 64, 160)  # a colour that hardly any product has
PAPER, INK, FAINT = (255, 255, 255), (30, 34, 40), (110, 116, 124)
WHOLE = 320  # larger pictures are shown as a crop of this side, at native scale
GAP, APART, LINE, WIDTH = 8, 20, 22, 2000  # pixels between tiles, between cells, of a line of text, across a sheet at most
BANNER = ("normal", "generated", "its mask")


@dataclass(frozen=True)
class Pair:
    """One generated pair, as a sheet shows it."""

    title: str
    normal: np.ndarray | None  # (H, W, C) uint8 | uint16; None where the whole picture came from noise
    generated: np.ndarray  # (H, W, C) uint8 | uint16
    mask: np.ndarray  # (H, W) bool


def to_display(image: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Return a picture as (H, W, 3) uint8, `low` black and `high` white; alpha is left out.

    `image` is (H, W, C) uint8 or uint16 with 1 to 4 channels. Without limits 8 bits are shown as they are, and 16 bits
    from their darkest to their brightest value.
    """
    colours = image[..., : 3 if image.shape[2] >= 3 else 1]
    if image.dtype != np.uint8 or low is not None or high is not None:
        eight = image.dtype == np.uint8
        low = (0 if eight else float(colours.min())) if low is None else low
        high = (255 if eight else float(colours.max())) if high is None else high
        colours = np.clip((colours.astype(np.float32) - low) * (255 / max(high - low, 1e-6)), 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))  # (H, W, 3)


def outline(image: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = OUTLINE, width: int = 1) -> np.ndarray:
    """Return `image` (H, W, 3) uint8 with a line of `width` pixels round the mask (H, W) bool.

    The line is outside the mask: the defect itself stays as it is.
    """
    inside = mask.astype(np.uint8)
    side = 2 * width + 1
    grown = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    result = image.copy()
    result[(grown > 0) & ~mask] = colour
    return result


def view(mask: np.ndarray, whole: int = WHOLE) -> Box:
    """Return the part of a picture to show: all of a small one, else a square round the mask.

    The square has `whole` pixels a side, or as many as the mask needs with a margin of a quarter of its size.
    """
    height, width = mask.shape
    if max(height, width) <= whole or not mask.any():
        return 0, 0, height, width
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = max(whole, int(extent * 1.5))
    top = _place((rows[0] + rows[-1] + 1) // 2 - side // 2, side, height)
    left = _place((columns[0] + columns[-1] + 1) // 2 - side // 2, side, width)
    return top, left, min(top + side, height), min(left + side, width)


def contact_sheet(cells: Sequence[tuple[str, Sequence[np.ndarray | None]]], banner: Sequence[str] = ()) -> np.ndarray:
    """Return a sheet (H, W, 3) uint8 of cells: a title, and pictures (h, w, 3) uint8 side by side; None leaves a gap.

    Every picture is fitted into a tile of one size; `banner` names the pictures of a cell, once at the top of each column.
    """
    if not cells:
        return _blank(2 * GAP + LINE, 400, "nothing to show")
    most = max(len(pictures) for _, pictures in cells)
    longest = max((max(p.shape[:2]) for _, pictures in cells for p in pictures if p is not None), default=64)
    tile = int(np.clip(longest, 128, WHOLE))
    cell_width, cell_height = most * (tile + GAP) - GAP + APART, LINE + tile + GAP
    columns = int(np.clip(WIDTH // cell_width, 1, len(cells)))
    lines = -(-len(cells) // columns)
    head = LINE if banner else 0
    sheet = Image.new("RGB", (columns * cell_width - APART + 2 * GAP, head + lines * cell_height + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for column in range(columns):
        for index, name in enumerate(banner[:most]):
            draw.text((column * cell_width + GAP + index * (tile + GAP), GAP // 2), name, fill=FAINT, font=font)
    for number, (title, pictures) in enumerate(cells):
        left, top = (number % columns) * cell_width + GAP, head + (number // columns) * cell_height
        draw.text((left, top + GAP // 2), _shorten(title, font, cell_width - APART), fill=INK, font=font)
        for index, picture in enumerate(pictures):
            if picture is not None:
                sheet.paste(Image.fromarray(_fit(picture, tile)), (left + index * (tile + GAP), top + LINE))
    return np.asarray(sheet)


def pair_sheet(pairs: Sequence[Pair]) -> np.ndarray:
    """Return a sheet (H, W, 3) uint8 with, for each pair, the normal, the generated picture, and it with its mask's outline."""
    from_noise = all(pair.normal is None for pair in pairs)
    cells: list[tuple[str, list[np.ndarray | None]]] = []
    for pair in pairs:
        top, left, bottom, right = view(pair.mask)
        low, high = _limits([pair.generated] if pair.normal is None else [pair.normal, pair.generated])
        shown = to_display(pair.generated[top:bottom, left:right], low, high)
        normal = None if pair.normal is None else to_display(pair.normal[top:bottom, left:right], low, high)
        width = -(-max(shown.shape) // WHOLE)  # so that it is still a pixel wide where the tile is smaller than what it shows
        cells.append((pair.title, [normal, shown, outline(shown, pair.mask[top:bottom, left:right], width=width)][from_noise:]))
    return contact_sheet(cells, BANNER[from_noise:])


def write_sheet(out: Path, limit: int = 48) -> Path:
    """Write OUT/sheet.png with at most `limit` of the accepted pairs in OUT/pairs.jsonl, and return its path.

    Where there are more, every defect has its share.
    """
    rows = [row for row in read_lines(out / "pairs.jsonl") if row["verdict"] == "accepted"]
    sheet = pair_sheet([_load_pair(out, row) for row in choose(rows, limit)])
    path = out / "sheet.png"
    write_bytes(path, encode(sheet, "PNG"))
    return path


def choose(rows: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Return at most `limit` rows, the defects taking turns, ordered by defect and id."""
    by_defect: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["defect"], row["id"])):
        by_defect.setdefault(row["defect"], []).append(row)
    turns = [row for turn in zip_longest(*by_defect.values()) for row in turn if row is not None]
    return sorted(turns[:limit], key=lambda row: (row["defect"], row["id"]))


def encode(picture: np.ndarray, form: str, **options: Any) -> bytes:
    """Return the bytes of a picture (H, W, 3) uint8 as a PNG or JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, form, **options)
    return stream.getvalue()


def _load_pair(out: Path, row: dict[str, Any]) -> Pair:
    generated = read_image(out / row["image"])
    mask = read_mask(out / row["mask"])
    normal = _read_normal(out, row["normal"])
    if normal is not None and normal.shape[:2] != generated.shape[:2]:
        normal = None
    return Pair(f"{row['id']}  {row['defect']}", normal, generated, mask)


def _read_normal(out: Path, name: str | None) -> np.ndarray | None:
    """Return the normal a pair was made on, or None where there was none or it is no longer there."""
    places = [] if name is None else [Path(name), out / name]
    return next((read_image(place) for place in places if place.is_file()), None)


def _limits(pictures: Sequence[np.ndarray]) -> tuple[float | None, float | None]:
    """Return one black and one white for pictures shown side by side; none for 8 bits, which are shown as they are."""
    if all(picture.dtype == np.uint8 for picture in pictures):
        return None, None
    colours = [picture[..., : 3 if picture.shape[2] >= 3 else 1] for picture in pictures]
    return float(min(c.min() for c in colours)), float(max(c.max() for c in colours))


def _fit(picture: np.ndarray, tile: int) -> np.ndarray:
    """Return the picture in the middle of a tile, made smaller by area or larger by whole pixels."""
    height, width = picture.shape[:2]
    scale: float = tile / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    elif int(scale) > 1:
        picture = picture.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    height, width = picture.shape[:2]
    canvas = np.full((tile, tile, 3), 236, np.uint8)
    top, left = (tile - height) // 2, (tile - width) // 2
    canvas[top : top + height, left : left + width] = picture
    return canvas


def _place(start: int, side: int, length: int) -> int:
    """Return `start` moved so that `side` pixels from it lie within `length`, where they fit."""
    return max(0, min(int(start), length - side))


def _shorten(text: str, font: Any, width: int) -> str:
    """Return as much of the text as `width` pixels hold."""
    while text and font.getlength(text) > width:
        text = text[:-2] + "…" if len(text) > 2 else ""
    return text


def _blank(height: int, width: int, text: str) -> np.ndarray:
    sheet = Image.new("RGB", (width, height), PAPER)
    ImageDraw.Draw(sheet).text((GAP, GAP), text, fill=FAINT, font=ImageFont.load_default(size=14))
    return np.asarray(sheet)
