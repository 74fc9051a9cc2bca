"""Pairs, alone or with real data, in the format that somebody trains with."""

import hashlib
import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.core.errors import ConfigError, OutputExistsError
from flawsmith.core.files import content_hash, write_pieces
from flawsmith.core.locks import hold
from flawsmith.core.progress import Advance, progress, working
from flawsmith.dataset.sample import GOOD, Dataset, Item
from flawsmith.formats.reading import read
from flawsmith.formats.writers.journal import Journal
from flawsmith.formats.writers.real import all_items, real_rows, specimen
from flawsmith.formats.writers.registry import Writer, find_writer
from flawsmith.formats.writers.row import SPLITS, TEST, Line, Options, Place, Row
from flawsmith.formats.writers.splitting import Splitter, parse_shares
from flawsmith.pairs.folder import ROWS, PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.rows import classes_of, normals_of, pair_rows

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
    quiet: bool = False,
) -> dict[str, Any]:
    """Write the accepted pairs of the folder `out` into the folder `into` in the format `to`, and return what was written.

    real: a labelled data set whose pictures come to it. split: shares of train, val and test such as "0.8,0.1,0.1"; everything is train
    for "", but for normals that the data set holds out, which are test. What shows one specimen, or was made on one normal, stays
    together, and moves in no later export. polygons: outlines where the format could hold exact masks; link: pictures become hard links
    where the file system can; marker: synthetic pictures say in their file that they are; normals: those that pairs were made on come
    along. Pictures that are in `into` already are left as they are. Raises FlawsmithError for unusable input, and for an `into` that
    holds anything but an export to the same format.
    """
    out, into = Path(out), Path(into)
    writer, shares, options = find_writer(to), parse_shares(split), Options(polygons, link, marker)
    _check(writer, options, into, out)
    folder = PairFolder(out)
    with working(f"reading {out}", quiet):
        pairs = folder.accepted()
    data = real if real is None or isinstance(real, Dataset) else read(real)
    with hold(into):
        journal = Journal(into, writer.name, options)
        with working("looking for specimens", quiet):
            groups = {} if data is None else {content_hash(item.image): item.group for item in (*data.good, *data.held_out)}
            pinned = {} if data is None else {specimen(item.image, item.group): TEST for item in data.held_out}
        splitter = Splitter(shares, journal.splits, pinned)

        def specimen_of(normal: Path) -> str:
            return specimen(normal, groups.get(content_hash(normal)))

        bare = [Item(path, None, GOOD, groups.get(content_hash(path))) for path in normals_of(folder, pairs)] if normals else []
        items = [*([] if data is None else all_items(data)), *bare]
        found = chain(real_rows(items, splitter.of), pair_rows(folder, pairs, specimen_of, splitter.of))
        journal.begin(_classes(pairs, data))
        place = Place(into, journal.classes, journal.lines, options)
        with progress("export", len(pairs) + len({item.image for item in items}), quiet, "pictures") as advance:
            counts, skipped = _write(writer, found, place, journal, advance)
        with working("writing what is about all pictures", quiet):
            files = writer.finish(place)
            write_pieces(into / ROWS, _pair_rows(journal.lines()))
            journal.end([*files, ROWS])
    return {
        "to": writer.name,
        "folder": str(into),
        "exact": writer.exact and not polygons,
        "added": sum(counts.values()),
        "already_there": skipped,
        "pictures": {split: {kind: n for (s, kind), n in sorted(counts.items()) if s == split} for split in SPLITS},
        "classes": list(place.classes),
        "told": dict(place.told),
        "use": writer.use.format(folder=into, parent=into.parent, name=into.name),
    }


def _check(writer: Writer, options: Options, into: Path, out: Path) -> None:
    """Raise FlawsmithError for options that the format does not have, and for a folder inside the pairs'."""
    if options.polygons and not writer.polygons:
        what = "holds outlines anyway" if not writer.exact else "holds exact masks, and has no outlines here"
        raise ConfigError(f"--polygons: {writer.name} {what}; leave it out.")
    if into.resolve().is_relative_to(out.resolve()):
        raise OutputExistsError(f"{into}: lies in {out}; name a folder beside it.")


def _classes(pairs: Iterable[Pair], data: Dataset | None) -> set[str]:
    names = {name for pair in pairs for name in classes_of(pair)}
    return names if data is None else names | set(data.defects)


def _write(writer: Writer, rows: Iterator[Row], place: Place, journal: Journal, advance: Advance) -> tuple[Counter[tuple[str, str]], int]:
    """Write the rows that are not there yet; return how many by (part, kind), and how many were there."""
    counts: Counter[tuple[str, str]] = Counter()
    there, skipped = frozenset(journal.digests), 0
    written: deque[Row] = deque()

    def fresh() -> Iterator[Row]:
        nonlocal skipped
        for row in rows:
            advance()
            skipped += row.digest in there
            if row.digest not in journal.digests:
                journal.digests.add(row.digest)
                yield row

    def noted(chunk: Iterable[Row]) -> Iterator[Row]:
        for row in chunk:
            written.append(row)
            yield row

    source = fresh()
    while True:
        lines = [_line(written.popleft(), image, dict(entry)) for image, entry in writer.write(noted(islice(source, CHUNK)), place)]
        journal.add(lines)
        counts.update((line.split, _kind(line)) for line in lines)
        if not lines:
            return counts, skipped


def _line(row: Row, image: str, entry: dict[str, Any]) -> Line:
    """Return what the journal says of a row that was written."""
    masks = {name: mask_digest(mask) for name, mask in row.masks.items() if mask.any()}
    return Line(row.name, image, row.digest, row.size, row.split, row.classes, row.group, row.synthetic, masks, entry, row.pair)


def mask_digest(mask: np.ndarray) -> str:
    """Return 32 hex digits that tell a mask (H, W) bool from every other."""
    return hashlib.blake2b(np.packbits(mask).tobytes(), digest_size=16).hexdigest()


def _kind(line: Line) -> str:
    if not line.classes:
        return "normal"
    return "synthetic" if line.synthetic else "real"


def _pair_rows(lines: Iterator[Line]) -> Iterator[bytes]:
    """Yield pairs.jsonl: the row of each pair with the paths of its picture and of its mask as they are here.

    Where no file holds the mask alone, the picture's path stands in its place.
    """
    for line in lines:
        if line.pair is not None:
            pair = Pair.from_row(line.pair)
            mask = line.entry.get("mask") or line.image
            here = replace(pair, image=line.image, mask=mask, other_mask=None, more={**pair.more, "split": line.split})
            yield (json.dumps(here.to_row()) + "\n").encode()
