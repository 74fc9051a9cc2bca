"""SIGTERM as Ctrl-C: what ends a command from outside lets it keep what it has, and has an exit status of its own."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# docker stop, Slurm and systemd send the first, a closed terminal the second, which Windows has not
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """The process was asked to end. A KeyboardInterrupt, so that whatever keeps its work on Ctrl-C keeps it now, too."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = int(number)


def exit_status(stop: KeyboardInterrupt) -> int:
    """Return the exit status of a command that was stopped: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return 128 + (stop.number if isinstance(stop, Terminated) else signal.SIGINT)


@contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """Raise Terminated in the main thread when SIGTERM or SIGHUP arrives during the block; the handlers of before come back after it.

    A signal that is ignored, as `nohup` has it, stays ignored; outside the main thread, where Python sets no handlers, nothing changes.
    """

    def end(number: int, frame: FrameType | None) -> None:
        for other in before:  # a second one must not cut off the keeping; Ctrl-C still does
            signal.signal(other, signal.SIG_IGN)
        raise Terminated(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
