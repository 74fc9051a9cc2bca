"""Which share of made pairs a column trains with: the default, unless the validation part is sure of another."""

from dataclasses import dataclass, replace

from flawsmith.benchmark.protocol import default_share
from flawsmith.benchmark.tallies import load_tally
from flawsmith.benchmark.workspace import Workspace
from flawsmith.metrics.statistics import Estimate, bootstrap

VALIDATION = "validation part"  # every share is resampled alike, so that differences are paired
METRIC = "pixel_ap"


@dataclass(frozen=True)
class ShareChoice:
    """A share of made pairs among a column's defect crops, and why it was taken."""

    share: float  # 0 to 1
    reason: str  # one sentence for the report
    against: float | None = None  # the share it was compared with, None where nothing was compared
    difference: Estimate | None = None  # of validation pixel AP, the best other share less the default one


def choose_share(work: Workspace, column: str) -> ShareChoice:
    """Return the share for a column, from the first seed's trainings.

    The share with the highest pixel AP on the validation part is taken only where the 95 % bootstrap interval of its paired difference
    to the default share excludes zero; a handful of validation pictures seldom shows that, and then the default stays.
    """
    shares = work.settings.shares_of(column)
    default = default_share(shares)
    if len(shares) == 1:
        return ShareChoice(default, "one share was given")
    first = replace(work, seed=work.settings.seed)
    if not work.parts.validation.defects:
        return ShareChoice(default, "the validation part has no defect; the default share was taken")
    found = {share: validation_estimate((first,), column, share) for share in shares}
    if any(estimate is None for estimate in found.values()):
        return ShareChoice(default, "the validation part has no pixels of both kinds; the default share was taken")
    known = {share: estimate for share, estimate in found.items() if estimate is not None}
    best = max((share for share in sorted(shares) if share != default), key=lambda share: known[share].value)
    difference = known[best] - known[default]
    low, high = difference.interval()
    told = f"{100 * difference.value:+.1f} points of validation pixel AP ({100 * low:+.1f} to {100 * high:+.1f})"
    if low > 0:
        return ShareChoice(best, f"share {best:g} against the default {default:g}: {told}; the interval excludes zero", default, difference)
    reason = f"share {best:g} against the default {default:g}: {told}; not sure, so the default was taken"
    return ShareChoice(default, reason, best, difference)


def validation_estimate(works: tuple[Workspace, ...], column: str, share: float) -> Estimate | None:
    """Return a column's pixel AP (0 to 1) on the validation part with its bootstrap draws, over seeds; None where it is not defined."""
    paths = [work.trained(column, share).with_suffix(".npz") for work in works]
    if not all(path.is_file() for path in paths):
        return None
    return bootstrap([load_tally(path) for path in paths], what=VALIDATION).get(METRIC)
