"""Charts as SVG inside the page: histograms, a pie, a curve. Every one says in words what it shows, and colour never tells alone.

By hand: a chart is some dozens of lines of SVG that open in any browser without a script, follow the page's colours in the dark and on
paper, and carry their own description; a plotting library would be a large dependency for pictures that do none of these. Every name
goes through `text`, so what is returned may stand in a page as it is.
"""

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

# Okabe and Ito's colours for all kinds of colour vision, without the yellow that fades on white; the last is for what is left
SLICES = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#222a35", "#9aa1a9")

LETTER = 7  # pixels that a letter of a chart takes up across


def text(value: Any) -> str:
    """Return a value as text for the page."""
    return html.escape(number(value) if isinstance(value, float) else str(value))


def number(value: float) -> str:
    """Return a number with the three digits that count, and large ones whole."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def score_histogram(name: str, accepted: Sequence[float], others: Sequence[float], width: int = 256, height: int = 150) -> Markup:
    """Return an SVG of how a score is spread: accepted attempts upwards in one colour, the others stacked on them."""
    edges = np.histogram_bin_edges([*accepted, *others], bins=16)
    lower, upper = (np.histogram(values, edges)[0] for values in (accepted, others))
    most, bottom, top = max(int((lower + upper).max()), 1), height - 24, 8
    step = width / len(lower)
    bars = []
    for index, (a, b) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        tall, more = a / most * (bottom - top), b / most * (bottom - top)
        x = f"x={index * step:.1f} width={step - 1.5:.1f}"
        bars.append(f"<rect class=made {x} y={bottom - tall:.1f} height={tall:.1f} />" if a else "")
        bars.append(f"<rect class=refused {x} y={bottom - tall - more:.1f} height={more:.1f} />" if b else "")
    told = f"{text(name)}: {len(accepted)} accepted, {len(others)} not, from {number(edges[0])} to {number(edges[-1])}"
    return Markup(
        f'<svg role=img aria-label="Histogram of {told}" viewBox="0 0 {width} {height}" width={width}>{"".join(bars)}'
        f"<line class=axis x1=0 x2={width} y1={bottom} y2={bottom} />"
        f"<text x=0 y={height - 6}>{number(edges[0])}</text><text x={width} y={height - 6} text-anchor=end>{number(edges[-1])}</text></svg>"
    )


def size_histogram(name: str, unit: str, real: Sequence[float], made: Sequence[float], width: int = 256, height: int = 170) -> Markup:
    """Return an SVG of two sets of sizes on one logarithmic axis: real ones and generated ones, bar beside bar.

    Bars are shares of their own set, so that five real defects can be compared with two hundred generated ones.
    """
    values = np.log10(np.maximum([*real, *made], 1e-9))
    low, high = float(values.min()), float(values.max())
    low, high = (low, high) if high - low > 0.1 else (low - 0.15, high + 0.15)
    edges = np.linspace(low, high, 13)
    sets = [np.histogram(np.log10(np.maximum(s, 1e-9)), edges)[0] / max(len(s), 1) for s in (real, made)]
    most = max(float(max(shares.max() for shares in sets)), 1e-9)
    left, right, top, bottom = 36, width - 8, 10, height - 40
    step = (right - left) / (len(edges) - 1)
    bars = []
    for which, (style, shares) in enumerate(zip(("real", "made"), sets, strict=True)):
        for index, share in enumerate(shares.tolist()):
            x, tall = left + (index + 0.08 + 0.42 * which) * step, share / most * (bottom - top)
            place = f"x={x:.1f} width={0.42 * step:.1f} y={bottom - tall:.1f} height={tall:.1f}"
            bars.append(f"<rect class={style} {place} />" if share else "")
    marks = []
    free = 0.0  # where the next label may begin
    for value in _round_numbers(low, high):
        x = left + (math.log10(value) - low) / (high - low) * (right - left)
        marks.append(f"<line class=axis x1={x:.1f} x2={x:.1f} y1={bottom} y2={bottom + 4} />")
        half = len(f"{value:,}") * LETTER / 2
        if x - half >= free:
            marks.append(f"<text x={x:.1f} y={bottom + 17} text-anchor=middle>{value:,}</text>")
            free = x + half + LETTER
    for share in (0.5, 1):
        y = bottom - share * (bottom - top)
        marks.append(f"<line class=grid x1={left} x2={right} y1={y:.1f} y2={y:.1f} />")
        marks.append(f"<text x={left - 5} y={y + 4:.1f} text-anchor=end>{share * most:.0%}</text>")
    named = [(which, s) for which, s in (("real", real), ("generated", made)) if len(s)]
    medians = ", ".join(f"{len(s)} {which} with median {number(float(np.median(s)))}" for which, s in named)
    return Markup(
        f'<svg role=img aria-label="Histogram of the {text(name)} in {unit}: {medians}" viewBox="0 0 {width} {height}" width={width}>'
        f"{''.join(marks)}{''.join(bars)}<line class=axis x1={left} x2={right} y1={bottom} y2={bottom} />"
        f"<text x={(left + right) / 2} y={height - 6} text-anchor=middle>{text(name)}, {unit}</text></svg>"
    )


def pie(counts: Sequence[tuple[str, int]], width: int = 400, height: int = 230) -> Markup:
    """Return a pie of (name, count), largest first, clockwise from the top; what has no colour of its own is shown as one slice.

    Slices that are wide enough have their name beside them.
    """
    own = len(SLICES) - (len(counts) > len(SLICES))
    slices = [*counts[:own], *([(f"{len(counts) - own} others", sum(n for _, n in counts[own:]))] if counts[own:] else [])]
    total = sum(count for _, count in slices)
    x, y, radius = width / 2, height / 2, min(height / 2 - 24, width / 5)
    shapes, labels, turned = [], [], 0.0
    for index, (name, count) in enumerate(slices):
        share = count / total
        colour = slice_colour(index)
        if share > 0.9999:
            shapes.append(f'<circle cx={x} cy={y} r={radius} fill="{colour}" />')
        else:
            (x0, y0), (x1, y1) = (_on_circle(x, y, radius, angle) for angle in (turned, turned + share))
            arc = f"A{radius:.1f} {radius:.1f} 0 {int(share > 0.5)} 1 {x1:.1f} {y1:.1f}"
            shapes.append(f'<path class=slice fill="{colour}" d="M{x:.1f} {y:.1f} L{x0:.1f} {y0:.1f} {arc} Z" />')
        if share >= 0.06:
            middle = turned + share / 2
            label_x, label_y = _on_circle(x, y, radius + 9, middle)
            anchor = "middle" if abs(label_x - x) < 2 else "start" if label_x > x else "end"
            short = name if len(name) <= 14 else f"{name[:13]}…"
            labels.append(f"<text x={label_x:.1f} y={label_y + 4:.1f} text-anchor={anchor}>{text(short)} {share:.0%}</text>")
        turned += share
    told = ", ".join(f"{text(name)} {count / total:.0%}" for name, count in slices)
    return Markup(
        f'<svg role=img aria-label="Pie of rejections per check: {told}" viewBox="0 0 {width} {height}" width={width}>'
        f"{''.join(shapes)}{''.join(labels)}</svg>"
    )


def slice_colour(index: int) -> str:
    """Return the colour of a pie's slice; the last colour for all that have none of their own."""
    return SLICES[min(index, len(SLICES) - 1)]


def loss_curve(points: Sequence[tuple[float, float]], name: str = "Loss", width: int = 1100, height: int = 260) -> Markup:
    """Return an SVG of the loss, or what `name` says, over the steps, on a logarithmic scale: every row faint, and their running mean."""
    steps = [step for step, _ in points]
    values = [max(value, 1e-9) for _, value in points]
    reach = len(values) // 60
    smooth = [float(np.exp(np.log(values[max(0, i - reach) : i + reach + 1]).mean())) for i in range(len(values))]
    low, high = math.log10(min(values)), math.log10(max(values))
    high = high if high - low > 0.01 else low + 0.01
    left, bottom, right, top = 56, height - 34, width - 12, 12
    first, span = min(steps), max(max(steps) - min(steps), 1)

    def line(series: Sequence[float]) -> str:
        return " ".join(
            f"{left + (step - first) / span * (right - left):.1f},{bottom - (math.log10(value) - low) / (high - low) * (bottom - top):.1f}"
            for step, value in zip(steps, series, strict=True)
        )

    ticks = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y, x = bottom - share * (bottom - top), left + share * (right - left)
        ticks.append(f"<line class=grid x1={left} x2={right} y1={y:.1f} y2={y:.1f} />")
        ticks.append(f"<text x={left - 6} y={y + 4:.1f} text-anchor=end>{10 ** (low + share * (high - low)):.3g}</text>")
        ticks.append(f"<text x={x:.1f} y={bottom + 18} text-anchor={'start' if share == 0 else 'end' if share == 1 else 'middle'}>")
        ticks.append(f"{round(first + share * span):,}</text>")
    told = f"{name} over training steps: {values[0]:.3g} at first, {smooth[-1]:.3g} at last"
    return Markup(
        f'<svg role=img aria-label="{told}" viewBox="0 0 {width} {height}" width={width}>{"".join(ticks)}'
        f'<polyline class="curve thin" points="{line(values)}" /><polyline class=curve points="{line(smooth)}" /></svg>'
    )


def _round_numbers(low: float, high: float) -> list[int]:
    """Return the round numbers within the powers of ten `low` to `high`, as many as go beside each other; else the two ends."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for leading in ((10, 12, 15, 20, 25, 30, 40, 50, 60, 80), (10, 15, 20, 30, 40, 60), (10, 20, 50), (10, 30), (10,)):
        found = [n * 10**power / 10 for power in powers for n in leading]
        inside = [int(n) for n in found if n == int(n) and low <= math.log10(n) <= high]
        if len(inside) <= 4:
            break
    return inside[:: -(-len(inside) // 4)] if len(inside) >= 2 else sorted({round(10**low), round(10**high)} - {0})


def _on_circle(x: float, y: float, radius: float, turn: float) -> tuple[float, float]:
    """Return the point at `turn` of a whole turn, clockwise from the top."""
    return x + radius * math.sin(2 * math.pi * turn), y - radius * math.cos(2 * math.pi * turn)
