"""Charts: bars and slices of the right size, words for those who do not see them, and nothing that breaks on odd numbers."""

import math
import re
import xml.etree.ElementTree as xml

import pytest

from flawsmith.reports import charts


def drawing(text: str) -> xml.Element:
    """Return the SVG in a chart's text, its bare attributes quoted as XML wants them."""
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    return xml.fromstring(re.sub(r"=([^\s\"'>]+)(?=[\s/>])", r'="\1"', str(svg)))


def bars(text: str, style: str) -> list[float]:
    return [float(b.attrib["height"]) for b in drawing(text).iter("rect") if b.attrib["class"] == style]


@pytest.mark.parametrize(
    ("value", "expected"), [(0.12345, "0.123"), (12.0, "12"), (5904.2, "5,904"), (1e6, "1,000,000"), (-2000.0, "-2,000"), (0.0, "0")]
)
def test_numbers_are_short_and_plain(value: float, expected: str) -> None:
    assert charts.number(value) == expected and charts.text(value) == expected


def test_a_score_s_bars_are_as_high_as_their_counts() -> None:
    text = charts.score_histogram("seam", [1.0, 1.0, 2.0], [1.0])
    assert sorted(bars(text, "made")) == pytest.approx([bars(text, "refused")[0], 2 * bars(text, "refused")[0]], abs=0.11)
    assert "3 accepted, 1 not" in drawing(text).attrib["aria-label"]


@pytest.mark.parametrize("values", [([0.5], []), ([], [0.5]), ([3.0] * 5, [3.0]), ([0.0, 1e9], [-4.0])])
def test_a_score_s_histogram_stands_any_numbers(values: tuple[list[float], list[float]]) -> None:
    assert "nan" not in charts.score_histogram("x", *values).lower()


def test_sizes_are_compared_as_shares_of_their_own_kind() -> None:
    text = charts.size_histogram("area", "px", [10, 10, 100], [10] * 200 + [100] * 100)
    real, made = bars(text, "real"), bars(text, "made")
    assert real == made and real[0] == pytest.approx(2 * real[1], abs=0.11)
    label = drawing(text).attrib["aria-label"]
    assert "3 real with median 10" in label and "300 generated with median 10" in label


@pytest.mark.parametrize(("real", "made"), [([], [5]), ([7], [7]), ([1], [1_000_000]), ([33, 34], [35])])
def test_a_size_axis_has_round_numbers_within_it(real: list[int], made: list[int]) -> None:
    words = [element.text or "" for element in drawing(charts.size_histogram("area", "px", real, made)).iter("text")]
    ticks = [int(word.replace(",", "")) for word in words if re.fullmatch(r"[\d,]+", word)]
    assert 1 <= len(ticks) <= 7 and ticks == sorted(set(ticks))
    assert all(0.6 * min(real + made) <= tick <= 1.6 * max(real + made) for tick in ticks)


def test_the_labels_of_an_axis_do_not_touch() -> None:
    for most in (12_000, 30_000, 60_000, 130_000, 3_000_000):
        texts = [e for e in drawing(charts.size_histogram("area", "px", [3_000], [most])).iter("text") if e.attrib["y"] == "147"]
        ends = [(float(e.attrib["x"]), len(e.text or "") * charts.LETTER / 2) for e in texts]
        assert len(ends) >= 2 and all(b - half > a + other for (a, other), (b, half) in zip(ends, ends[1:], strict=False))


def angles(text: str) -> list[float]:
    """Return each slice's share of the turn, from where its arc begins and ends."""
    svg = drawing(text)
    shares = []
    for path in svg.iter("path"):
        x, y, x0, y0, x1, y1 = (float(n) for n in re.findall(r"[MLA ](-?[\d.]+) (-?[\d.]+)(?= L| A| Z|$)", path.attrib["d"]) for n in n)
        first, last = (math.atan2(b - x, y - a) / (2 * math.pi) for a, b in ((y0, x0), (y1, x1)))
        shares.append((last - first) % 1)
    return shares


def test_slices_are_as_wide_as_their_share_and_named() -> None:
    text = charts.pie([("seam", 50), ("area", 30), ("copy", 19), ("grain", 1)])
    assert angles(text) == pytest.approx([0.5, 0.3, 0.19, 0.01], abs=0.002)
    svg = drawing(text)
    assert [element.text for element in svg.iter("text")] == ["seam 50%", "area 30%", "copy 19%"]
    assert "seam 50%, area 30%, copy 19%, grain 1%" in svg.attrib["aria-label"]
    assert len({path.attrib["fill"] for path in svg.iter("path")}) == 4


def test_a_slice_of_more_than_half_goes_the_long_way_round() -> None:
    first, second = (path.attrib["d"] for path in drawing(charts.pie([("seam", 7), ("area", 3)])).iter("path"))
    assert " 0 1 1 " in first and " 0 0 1 " in second  # the flags of the arc: large or not, clockwise


def test_a_single_refusal_is_a_whole_circle() -> None:
    svg = drawing(charts.pie([("seam", 3)]))
    assert len(list(svg.iter("circle"))) == 1 and not list(svg.iter("path"))


@pytest.mark.parametrize("many", [8, 9, 12])
def test_more_checks_than_colours_share_the_last_slice(many: int) -> None:
    text = charts.pie([(f"check{i}", 10) for i in range(many)])
    shares = angles(text)
    assert len(shares) == 8 and sum(shares) == pytest.approx(1, abs=0.01) and shares[-1] == pytest.approx((many - 7) / many, abs=0.01)
    assert charts.slice_colour(many) == charts.slice_colour(7) != charts.slice_colour(6)


@pytest.mark.parametrize("evil", ['"><script>', "a & b", "<b>"])
def test_names_are_escaped(evil: str) -> None:
    for text in (charts.score_histogram(evil, [1.0], [2.0]), charts.size_histogram(evil, "px", [1], [2]), charts.pie([(evil, 1)])):
        assert evil not in text


def test_the_loss_curve_falls_with_the_loss() -> None:
    first, second = drawing(charts.loss_curve([(s, 1 / s) for s in range(10, 1010, 10)])).iter("polyline")
    heights = [float(point.split(",")[1]) for point in first.attrib["points"].split()]
    assert heights == sorted(heights) and len(heights) == len(second.attrib["points"].split()) == 100


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.5], [0.0, 1.0]])
def test_the_loss_curve_stands_short_and_flat_logs(losses: list[float]) -> None:
    text = charts.loss_curve(list(enumerate(losses)))
    assert "nan" not in text and "inf" not in text
