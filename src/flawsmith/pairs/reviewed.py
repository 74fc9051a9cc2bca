"""Which pairs people's review leaves, for `flawsmith export` and `flawsmith evaluate`, and to follow by `--like`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flawsmith.core.errors import ConfigError, DataError, FileError
from flawsmith.core.files import content_hash
from flawsmith.dataset.windows import bounding_box
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.review import ACCEPT, ACCEPTED, DISPUTED, OPEN, REJECTED, SKIPPED, VERDICTS, Review, read_review
from flawsmith.pairs.rows import masks_by_class

UNREJECTED, IGNORED = "unrejected", "ignored"
CHOICES = (ACCEPTED, UNREJECTED, IGNORED)
ROW = "review"  # the key of a row that says what people did with the pair
_TAKEN = {ACCEPTED: "those accepted", UNREJECTED: "all that nobody rejected"}  # choices in words
_LEFT = {ACCEPTED: (ACCEPTED,), UNREJECTED: (ACCEPTED, SKIPPED, OPEN)}  # verdicts by choice


@dataclass(frozen=True)
class Reviewed:
    """What is left of the pairs that the checks accepted."""

    pairs: list[Pair]  # with corrected masks, and with ROW among their keys
    left_out: list[Pair]
    told: dict[str, Any] | None  # what the review says of all of them; None where there is none, or it is ignored


def check_choice(choice: str) -> None:
    """Raise ConfigError for what is none of CHOICES, nor "", which is ACCEPTED where somebody accepted or rejected anything."""
    if choice not in ("", *CHOICES):
        raise ConfigError(f"--review {choice}: expected {ACCEPTED}, {UNREJECTED} or {IGNORED}.")


def reviewed(folder: PairFolder, pairs: Sequence[Pair], choice: str = "") -> Reviewed:
    """Return what OUT/review.jsonl leaves of accepted pairs, with the masks that were corrected.

    choice: ACCEPTED, by somebody and rejected by nobody; UNREJECTED, by nobody; IGNORED, as if nobody had looked; "": ACCEPTED where
    somebody accepted or rejected anything, else UNREJECTED. Raises DataError where nothing is left, FileError for a corrected mask that is
    missing.
    """
    check_choice(choice)
    review = Review() if choice == IGNORED else read_review(folder.folder)
    choice = choice or (ACCEPTED if review.begun else UNREJECTED)
    verdicts = {pair.id: review.verdict(pair.id) for pair in pairs}
    wanted = _LEFT.get(choice, VERDICTS)
    left = [_with_review(folder, pair, review) for pair in pairs if verdicts[pair.id] in wanted]
    told = {
        "which": choice,
        **{name: sum(verdict == name for verdict in verdicts.values()) for name in VERDICTS},
        "corrected_masks": sum(pair.id in review.corrections for pair in pairs),
        "reviewers": review.reviewers,
    }
    if not left:
        unrejected = any(verdict in _LEFT[UNREJECTED] for verdict in verdicts.values())
        other = f"{UNREJECTED}, which takes all that nobody rejected" if unrejected else f"{IGNORED}, as if nobody had looked"
        raise DataError(f"{folder.folder}: the review leaves no pair: {in_words(told)}. Review some, or choose --review {other}.")
    return Reviewed(left, [pair for pair in pairs if verdicts[pair.id] not in wanted], told if review.begun or review.corrections else None)


def in_words(told: dict[str, Any]) -> str:
    """Return what a review came to: how many people accepted, rejected, disagreed on and did not look at."""
    counts = [(ACCEPTED, "accepted"), (REJECTED, "rejected"), (DISPUTED, "disagreed on"), (SKIPPED, "skipped"), (OPEN, "not looked at")]
    text = ", ".join(f"{told[name]:,} {words}" for name, words in counts if told[name] or name in (ACCEPTED, REJECTED))
    masks = told["corrected_masks"]
    return text + (f"; {masks:,} masks corrected by hand" if masks > 1 else "; 1 mask corrected by hand" if masks else "")


def taken(told: dict[str, Any]) -> str:
    """Return which pairs were taken, by what a review came to."""
    return _TAKEN[told["which"]]


def stale(rows: Iterable[Any], now: Reviewed) -> list[str]:
    """Return the ids of pairs whose rows in an earlier export say otherwise than the review does now: left out, or with another mask."""
    mask_now = {_key(pair.to_row()): _mask_in(pair.more) for pair in now.pairs}
    out_now = {_key(pair.to_row()) for pair in now.left_out}
    return [row["id"] for row in rows if (key := _key(row)) in out_now or (key in mask_now and mask_now[key] != _mask_in(row))]


def _with_review(folder: PairFolder, pair: Pair, review: Review) -> Pair:
    """Return a pair with its corrected mask, and with who accepted and corrected it among its keys."""
    said: dict[str, Any] = {}
    accepted = sorted(name for name, opinion in review.by_pair.get(pair.id, {}).items() if opinion.decision == ACCEPT)
    if accepted:
        said["accepted_by"] = accepted
    if (correction := review.corrections.get(pair.id)) is not None:
        path = folder.folder / correction.mask
        if not path.is_file():
            raise FileError(path, f"is missing, but {correction.reviewer} corrected the mask of pair {pair.id} so; copy the whole folder.")
        said["mask"] = {"corrected_by": correction.reviewer, "sha256": content_hash(path)}
        pair = _as_corrected(folder, replace(pair, mask=Path(correction.mask).as_posix(), mask_form="", other_mask=None))
    return replace(pair, more={**pair.more, ROW: said}) if said else pair


def _as_corrected(folder: PairFolder, pair: Pair) -> Pair:
    """Return a pair whose defects are those of its corrected mask: the box and area of a single one, and none whose kind was erased."""
    mask = folder.mask(pair)
    if len(pair.placed()) == 1:
        return replace(pair, defects=tuple(replace(d, box=bounding_box(mask), area=int(mask.sum())) for d in pair.placed()))
    left = {name for name, own in masks_by_class(pair, mask).items() if own.any()}
    return replace(pair, defects=tuple(defect for defect in pair.defects if defect.defect in left))


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells a pair from those of other folders, whatever it is exported as."""
    return tuple(row[name] for name in ("id", "defect", "seed", "attempt", "model", "settings", "normal"))


def _mask_in(keys: Any) -> Any:
    return keys.get(ROW, {}).get("mask", {}).get("sha256")
