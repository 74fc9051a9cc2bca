"""The folder OUT: pairs and their rows, what is there already, the plan of a dry run, and the pick of the most different."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.core.errors import OutputExistsError
from flawsmith.core.files import append_line, read_lines, write_bytes, write_text
from flawsmith.dataset.windows import cut
from flawsmith.generation.attempt import Attempt
from flawsmith.generation.plan import Plan, plan_row
from flawsmith.images.files import read_image, read_mask, read_pitch, type_of, write_image, write_mask
from flawsmith.quality.copies import MARGIN, Crop
from flawsmith.quality.select import features, pick
from flawsmith.quality.verify import Candidate, Verifier
from flawsmith.reports.drawing import encode_picture
from flawsmith.reports.plans import PlanEntry, plan_sheet

LEFT_OUT = "pick: left out, as others differ more from each other"


class Output:
    """What is written into OUT, and what it already holds."""

    def __init__(self, folder: Path, model: str, settings: str, checks: Verifier, plan: Plan) -> None:
        """model, settings: hashes of the weights and of all else that shapes a pair."""
        self.folder, self._model, self._settings, self._checks, self._plan = folder, model, settings, checks, plan
        self._rows = folder / "pairs.jsonl"
        self._crops: dict[str, tuple[list[str], list[Crop]]] = {}  # by defect: ids and crops of what was accepted
        self._vectors: dict[str, np.ndarray] = {}  # by id

    def open(self) -> None:
        """Make the folder ready for rows."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._rows.touch()

    def finish(self, attempt: Attempt, last: bool) -> str:
        """Write an attempt's row, and its files where it counts; return "accepted", "rejected" or "failed" (rejected for the last time).

        Called in the order of the pairs' numbers: what is a duplicate depends on those before and on nothing else.
        """
        if not attempt.reasons:
            attempt.reasons += self._duplicates(attempt)
        outcome = "accepted" if not attempt.reasons else "failed" if last else "rejected"
        wanted = attempt.wanted
        name = mask_name = None
        if outcome == "accepted":
            assert attempt.image is not None
            pitch = None if wanted.normal is None else read_pitch(wanted.normal)
            name, mask_name = f"test/{wanted.defect}/{wanted.id}.png", f"ground_truth/{wanted.defect}/{wanted.id}_mask.png"
            mask = attempt.mask()
            write_image(self.folder / name, attempt.image, pitch)
            write_mask(self.folder / mask_name, mask, pitch)
            self._remember(wanted.id, attempt.row()["parts"], attempt.image, mask)
        row: dict[str, Any] = {"id": wanted.id, "attempt": wanted.attempt, "defect": wanted.defect, "image": name, "mask": mask_name}
        row |= {"verdict": outcome, "reasons": attempt.reasons, "scores": attempt.scores(), "seed": wanted.seed}
        row |= {"normal": None if wanted.normal is None else str(wanted.normal), "model": self._model, "settings": self._settings}
        row |= {"source_format": None if wanted.normal is None else type_of(wanted.normal)}
        row |= {"size": None if attempt.image is None else list(attempt.image.shape[:2])} | attempt.row()
        append_line(self._rows, json.dumps(row))
        return outcome

    def resume(self) -> set[str]:
        """Return the ids that are finished, and drop the rows of those that are not.

        Raises OutputExistsError when the rows there were not made by this model with this seed, these defects and these normals.
        """
        if not self._rows.is_file():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise OutputExistsError(f"{self.folder}: has no pairs.jsonl, so there is nothing to resume; name another folder.")
            return set()
        rows = read_lines(self._rows)
        for row in rows:
            if not self._is_ours(row):
                raise OutputExistsError(
                    f"{self.folder}: pair {row['id']} there was made by another model, seed, normals, defects or other options; resume "
                    "with the same ones, or name another folder."
                )
        done = {row["id"] for row in rows if row["verdict"] in ("accepted", "failed") or LEFT_OUT in row["reasons"]}
        write_text(self._rows, "".join(json.dumps(row) + "\n" for row in rows if row["id"] in done))
        for row in rows:
            if row["verdict"] == "accepted":
                self._remember(row["id"], row["parts"], read_image(self.folder / row["image"]), read_mask(self.folder / row["mask"]))
        return done

    def pick(self, count: int) -> int:
        """Keep the `count` accepted pairs that differ most, each defect's share alike; return how many are left.

        The files of the others are removed, and their rows say so.
        """
        rows = read_lines(self._rows)
        accepted = [row for row in rows if row["verdict"] == "accepted"]
        by_defect: dict[str, list[dict[str, Any]]] = {}
        for row in accepted:
            by_defect.setdefault(row["defect"], []).append(row)
        kept: set[str] = set()
        for defect, room in _shares({name: len(mine) for name, mine in by_defect.items()}, count).items():
            mine = by_defect[defect]
            vectors = np.stack([self._vectors[row["id"]] for row in mine])
            kept |= {mine[i]["id"] for i in pick(vectors, room)}
        left_out = [row for row in accepted if row["id"] not in kept]
        files = [self.folder / row[name] for row in left_out for name in ("image", "mask")]
        for row in left_out:
            row |= {"verdict": "rejected", "reasons": [LEFT_OUT], "image": None, "mask": None}
        write_text(self._rows, "".join(json.dumps(row) + "\n" for row in rows))  # first: a row must never name a file that is gone
        for file in files:
            file.unlink()
        return len(kept)

    def write_plan(self, sketches: Iterable[Attempt]) -> None:
        """Write OUT/plan.jsonl, which `--plan` reads, and OUT/plan.png; sketches: attempts with proposed shapes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = self.folder / "plan.jsonl"
        write_text(rows, "")

        def entries() -> Iterator[PlanEntry]:
            for attempt in sketches:
                append_line(rows, json.dumps(plan_row(attempt.wanted)))
                assert attempt.image is not None
                shapes = [(f.spot.placement.top, f.spot.placement.left, f.mask) for f in attempt.flaws]
                yield PlanEntry(f"{attempt.wanted.id}  {attempt.wanted.defect}", attempt.image, shapes)

        write_bytes(self.folder / "plan.png", encode_picture(plan_sheet(entries()), "PNG"))

    def _duplicates(self, attempt: Attempt) -> list[str]:
        reasons = []
        for flaw in attempt.flaws:
            ids, crops = self._crops.get(flaw.spot.part.defect, ([], []))
            if flaw.crop is not None and crops and (reason := self._checks.duplicate(flaw.crop, crops, ids)):
                reasons.append(reason)
        return reasons

    def _remember(self, name: str, parts: list[dict[str, Any]], image: np.ndarray, mask: np.ndarray) -> None:
        """Keep what later pairs are compared with: each defect's crop, and the largest one's features for the pick.

        parts: of the pair's row. All is taken from the finished pair, so that one made just now and one read back are the same.
        """
        largest = 0
        for part in parts:
            top, left, height, width = part["box"]
            window = cut(image, top - MARGIN, left - MARGIN, height + 2 * MARGIN, width + 2 * MARGIN)
            inside = np.pad(mask[top : top + height, left : left + width], MARGIN)  # beyond its box it is another's
            crop = self._checks.crop(Candidate(window, None, inside, part["defect"]))
            ids, crops = self._crops.setdefault(part["defect"], ([], []))
            ids.append(name)
            crops.append(crop)
            if part["area"] > largest:
                largest = part["area"]
                place = (top + height / 2) / image.shape[0], (left + width / 2) / image.shape[1]
                self._vectors[name] = features(crop, place)

    def _is_ours(self, row: dict[str, Any]) -> bool:
        """Return whether the plan would make this row's attempt, with this model."""
        try:
            now = self._plan(int(row["id"]), row["attempt"])
        except IndexError:
            return False
        same = (now.defect, now.seed, None if now.normal is None else str(now.normal), self._model, self._settings)
        return (row["defect"], row["seed"], row["normal"], row["model"], row.get("settings")) == same


def _shares(sizes: dict[str, int], count: int) -> dict[str, int]:
    """Return how many of each kind to keep: `count` in all, each kind alike as far as it has enough."""
    shares = dict.fromkeys(sizes, 0)
    while sum(shares.values()) < min(count, sum(sizes.values())):
        open_kinds = [name for name in sizes if shares[name] < sizes[name]]
        shares[min(open_kinds, key=lambda name: shares[name])] += 1
    return shares
