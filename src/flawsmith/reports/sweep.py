"""The report on a sweep: means over products, each product's own numbers, the pairs, and what failed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from flawsmith.benchmark.protocol import GENERATED, REAL
from flawsmith.core.files import write_text
from flawsmith.reports.blocks import NONE, Block, Cell, Facts, Note, Table, Terms
from flawsmith.reports.gains import METRICS, interval, points, shots_name
from flawsmith.reports.page import Page, Section
from flawsmith.reports.plots import signed
from flawsmith.reports.verdicts import terminal_table

Result = Mapping[str, Any]  # what `workflows.sweep.sweep` returns

_OWN = (f"{REAL} + {GENERATED}", f"{GENERATED} only")  # the column whose gain is shown by product: the first that is there


def write_sweep_report(folder: Path, result: Result) -> None:
    """Write `folder`/report.html."""
    counts = result["jobs"]["counts"]
    facts = {
        "Products": len(result["products"]),
        "Jobs": ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items())),
        "Minutes": result["minutes"],
        "Minutes of all jobs": result["jobs"]["minutes"],
    }
    sections = [Section(shots_name(table["shots"]), f"shots-{table['shots']}", _benefit(table)) for table in result["benefit"]]
    sections += [
        Section("Pairs by themselves", "evaluated", _evaluated(result["evaluate"])),
        Section("Pairs", "pairs", _pairs(result["pairs"])),
        Section("What failed", "failed", _failed(result)),
        Section("What stayed elsewhere", "stayed", _stayed(result)),
        Section("How to read it", "reading", [Terms(_READING)] if result["benefit"] else []),
    ]
    page = Page(f"All products of {Path(result['root']).name}", [Facts(facts)], [s for s in sections if s.blocks])
    write_text(folder / "report.html", page.html())


def print_sweep(result: Result, folder: Path) -> None:
    """Print the means over products, what failed with its log, and where the report lies."""
    console = Console()
    for table in result["benefit"]:
        console.print(Text(f"{shots_name(table['shots'])}: means over {len(table['products'])} products", style="bold"))
        lines = [
            (row["column"], *(points(row["metrics"][m]["value"]) if m in row["metrics"] else NONE for m in METRICS))
            for row in table["columns"]
        ]
        console.print(terminal_table(("Trained on", *METRICS.values()), lines))
    for product, problem in result["unusable"].items():
        console.print(Text(f"{product}: nothing can be learned from it: {problem}"), soft_wrap=True)
    for each in result["jobs"]["failed"]:
        console.print(Text(f"{each['job']} failed: {each['reason']} ({each['log']})", style="red"), soft_wrap=True)
    for each in result["jobs"]["stayed"]:
        console.print(Text(f"{each['job']}: its results stayed on {each['host']} in {each['folder']}"), soft_wrap=True)
    counts = result["jobs"]["counts"]
    console.print(
        Text(f"{counts.get('done', 0):,} of {sum(counts.values()):,} jobs done. Look at {folder / 'report.html'}"), soft_wrap=True
    )


def _benefit(table: Mapping[str, Any]) -> list[Block]:
    lines, gains = [], []
    for row in table["columns"]:
        accuracy = row["accuracy"]
        named = Cell(points(accuracy["value"]), small=interval(accuracy)) if accuracy else NONE
        lines.append((row["column"], *(_mean(row["metrics"].get(metric)) for metric in METRICS), named))
        if row["gains"]:
            gains.append((row["column"], *(_mean(row["gains"].get(metric), sign=True) for metric in METRICS)))
    blocks: list[Block] = [Table(f"Means over {len(table['products'])} products", ("Trained on", *METRICS.values(), "Named right"), lines)]
    if gains:
        blocks.append(Table("Gain over real defects alone, in points: means over products", ("Trained on", *METRICS.values()), gains))
    return [*blocks, *_by_product(table)]


def _by_product(table: Mapping[str, Any]) -> list[Block]:
    """Return the table of pixel AP with a line for each product."""
    columns = {row["column"]: row["products"] for row in table["columns"]}
    own = next((name for name in _OWN if name in columns), None)
    lines: list[Sequence[str | Cell]] = []
    for product in table["products"]:
        values = [_point(found.get(product, {}).get("metrics", {}).get("pixel_ap")) for found in columns.values()]
        gain = columns[own].get(product, {}).get("gains", {}).get("pixel_ap") if own else None
        lines.append((product, *values, _point(gain, sign=True)))
    return [Table("Pixel AP of each product", ("Product", *columns, f"Gain of {own}"), lines)] if lines else []


def _mean(found: Mapping[str, Any] | None, sign: bool = False) -> str | Cell:
    """Return a mean over products with its interval, and that over other products where there are enough."""
    if found is None:
        return NONE
    others = f"; others {interval(found['others'], sign)}" if found["others"] else ""
    return Cell(signed(100 * found["value"]) if sign else points(found["value"]), small=f"{interval(found, sign)}{others}")


def _point(found: Mapping[str, Any] | None, sign: bool = False) -> str | Cell:
    if found is None or found.get("value") is None:
        return NONE
    return Cell(signed(100 * found["value"]) if sign else points(found["value"]), small=interval(found, sign))


def _evaluated(found: Mapping[str, Any]) -> list[Block]:
    lines = [
        (f"{part}: {name}", number["mean"], number["lowest"], number["highest"], str(len(number["products"])))
        for part, numbers in found.items()
        for name, number in numbers.items()
    ]
    columns = ("Number", "Mean over products", "Lowest", "Highest", "Products")
    return [Table("What evaluate measured", columns, [(name, *(f"{x:.4g}" for x in xs), n) for name, *xs, n in lines])] if lines else []


def _pairs(rows: Sequence[Mapping[str, Any]]) -> list[Block]:
    lines = [
        (r["product"], f"{r['accepted']:,} of {r['wanted']:,}", f"{r['attempts']:,}", f"{r['fit_minutes']:.1f}", f"{r['minutes']:.1f}")
        for r in rows
    ]
    columns = ("Product", "Accepted of wanted", "Attempts", "Minutes of fit", "Minutes of generate")
    return [Table("Pairs of each product", columns, lines)] if lines else []


def _failed(result: Result) -> list[Block]:
    lines = [(each["job"], each["reason"], each["log"]) for each in result["jobs"]["failed"]]
    lines += [(product, problem, "") for product, problem in result["unusable"].items()]
    if not lines:
        return []
    return [Note("The other products are not touched by these."), Table("What failed", ("Job", "Reason", "Log"), lines, words=(0, 1, 2))]


def _stayed(result: Result) -> list[Block]:
    lines = [(each["job"], each["host"], each["folder"]) for each in result["jobs"]["stayed"]]
    return [Table("Results that stayed on their machines", ("Job", "Machine", "Folder"), lines, words=(0, 1, 2))] if lines else []


_READING = [
    ("Mean", "Of the products' numbers, each counting alike, as tables of the literature have it."),
    (
        "Interval below a mean",
        "95 %, of these products on other test pictures and seeds: the products' own intervals, taken as independent, together.",
    ),
    ("Others", "95 %, of as many other products like these: products drawn with replacement. From five products on."),
]
