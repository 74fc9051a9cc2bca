"""Why a pair does not count: the check that refused it, and what it found in plain language."""

from typing import Any, NamedTuple


class Reason(NamedTuple):
    """One refusal."""

    check: str  # name of the check, such as "visible"
    text: str  # what was found, what was expected

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"

    def to_json(self) -> str:
        """Return the row's value, "check: text"; the name of a check holds no colon."""
        return str(self)

    @classmethod
    def from_json(cls, value: Any) -> "Reason":
        """Return the reason of a row's value, of which the name of the check ends at the first ": "; raises ValueError for no text."""
        if not isinstance(value, str):
            raise ValueError(f"got the reason {value!r}, expected a text such as 'visible: what was found'")
        check, _, text = value.partition(": ")
        return cls(check, text)
