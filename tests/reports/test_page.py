"""The frame of a page: templates that travel with the package, every text escaped, sections without blocks left out."""

from importlib.resources import files

import pytest
from html_page import Page as Read
from jinja2 import UndefinedError
from markupsafe import Markup

from flawsmith.reports import blocks
from flawsmith.reports.blocks import Cell, Details, Facts, Figure, Heading, Note, Picture, Row, Svg, Table, Terms, VerdictBox
from flawsmith.reports.page import Page, Section, environment

EVIL = '<script>"&'


def test_the_templates_are_files_of_the_package() -> None:
    folder = files("flawsmith.reports") / "templates"
    for name in ("page.html.j2", "blocks.html.j2", "style.css", "benefit.css"):
        assert (folder / name).is_file()


def test_every_text_of_every_block_is_escaped() -> None:
    table = Table(EVIL, (EVIL, EVIL), [(EVIL, Cell(EVIL, small=EVIL, mark=EVIL, way="up"))], words=(0, 1))
    figure = Figure([Picture(EVIL, "data:,", 1, 1, EVIL)], head=EVIL, head_words=EVIL, title=EVIL, caption=EVIL)
    inner = [Note(EVIL), Heading(EVIL), Facts({EVIL: EVIL}), table, Terms([(EVIL, EVIL)]), Row([figure]), Details(EVIL, [Note(EVIL)])]
    html = Page(EVIL, [Note(EVIL)], [Section(EVIL, "key", inner)]).html()
    page = Read(html)
    assert "<script" not in html
    assert page.text.count(EVIL) == 25  # and once more as the alternative text of the picture
    assert [a["alt"] for tag, a in page.tags if tag == "img"] == [EVIL]


def test_a_section_without_blocks_has_no_link() -> None:
    html = Page("t", [], [Section("full", "a", [Note("x")]), Section("empty", "b", [])]).html()
    assert [a["href"] for tag, a in Read(html).tags if tag == "a"] == ["#a"] and "empty" not in html


def test_the_first_lines_say_what_a_report_comes_to() -> None:
    verdict = VerdictBox("3 shots", "k", "helps", f"More & {EVIL}", "up", "+")
    html = Page("t", [Note("Twelve pairs.", "sum"), Note("aside"), verdict], []).html()
    said = [a["content"] for tag, a in Read(html).tags if a.get("name") == "description"]
    assert said == [f"Twelve pairs. 3 shots: More & {EVIL}"] and html.index("description") < 800
    assert "description" not in Page("t", [Note("aside")], []).html()


def test_charts_are_shown_as_they_are_and_every_block_has_its_branch() -> None:
    assert "<svg></svg>" in Page("t", [], [Section("s", "s", [Svg(Markup("<svg></svg>"))])]).html()
    source = (files("flawsmith.reports") / "templates" / "blocks.html.j2").read_text()
    kinds = [vars(each)["kind"] for each in vars(blocks).values() if isinstance(each, type) and "kind" in vars(each)]
    assert len(kinds) > 10 and all(f'block.kind == "{kind}"' in source for kind in kinds)


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nothing }}").render()


@pytest.mark.parametrize(
    "evil",
    [
        '<img src="https://example.com/x.png">',
        '<image href="other.svg"/>',
        '<a href="https://example.com">x</a>',
        "<script>x</script>",
        '<p onclick="x()">x</p>',
        '<p style="background: url(//example.com/x)">x</p>',
        "<style>@import '//example.com/x.css';</style>",
    ],
)
def test_what_is_loaded_from_elsewhere_would_be_noticed(evil: str) -> None:
    html = Page("t", [], [Section("s", "s", [Svg(Markup("<svg></svg>"))])]).html()
    assert Read(html).outside() == []
    with pytest.raises(AssertionError):
        Read(html.replace("<svg></svg>", evil))
