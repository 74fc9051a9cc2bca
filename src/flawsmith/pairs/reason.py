"""Why a pair does not count: the check that refused it, and what it found in plain language."""

from typing import Any, NamedTuple


class Reason(NamedTuple):
    """One refusal."""

    check: str  # name of the check, such as "visible"
    text: str  # what was found, what was expected

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"

    def to_json(self) -> dict[str, str]:
        """Return the row's value, {"check": ..., "text": ...}."""
        return self._asdict()

    @classmethod
    def from_json(cls, value: Any) -> "Reason":
        """Return the reason of a row's value; raises ValueError for anything that `to_json` did not write."""
        if not isinstance(value, dict) or set(value) != {"check", "text"}:
            raise ValueError(f"got the reason {value!r}, expected an object with check and text")
        return cls(str(value["check"]), str(value["text"]))
