"""The card that goes with exported pictures: what they are, how many, and what they were made from and with."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flawsmith.formats.writers.row import SPLITS, Line
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reviewed import in_words, taken
from flawsmith.reports.verdicts import reject_table
from flawsmith.version import __version__

SYNTHETIC = "The defects in the synthetic pictures were drawn by a model. They are not real: train with them, and test on real pictures."
KINDS = ("synthetic", "real", "normal")


def kind_of(line: Line) -> str:
    """Return one of KINDS."""
    if not line.classes:
        return "normal"
    return "synthetic" if line.synthetic else "real"


def source_of(pairs: Sequence[Pair], made: Mapping[str, Any] | None, review: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what is known of a folder of pairs: its rows, of every attempt, what its made.json says, and what people's review came to."""
    accepted = [pair for pair in pairs if pair.accepted]
    return {
        "models": sorted({pair.model for pair in accepted if pair.model}),
        "attempts": len(pairs),
        "accepted": len(accepted),
        "rejected_share": round(1 - len(accepted) / len(pairs), 4) if pairs else 0.0,
        "rejections": {check: count for check, count, _ in reject_table(pairs)},
        "made": made,
        "review": review,
    }


def card(lines: Iterable[Line], classes: Sequence[str], to: str, use: str, sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the card as JSON values; lines: of all pictures in the folder, sources: of all folders of pairs that went into it."""
    pictures: dict[str, Counter[str]] = defaultdict(Counter)
    labelled: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        pictures[line.split][kind_of(line)] += 1
        for name in line.classes:
            labelled[name][kind_of(line)] += 1
    return {
        "flawsmith": __version__,
        "synthetic": SYNTHETIC,
        "format": to,
        "pictures": {split: dict(pictures[split]) for split in SPLITS if split in pictures},
        "classes": {name: {"number": number, **labelled[name]} for number, name in enumerate(classes, start=1)},
        "sources": list(sources),
        "use": use,
    }


def card_text(found: Mapping[str, Any]) -> str:
    """Return the card in Markdown."""
    parts = [f"# Data card\n\n**{found['synthetic']}**"]
    rows = [[split, *(f"{kinds.get(kind, 0):,}" for kind in KINDS)] for split, kinds in found["pictures"].items()]
    parts.append("## What is here\n\n" + _table(["part", "with synthetic defects", "with real defects", "normals (real)"], rows))
    rows = [[one["number"], name, one.get("synthetic", 0), one.get("real", 0)] for name, one in found["classes"].items()]
    parts.append(_table(["number", "class", "synthetic pictures", "real pictures"], rows))
    parts.append(f"Written as {found['format']} by flawsmith {found['flawsmith']}. To open it:\n\n```\n{found['use']}\n```")
    parts += [_source(number, one) for number, one in enumerate(found["sources"], start=1)]
    return "\n\n".join(parts) + "\n"


def _source(number: int, one: Mapping[str, Any]) -> str:
    text = [f"## Synthetic pictures, source {number}"]
    made = one["made"]
    if made is None:
        text.append("What they were made with is not known: their folder has no made.json.")
    else:
        learned, wishes = made["learned_from"], made["request"]
        kinds = ", ".join(f"{len(files)} of {name}" for name, files in learned["defects"].items())
        how = "Fitted to" if made["fitted"] else "Nothing was fitted; the base followed"
        text.append(
            f"- {how} `{learned['name']}`: {learned['normals']:,} normals, labelled pictures ({kinds}); split {learned['split']}, digest "
            f"`{learned['digest']}`, SHA-256 of each in datacard.json. Pictures that were learned from are no test."
        )
        text.append(f"- Base model: {made['base']['name']}; licence {made['base']['licence']}.")
        text.append(f"- Seed {wishes['seed']}; masks {wishes['mask']}; flawsmith {made['flawsmith']}. All settings are in datacard.json.")
    text.append(f"- Model {', '.join(f'`{model}`' for model in one['models']) or 'not known'}.")
    share = f"{one['rejected_share']:.0%} of {one['attempts']:,} attempts were refused by the checks"
    why = ", ".join(f"{check} {count:,}" for check, count in one["rejections"].items())
    text.append(f"- {share}{f' ({why})' if why else ''}; {one['accepted']:,} were accepted.")
    review = one.get("review")  # cards of before say nothing of it
    if review is None:
        text.append("- No person has reviewed them.")
    else:
        who = f" by {', '.join(review['reviewers'])}" if review["reviewers"] else ""
        text.append(f"- Reviewed{who}: {in_words(review)}. Here are {taken(review)}.")
    return text[0] + "\n\n" + "\n".join(text[1:])


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', ' ') for cell in line)} |" for line in lines)
