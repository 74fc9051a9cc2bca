"""What reports are read with in tests."""

import re
from html.parser import HTMLParser

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
LOADING = {"src", "srcset", "href", "xlink:href", "poster", "data", "action", "formaction", "background", "cite", "ping", "manifest"}
LOADING_TAGS = {"script", "iframe", "frame", "object", "embed", "link", "base", "form", "audio", "video", "source", "portal", "applet"}
VOID = {"meta", "img", "line", "rect", "polyline", "path", "circle", "br"}


class Page(HTMLParser):
    """Collects text and attributes, and fails where tags do not nest, and where anything is asked for that is not in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.style = ""
        self.feed(text)
        self.close()
        assert self.open == []
        policies = [told for tag, told in self.tags if told.get("http-equiv") == "Content-Security-Policy"]
        assert [told["content"] for told in policies] == ([POLICY] if "<html" in text else []), "a whole page has one"
        assert (outside := self.outside()) == [], outside

    def outside(self) -> list[str]:
        """Return what the page asks for that is not in it: of other files, other sites, or by a script."""
        found = [tag for tag, _ in self.tags if tag in LOADING_TAGS]
        for _, told in self.tags:
            for key, value in told.items():
                inside = (value or "").startswith(("#", "data:")) or key not in LOADING
                if not inside or key.startswith("on") or _asks(value or "" if key == "style" else ""):
                    found.append(f"{key}={(value or '')[:80]}")
        return found + (["style"] if _asks(self.style) else [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def _asks(style: str) -> bool:
    """Return whether a style sheet loads anything."""
    return re.search(r"@import|url\(\s*['\"]?(?!data:|#)", style) is not None
