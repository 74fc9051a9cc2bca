"""The frame of a report: one HTML file that opens from disk, its typography and its colours."""

from collections.abc import Mapping, Sequence
from typing import Any

from flawsmith.reports.charts import text


def page(title: str, lead: str, sections: Sequence[tuple[str, str, str]], style: str = "") -> str:
    """Return the whole page; `lead` and the bodies are HTML. A section is (name, id, body), and one without a body is left out.

    style: what a report needs of CSS beyond what all have.
    """
    shown = [(name, key, body) for name, key, body in sections if body]
    links = "".join(f'<li><a href="#{key}">{text(name)}</a></li>' for name, key, _ in shown)
    bodies = "\n".join(f'<section id="{key}"><h2>{text(name)}</h2>{body}</section>' for name, key, body in shown)
    return _PAGE.format(title=text(title), style=_STYLE + style, lead=lead, links=links, body=bodies)


def note(words: str) -> str:
    """Return a sentence of explanation; `words` is HTML."""
    return f"<p class=note>{words}</p>"


def facts_table(facts: Mapping[str, Any]) -> str:
    """Return a table of names and values, empty when there are none."""
    lines = "".join(f"<tr><th scope=row>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in facts.items())
    return f"<table class=facts>{lines}</table>" if lines else ""


def table(caption: str, columns: Sequence[str], lines: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """Return a table of HTML cells, the first of each line its header; the columns numbered in `words` hold words, the others numbers."""
    style = ["" if index in words else " class=n" for index in range(len(columns))]
    head = "".join(f"<th scope=col{s}>{text(name)}</th>" for name, s in zip(columns, style, strict=True))
    body = []
    for first, *rest in lines:
        cells = "".join(f"<td{s}>{cell}</td>" for cell, s in zip(rest, style[1:], strict=True))
        body.append(f"<tr><th scope=row>{first}</th>{cells}</tr>")
    top = f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>"
    return f"<div class=wide><table>{top}<tbody>{''.join(body)}</tbody></table></div>"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>
<h1>{title}</h1>
{lead}
<nav aria-label="Sections"><ul>{links}</ul></nav>
{body}
<footer>Made by flawsmith. This page needs no network: everything it shows is in this file.</footer>
</main></body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; }
:root { --paper: #fbfbfa; --ink: #1e2228; --faint: #5c636c; --rule: #dcdfe3; --card: #fff; }
:root { --made: #2a78c2; --real: #2b3037; --refused: #e08a2c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --ink: #e6e8ea; --faint: #a3abb4; --rule: #323840; --card: #1b1f24; }
  :root { --made: #5aa5ea; --real: #d5d9dd; --refused: #efa24f; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 60px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 12px; }
h2 { font-size: 20px; line-height: 1.3; margin: 48px 0 4px; }
h3 { font-size: 15px; margin: 24px 0 8px; }
.sum { font-size: 18px; margin: 0 0 20px; }
.note { color: var(--faint); margin: 0 0 14px; max-width: 46em; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; margin: 24px 0 0; padding: 10px 0; }
nav ul { border-top: 1px solid var(--rule); border-bottom: 1px solid var(--rule); }
a { color: var(--made); }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: 6px; padding: 12px; }
.wide + .wide, .row + .wide, .wide + .row, .row + .row { margin-top: 16px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); font-size: 13px; padding: 0 4px 6px; }
th, td { text-align: left; vertical-align: top; padding: 6px 14px 6px 4px; border-bottom: 1px solid var(--rule); font-weight: normal; }
tr:last-child th, tr:last-child td { border-bottom: 0; }
thead th { color: var(--faint); font-size: 13px; vertical-align: bottom; }
tbody th { font-weight: 600; }
.facts { width: auto; }
.facts th { color: var(--faint); padding-right: 32px; white-space: nowrap; }
.n { text-align: right; white-space: nowrap; }
.together { white-space: nowrap; }
.n + td:last-child:not(.n) { min-width: 13em; }
.n + td:not(.n), .n + th:not(.n) { padding-left: 22px; }
img, svg { display: block; max-width: 100%; height: auto; }
svg { overflow: visible; }
.row { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
.row > .wide { flex: 1 1 420px; margin: 0; }
figure { margin: 0; padding: 12px; max-width: 100%; background: var(--card); border: 1px solid var(--rule); border-radius: 6px; }
figcaption { color: var(--faint); font-size: 13px; margin-top: 6px; }
figcaption b { color: var(--ink); }
figcaption.top { margin: 0 0 8px; font-size: 15px; }
figure p { margin: 4px 0 0; font-size: 13px; color: var(--faint); }
figure > .row { gap: 12px; }
.strip { overflow-x: auto; min-width: calc(50% - 8px); }
.strip img { max-width: none; image-rendering: pixelated; border: 1px solid var(--rule); box-sizing: content-box; }
svg text { fill: var(--faint); font-size: 12px; }
.grid, .axis { stroke: var(--rule); }
.axis { stroke: var(--faint); }
.slice { stroke: var(--card); stroke-width: 1.5; }
.curve { fill: none; stroke: var(--made); stroke-width: 2; stroke-linejoin: round; }
.curve.thin { stroke-width: 1; opacity: .3; }
rect.made { fill: var(--made); } rect.real { fill: var(--real); } rect.refused { fill: var(--refused); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 3px; }
.key.made { background: var(--made); } .key.real { background: var(--real); } .key.refused { background: var(--refused); }
footer { color: var(--faint); font-size: 13px; margin-top: 48px; }
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --faint: #444; --rule: #bbb; --made: #2a78c2; --real: #2b3037; --refused: #e08a2c; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav { display: none; } main { padding: 0; max-width: none; } body { font-size: 12px; }
  figure, tr, h2, h3 { break-inside: avoid; } h2, h3, caption { break-after: avoid; } .wide, .strip { overflow: visible; }
}
"""
