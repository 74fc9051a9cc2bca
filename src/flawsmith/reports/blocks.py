"""The pieces that report pages are made of. Python says what is shown; the markup is in templates/blocks.html.j2.

Every text is escaped where it is shown. What is `Markup` is not: constants of this package, and the SVG of charts and plots, which escape
the names in them themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from markupsafe import Markup

NONE = "–"  # in the place of a number that is not there; the page says why


class Block:
    """A piece of a page; `kind` is its branch in the template."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Note(Block):
    """A paragraph of explanation, or with style "sum" the page's first sentence."""

    kind = "note"
    text: str
    style: str = "note"


@dataclass(frozen=True)
class Heading(Block):
    """A heading inside a section."""

    kind = "heading"
    text: str
    level: int = 3


@dataclass(frozen=True)
class Facts(Block):
    """A table of names and values; nothing when there are none."""

    kind = "facts"
    rows: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A cell of a table with more than a text; `mark` tells without colour what `way` and `bold` tell."""

    text: str
    small: str = ""  # below the text
    bold: bool = False
    mark: str = ""
    way: str = ""  # "up", "same" or "down"
    colour: str = ""  # of a key before the text


@dataclass(frozen=True)
class Table(Block):
    """A table; the first cell of each line is its header, the columns numbered in `words` hold words, the others numbers."""

    kind = "table"
    caption: str
    columns: Sequence[str]
    lines: Sequence[Sequence[str | Cell]]
    words: Sequence[int] = (0,)

    def style(self, column: int) -> Markup:
        """Return the attribute of a column's cells."""
        return Markup("" if column in self.words else " class=n")


@dataclass(frozen=True)
class Terms(Block):
    """Names with what they mean."""

    kind = "terms"
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Points(Block):
    """A list of paragraphs."""

    kind = "points"
    rows: Sequence[str]


@dataclass(frozen=True)
class Svg(Block):
    """A chart."""

    kind = "svg"
    drawing: Markup


@dataclass(frozen=True)
class Picture(Block):
    """A picture inside the page."""

    kind = "picture"
    alt: str
    link: str  # a `data:` address
    width: int
    height: int
    caption: str = ""


@dataclass(frozen=True)
class Absent(Block):
    """The place of a picture that is not there."""

    kind = "absent"
    caption: str


@dataclass(frozen=True)
class Figure(Block):
    """Blocks with a caption, above (`head`, bold, and `head_words`) or below (`title`, bold, and `caption`)."""

    kind = "figure"
    blocks: Sequence[Block]
    head: str = ""
    head_words: str = ""
    title: str = ""
    caption: str = ""
    style: str = ""
    row: bool = False  # the blocks stand side by side


@dataclass(frozen=True)
class Row(Block):
    """Blocks side by side."""

    kind = "row"
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Wide(Block):
    """Blocks in a frame as wide as the page."""

    kind = "wide"
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Details(Block):
    """Blocks that are shown when one asks for them."""

    kind = "details"
    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Commands(Block):
    """Lines to type."""

    kind = "commands"
    lines: Sequence[str]


@dataclass(frozen=True)
class VerdictBox(Block):
    """A verdict in large letters with a link to its section."""

    kind = "verdict"
    name: str
    key: str  # id of the section
    word: str
    sentence: str
    way: str  # "up", "same", "down" or "none"
    mark: str


@dataclass(frozen=True)
class Confusion(Block):
    """How often each name (down) was answered with each (across)."""

    kind = "confusion"
    names: Sequence[str]
    counts: Sequence[Sequence[int]]
