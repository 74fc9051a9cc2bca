"""Ask pip-audit for known weaknesses of pinned versions: `python audit.py PIP_AUDIT PINS.txt [OPTION...]`; options go to pip-audit.

The exit status is 0 only where every version was looked up and none has a known weakness. First a version is asked about that has one: a
service that finds nothing there, such as a mirror of the packages alone, finds nothing anywhere.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

WEAK = "jinja2==3.1.2"  # CVE-2024-22195


def main() -> int:
    """Print what was found, and return the exit status."""
    program, pins, *options = sys.argv[1:]
    command = [program, "--no-deps", "--disable-pip", "--strict", "--progress-spinner", "off", *options]
    with tempfile.TemporaryDirectory() as folder:
        weak = Path(folder) / "weak.txt"
        weak.write_text(f"{WEAK}\n", encoding="utf-8")
        asked = subprocess.run([*command, "-f", "json", "-r", str(weak)], capture_output=True, text=True)
    if not finds(asked.stdout):
        said = (asked.stderr.strip().splitlines() or ["no weakness"])[-1]
        print(f"audit: nothing was audited: of {WEAK}, which has a known weakness, the service says: {said}", file=sys.stderr)
        print(
            "audit: it takes a network with https://pypi.org, or with https://api.osv.dev (make audit AUDIT_ARGS='-s osv').",
            file=sys.stderr,
        )
        return 1
    return subprocess.run([*command, "-r", pins]).returncode


def finds(answer: str) -> bool:
    """Return whether what pip-audit says as JSON names a weakness."""
    try:
        return any(row.get("vulns") for row in json.loads(answer)["dependencies"])
    except (ValueError, KeyError):
        return False


if __name__ == "__main__":
    sys.exit(main())
