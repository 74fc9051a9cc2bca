"""The folder OUT while pairs are made: what counts, what is there already, and the pick of the most different."""

from pathlib import Path

import numpy as np

from flawsmith.core.progress import progress, working
from flawsmith.dataset.windows import bounding_box, cut
from flawsmith.generation.attempt import Attempt, box_around
from flawsmith.generation.fingerprint import Fingerprint
from flawsmith.generation.plan import Plan
from flawsmith.images.files import read_pitch, type_of
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.forms import EXACT, LABELLED, Masks
from flawsmith.pairs.pair import ACCEPTED, FAILED, REJECTED, Pair
from flawsmith.pairs.reason import Reason
from flawsmith.quality.copies import MARGIN, Crop
from flawsmith.quality.ratings import write_bounds
from flawsmith.quality.select import features, pick
from flawsmith.quality.verify import Verifier
from flawsmith.quality.view import Candidate

PICK = "pick"  # the check of a pair that was left out
LEFT_OUT = Reason(PICK, "left out, as others differ more from each other")


class Output:
    """What is written into OUT, and what it already holds."""

    def __init__(self, folder: Path, model: str, fingerprint: Fingerprint, checks: Verifier, plan: Plan, form: str) -> None:
        """model: hash of the weights; fingerprint: of all else that shapes a pair; form: of the masks."""
        self._model, self._fingerprint, self._checks, self._plan = model, fingerprint, checks, plan
        self._pairs, self._form = PairFolder(folder), form
        self._crops: dict[str, tuple[list[str], list[Crop]]] = {}  # by defect: ids and crops of what was accepted
        self._vectors: dict[str, np.ndarray] = {}  # by id

    def open(self) -> None:
        """Make the folder ready for rows, with what scores are held to."""
        self._pairs.begin()
        write_bounds(self._pairs.folder, self._checks)

    def finish(self, attempt: Attempt, last: bool) -> str:
        """Write an attempt's row, and its files where it counts; return its verdict, "failed" where it was the last attempt.

        Called in the order of the pairs' numbers: what is a duplicate depends on those before and on nothing else.
        """
        if not attempt.reasons:
            attempt.reasons += self._duplicates(attempt)
        spec, image = attempt.spec, attempt.image
        defects = attempt.placed(self._form)
        pair = Pair(
            spec.id,
            spec.defect,
            FAILED if last and attempt.reasons else REJECTED if attempt.reasons else ACCEPTED,
            spec.attempt,
            mask_form=self._form,
            reasons=tuple(attempt.reasons),
            scores=attempt.scores(),
            seed=spec.seed,
            normal=None if spec.normal is None else str(spec.normal),
            model=self._model,
            settings=self._fingerprint.of(spec),
            source_format=None if spec.normal is None else type_of(spec.normal),
            size=None if image is None else (image.shape[0], image.shape[1]),
            region=box_around([defect.region for defect in defects if defect.region is not None]),
            severity=max(defect.severity for defect in spec.defects),
            defects=defects,
        )
        if pair.accepted:
            assert image is not None
            masks = Masks(attempt.mask(EXACT), attempt.mask(LABELLED))
            pair = self._pairs.add(pair, image, masks, None if spec.normal is None else read_pitch(spec.normal))
            self._remember(pair, image, masks.exact)
        else:
            self._pairs.append(pair)
        return pair.verdict

    def resume(self, quiet: bool = True) -> set[str]:
        """Return the ids that are finished, and drop the rows of those that are not.

        Raises OutputExistsError when the rows there were not made by this model with this seed, these defects and these normals.
        """
        with working("comparing what is there with what is asked for", quiet):
            done = self._pairs.resume(self._is_ours, lambda pair: pair.verdict != REJECTED or pair.reasons[:1] == (LEFT_OUT,))
        with progress("reading", len(done), quiet, "rows", stays=False) as advance:
            for pair in done:
                if pair.accepted:
                    self._remember(pair, self._pairs.image(pair), self._pairs.mask(pair, EXACT))
                advance()
        return {pair.id for pair in done}

    def pick(self, count: int) -> int:
        """Keep the `count` accepted pairs that differ most, each defect's share alike; return how many are left.

        The files of the others are removed, and their rows say so.
        """
        by_defect: dict[str, list[Pair]] = {}
        for pair in self._pairs.read():
            if pair.accepted:
                by_defect.setdefault(pair.defect, []).append(pair)
        kept: set[str] = set()
        for defect, room in _shares({name: len(mine) for name, mine in by_defect.items()}, count).items():
            mine = by_defect[defect]
            vectors = np.stack([self._vectors[pair.id] for pair in mine])
            kept |= {mine[i].id for i in pick(vectors, room)}
        self._pairs.keep(kept, LEFT_OUT)
        return len(kept)

    def _duplicates(self, attempt: Attempt) -> list[Reason]:
        reasons = []
        for drawn in attempt.drawn:
            ids, crops = self._crops.get(drawn.site.spec.defect, ([], []))
            if drawn.crop is not None and crops and (reason := self._checks.duplicate(drawn.crop, crops, ids)):
                reasons.append(reason)
        return reasons

    def _remember(self, pair: Pair, image: np.ndarray, mask: np.ndarray) -> None:
        """Keep what later pairs are compared with: each defect's crop, and the largest one's features for the pick.

        image: (H, W, C) as stored; mask: (H, W) bool, the exact one, so that the other form leaves the same pairs. All is taken from the
        finished pair, so that one made just now and one read back are the same.
        """
        largest = 0
        for defect in pair.defects:
            assert defect.box is not None
            top, left, height, width = defect.box.top, defect.box.left, defect.box.height, defect.box.width
            own = mask[top : top + height, left : left + width]  # beyond its box it is another's
            box = bounding_box(own)
            top, left, height, width = top + box.top, left + box.left, box.height, box.width
            window = cut(image, top - MARGIN, left - MARGIN, height + 2 * MARGIN, width + 2 * MARGIN)
            inside = np.pad(mask[top : top + height, left : left + width], MARGIN)
            crop = self._checks.crop(Candidate(window, None, inside, defect.defect))
            ids, crops = self._crops.setdefault(defect.defect, ([], []))
            ids.append(pair.id)
            crops.append(crop)
            if (area := int(own.sum())) > largest:
                largest = area
                place = (top + height / 2) / image.shape[0], (left + width / 2) / image.shape[1]
                self._vectors[pair.id] = features(crop, place)

    def _is_ours(self, pair: Pair) -> bool:
        """Return whether the plan would make this attempt, with this model."""
        try:
            now = self._plan(int(pair.id), pair.attempt)
        except (IndexError, ValueError):
            return False
        normal = None if now.normal is None else str(now.normal)
        if (pair.defect, pair.seed, pair.normal, pair.model) != (now.defect, now.seed, normal, self._model):
            return False
        return pair.settings == self._fingerprint.of(now)


def _shares(sizes: dict[str, int], count: int) -> dict[str, int]:
    """Return how many of each kind to keep: `count` in all, each kind alike as far as it has enough."""
    shares = dict.fromkeys(sizes, 0)
    while sum(shares.values()) < min(count, sum(sizes.values())):
        open_kinds = [name for name in sizes if shares[name] < sizes[name]]
        shares[min(open_kinds, key=lambda name: shares[name])] += 1
    return shares
