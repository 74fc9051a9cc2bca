"""Which part of an export a picture goes to: by its specimen's name alone, so that more pictures move none."""

import hashlib
from collections.abc import Collection, Mapping

from flawsmith.core.errors import ConfigError
from flawsmith.formats.writers.row import SPLITS, TRAIN


def parse_shares(text: str) -> tuple[float, float, float]:
    """Return the shares of train, val and test in a text such as "0.8,0.1,0.1" or "80,20"; everything is train for "".

    Raises ConfigError for what is none.
    """
    if not text:
        return 1.0, 0.0, 0.0
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    whole = sum(shares)
    if not 2 <= len(shares) <= 3 or min(shares) < 0 or not (abs(whole - 1) < 1e-6 or abs(whole - 100) < 1e-6):
        raise ConfigError(f"--split {text}: expected shares of train, val and test that come to 1 or 100, such as 0.8,0.1,0.1 or 80,20.")
    train, val, *test = (share / whole for share in shares)
    return train, val, sum(test)


class Splitter:
    """Gives each specimen its part."""

    def __init__(self, shares: tuple[float, float, float], known: Mapping[str, str], pinned: Mapping[str, str]) -> None:
        """known: parts that specimens have already, from earlier exports; pinned: those that some must have."""
        self._shares, self._known = shares, {**pinned, **known}

    def of(self, group: str) -> str:
        """Return the part, of SPLITS, of everything that shows the specimen `group`."""
        if group in self._known:
            return self._known[group]
        place = _place(group)
        for split, share in zip(SPLITS, self._shares, strict=True):
            place -= share
            if place < 0:
                return split
        return TRAIN  # shares that come to a little less than 1

    def share_out(self, groups: Collection[str]) -> None:
        """See to it that every part with a share has one of some specimens: by a few pictures' names alone it may have none.

        One that is in train goes there for good, unless its part is known, or train would have none of them.
        """
        for split, share in zip(SPLITS, self._shares, strict=True):
            train = [group for group in groups if self.of(group) == TRAIN]
            free = sorted((group for group in train if group not in self._known), key=_place)
            if share and free and len(train) > 1 and not any(self.of(group) == split for group in groups):
                self._known[free[-1]] = split


def _place(group: str) -> float:
    """Return a number from 0 to 1 that a specimen's name alone decides."""
    return int.from_bytes(hashlib.sha256(f"split {group}".encode()).digest()[:8], "big") / 2**64
