"""A report: one HTML file that opens from disk and needs no other, rendered from blocks by the templates beside this file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from flawsmith.reports.blocks import Block, Note, VerdictBox
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

    @property
    def shown(self) -> list[Section]:
        """The sections that have something to show."""
        return [section for section in self.sections if section.blocks]

    @property
    def summary(self) -> str:
        """What it comes to: the sentences above all else."""
        said = [block.text for block in self.lead if isinstance(block, Note) and block.style == "sum"]
        return " ".join([*said, *(f"{block.name}: {block.sentence}" for block in self.lead if isinstance(block, VerdictBox))])

    def html(self) -> str:
        """Return the file's text; its first lines hold the summary, for programs that list reports."""
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
