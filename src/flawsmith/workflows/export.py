"""Pairs, alone or with real data, in the format that somebody trains with."""

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from flawsmith.core.disk import require_room
from flawsmith.core.errors import ConfigError, OutputExistsError
from flawsmith.core.files import settle, write_json, write_pieces, write_text
from flawsmith.core.locks import hold
from flawsmith.core.progress import Advance, progress, working
from flawsmith.dataset.sample import Dataset
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import read_telling
from flawsmith.formats.writers.journal import Journal
from flawsmith.formats.writers.real import all_items, real_rows
from flawsmith.formats.writers.registry import Writer, find_writer
from flawsmith.formats.writers.row import SPLITS, TRAIN, Line, Options, Place, Row
from flawsmith.formats.writers.run_lengths import mask_runs
from flawsmith.formats.writers.splitting import Splitter, parse_shares
from flawsmith.generation.made import as_fitted, read_made
from flawsmith.pairs.folder import ROWS, PairFolder
from flawsmith.pairs.forms import check_form
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reviewed import Reviewed, check_choice, reviewed, stale
from flawsmith.pairs.rows import Specimens, classes_of, lacks_form, pair_rows
from flawsmith.reports.datacard import card, card_text, kind_of, source_of
from flawsmith.workflows.background import Background
from flawsmith.workflows.round_trip import compare

CARD = "datacard"
ALL = "all"  # parts that synthetic pictures go to
CHUNK = 1000  # rows that are noted together: what was written since the last note is written anew after an interruption


def export(
    out: str | Path,
    into: str | Path,
    to: str,
    real: str | Path | Dataset | None = None,
    split: str = "",
    polygons: bool = False,
    link: bool = False,
    marker: bool = True,
    normals: bool = True,
    labels: ReadOptions | None = None,
    review: str = "",
    mask: str = "",
    synthetic: str = "",
    quiet: bool = False,
) -> dict[str, Any]:
    """Write the accepted pairs of the folder `out` into the folder `into` in the format `to`, and return what was written.

    real: a labelled data set whose pictures come to it. split: shares of train, val and test such as "0.8,0.1,0.1"; everything is train for
    "", but for normals that the data set holds out, which are test. What shows one specimen, or was made on one normal, stays together, and
    moves in no later export. synthetic: "train" leaves pairs out whose normal is in val or test, "all" puts them there; "": "train" where
    `real` is given, as its pictures are what to test on, else "all". polygons: outlines where the format could hold exact masks; link:
    pictures become hard links where the file system can; marker: synthetic pictures say in their file that they are; normals: those that
    pairs were made on come along; labels: how those of `real` are read; what they leave open is as in the fit that the pairs are from.
    review: where people reviewed the pairs, which of them: "accepted" by somebody and rejected by nobody, "unrejected", "ignored", as if
    nobody had; "": accepted ones where there is a review, else all. mask: the form of pairs' masks, "exact" or "labelled", where they were
    made with both; "": the one that was asked for then. Pictures that are in `into` already are left as they are. Raises FlawsmithError for
    unusable input, and for an `into` that holds anything but an export to the same format, or pairs that the review leaves out by now.
    """
    out, into = Path(out), Path(into)
    writer, shares, options = find_writer(to), parse_shares(split), Options(polygons, link, marker, mask)
    check_choice(review)
    if mask:
        check_form(mask)
    if synthetic not in ("", TRAIN, ALL):
        raise ConfigError(f"--synthetic {synthetic}: expected {TRAIN} or {ALL}.")
    synthetic = synthetic or (ALL if real is None else TRAIN)
    _check(writer, options, into, [out] if real is None or isinstance(real, Dataset) else [out, Path(real)])
    folder = PairFolder(out)
    with working(f"reading {out}", quiet):
        chosen, made = reviewed(folder, folder.accepted(), review), read_made(out)
        pairs = chosen.pairs
        notes: list[str] = []
        if not (real is None or isinstance(real, Dataset)):
            labels, notes = as_fitted(labels or ReadOptions(), made)
            real = read_telling(real, labels, quiet)
        data = real
        notes += _strangers(pairs, data)
    with hold(into):
        journal = Journal(into, writer.name, options)
        _check_reviewed(journal, chosen)
        with working("looking for specimens", quiet):
            specimens = Specimens(data, learned_from(made))
            splitter = Splitter(shares, journal.splits, specimens.pinned())
            for groups in specimens.flawed().values():
                splitter.share_out(groups)
            items = [*([] if data is None else all_items(data)), *(specimens.normals(folder, pairs) if normals else [])]
        if not link:
            pictures = [*(folder.image_path(pair) for pair in pairs), *{item.image for item in items}]
            new = max(0.0, 1 - journal.count / max(1, len(pictures)))  # an export before has left the others
            require_room(into, new * sum(path.stat().st_size for path in pictures), f"{len(pictures)} pictures")
        journal.begin(_classes(pairs, data))
        with Background() as work, progress("export", len(pairs) + len({i.image for i in items}), quiet, "pictures") as advance:
            rows = chain(real_rows(items, splitter.of), pair_rows(folder, pairs, specimens.of, splitter.of, mask, work.map))
            place = Place(into, journal.classes, journal.lines, options, work.later)
            if single := sum(lacks_form(pair, mask) for pair in pairs):
                place.told[
                    f"pairs without a mask in the form {mask}, or with one that was corrected by hand: exported with the one they have"
                ] = single
            added = _write(writer, rows, place, journal, work, advance, synthetic == TRAIN)
        with working("writing what is about all pictures", quiet):
            files = writer.finish(place)
            write_pieces(into / ROWS, _pair_rows(journal.lines()))
            journal.end([*files, ROWS])
            _write_card(place, writer, source_of(folder.read() if folder.begun else pairs, made, chosen.told))
        with working("reading it again", quiet):
            back = compare(writer, place, added.pictures)
    notes += _lacks_real(journal.lines(), shares, data, specimens.pinned())
    return {
        "to": writer.name,
        "folder": str(into),
        "added": len(added.pictures),
        "already_there": added.skipped,
        "pictures": {part: {kind: n for (s, kind), n in sorted(added.counts.items()) if s == part} for part in SPLITS},
        "classes": list(place.classes),
        "told": dict(place.told),
        "notes": notes,
        "review": chosen.told,
        "round_trip": None if back is None else {"compared": len(back.iou), "different": back.different, "poor": back.poor},
        "outlines": {} if back is None or writer.exact else back.iou,
        "use": writer.opened(into),
    }


@dataclass
class Added:
    """What an export wrote."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # pictures by part and kind
    pictures: set[str] = field(default_factory=set)  # their paths in the folder
    skipped: int = 0  # pictures that were there


def _check(writer: Writer, options: Options, into: Path, inputs: Iterable[Path]) -> None:
    """Raise FlawsmithError for options that the format does not have, and for a folder inside one that is read."""
    if options.polygons and not writer.polygons:
        what = "holds outlines anyway" if not writer.exact else "holds exact masks, and has no outlines here"
        raise ConfigError(f"--polygons: {writer.name} {what}; leave it out.")
    for path in inputs:
        if into.resolve().is_relative_to(path.resolve()):
            raise OutputExistsError(f"{into}: lies in {path}; name a folder beside it.")


def _check_reviewed(journal: Journal, chosen: Reviewed) -> None:
    """Raise OutputExistsError where an earlier export wrote pairs that the review leaves out now, or another mask of one."""
    if ids := stale((line.pair for line in journal.lines() if line.pair is not None), chosen):
        some = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
        raise OutputExistsError(
            f"{journal.folder}: holds {len(ids):,} pairs that were rejected since, or whose mask was corrected ({some}); an export takes "
            "nothing away, so nothing was written. Name another folder."
        )


def _strangers(pairs: Iterable[Pair], data: Dataset | None) -> list[str]:
    """Return that pairs are of classes that the real data do not have, which may call them otherwise."""
    if data is None or not data.defects:
        return []
    own = sorted({name for pair in pairs for name in classes_of(pair)} - set(data.defects))
    others = sorted(set(data.defects) - {name for pair in pairs for name in classes_of(pair)})
    if not own or not others:
        return []
    what = f"classes of pairs that the real data do not have: {', '.join(own)}; theirs that no pair has: {', '.join(others)}"
    return [f"{what}. If they are the same under two names, export into another folder with --classes '{own[0]}={others[0]}'."]


def _lacks_real(lines: Iterable[Line], shares: Sequence[float], data: Dataset | None, pinned: Mapping[str, str]) -> list[str]:
    """Return that a part to validate or test on has no real defect in it, and why."""
    wanted = [split for split, share in zip(SPLITS, shares, strict=True) if share and split != TRAIN]
    if not wanted:
        return []
    real = Counter(line.split for line in lines if line.classes and not line.synthetic)
    empty = " and ".join(split for split in wanted if not real[split])
    if not empty:
        return []
    if data is None:
        return [f"{empty}: no real pictures; a score on made pairs says little of real defects. --with DATA adds real ones."]
    if TRAIN in pinned.values():
        why = "the model has learned from these, and a test on them would be none"
        return [
            f"{empty}: no real defect, as {why}. Label more pictures, or fit with --set data.split=third, which leaves two thirds unseen."
        ]
    return [f"{empty}: no real defect, as there are too few specimens with one. Label more pictures."]


def _classes(pairs: Iterable[Pair], data: Dataset | None) -> set[str]:
    names = {name for pair in pairs for name in classes_of(pair)}
    return names if data is None else names | set(data.defects)


def _write(
    writer: Writer, rows: Iterator[Row], place: Place, journal: Journal, work: Background, advance: Advance, only_train: bool
) -> Added:
    """Write the rows that are not there yet, and note them CHUNK by CHUNK; only_train: synthetic ones of another part are left out."""
    added, there = Added(), frozenset(journal.digests)
    written: deque[Row] = deque()

    def fresh() -> Iterator[Row]:
        for row in rows:
            advance()
            added.skipped += row.digest in there
            if row.digest in journal.digests:
                if row.digest not in there:
                    place.tell("pictures with the content of another: written once")
            elif only_train and row.synthetic and row.split != TRAIN:
                place.tell("pairs made on normals that are in val or test: left out, so that these are real (--synthetic all keeps them)")
            else:
                journal.digests.add(row.digest)
                written.append(row)
                yield row

    source = work.ahead(fresh())
    while True:
        lines = [_line(written.popleft(), image, dict(entry)) for image, entry in writer.write(islice(source, CHUNK), place)]
        work.settle()
        if not lines:
            return added
        for folder in sorted({(place.folder / line.image).parent for line in lines}):
            settle(folder)  # what is noted is there after a loss of power, too
        journal.add(lines)
        added.counts.update((line.split, kind_of(line)) for line in lines)
        added.pictures.update(line.image for line in lines)


def _line(row: Row, image: str, entry: dict[str, Any]) -> Line:
    """Return what the journal says of a row that was written."""
    masks = {name: mask_runs(mask)["counts"] for name, mask in row.masks.items() if mask.any()}
    return Line(row.name, image, row.digest, row.size, row.split, row.classes, row.group, row.synthetic, masks, entry, row.pair)


def learned_from(made: Mapping[str, Any] | None) -> set[str]:
    """Return the SHA-256 of the pictures of defects that pairs were learned from, as far as their folder says."""
    return set() if made is None else {digest for digests in made["learned_from"]["defects"].values() for digest in digests}


def _write_card(place: Place, writer: Writer, source: dict[str, Any]) -> None:
    """Write the data card, with what it said of the sources of earlier exports."""
    path = place.folder / f"{CARD}.json"
    before = json.loads(path.read_text(encoding="utf-8"))["sources"] if path.is_file() else []
    others = [one for one in before if _known_by(one) != _known_by(source)]
    use = writer.opened(Path(place.folder.resolve().name))  # as seen from beside it, wherever it is
    found = card(place.lines(), place.classes, writer.name, use, [*others, source])
    write_json(path, found)
    write_text(place.folder / f"{CARD.upper()}.md", card_text(found))


def _known_by(source: Mapping[str, Any]) -> Any:
    """Return what stays the same of a folder of pairs when more are made in it."""
    made = source["made"]
    return source["models"], made and {**made, "request": {**made["request"], "count": None}}


def _pair_rows(lines: Iterator[Line]) -> Iterator[bytes]:
    """Yield pairs.jsonl: the row of each pair with the paths of its picture and of its mask as they are here.

    Where no file holds the mask alone, the picture's path stands in its place.
    """
    for line in lines:
        if line.pair is not None:
            mask = line.entry.get("mask") or line.image
            here = {**line.pair, "image": line.image, "mask": mask, "other_mask": None, "split": line.split}
            yield (json.dumps(here) + "\n").encode()
