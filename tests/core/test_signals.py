"""SIGTERM ends a command as Ctrl-C does, with a status of its own."""

import os
import signal
import threading

import pytest

from flawsmith.core.signals import Terminated, exit_status, terminated_as_interrupt

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_is_an_interrupt_with_its_own_status(number: signal.Signals, status: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as caught, terminated_as_interrupt():
        os.kill(os.getpid(), number)
    assert isinstance(caught.value, Terminated) and exit_status(caught.value) == status
    assert signal.getsignal(number) is before


def test_ctrl_c_is_130() -> None:
    assert exit_status(KeyboardInterrupt()) == 130


def test_a_second_signal_does_not_cut_off_the_keeping() -> None:
    kept = False
    with pytest.raises(Terminated), terminated_as_interrupt():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGTERM)
            kept = True
            raise
    assert kept


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
