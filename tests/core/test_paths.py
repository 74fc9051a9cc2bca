"""Names as people and tools write them."""

import pytest

from flawsmith.core.paths import inside, leads_out


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("test/crack/000.png", "test/crack/000.png"),
        ("../good/000.png", "__/good/000.png"),
        ("a/../../b.png", "a/__/__/b.png"),
        ("/etc/passwd", "__/etc/passwd"),
        ("C:/data/a.png", "C_/data/a.png"),
        ("12:30.png", "12:30.png"),
        ("\udcff.png", "\ufffd.png"),
    ],
)
def test_a_name_stays_inside(name: str, kept: str) -> None:
    assert inside(name) == kept and not leads_out(kept)
