"""Sections that several reports have: where defects are, how large, and strips of before and after."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from flawsmith.pairs.pair import Pair
from flawsmith.reports.blocks import NONE, Block, Figure, Note, Picture, Row, Svg, Table
from flawsmith.reports.charts import size_histogram
from flawsmith.reports.drawing import jpeg_link
from flawsmith.reports.marks import Mark
from flawsmith.reports.places import heat, heat_map, mean_normal
from flawsmith.reports.strips import Strip


def picture(pixels: np.ndarray, alt: str, quality: int, zoom: int = 1, caption: str = "") -> Picture:
    """Return a picture (H, W, 3) uint8 as a block, stored as a JPEG and enlarged by the browser `zoom` times."""
    height, width = pixels.shape[:2]
    return Picture(alt, jpeg_link(pixels, quality), zoom * width, zoom * height, caption)


def places(out: Path, pairs: Sequence[Pair], made: Sequence[Mark], real: Sequence[Mark], size: tuple[int, int]) -> list[Block]:
    """Return for each defect a heat map of the real ones and one of the generated ones; nothing where no pair has a place.

    size: (h, w) of the maps in pixels.
    """
    placed = [mark for mark in made if mark.extent is not None]
    if not placed:
        return []
    background = mean_normal(out, pairs, *size)
    figures = []
    for defect in sorted({mark.defect for mark in placed}):
        panels = []
        for which, marks in (("real", real), ("generated", placed)):
            mine = [mark for mark in marks if mark.defect == defect]
            alt = f"Heat map of {len(mine)} {which} defects: {defect}{_middle(mine)}"
            panels.append(picture(heat_map(heat(mine, *size), background), alt, 88, caption=f"{which}: {len(mine):,}"))
        figures.append(Figure(panels, head=defect, row=True))
    behind = _MEAN_NOTE if background is not None else _FRAME_NOTE
    return [Note(_PLACES_NOTE + behind), Row(figures)]


def _middle(marks: Sequence[Mark]) -> str:
    """Return in words where the marks are on average."""
    middles = [mark.middle for mark in marks if mark.middle is not None]
    if not middles:
        return ""
    row, column = np.mean(middles, axis=0)
    return f", on average {row:.0%} down and {column:.0%} across the picture"


def sizes(made: Sequence[Mark], real: Sequence[Mark], which: str = "real defects the model learned from") -> list[Block]:
    """Return for each defect histograms of area and longer side, and a table of the medians; nothing where nothing was accepted."""
    if not made:
        return []
    figures, lines = [], []
    for defect in sorted({mark.defect for mark in made}):
        sets = [[mark for mark in marks if mark.defect == defect] for marks in (real, made)]
        areas, sides = [[mark.area for mark in marks] for marks in sets], [[mark.side for mark in marks] for marks in sets]
        charts = [Svg(size_histogram(name, "px", of[0], of[1])) for name, of in (("area", areas), ("longer side", sides))]
        figures.append(Figure(charts, head=defect, row=True))
        lines.append((defect, *(f"{len(marks):,}" for marks in sets), *(_spread(values) for values in (*areas, *sides))))
    columns = ("Defect", "Real", "Generated", "Area, real", "Area, generated", "Longer side, real", "Longer side, generated")
    medians = Table("Median size in pixels, and the middle 80 %", columns, lines)
    return [Note(_SIZES_NOTE.format(which)), Row(figures), medians]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return NONE
    low, middle, high = np.percentile(values, [10, 50, 90])
    return f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"


def strip_figure(strip: Strip, title: str = "") -> Figure:
    """Return the figure of a strip, under its own title or another; one that is enlarged is stored as it is and enlarged by the browser."""
    words = "Normal, generated, outline of the mask, change" if strip.compared else "Generated, outline of the mask"
    quality = 84 if strip.zoom == 1 else 94  # where a pixel is seen large, the blocks of JPEG would be too
    shown = picture(strip.picture, f"{words}: {strip.defect} {title or strip.title}", quality, strip.zoom)
    return Figure([shown], title=title or strip.title, caption=strip.caption, style="strip")


_PLACES_NOTE = (
    "The darker the blue, the more defects cover the place; each map has its own scale. Places are shares of the picture's height "
    "and width. "
)
_MEAN_NOTE = "Behind them, faint: the mean of a few normals."
_FRAME_NOTE = "The frame is empty because the normals differ in size or are no longer there."
_SIZES_NOTE = Markup(
    '<span class="key real"></span> {}, <span class="key made"></span> generated ones; the height '
    "of a bar is a share of its own kind, and the axis is logarithmic."
)
