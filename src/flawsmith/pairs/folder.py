"""The folder OUT: the one way in and out of the pictures, masks and rows of pairs."""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from flawsmith.core.errors import DataError, FileError, OutputExistsError
from flawsmith.core.files import append_line, write_text
from flawsmith.core.folders import Kind, is_empty, mark, read_marker
from flawsmith.core.parsing import parse_json
from flawsmith.core.text import command
from flawsmith.images.files import image_size, read_image, read_mask, write_image, write_mask
from flawsmith.images.pitch import Pitch
from flawsmith.pairs.forms import FORMS, Masks, other_form
from flawsmith.pairs.pair import ACCEPTED, REJECTED, Pair
from flawsmith.pairs.reason import Reason

ROWS, REVIEW = "pairs.jsonl", "review.jsonl"
PAIRS = Kind(
    "pairs",
    (
        r"(pairs|plan|review)\.jsonl",
        r"(made|limits)\.json",
        r"(plan|sheet)\.png",
        r"report\.html",
        r"test/[^/]+/\d{6,}\.png",
        r"(ground_truth|exact|labelled|reviewed)/[^/]+/\d{6,}_mask\.png",
    ),
)


class PairFolder:
    """Pairs on disk: OUT/pairs.jsonl with a row for each attempt, OUT/test/DEFECT/ID.png, OUT/ground_truth/DEFECT/ID_mask.png.

    The mask in the form that was not asked for lies in OUT/labelled/DEFECT/ID_mask.png, or OUT/exact/DEFECT/ID_mask.png.
    """

    def __init__(self, folder: str | Path) -> None:
        """folder: need not exist; nothing is read or made before it is asked for."""
        self.folder = Path(folder)
        self.rows = self.folder / ROWS

    @property
    def begun(self) -> bool:
        """Whether there are rows, so that a run can be resumed."""
        return self.rows.is_file()

    # out of the folder

    def read(self) -> list[Pair]:
        """Return the pair of every row, in the order they were written.

        Raises DataError for a folder without rows and for the first row that is none, by its line; a last one that was cut off is
        named as such.
        """
        pairs, torn = self._read()
        if torn:
            raise DataError(
                f"{self.rows}: line {torn} is cut off, as by a process that was killed while it wrote. Go on with "
                f"`{command('generate', 'RUN', '-o', self.folder, '--resume')}`, which drops it, or delete that line."
            )
        return pairs

    def first(self) -> Pair | None:
        """Return the pair of the first row; None where there is none, or nothing but a row that was cut off."""
        pairs, _ = self._read() if self.begun else ([], 0)
        return pairs[0] if pairs else None

    def accepted(self) -> list[Pair]:
        """Return the accepted pairs by id; for a folder without pairs.jsonl, pairs of its pictures and masks.

        Raises DataError when there are none, FileError for a picture or mask that is missing.
        """
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: there is no such folder; make it with `{command('generate', 'RUN', '-o', self.folder)}`.")
        pairs = [pair for pair in self.read() if pair.accepted] if self.begun else self._found()
        for pair in pairs:
            for path in (self.image_path(pair), self.mask_path(pair)):
                if not path.is_file():
                    raise FileError(path, f"is missing, but pair {pair.id} names it; copy the whole folder.")
        if not pairs:
            raise DataError(
                f"{self.folder}: holds no accepted pairs; expected {ROWS} with some, or test/DEFECT and ground_truth/DEFECT, as "
                "`flawsmith generate` writes them."
            )
        return sorted(pairs, key=lambda pair: pair.id)

    def present(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Return those of the pairs that are accepted and whose picture and mask are still there."""
        return [p for p in pairs if p.accepted and self.image_path(p).is_file() and self.mask_path(p).is_file()]

    def image_path(self, pair: Pair) -> Path:
        """Return the file of an accepted pair's picture."""
        assert pair.image is not None
        return self.folder / pair.image

    def mask_path(self, pair: Pair, form: str = "") -> Path:
        """Return the file of an accepted pair's mask, in a form of FORMS where it has that one."""
        assert pair.mask is not None
        other = pair.other_mask if form not in ("", pair.mask_form) else None
        return self.folder / (other or pair.mask)

    def normal_path(self, pair: Pair) -> Path | None:
        """Return the file of the normal a pair was made on; None where there was none, or it is no longer there."""
        places = [Path(pair.normal), self.folder / pair.normal] if pair.normal else []
        return next((place for place in places if place.is_file()), None)

    def image(self, pair: Pair) -> np.ndarray:
        """Return an accepted pair's picture (H, W, C) uint8 | uint16."""
        return read_image(self.image_path(pair))

    def mask(self, pair: Pair, form: str = "") -> np.ndarray:
        """Return an accepted pair's mask (H, W) bool, in a form of FORMS where it has that one."""
        return read_mask(self.mask_path(pair, form))

    # into the folder

    def begin(self) -> None:
        """Make the folder ready for rows; those there stay."""
        if read_marker(self.folder) is None:
            mark(self.folder, PAIRS)
        self.rows.touch()

    def add(self, pair: Pair, image: np.ndarray, mask: np.ndarray | Masks, pitch: Pitch | None = None) -> Pair:
        """Write an accepted pair's files, then its row, and return the pair with their names.

        image: (H, W, C) uint8 | uint16; mask: (H, W) bool, or both forms, of which that of `pair.mask_form` becomes the pair's mask and the
        other lies beside; pitch: the camera's, of pixels, as the normal's file tells it.
        """
        name = f"{pair.defect}/{pair.id}"
        pair = replace(pair, verdict=ACCEPTED, image=f"test/{name}.png", mask=f"ground_truth/{name}_mask.png")
        write_image(self.image_path(pair), image, pitch)
        if isinstance(mask, Masks):
            other = other_form(pair.mask_form)
            pair = replace(pair, other_mask=f"{other}/{name}_mask.png")
            write_mask(self.mask_path(pair, other), mask.of(other), pitch)
            mask = mask.of(pair.mask_form)
        write_mask(self.mask_path(pair), mask, pitch)
        self.append(pair)
        return pair

    def append(self, pair: Pair) -> None:
        """Write a row at the end; an accepted pair's files must be there already."""
        append_line(self.rows, _line(pair))

    def resume(self, ours: Callable[[Pair], bool], finished: Callable[[Pair], bool]) -> list[Pair]:
        """Return the pairs there after dropping the rows of those that are not finished, and a last row that was cut off.

        ours: whether the run that goes on would make this pair. finished: whether no more is to be attempted for its id. Raises
        OutputExistsError, and changes nothing, where the folder holds something else or pairs that are not ours.
        """
        if not self.begun:
            if not is_empty(self.folder):
                raise OutputExistsError(f"{self.folder}: has no {ROWS}, so there is nothing to resume; name another folder.")
            return []
        pairs, torn = self._read()
        for pair in pairs:
            if not ours(pair):
                raise OutputExistsError(
                    f"{self.folder}: pair {pair.id} there was made by another model, seed, normals, defects or other options, or a "
                    "file it was made from has changed (its normal, region, map, mask or row of a plan); resume with the same ones, or "
                    "name another folder."
                )
        done = {pair.id for pair in pairs if finished(pair)}
        kept = [pair for pair in pairs if pair.id in done]
        if torn or len(kept) < len(pairs) or not self.rows.read_bytes().endswith(b"\n"):  # the next row needs a line of its own
            self._rewrite(kept)
        return kept

    def keep(self, ids: Collection[str], why: Reason) -> None:
        """Remove the files of accepted pairs whose id is not among `ids`; their rows stay, rejected for the reason `why`."""
        pairs = self.read()
        gone = [pair for pair in pairs if pair.accepted and pair.id not in ids]
        left = [pair for pair in pairs if pair.reasons[:1] == (why,)]  # by a call before, which may have been killed half-way
        files = [self.folder / name for pair in gone for name in (pair.image, pair.mask, pair.other_mask) if name]
        files += [self.folder / name for pair in left for name in _files_of(pair)]
        changed = {pair.id: replace(pair, verdict=REJECTED, reasons=(why,), image=None, mask=None, other_mask=None) for pair in gone}
        # rows first: one must never name a file that is gone
        self._rewrite([changed[pair.id] if pair.accepted and pair.id in changed else pair for pair in pairs])
        for file in files:
            file.unlink(missing_ok=True)

    def _rewrite(self, pairs: Iterable[Pair]) -> None:
        write_text(self.rows, "".join(_line(pair) + "\n" for pair in pairs))

    def _read(self) -> tuple[list[Pair], int]:
        """Return the pairs, and the number of a last line that was cut off, 0 where none was."""
        if not self.begun:
            raise DataError(f"{self.rows}: there is no such file; make it with `{command('generate', 'RUN', '-o', self.folder)}`.")
        lines = self.rows.read_bytes().split(b"\n")  # the last is empty, or has no end
        pairs = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                pairs.append(Pair.from_row(parse_json(line.decode("utf-8-sig"))))
            except ValueError as error:  # bytes that are no text, text that is no JSON, and JSON that is no row
                if number == len(lines) and isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
                    return pairs, number
                raise DataError(f"{self.rows}: line {number}: {error}; expected a row as `flawsmith generate` writes it.") from error
        return pairs, 0

    def _found(self) -> list[Pair]:
        """Return pairs of the files in test and ground_truth, about which no row says anything."""
        pairs = []
        for mask in sorted((self.folder / "ground_truth").glob("*/*_mask.png"), key=lambda path: path.as_posix()):
            defect, name = mask.parent.name, mask.name.removesuffix("_mask.png")
            files = f"test/{defect}/{name}.png", mask.relative_to(self.folder).as_posix()
            height, width = image_size(mask)
            pairs.append(Pair(f"{defect}/{name}", defect, ACCEPTED, image=files[0], mask=files[1], size=(height, width)))
        return pairs


def _files_of(pair: Pair) -> list[str]:
    """Return the paths that `PairFolder.add` gives a pair's files."""
    masks = [f"{place}/{pair.defect}/{pair.id}_mask.png" for place in ("ground_truth", *FORMS)]
    return [f"test/{pair.defect}/{pair.id}.png", *masks]


def _line(pair: Pair) -> str:
    return json.dumps(pair.to_row())
