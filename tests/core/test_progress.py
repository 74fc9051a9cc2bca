"""What a terminal shows of long work: how far it is and what is done, on standard error alone, and nothing where it is quiet."""

import pytest

from flawsmith.core.progress import progress, working


@pytest.mark.parametrize("quiet", [False, True])
def test_a_bar_counts_on_standard_error(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("check", 3, quiet, "files") as advance:
        advance("one bad")
        advance()
        advance("two bad")
    shown = capsys.readouterr()
    assert not shown.out and (shown.err == "") == quiet
    assert quiet or ("check" in shown.err and "3/3 files" in shown.err and "two bad" in shown.err)


def test_a_bar_that_does_not_stay_is_for_terminals_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("check", 1, False, stays=False) as advance:
        advance()
    assert capsys.readouterr().err == ""


def test_work_that_cannot_be_counted_is_named_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    with working("reading DATA", quiet=False):
        pass
    assert "reading DATA" in capsys.readouterr().err
    with working("reading DATA", quiet=True):
        pass
    assert capsys.readouterr().err == ""
