"""Keep of an environment's CycloneDX bill of materials what flawsmith needs to run: `python sbom.py ALL.json EXTRA... > ONE.json`.

ALL.json: what `cyclonedx-py environment` wrote of the environment that runs this; EXTRA: those of pyproject.toml that are counted.
Development tools are left out, as nobody gets them with the wheel.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NAME = "flawsmith"


def main() -> None:
    """Print the shorter bill."""
    source, *extras = sys.argv[1:]
    print(json.dumps(kept(json.loads(Path(source).read_text(encoding="utf-8")), extras), indent=2))


def kept(bill: dict[str, Any], extras: Iterable[str]) -> dict[str, Any]:
    """Return a bill with those components alone that are needed to run."""
    graph, left = {}, [Requirement(f"{NAME}[{','.join(extras)}]")]
    while left:
        one = left.pop()
        key = canonicalize_name(one.name), tuple(sorted(one.extras))
        if key not in graph:
            graph[key] = list(needed(one))
            left += graph[key]
    refs = {canonicalize_name(each["name"]): each["bom-ref"] for each in bill["components"]}
    root = bill["metadata"]["component"]
    root |= {"name": NAME, "version": version(NAME), "type": "library", "purl": f"pkg:pypi/{NAME}@{version(NAME)}"}
    refs[NAME] = root["bom-ref"]
    rows: dict[str, set[str]] = {}
    for (name, _), needs in graph.items():
        rows.setdefault(refs[name], set()).update(refs[canonicalize_name(each.name)] for each in needs)
    return {
        **bill,
        "components": [each for each in bill["components"] if each["bom-ref"] in rows and each["bom-ref"] != refs[NAME]],
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs)} for ref, needs in sorted(rows.items())],
    }


def needed(one: Requirement) -> Iterator[Requirement]:
    """Yield what a package needs here, with the extras that are asked for."""
    for text in requires(one.name) or ():
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *one.extras)):
            yield need


if __name__ == "__main__":
    main()
