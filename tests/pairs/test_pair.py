"""A pair survives its row, older rows are read, and what is no row is refused by its key."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flawsmith.core.paths import leads_out
from flawsmith.dataset.windows import Box
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.pairs.reason import Reason

CONTRACT = {"id", "defect", "image", "mask", "verdict", "reasons", "scores", "seed", "normal", "region", "model", "size"}
LEAST = {"id": "000000", "defect": "crack", "verdict": "failed"}
FULL = Pair(
    "000017",
    "combined",
    "rejected",
    2,
    reasons=(Reason("seam", "2.1 times: at most 1.6"),),
    scores={"visible": 4.5},
    seed=2**62,
    normal="good/é.png",
    model="0f",
    settings="1e",
    source_format="TIFF",
    size=(64, 80),
    region=Box(1, 2, 3, 4),
    severity=1.5,
    defects=(PlacedDefect("crack", Box(1, 2, 3, 4), 9, Box(0, 0, 9, 9), "free", "7.png", 1.5, {"area": 9.0}, (Reason("a", "b"),)),),
    more={"later": [1, {"a": None}]},
)

texts = st.text(max_size=8)
folders = texts.filter(lambda text: bool(text.strip()) and not leads_out(text))
boxes = st.none() | st.builds(Box, *[st.integers(0, 9999)] * 4)
scores = st.dictionaries(texts, st.floats(allow_nan=False), max_size=2)
names = st.from_regex(r"[a-z][a-z ]*[a-z]", fullmatch=True)
reasons = st.lists(st.builds(Reason, names, texts), max_size=2).map(tuple)
placed = st.builds(
    PlacedDefect,
    folders,
    boxes,
    st.integers(0),
    boxes,
    st.sampled_from(["given", "free"]),
    texts,
    st.floats(0.1, 4),
    scores,
    reasons,
)
pairs = st.builds(
    Pair,
    folders,
    folders,
    st.sampled_from(["rejected", "failed"]),
    st.integers(0),
    reasons=reasons,
    scores=scores,
    seed=st.integers(0, 2**63),
    normal=st.none() | texts,
    size=st.none() | st.tuples(st.integers(1), st.integers(1)),
    region=boxes,
    defects=st.lists(placed, max_size=2).map(tuple),
)


@given(pairs)
def test_a_pair_survives_its_row(pair: Pair) -> None:
    assert Pair.from_row(json.loads(json.dumps(pair.to_row()))) == pair


def test_a_row_has_every_key_of_the_contract_and_keeps_those_of_later_versions() -> None:
    row = json.loads(json.dumps(FULL.to_row()))
    assert row.keys() >= CONTRACT and row["later"] == [1, {"a": None}] and row["region"] == [1, 2, 3, 4]
    assert row["reasons"] == ["seam: 2.1 times: at most 1.6"]
    assert Pair.from_row(row) == FULL
    row["defects"][0]["deeper"] = 3
    assert Pair.from_row(row).to_row() == row


def test_what_a_row_leaves_out_is_not_known() -> None:
    pair = Pair.from_row(LEAST)
    assert (pair.normal, pair.size, pair.region, pair.defects, pair.scores) == ("", None, None, (), {})
    assert not pair.accepted and not pair.from_noise and Pair.from_row(LEAST | {"normal": None}).from_noise


def test_older_rows_are_read() -> None:
    part = {"defect": "crack", "box": [1, 2, 3, 4], "shape": "invented", "reasons": ["seam: 2: at most 1"]}
    pair = Pair.from_row(LEAST | {"parts": [part], "reasons": ["seam: 2: at most 1", "invisible"]})
    assert pair.reasons == (Reason("seam", "2: at most 1"), Reason("invisible", ""))
    assert pair.defects == (PlacedDefect("crack", Box(1, 2, 3, 4), shape="free", reasons=(Reason("seam", "2: at most 1"),)),)
    assert "parts" not in pair.to_row()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([], "is a list, expected an object"),
        ({"id": "0", "defect": "crack"}, "has no verdict"),
        (LEAST | {"verdict": "maybe"}, "verdict: got 'maybe', expected accepted, rejected, failed"),
        (LEAST | {"verdict": "accepted"}, "accepted, but has no image"),
        (LEAST | {"id": 7}, "id: got 7, expected str"),
        (LEAST | {"seed": True}, "seed: got True, expected int"),
        (LEAST | {"region": [1, 2, 3]}, "region: got .*, expected .top, left, height, width."),
        (LEAST | {"size": [1, 2, 3]}, "size: "),
        (LEAST | {"reasons": [{"check": "a"}]}, "reasons: got the reason"),
        (LEAST | {"defects": [{"box": None}]}, "defects: one of them has no defect"),
        (LEAST | {"defects": [{"defect": "crack", "area": "9"}]}, "defects: area: got '9', expected int"),
        (LEAST | {"scores": [1]}, "scores: got"),
        (LEAST | {"image": "../0.png"}, "image: got '../0.png', expected a path inside the folder"),
        (LEAST | {"mask": "/etc/passwd"}, "mask: got '/etc/passwd', expected a path inside the folder"),
        (LEAST | {"other_mask": "a\\\\..\\\\b.png"}, "other_mask: got .*, expected a path inside the folder"),
    ],
)
def test_what_is_no_row_is_refused_by_its_key(row: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Pair.from_row(row)


@pytest.mark.parametrize("key", ["id", "defect"])
@pytest.mark.parametrize("name", ["", " ", "../x", "a/../../x", "/x", "C:\\x", "..\\x", "a\0", 7])
def test_names_that_lead_out_of_the_folder_are_refused(key: str, name: object) -> None:
    with pytest.raises(ValueError, match=f"{key}: got"):
        Pair.from_row({**LEAST, key: name})
    with pytest.raises(ValueError, match="defects: defect: got"):
        Pair.from_row({**LEAST, "defects": [{"defect": name}]})
