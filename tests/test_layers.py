"""Imports point downwards, in functions too, and go round in no circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flawsmith

ROOT = Path(flawsmith.__file__).parent
# low to high: a folder imports from itself and from those before it; a single module of a folder may have a place of its own
LAYERS = (
    *(
        "version",
        "core",
        "config",
        "images",
        "dataset",
        "formats",
        "pairs",
        "product",
        "diffusion",
        "models",
        "base",
        "synthesis",
        "compositing",
    ),
    *("placement", "quality", "training", "generation", "metrics", "benchmark", "sweeps", "reports", "workflows", "studio", "demo", "cli"),
    *("base.critic", "base.train", "base.probe"),  # how the base is made and measured: commands that use all of it
)
USERS = ("demo", "cli")  # these may call the functions of the root, as a user does
ENTRANCES = ("__init__", "__main__")  # of the package itself: they hand out what lies above everything


def modules(root: Path) -> dict[str, Path]:
    """Return the files of a package by the names that they are imported by."""
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each module of the package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import; name the module in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name if name in known else str(node.module)) for name in names if str(node.module) in known)


def layer(module: str) -> int | None:
    """Return the place of a module of the package in LAYERS: of itself, or of the nearest folder around it; None where it has none."""
    parts = module.split(".")[1:]
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((LAYERS.index(name) for name in names if name in LAYERS), None)


def upward(root: Path) -> list[str]:
    """Return every import that points upwards, or to a folder that has no layer."""
    known = modules(root)
    found = []
    for name, path in known.items():
        here = name.split(".")[1:2]
        if not here or here[0] in ENTRANCES:
            continue
        for line, other in imports(path, known):
            mine, its = layer(name), layer(other)
            told = f"{path.relative_to(root)}:{line} imports {other}"
            if "." not in other:
                found += [told] if here[0] not in USERS else []
            elif mine is None or its is None:
                found.append(f"{told}: one of them has no layer; give the new folder its place in LAYERS")
            elif its > mine:
                found.append(told)
    return sorted(set(found))


def circles(root: Path) -> list[list[str]]:
    """Return modules that import each other, each circle once."""
    known = modules(root)
    edges = {name: {other for _, other in imports(path, known)} - {name} for name, path in known.items() if "." in name}
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in done:
            for other in sorted(edges.get(name, ())):
                visit(other, [*way, name])
            done.add(name)

    for name in sorted(edges):
        visit(name, [])
    return found


def test_nothing_imports_upwards() -> None:
    assert upward(ROOT) == []


def test_no_modules_import_each_other() -> None:
    assert circles(ROOT) == []


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("generation/a.py", "def f():\n    from flawsmith.reports import page\n", ["generation/a.py:2 imports flawsmith.reports"]),
        ("generation/a.py", "import flawsmith.reports\n", ["generation/a.py:1 imports flawsmith.reports"]),
        ("core/a.py", "from flawsmith import reports\n", ["core/a.py:1 imports flawsmith.reports"]),
        ("core/a.py", "from flawsmith import fit\n", ["core/a.py:1 imports flawsmith"]),
        ("cli/a.py", "import flawsmith as fs\nfrom flawsmith.reports import page\n", []),
        ("reports/a.py", "from flawsmith.core import b\n", []),
        ("elsewhere/a.py", "from flawsmith.core import b\n", ["elsewhere/a.py:1 imports flawsmith.core.b: one of them has no layer"]),
        ("base/train.py", "from flawsmith.reports import page\n", []),
        ("base/weights.py", "from flawsmith.reports import page\n", ["base/weights.py:1 imports flawsmith.reports"]),
        ("reports/a.py", "from flawsmith.base import train\n", ["reports/a.py:1 imports flawsmith.base.train"]),
    ],
)
def test_the_test_sees_what_it_is_to_see(file: str, text: str, told: list[str], tmp_path: Path) -> None:
    root = tmp_path / "flawsmith"
    for name in ("", "reports", "core", "cli", "generation", "elsewhere", "base"):
        (root / name).mkdir(exist_ok=True)
        (root / name / "__init__.py").touch()
    (root / "core/b.py").touch()
    (root / "base/train.py").touch()
    (root / file).write_text(text)
    found = upward(root)
    assert len(found) == len(told) and all(one.startswith(other) for one, other in zip(found, told, strict=True))


def test_the_test_sees_a_circle(tmp_path: Path) -> None:
    root = tmp_path / "flawsmith"
    (root / "core").mkdir(parents=True)
    (root / "core/a.py").write_text("from flawsmith.core import b\n")
    (root / "core/b.py").write_text("def f():\n    from flawsmith.core.a import x\n")
    (root / "__init__.py").touch()
    (root / "core/__init__.py").touch()
    assert circles(root) == [["flawsmith.core.a", "flawsmith.core.b", "flawsmith.core.a"]]
