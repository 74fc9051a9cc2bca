"""How to read a benefit report: what the numbers cover, what was chosen on what, and what they cannot tell."""

from markupsafe import Markup

from flawsmith.reports.blocks import Points
from flawsmith.reports.gains import Result


def reading(result: Result) -> Points:
    """Return a paragraph on the test part, on what was chosen, on the intervals, on the verdicts and on what is not covered."""
    settings, learned = result["settings"], [shown["counts"] for shown in result["tables"]]
    watched = all(sum(n for name, n in counts["validation"].items() if name != "good") for counts in learned)
    if settings["only_made"]:
        chosen = _CHOSEN_NOTHING
    elif len(settings["shares"]) == 1:
        chosen = _CHOSEN_ONE
    else:
        chosen = _CHOSEN_SHARE if watched else _CHOSEN_SHARE + _CHOSEN_BLIND
    seeds = _ONE_SEED if settings["seeds"] == 1 else _SEEDS.format(settings["seeds"])
    return Points([Markup(words) for words in (_TEST_PART, chosen, _INTERVALS + seeds, _SENTENCES, _OPEN)])


# of these constants, and of nothing else, the markup is shown as it is
_TEST_PART = (
    "<b>The test part</b> is the two thirds of each defect's pictures (by physical part where groups are known) that neither the model, "
    "nor a baseline, nor a detector, nor any choice has seen, and the held-out normals. It was read once, after everything was chosen. No "
    "file of it is a copy of one that was learned from. Every column is tested on the same pictures."
)
_CHOSEN_SHARE = (
    "<b>Chosen on the validation part</b>: where each training ends, and the share of made pairs among a detector's defect crops, for "
    "every column on its own, with the first seed; the other seeds follow it. A share other than the default is taken only where the 95 % "
    "interval of its difference in validation AP excludes zero. Nothing was chosen on the test part. "
)
_CHOSEN_BLIND = "Where the validation part has no defect, the default share was taken. "
_CHOSEN_ONE = "<b>Chosen on the validation part</b>: where each training ends; one share of made pairs was given. "
_CHOSEN_NOTHING = (
    "<b>Chosen</b>: nothing. As in the published protocol, no validation part is kept aside, and detectors beside the one on real defects "
    "learn from made pairs and normals alone. "
)
_INTERVALS = (
    "<b>Intervals</b> hold 95 % of 1000 resamples of the test pictures, drawn within each defect and the normals; pictures of one physical "
    "part are drawn together. Gains are paired: both columns are resampled alike, so a gain can be clear where the two intervals overlap. "
)
_SEEDS = (
    "The {} seeds, each a fit, pairs and trainings of its own, are resampled too; with two or three of them intervals are still somewhat "
    "too narrow."
)
_ONE_SEED = "There is one seed, so they cover the choice of pictures but not what another fit or training would give: they are too narrow."
_SENTENCES = (
    "<b>Helps</b> and <b>hurts</b> are said only where the whole interval of the gain in pixel AP is on one side of zero; otherwise it is "
    "<b>no gain</b>, however large the mean. Look at PRO and AUROC too: what gains in one may lose in another."
)
_OPEN = (
    "<b>Not covered</b>: another choice of the few labelled pictures, another product, another detector. F1-max takes its threshold from "
    "the test part, for every column alike."
)
