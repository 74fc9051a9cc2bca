"""Plots: what lies where, told in words too, and nothing that breaks on odd numbers."""

import re
import xml.etree.ElementTree as xml

import pytest

from flawsmith.reports.plots import Curve, Gain, curve_plot, forest_plot, round_ticks, signed


def drawing(text: str) -> xml.Element:
    """Return the SVG, its bare attributes quoted as XML wants them."""
    return xml.fromstring(re.sub(r"=([^\s\"'>]+)(?=[\s/>])", r'="\1"', str(text)))


def texts(svg: xml.Element) -> list[str]:
    return [element.text or "" for element in svg.iter("text")]


GAINS = [
    ("all", [Gain("a", 4.0, 1.0, 7.0, own=True), Gain("b", -2.0, -5.0, 1.0)]),
    ("<dent>", [Gain("a", None), Gain("b", -3.0, -4.0, -2.0)]),
]


def test_a_gain_lies_between_the_ends_of_its_interval_on_one_scale() -> None:
    svg = drawing(forest_plot("gain", GAINS))
    zero = next(float(line.attrib["x1"]) for line in svg.iter("line") if line.attrib["class"] == "axis")
    own = [line for line in svg.iter("line") if line.attrib["class"] == "own"]
    low, high = float(own[0].attrib["x1"]), float(own[0].attrib["x2"])
    (disc,) = svg.iter("circle")
    assert zero < low < float(disc.attrib["cx"]) < high
    assert float(disc.attrib["cx"]) - zero == pytest.approx(4 / 7 * (high - zero), abs=0.2)
    squares = [float(r.attrib["x"]) + 4 for r in svg.iter("rect")]
    assert len(squares) == 2 and all(x < zero for x in squares)  # hollow: those that are not one's own


def test_a_forest_plot_tells_its_numbers() -> None:
    svg = drawing(forest_plot("gain", GAINS))
    assert svg.attrib["aria-label"] == "gain: 3 gains, of which 1 lie above zero and 1 below it with their whole interval"
    for words in ("+4.0 (+1.0 to +7.0)", "not defined here", "<dent>", "0"):
        assert words in texts(svg)


@pytest.mark.parametrize("gains", [[], [Gain("x", None)], [Gain("x", 0.0, 0.0, 0.0)], [Gain("x", 1e-9, -1e-9, 1e-9)]])
def test_a_forest_plot_stands_any_numbers(gains: list[Gain]) -> None:
    text = forest_plot("gain", [("g", gains)])
    drawing(text)
    assert "nan" not in text and "inf" not in text


def test_curves_are_told_apart_without_colour() -> None:
    curves = [Curve("one", [(0, 0), (1, 1)]), Curve("seed", [(0, 0.1), (1, 0.9)], thin=True), Curve("two & more", [(0, 1), (1, 0)])]
    svg = drawing(curve_plot("told", curves, ("recall", "precision"), (0, 1), (0, 1)))
    lines = [line for line in svg.iter("polyline") if line.attrib["class"] == "line"]
    assert len({line.attrib["stroke-dasharray"] for line in lines}) == 2 and len(lines) == 4  # each once more beside its name
    assert {"one", "two & more", "recall", "precision"} <= set(texts(svg)) and "seed" not in texts(svg)
    (x0, y0), (x1, y1) = [tuple(map(float, p.split(","))) for p in lines[0].attrib["points"].split()]
    assert x0 < x1 and y0 > y1  # up is more


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-6.9, 0.6, [-6, -5, -4, -3, -2, -1, 0]), (0, 0, [0]), (-30, 55, [-20, 0, 20, 40])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(expected)


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert [signed(v) for v in (-0.04, 0.04, 0.06, -0.06, 12.34)] == ["0.0", "0.0", "+0.1", "-0.1", "+12.3"]
