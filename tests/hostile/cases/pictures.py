"""Damaged pictures in every place where a command reads one."""

from collections.abc import Callable
from pathlib import Path

from hostile.kit import GOOD, REFUSED, Case, Kit, Maker, Words, benefit, check, evaluate, export, fit, generate, rows_of, spoiled
from hostile.pictures import PICTURES, Make


def among_normals(name: str, content: Make, command: Callable[[Path], Words] = check) -> Maker:
    """Return the case of a file beside the normals of a product."""
    return spoiled("data", lambda root: (root / "train/good" / name).write_bytes(content()), lambda _, root: command(root))


def as_mask(name: str, command: Callable[[Path], Words] = check) -> Maker:
    """Return the case of a picture in the place of a mask."""
    mask, content = "ground_truth/blob/000_mask.png", PICTURES[name][0]
    return spoiled("data", lambda root: (root / mask).write_bytes(content()), lambda _, root: command(root))


def option(which: str, name: str) -> Maker:
    """Return the case of a picture that an option of `generate` names: alone, or in a folder."""

    def make(kit: Kit, room: Path) -> Words:
        path = room / "given" / name
        path.parent.mkdir()
        for each in [f"{i:03}.png" for i in range(5)] if which == "--foreground" else [name]:  # a mask for every normal
            (path.parent / each).write_bytes(PICTURES[name][0]())
        return generate(kit.run, which, path.parent if which in ("--onto", "--foreground") else path)

    return make


def pair_file(kind: str, name: str, command: Maker) -> Maker:
    """Return the case of a picture in the place of a pair's image or mask."""
    return spoiled("out", lambda out: (out / rows_of(out)[0][kind]).write_bytes(PICTURES[name][0]()), command)


def cases() -> list[Case]:
    """Return the cases."""
    found = [
        Case(f"check {name}", among_normals(name, make), GOOD if good else REFUSED, "" if good else f"train/good/{name}: ")
        for name, (make, good) in PICTURES.items()
    ]
    for name in ("bomb.png", "cut.png", "pages.tif", "nan.tif"):
        make = PICTURES[name][0]
        found += [
            Case(f"fit {name}", among_normals(name, make, fit), REFUSED, name),
            Case(f"benefit {name}", among_normals(name, make, benefit), REFUSED, name),
            Case(f"generate DATA {name}", among_normals(name, make, generate), REFUSED, name),
            Case(f"generate --onto {name}", option("--onto", name), REFUSED, name),
            Case(f"generate --region {name}", option("--region", name), REFUSED, name),
            Case(f"generate --place-map {name}", option("--place-map", name), REFUSED, name),
            Case(f"generate --foreground {name}", option("--foreground", name), REFUSED, "000.png"),
            Case(f"generate --like {name}", option("--like", name), REFUSED, name),
            Case(f"check mask {name}", as_mask(name), REFUSED, "ground_truth/blob/000_mask.png"),
            Case(f"fit mask {name}", as_mask(name, fit), REFUSED, "000_mask.png"),
            Case(f"export image {name}", pair_file("image", name, lambda _, out: export(out)), REFUSED, "000000.png"),
            Case(f"export mask {name}", pair_file("mask", name, lambda _, out: export(out)), REFUSED, "000000_mask.png"),
            Case(f"evaluate image {name}", pair_file("image", name, lambda kit, out: evaluate(kit.data, out)), REFUSED, "000000.png"),
            Case(f"evaluate mask {name}", pair_file("mask", name, lambda kit, out: evaluate(kit.data, out)), REFUSED, "000000_mask.png"),
        ]
    return [*found, Case("check mask of grey levels", as_mask("line.png"), REFUSED, "000_mask.png")]
