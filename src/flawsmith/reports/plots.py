"""Plots of comparisons as SVG inside the page: gains with their intervals, and curves; told in words too, and never by colour alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from flawsmith.reports.charts import LETTER, SLICES, text

DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 2", "1 5")  # of the curves of one plot, in their order
FEW = 8  # points of a curve that are marked one by one


@dataclass(frozen=True)
class Gain:
    """One line of a forest plot."""

    name: str
    value: float | None  # None: not defined here
    low: float = 0.0  # ends of the interval
    high: float = 0.0
    own: bool = False  # shown as a full disc; the others as hollow squares


@dataclass(frozen=True)
class Curve:
    """One line of a plot."""

    name: str
    points: Sequence[tuple[float, float]]
    thin: bool = False  # one of several that a thick one is the mean of


def forest_plot(what: str, groups: Sequence[tuple[str, Sequence[Gain]]], width: int = 1100) -> Markup:
    """Return an SVG of gains: a line per gain with its interval, under the names of their groups, and zero as a strong line.

    Values are drawn as they are, with one digit after the point. `what` says what is gained, with its unit.
    """
    known = [gain for _, gains in groups for gain in gains if gain.value is not None]
    ends = [v for gain in known for v in (gain.low, gain.high, float(gain.value or 0.0))]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    room = 0.03 * (high - low) if high - low > 1e-9 else 1.0
    low, high = low - room, high + room
    names = [gain.name for _, gains in groups for gain in gains]
    left = 24 + LETTER * max(map(len, names), default=0)
    right, top, line, head = width - 190, 10, 20, 28
    height = top + sum(head + line * len(gains) for _, gains in groups) + 44
    bottom = height - 38
    across = _scale((low, high), (left, right))
    shapes = []
    for tick in round_ticks(low, high):
        style = "axis" if abs(tick) < 1e-12 else "grid"
        shapes.append(f"<line class={style} x1={across(tick):.1f} x2={across(tick):.1f} y1={top} y2={bottom} />")
        name = f"{tick:+g}" if tick else "0"
        shapes.append(f"<text x={across(tick):.1f} y={bottom + 16} text-anchor=middle>{name}</text>")
    y = float(top)
    for name, gains in groups:
        shapes.append(f"<text class=group x=0 y={y + 19:.1f}>{text(name)}</text>")
        y += head
        for gain in gains:
            shapes.append(_forest_line(gain, y + line / 2, right + 14, across))
            y += line
    shapes.append(f"<text x={(left + right) / 2:.1f} y={height - 4} text-anchor=middle>{text(what)}</text>")
    above = sum(gain.low > 0 for gain in known)
    below = sum(gain.high < 0 for gain in known)
    told = f"{what}: {len(known)} gains, of which {above} lie above zero and {below} below it with their whole interval"
    return Markup(f'<svg role=img aria-label="{text(told)}" viewBox="0 0 {width} {height}" width={width}>{"".join(shapes)}</svg>')


def _forest_line(gain: Gain, y: float, right: float, across: Callable[[float], float]) -> str:
    label = f"<text x=14 y={y + 4:.1f}>{text(gain.name)}</text>"
    if gain.value is None:
        return f"{label}<text x={right:.1f} y={y + 4:.1f}>not defined here</text>"
    style = "own" if gain.own else "other"
    a, b, x = across(gain.low), across(gain.high), across(gain.value)
    shapes = [f"<line class={style} x1={a:.1f} x2={b:.1f} y1={y:.1f} y2={y:.1f} />"]
    shapes += [f"<line class={style} x1={end:.1f} x2={end:.1f} y1={y - 4:.1f} y2={y + 4:.1f} />" for end in (a, b)]
    if gain.own:
        shapes.append(f"<circle class=own cx={x:.1f} cy={y:.1f} r=5 />")
    else:
        shapes.append(f"<rect class=other x={x - 4:.1f} y={y - 4:.1f} width=8 height=8 />")
    told = f"{signed(gain.value)} ({signed(gain.low)} to {signed(gain.high)})"
    return f"{label}{''.join(shapes)}<text x={right:.1f} y={y + 4:.1f}>{told}</text>"


def curve_plot(
    told: str,
    curves: Sequence[Curve],
    axes: tuple[str, str],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    width: int = 760,
    height: int = 380,
    legend: bool = True,
) -> Markup:
    """Return an SVG of curves on linear axes named (across, up), with their names beside them; thin curves have none."""
    thick = [curve for curve in curves if not curve.thin]
    room = 46 + LETTER * max((len(curve.name) for curve in thick), default=0) if legend else 8
    left, right, top, bottom = 46, width - room, 12, height - 40
    across, up = _scale(x_range, (left, right)), _scale(y_range, (bottom, top))
    shapes = []
    for tick in round_ticks(*x_range, max(3, (right - left) // 90)):
        x = across(tick)
        shapes.append(f"<line class=axis x1={x:.1f} x2={x:.1f} y1={bottom} y2={bottom + 4} />")
        shapes.append(f"<text x={x:.1f} y={bottom + 17} text-anchor=middle>{tick:,g}</text>")
    for tick in round_ticks(*y_range, max(3, (bottom - top) // 50)):
        y = up(tick)
        shapes.append(f"<line class=grid x1={left} x2={right} y1={y:.1f} y2={y:.1f} />")
        shapes.append(f"<text x={left - 6} y={y + 4:.1f} text-anchor=end>{tick:g}</text>")
    shapes.append(f"<line class=axis x1={left} x2={right} y1={bottom} y2={bottom} />")
    drawn = 0
    for curve in curves:
        places = [(across(x), up(y)) for x, y in curve.points]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        if curve.thin:
            shapes.append(f'<polyline class="curve thin" points="{points}" />')
            continue
        colour = SLICES[drawn % len(SLICES)]
        style = f'class=line stroke="{colour}" stroke-dasharray="{DASHES[drawn % len(DASHES)]}"'
        shapes.append(f'<polyline {style} points="{points}" />')
        if len(places) <= FEW:
            shapes += [f'<circle fill="{colour}" cx={x:.1f} cy={y:.1f} r=3 />' for x, y in places]
        if legend:
            y = top + 12 + 22 * drawn
            shapes.append(f'<polyline {style} points="{right + 12},{y} {right + 40},{y}" />')
            shapes.append(f"<text x={right + 46} y={y + 4}>{text(curve.name)}</text>")
        drawn += 1
    shapes.append(f"<text x={(left + right) / 2:.1f} y={height - 6} text-anchor=middle>{text(axes[0])}</text>")
    shapes.append(f'<text transform="translate(11 {(top + bottom) / 2:.1f}) rotate(-90)" text-anchor=middle>{text(axes[1])}</text>')
    return Markup(f'<svg role=img aria-label="{text(told)}" viewBox="0 0 {width} {height}" width={width}>{"".join(shapes)}</svg>')


def signed(value: float) -> str:
    """Return a number with its sign and one digit after the point; what rounds to zero has no sign."""
    return "0.0" if abs(value) < 0.05 else f"{value:+.1f}"


def _scale(values: tuple[float, float], pixels: tuple[float, float]) -> Callable[[float], float]:
    """Return the function from values to pixels, linear between the two ends."""
    (low, high), (first, last) = values, pixels
    return lambda value: first + (value - low) / max(high - low, 1e-12) * (last - first)


def round_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Return round numbers from `low` to `high`, at most `most` of them and evenly spaced."""
    span = max(high - low, 1e-9)
    step = 10.0 ** math.floor(math.log10(span / max(most, 1)))
    for times in (1, 2, 5, 10, 20, 50):
        first, last = math.ceil(low / (step * times) - 1e-9), math.floor(high / (step * times) + 1e-9)
        if last - first < most:
            return [round(n * step * times, 10) for n in range(first, last + 1)]
    return [low, high]
