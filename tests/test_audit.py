"""`make audit` passes only where the service was seen to know weaknesses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parent.parent / "packaging/audit.py"
PROGRAM = """#!{python}
import json, sys
names = open(sys.argv[sys.argv.index("-r") + 1]).read().split()
assert "--strict" in sys.argv
if "-f" in sys.argv:
    print(json.dumps({{"dependencies": [{{"name": name, "vulns": {found}}} for name in names]}}))
print({said!r}, file=sys.stderr)
sys.exit({status})
"""
KNOWN = json.dumps([{"id": "CVE-1"}])


@pytest.mark.skipif(os.name == "nt", reason="a script as a program")
@pytest.mark.parametrize(
    ("found", "status", "expected", "told"),
    [
        (KNOWN, 0, 0, ""),
        (KNOWN, 1, 1, ""),
        ("[]", 0, 1, "nothing was audited: of jinja2==3.1.2, which has a known weakness, the service says: no answer"),
        ("1/0", 1, 1, "nothing was audited"),
    ],
)
def test_a_service_that_knows_nothing_fails(found: str, status: int, expected: int, told: str, tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(PROGRAM.format(python=sys.executable, found=found, said="no answer", status=status))
    program.chmod(0o755)
    (tmp_path / "pins.txt").write_text("a==1\n")
    result = subprocess.run([sys.executable, str(AUDIT), str(program), str(tmp_path / "pins.txt")], capture_output=True, text=True)
    assert result.returncode == expected and told in result.stderr, result.stderr
    assert ("nothing was audited" in result.stderr) == bool(told)
