"""The two forms of a generated defect's mask: the pixels that changed, and what this product's labeller would have marked."""

from dataclasses import dataclass

import numpy as np

from flawsmith.core.errors import ConfigError

EXACT, LABELLED = FORMS = ("exact", "labelled")


@dataclass(frozen=True)
class Masks:
    """The mask of one defect in both forms, on one canvas; what is exact lies inside what is labelled."""

    exact: np.ndarray  # (H, W) bool: the pixels that are seen to have changed
    labelled: np.ndarray  # (H, W) bool: in the habit of the labels that were learned from

    def of(self, form: str) -> np.ndarray:
        """Return the mask (H, W) bool of one of FORMS."""
        return self.labelled if form == LABELLED else self.exact


def other_form(form: str) -> str:
    """Return the form that is not `form`."""
    return LABELLED if form == EXACT else EXACT


def check_form(form: str) -> None:
    """Raise ConfigError for what is none of FORMS."""
    if form not in FORMS:
        raise ConfigError(
            f"--mask {form}: expected {EXACT} (the pixels that changed) or {LABELLED} (as the labels learned from are drawn)."
        )
