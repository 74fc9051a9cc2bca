"""Text files as people's editors write them."""

import codecs
import shlex
import unicodedata
from io import TextIOWrapper
from pathlib import Path

from flawsmith.core.opening import open_plain


def read_text(path: Path) -> str:
    """Return a text file's content, line ends as "\\n". Raises UnicodeDecodeError for what is no text, OSError as `open_plain` does.

    UTF-8 with or without a byte order mark (Windows Notepad writes one), and UTF-16 with one (as PowerShell's ">" does).
    """
    with open_plain(path) as stream:
        head = stream.read(2)
        stream.seek(0)
        wide = head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        return TextIOWrapper(stream, encoding="utf-16" if wide else "utf-8-sig").read()


def command(*words: str | Path) -> str:
    """Return a `flawsmith` command as one would type it in a shell."""
    return shlex.join(["flawsmith", *map(str, words)])


def normal_form(text: str) -> str:
    """Return a name as it is compared: an "ü" typed on a Mac is two characters, on Windows one, and they look the same."""
    return unicodedata.normalize("NFC", text)
