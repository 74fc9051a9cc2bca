"""What `check` found as plain text."""

from flawsmith.dataset.check import ENCODED, SHRUNK, Report, Spread


def report_lines(report: Report) -> list[str]:
    """Return the report as plain text, problems last."""
    text = [f"{report.root}", f"  read as   {report.format}", f"  normals   {report.normals}, and {report.held_out_normals} held out"]
    if report.heights and report.widths:
        size = f"{_range(report.widths)} x {_range(report.heights)} px (width x height)"
        depths, channels = ("/".join(str(n) for n in counts) for counts in (report.depths, report.channels))
        text.append(f"  pictures  {size}, {depths} bit, {channels} {'channel' if channels == '1' else 'channels'}")
    if report.missing:
        text.append(f"  missing   {report.missing} labelled pictures are not there; their labels are left out")
    if report.groups:
        text.append(f"  groups    {report.groups} specimens")
    if report.summary:
        text.append(f"  window    {report.window} px, {report.factor:g} px to a latent cell")
        text += ["", *(f"  {row}".rstrip() for row in _table(report)), "  Numbers are least / median / largest over pictures."]
    if report.notes:
        text += ["", "Notes", *(f"  {note}" for note in report.notes)]
    for title, rows in (("Warnings", report.warnings), ("Problems", report.problems)):
        if rows:
            text += ["", f"{title} ({len(rows)})", *(f"  {row}" for row in rows)]
    return [*text, "", _last_line(report)]


def _last_line(report: Report) -> str:
    if report.bad:
        return f"{len(report.problems)} to mend."
    missing = f", but {report.missing} labelled pictures are not there" if report.missing else ""
    return f"Nothing to mend{missing}{f'; look at the warnings ({len(report.warnings)})' if report.warnings else ''}."


def _table(report: Report) -> list[str]:
    head = ["defect", "pictures", "specimens", "spots", "area px", "latent cells", "box px", "vanish", f"vanish at {SHRUNK} px / {ENCODED}"]
    rows = [head] + [
        [
            name,
            str(d.pictures),
            str(d.groups),
            *(_spread_text(spread) for spread in (d.spots, d.area, d.cells, d.box)),
            str(len(d.vanish)),
            f"{d.vanish_shrunk:.0%}",
        ]
        for name, d in report.summary.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _spread_text(spread: Spread) -> str:
    return " / ".join(f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in (spread.least, spread.median, spread.most))


def _range(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"
