"""SIGTERM ends a command as Ctrl-C does, with a status of its own."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flawsmith.core.signals import Terminated, exit_status, interrupts_held_back, terminated_as_interrupt

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Have no signal ignored, as those are that a shell's job in the background, or `nohup`, begins with."""
    usual: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_is_an_interrupt_with_its_own_status(number: signal.Signals, status: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as caught, terminated_as_interrupt():
        os.kill(os.getpid(), number)
    assert isinstance(caught.value, Terminated) == (number != signal.SIGINT) and exit_status(caught.value) == status
    assert signal.getsignal(number) is before


def test_ctrl_c_is_130() -> None:
    assert exit_status(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("first", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_does_not_cut_off_the_keeping(first: signal.Signals, status: int, second: signal.Signals) -> None:
    kept = False
    with pytest.raises(KeyboardInterrupt) as caught, terminated_as_interrupt():
        try:
            os.kill(os.getpid(), first)
        except KeyboardInterrupt:
            os.kill(os.getpid(), second)
            kept = True
            raise
    assert kept and exit_status(caught.value) == status


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # for a traceback that Python prints in passing
def test_of_two_in_one_moment_one_counts_and_neither_leaves_a_traceback() -> None:
    both = {signal.SIGINT, signal.SIGTERM}
    with pytest.raises(KeyboardInterrupt) as caught, terminated_as_interrupt():
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        try:
            for number in both:
                signal.raise_signal(number)  # to this thread: another one might take what is sent to the process
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
    assert exit_status(caught.value) in (130, 143)


def test_what_is_held_back_is_raised_where_it_is_asked_for_the_first_of_all() -> None:
    done = []
    with pytest.raises(Terminated) as caught, interrupts_held_back() as stop_if_asked:
        stop_if_asked()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
            done.append(number)
        stop_if_asked()
        done.clear()
    assert len(done) == 3 and exit_status(caught.value) == 143


def test_what_is_not_asked_for_is_raised_at_the_end_but_for_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupts_held_back("stopping"):
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err == "\nstopping\n"
    with pytest.raises(ValueError), interrupts_held_back():
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        with terminated_as_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_runs_the_block_without_handlers() -> None:
    seen = []

    def work() -> None:
        with terminated_as_interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_what_was_held_back_is_handled_as_before_so_that_a_second_cuts_nothing_off() -> None:
    kept = False
    with pytest.raises(Terminated), terminated_as_interrupt():
        try:
            with interrupts_held_back():
                os.kill(os.getpid(), signal.SIGTERM)
        except Terminated:
            os.kill(os.getpid(), signal.SIGTERM)
            kept = True
            raise
    assert kept
