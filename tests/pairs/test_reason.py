"""A reason survives its JSON form and reads as one line."""

import json

import pytest

from flawsmith.pairs.reason import Reason


def test_a_reason_survives_json_and_reads_as_a_line() -> None:
    reason = Reason("visible", "the mask's pixels changed by 0.010: at least 0.040 is needed")
    assert Reason.from_json(json.loads(json.dumps(reason.to_json()))) == reason
    assert str(reason) == "visible: the mask's pixels changed by 0.010: at least 0.040 is needed"


@pytest.mark.parametrize("value", [["visible", "x"], {"check": "visible"}, None])
def test_another_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected a text"):
        Reason.from_json(value)
