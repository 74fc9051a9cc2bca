"""A report: one HTML file that opens from disk and needs no other, rendered from blocks by the templates beside this file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flawsmith.reports.blocks import Block, Facts, Note, Svg, Table
from flawsmith.reports.charts import number


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading and a link to it; one without blocks is left out."""

    name: str
    key: str  # its id
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    lead: Sequence[Block]  # above the links to the sections
    sections: Sequence[Section]
    styles: Sequence[str] = ("style.css",)  # files in templates/
    more_style: str = ""

    @property
    def shown(self) -> list[Section]:
        """The sections that have something to show."""
        return [section for section in self.sections if section.blocks]

    def html(self) -> str:
        """Return the file's text."""
        return environment().get_template("page.html.j2").render(page=self)


@cache
def environment() -> Environment:
    """Return what renders the templates: every text is escaped, and a name that is not there is an error."""
    loader = PackageLoader("flawsmith.reports")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["plain"] = plain
    return found


def plain(value: Any) -> Any:
    """Return a value as it is shown: floats with three significant digits."""
    return number(value) if isinstance(value, float) else value


def render(blocks: Sequence[Block]) -> Markup:
    """Return blocks as HTML."""
    template = environment().from_string('{% from "blocks.html.j2" import all %}{{ all(blocks) }}')
    return Markup(template.render(blocks=blocks))


def page(title: str, lead: str, sections: Sequence[tuple[str, str, str]], style: str = "") -> str:
    """Return the whole page; `lead` and the bodies are HTML. A section is (name, id, body), and one without a body is left out."""
    shown = [Section(name, key, [Svg(Markup(body))] if body else []) for name, key, body in sections]
    return Page(title, [Svg(Markup(lead))], shown, more_style=style).html()


def note(words: str) -> str:
    """Return a sentence of explanation; `words` is HTML."""
    return str(render([Note(Markup(words))]))


def facts_table(facts: Mapping[str, Any]) -> str:
    """Return a table of names and values, empty when there are none."""
    return str(render([Facts(facts)]))


def table(caption: str, columns: Sequence[str], lines: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """Return a table of HTML cells."""
    return str(render([Table(caption, columns, [[Markup(cell) for cell in line] for line in lines], words)]))
