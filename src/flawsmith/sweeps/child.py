"""`python -m flawsmith.sweeps.child COMMAND ...`: the ordinary `flawsmith` command, which ends when the process that began it does.

That process holds the other end of standard input and writes nothing to it: it is closed when the process ends, however it ends.
"""

import os
import runpy
import signal
import sys
import threading

GRACE = 120.0  # seconds to keep the work


def main() -> None:
    """Run `flawsmith` with this process's arguments."""
    end_with_parent()
    runpy.run_module("flawsmith", run_name="__main__", alter_sys=True)


def end_with_parent() -> None:
    """Have this process end when the one does that holds the other end of its standard input."""
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    """Wait for the end of standard input, then end this process as SIGTERM does; at once where it does not."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.argv[0] = "flawsmith"
    main()
