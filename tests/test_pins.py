"""constraints.txt pins everything that `make` installs, and the bill of materials counts what people install."""

import re
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
MAKE = (ROOT / "Makefile").read_text(encoding="utf-8")


def installed() -> list[str]:
    """Return the extras that `make test` installs."""
    found = re.search(r"-e '\.\[([a-z,-]+)\]'\n\ttouch \$@ ", MAKE)
    assert found
    return found[1].split(",")


def pins() -> dict[str, str]:
    """Return the pinned versions that hold on this Python, by name."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line]
    here = [one for one in found if one.marker is None or one.marker.evaluate()]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in here}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="what Python 3.10 alone needs is not pinned")
def test_all_that_is_installed_is_pinned() -> None:
    known, left, seen = pins(), [Requirement(f"flawsmith[{','.join(installed())}]")], set()
    while left:
        one = left.pop()
        name, key = canonicalize_name(one.name), (canonicalize_name(one.name), *sorted(one.extras))
        if key in seen:
            continue
        seen.add(key)
        if name != "flawsmith":
            assert name in known, f"{name}: pin the version that is installed, {version(name)}, in constraints.txt"
        for text in requires(name) or ():
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *one.extras)):
                left.append(need)
    assert len(seen) > 50


def test_the_bill_of_materials_counts_what_people_install() -> None:
    found = re.search(r"sbom\.py \S+ ([a-z -]+) >", MAKE)
    assert found and set(found[1].split()) == set(installed()) - {"dev", "consumers"}
