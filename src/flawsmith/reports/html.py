"""A one-page report that needs nothing but a browser: pictures, curves and tables in one HTML file."""

import base64
import html
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawsmith.files import read_lines, write_text
from flawsmith.reports.sheets import encode, write_sheet

Row = dict[str, Any]


def write_report(path: Path, title: str, run: Path | None, out: Path, facts: Mapping[str, Any]) -> None:
    """Write the report on the pairs in `out`, and on the training in `run` where it is given, to `path`.

    `facts` is a table of names and values for the top of the page. Reads OUT/pairs.jsonl, OUT/sheet.png (made if it is missing) and
    RUN/log.jsonl.
    """
    rows = read_lines(out / "pairs.jsonl")
    sheet = out / "sheet.png"
    parts = [
        f"<h1>{_text(title)}</h1>",
        _facts_table(facts),
        f"<h2>Pairs</h2><p class=note>{_PAIRS_NOTE}</p>",
        _picture(sheet if sheet.exists() else write_sheet(out)),
        f"<h2>Verification</h2><p class=note>{_VERDICT_NOTE}</p>",
        _verdict_table(rows),
    ]
    histograms = [_histogram(name, *values) for name, values in scores(rows).items()]
    if histograms:
        parts.append(f"<h2>Scores</h2><p class=note>{_SCORES_NOTE}</p><div class=row>{''.join(histograms)}</div>")
    log = read_lines(run / "log.jsonl") if run and (run / "log.jsonl").exists() else []
    points = [(row["step"], row["loss"]) for row in log if isinstance(row.get("loss"), (int, float)) and math.isfinite(row["loss"])]
    if points:
        parts.append(f"<h2>Training</h2><p class=note>{_LOSS_NOTE}</p>{_loss_curve(points)}")
    write_text(path, _PAGE.format(title=_text(title), style=_STYLE, body="\n".join(parts)))


def verdicts(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return for each defect: attempts, accepted, rejected, failed, and how often each reason was given."""
    result = {}
    for defect in sorted({row["defect"] for row in rows}):
        mine = [row for row in rows if row["defect"] == defect]
        count = Counter(row["verdict"] for row in mine)
        reasons = Counter(kind(reason) for row in mine for reason in row["reasons"])
        result[defect] = {
            "attempts": len(mine),
            "accepted": count["accepted"],
            "rejected": count["rejected"],
            "failed": count["failed"],
            "reasons": dict(reasons.most_common()),
        }
    return result


def kind(reason: str) -> str:
    """Return a reason without its numbers, so that like ones can be counted: what stands before the first colon or number."""
    return re.split(r":|\s-?\d", reason, maxsplit=1)[0].removesuffix(" by")


def scores(rows: Sequence[Row]) -> dict[str, tuple[list[float], list[float]]]:
    """Return for each score the values of the accepted and of the other attempts; values that are no finite numbers are left out."""
    result: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for name, value in row["scores"].items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                result.setdefault(name, ([], []))[row["verdict"] != "accepted"].append(float(value))
    return result


def _facts_table(facts: Mapping[str, Any]) -> str:
    lines = "".join(f"<tr><th scope=row>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts.items())
    return f"<table class=facts>{lines}</table>" if lines else ""


def _verdict_table(rows: Sequence[Row]) -> str:
    head = "".join(f"<th scope=col{' class=n' if n else ''}>{name}</th>" for n, name in enumerate(_COLUMNS[:-1]))
    lines = []
    for defect, v in verdicts(rows).items():
        numbers = [v["attempts"], v["accepted"], v["rejected"], v["failed"], f"{v['accepted'] / v['attempts']:.0%}"]
        reasons = ", ".join(f"{_text(reason)} ({count})" for reason, count in v["reasons"].items())
        cells = "".join(f"<td class=n>{number}</td>" for number in numbers)
        lines.append(f"<tr><th scope=row>{_text(defect)}</th>{cells}<td>{reasons or '–'}</td></tr>")
    top = f"<thead><tr>{head}<th scope=col>{_COLUMNS[-1]}</th></tr></thead>"
    return f"<div class=wide><table>{top}<tbody>{''.join(lines)}</tbody></table></div>"


def _picture(path: Path) -> str:
    """Return the picture inside the page, as JPEG: a sheet of 24 pairs then stays near a megabyte."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    height, width = pixels.shape[:2]
    data = base64.b64encode(encode(pixels, "JPEG", quality=92, subsampling=0)).decode()
    return (
        f'<div class=wide><img alt="Contact sheet: normal, generated picture, and the outline of its mask" width={width} height={height} '
        f'src="data:image/jpeg;base64,{data}"></div>'
    )


def _loss_curve(points: Sequence[tuple[float, float]], width: int = 1100, height: int = 260) -> str:
    """Return an SVG of the loss over the steps, on a logarithmic scale: every row faint, and their running mean."""
    steps = [step for step, _ in points]
    values = [max(value, 1e-9) for _, value in points]
    reach = len(values) // 60
    smooth = [float(np.exp(np.log(values[max(0, i - reach) : i + reach + 1]).mean())) for i in range(len(values))]
    low, high = math.log10(min(values)), math.log10(max(values))
    high = high if high - low > 0.01 else low + 0.01
    left, bottom, right, top = 56, height - 34, width - 12, 12
    first, span = min(steps), max(max(steps) - min(steps), 1)

    def line(series: Sequence[float]) -> str:
        return " ".join(
            f"{left + (step - first) / span * (right - left):.1f},{bottom - (math.log10(value) - low) / (high - low) * (bottom - top):.1f}"
            for step, value in zip(steps, series, strict=True)
        )

    ticks = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y, x = bottom - share * (bottom - top), left + share * (right - left)
        ticks.append(f"<line class=grid x1={left} x2={right} y1={y:.1f} y2={y:.1f} />")
        ticks.append(f"<text x={left - 6} y={y + 4:.1f} text-anchor=end>{10 ** (low + share * (high - low)):.3g}</text>")
        ticks.append(f"<text x={x:.1f} y={bottom + 18} text-anchor={'start' if share == 0 else 'end' if share == 1 else 'middle'}>")
        ticks.append(f"{round(first + share * span):,}</text>")
    return (
        f'<div class=wide><svg role=img aria-label="Loss over training steps" viewBox="0 0 {width} {height}" width={width}>{"".join(ticks)}'
        f'<polyline class="curve faint" points="{line(values)}" /><polyline class=curve points="{line(smooth)}" /></svg></div>'
    )


def _histogram(name: str, accepted: Sequence[float], others: Sequence[float], width: int = 270, height: int = 150) -> str:
    """Return an SVG of how a score is spread: accepted attempts upwards in one colour, the others stacked on them."""
    edges = np.histogram_bin_edges([*accepted, *others], bins=16)
    lower, upper = (np.histogram(values, edges)[0] for values in (accepted, others))
    most, bottom, top = max(int((lower + upper).max()), 1), height - 24, 8
    step = width / len(lower)
    bars = []
    for index, (a, b) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        tall, more = a / most * (bottom - top), b / most * (bottom - top)
        x = f"x={index * step:.1f} width={step - 1.5:.1f}"
        bars.append(f"<rect class=accepted {x} y={bottom - tall:.1f} height={tall:.1f} />" if a else "")
        bars.append(f"<rect class=rejected {x} y={bottom - tall - more:.1f} height={more:.1f} />" if b else "")
    label = _text(name)
    return (
        f'<figure><svg role=img aria-label="Histogram of {label}" viewBox="0 0 {width} {height}" width={width}>{"".join(bars)}'
        f"<line class=axis x1=0 x2={width} y1={bottom} y2={bottom} />"
        f"<text x=0 y={height - 6}>{edges[0]:.3g}</text><text x={width} y={height - 6} text-anchor=end>{edges[-1]:.3g}</text></svg>"
        f"<figcaption>{label}</figcaption></figure>"
    )


def _text(value: Any) -> str:
    return html.escape(f"{value:,.3g}" if isinstance(value, float) else str(value))


_COLUMNS = ("Defect", "Attempts", "Accepted", "Rejected", "Failed", "Accepted of all", "Reasons for rejection")
_PAIRS_NOTE = "Each pair: the normal it was made on, the generated picture, and the same with a line just outside its mask."
_VERDICT_NOTE = "Every attempt is checked before it counts; a rejected one is made again, so that the wanted number is reached."
_SCORES_NOTE = (
    'What the checks measured: <span class="key accepted"></span> accepted, <span class="key rejected"></span> rejected or failed.'
)
_LOSS_NOTE = "Loss over training steps, on a logarithmic scale: each logged row, and their running mean."

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>
{body}
<footer>Made by flawsmith. This page needs no network: everything it shows is in this file.</footer>
</main></body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; }
:root { --paper: #fbfbfa; --ink: #1e2228; --faint: #666d76; --rule: #dcdfe3; --card: #fff; --good: #2a78c2; --bad: #e08a2c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --ink: #e6e8ea; --faint: #979fa8; --rule: #323840; --card: #1b1f24; --good: #5aa5ea; --bad: #efa24f; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 60px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 20px; }
h2 { font-size: 19px; margin: 44px 0 4px; }
.note { color: var(--faint); margin: 0 0 14px; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: 6px; padding: 12px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 6px 14px 6px 4px; border-bottom: 1px solid var(--rule); font-weight: normal; }
tr:last-child th, tr:last-child td { border-bottom: 0; }
thead th { color: var(--faint); font-size: 13px; }
tbody th { font-weight: 600; }
.facts { width: auto; }
.facts th { color: var(--faint); padding-right: 32px; }
.n { text-align: right; }
th.n:nth-last-child(2), td.n:nth-last-child(2) { padding-right: 36px; }
img, svg { display: block; max-width: 100%; height: auto; }
.row { display: flex; flex-wrap: wrap; gap: 16px; }
figure { margin: 0; padding: 12px; background: var(--card); border: 1px solid var(--rule); border-radius: 6px; }
figcaption { color: var(--faint); font-size: 13px; margin-top: 4px; }
svg text { fill: var(--faint); font-size: 11px; }
.grid, .axis { stroke: var(--rule); }
.curve { fill: none; stroke: var(--good); stroke-width: 2; stroke-linejoin: round; }
.curve.faint { stroke-width: 1; opacity: .3; }
rect.accepted { fill: var(--good); } rect.rejected { fill: var(--bad); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; }
.key.accepted { background: var(--good); } .key.rejected { background: var(--bad); }
footer { color: var(--faint); font-size: 13px; margin-top: 48px; }
"""
