"""SIGTERM as Ctrl-C: what ends a command from outside lets it keep what it has, and has an exit status of its own."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Ctrl-C; what docker stop, Slurm and systemd send; and a closed terminal, which Windows has not
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


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
    """Raise Terminated in the main thread when SIGTERM or SIGHUP arrives during the block, KeyboardInterrupt for Ctrl-C.

    Further ones are ignored until the end of the block, so that none cuts off what is kept because of the first; then the handlers of
    before come back. A signal that is ignored, as `nohup` has it, stays ignored; outside the main thread, where Python sets no handlers,
    nothing changes.
    """

    def end(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, _ignore)
        raise _interrupt(number)

    before = _handlers()
    with _handled_by(end, before):
        yield


@contextmanager
def interrupts_held_back(said: str = "") -> Iterator[Callable[[], None]]:
    """Let no signal interrupt the block; gives the function that raises what has come until then, as `terminated_as_interrupt` does.

    Only the first counts. What is not raised inside the block is handled at its end as it would have been before, unless the block ends by
    an error. said: a line for standard error when it comes.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if not came and said:
            os.write(2, f"\n{said}\n".encode())  # a stream might be in the middle of a line of its own
        came.append(number)

    def stop_if_asked() -> None:
        if came:
            raise _interrupt(came[0])

    with _handled_by(note, before := _handlers()):
        yield stop_if_asked
    if came and callable(before[came[0]]):
        before[came[0]](came[0], None)  # which may have further ones ignored
    stop_if_asked()


Handlers = dict[int, Any]


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing: unlike SIG_IGN also with a signal that came in the same moment as the first, of which Python would print a traceback."""


def _handlers() -> Handlers:
    """Return the handlers of the signals that end a command, without those that are ignored; none outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in _SIGNALS}
    return {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, _ignore, None)}


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None], before: Handlers) -> Iterator[None]:
    """Have the signals of `before` handled by `handler` during the block, and as before after it."""
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, own in before.items():
            signal.signal(number, own)


def _interrupt(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)
