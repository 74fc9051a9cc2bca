"""A studio in a process of its own, as a user starts it, and where the browser is that looks at it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ORIGIN = "http://127.0.0.1:8765"


class Server:
    """`flawsmith studio` on a free port; used as `with Server(home) as server`. It may be stopped and started again."""

    def __init__(self, home: Path, *arguments: str) -> None:
        """arguments: more of the command line."""
        self._command = [sys.executable, "-m", "flawsmith", "studio", "--home", str(home), "--port", "0", "--no-browser", *arguments]
        self.address = ""  # "http://127.0.0.1:PORT"
        self.said = ""  # the whole address that was printed
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"(http://[^/\s]+)\S*", line)
        assert found, f"the studio did not start: {line!r}"
        self.said, self.address = found[0], found[1]

    def stop(self) -> None:
        """End it as Ctrl-C does; jobs go on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid


def find_chromium() -> str:
    """Return the browser's program; skips the test where there is none, and fails where one is required."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (found := shutil.which(name)) is not None:
            return found
    if os.environ.get("FLAWSMITH_BROWSER") == "required":
        pytest.fail("there is no chromium; `make browser` installs it")
    pytest.skip("there is no chromium; `make browser` installs it")
