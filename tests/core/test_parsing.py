"""JSON and YAML that mean harm are refused with an error of the usual kind."""

import json

import pytest

from flawsmith.core.parsing import parse_json, parse_yaml


def test_what_is_plain_is_read() -> None:
    assert parse_json('{"a": [1]}') == parse_yaml("a: [1]") == parse_yaml("a: &x [1]\n") == {"a": [1]}
    assert parse_yaml("a: &x [1]\nb: *x\n") == {"a": [1], "b": [1]}
    assert parse_yaml("") is None


def test_deep_json_is_an_error_of_json() -> None:
    with pytest.raises(json.JSONDecodeError, match="nested too deeply"):
        parse_json("[" * 100_000)


ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join(['*' + chr(ord(c) - 1)] * 9)}]\n" for c in "bcdefghi")


@pytest.mark.parametrize(
    "text", ["[" * 5_000, ALIASES, "a: &a [*a]", "!!python/object/apply:os.getcwd []", "a: 2026-13-45", "a: [", "? [a]\n: 1", "\0"]
)
def test_yaml_that_is_more_than_plain_values(text: str) -> None:
    with pytest.raises(ValueError):
        parse_yaml(text)
