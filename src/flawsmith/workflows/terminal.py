"""What a terminal shows at the end of a command: the tables of a report, and where it lies."""

from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError
from flawsmith.core.text import command
from flawsmith.formats.writers.journal import LINES
from flawsmith.formats.writers.registry import writers
from flawsmith.generation.origin import settable as settable  # for the command line, which imports no deeper layer
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import ACCEPTED, FAILED
from flawsmith.pairs.reviewed import in_words, taken
from flawsmith.reports.benefit import print_benefit
from flawsmith.reports.evaluation import print_tables
from flawsmith.reports.sweep import print_sweep
from flawsmith.reports.verdicts import print_table, reject_table

MORE = (
    "have `flawsmith fit` learn (longer), try more often with --set generation.attempts=N, or loosen the check that refuses most with "
    "--set quality.KEY=VALUE"
)


def has_pairs(out: Path) -> bool:
    """Return whether `generate` has begun to write pairs into OUT, so that it can go on."""
    return PairFolder(out).begun


def show_pairs(out: Path) -> None:
    """Print the rejections per check, and how many pairs there are in OUT; with fewer than wanted, that and why."""
    pairs = PairFolder(out).read()
    accepted, failed = (sum(pair.verdict == verdict for pair in pairs) for verdict in (ACCEPTED, FAILED))
    print_table(pairs)
    if failed:
        reasons = ", ".join([f"{name} ({count})" for name, count, _ in reject_table(pairs) if name != "pick"][:3])  # a pick is no fault
        print(f"Failed: {failed} of the wanted pairs were given up after their last attempt. What the checks found most: {reasons}.")
        if accepted:  # else `require_pairs` says it
            print(f"For more of them {MORE}; or ask for more pairs with --resume and a larger --count.")
    print(f"{accepted} pairs accepted of {len(pairs)} attempts, in {out}. Look at {out / 'report.html'}")


def require_pairs(out: Path) -> None:
    """Raise DataError when no pair in OUT was accepted: there is nothing that can be used."""
    pairs = PairFolder(out).read()
    if not any(pair.accepted for pair in pairs):
        raise DataError(
            f"{out}: none of {len(pairs)} attempts was accepted, so there are no pairs. Look at {out / 'report.html'} for the reasons; "
            f"{MORE}."
        )


def show_evaluation(result: dict[str, Any], report: Path | None) -> None:
    """Print the tables of what `evaluate` returned, and where the report lies."""
    print_tables(result)
    if result["review"]:
        print(f"Reviewed by people: {in_words(result['review'])}. Measured: {taken(result['review'])}.")
    if report is not None:
        print(f"Look at {report / 'report.html'}")


def has_export(folder: Path) -> bool:
    """Return whether `export` has begun to write into a folder, so that it can go on."""
    return (folder / LINES).is_file()


def export_formats() -> str:
    """Return the formats that an export can be in, a line each."""
    width = max(len(one.name) for one in writers())
    return "\n".join(f"{one.name:<{width}}  {one.description}" for one in writers())


def show_export(result: dict[str, Any]) -> None:
    """Print what `export` returned: what was written, what went otherwise than asked, and how to open it."""
    for split, kinds in result["pictures"].items():
        if kinds:
            print(f"{split}: {', '.join(f'{count:,} {kind}' for kind, count in kinds.items())}")
    if result["already_there"]:
        print(f"{result['already_there']:,} pictures were there already and are as they were.")
    if result["review"]:
        print(f"Reviewed by people: {in_words(result['review'])}. Exported: {taken(result['review'])}.")
    for note in result["notes"]:
        print(note)
    for what, count in result["told"].items():
        print(f"{count:,} {what}.")
    for image, iou in result["outlines"].items():
        print(f"{image}: IoU {iou:.4f} with the mask, as flawsmith fills outlines")
    print(_round_trip(result))
    print(f"{result['added']:,} pictures added to {result['folder']} ({result['to']}). To open it:\n{result['use']}")


def _round_trip(result: dict[str, Any]) -> str:
    """Return what came of reading an export again."""
    back = result["round_trip"]
    if back is None:
        return "It was not read again: there is no reader of this format."
    what = f"Read again: {back['compared'] - len(back['different']):,} of {back['compared']:,} pictures with exactly the same masks"
    listed = back["poor"] if result["outlines"] else back["different"]
    if not listed:
        return f"{what}{'; no IoU below 0.95' if back['different'] else ''}."
    least = "IoU below 0.95" if result["outlines"] else "other masks"
    return f"{what}. With {least}:\n" + "\n".join(f"  {image} {iou:.4f}" for image, iou in listed.items())


def show_benefit(result: dict[str, Any], report: Path) -> None:
    """Print the tables of what `benefit` returned, and where the report lies."""
    print_benefit(result)
    if (misses := result.get("misses")) and misses["pictures"]:
        print(
            f"{misses['pictures']} of {misses['of']} validation pictures show a defect that detectors trained on real ones alone missed; "
            f"`{command('generate', 'RUN', '--like', report / misses['file'])}` makes pairs like these."
        )
    print(f"Look at {report / 'report.html'}")


def show_plan(result: dict[str, Any]) -> None:
    """Print what a sweep would do, and about how long it takes."""
    for product, problem in result["unusable"].items():
        print(f"{product}: nothing can be learned from it: {problem}")
    print(f"{len(result['products']):,} products, {sum(map(len, result['products'].values())):,} defects.")
    for one in result["steps"]:
        source = f"as measured on {one['measured']:,} jobs" if one["measured"] else "assumed: one core, the default preset"
        print(f"{one['step']}: {one['left']:,} jobs left, {one['seconds'] / 3600:.2f} hours one after the other ({source})")
    print(f"About {result['hours']:.2f} hours with {result['side_by_side']:,} side by side.")


def show_sweep(result: dict[str, Any], folder: Path) -> None:
    """Print the means over products, what failed, and where the report lies."""
    print_sweep(result, folder)
