"""Names, links and archives."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.kit import GOOD, REFUSED, Case, Kit, Maker, Words, check, fit, spoiled
from hostile.pictures import encoded, grey

ODD = ("Prüfteil 日本.png", "a\nb.png", "$(rm -rf x).png", "<script>alert(1)<script>.png", "-o.png", "u\u0301.png")


def named(*names: bytes | str, command: Callable[[Path], Words] = check) -> Maker:
    """Return the case of good normals of these names."""

    def add(root: Path) -> None:
        for name in names:
            with open(os.path.join(os.fsencode(root / "train/good"), os.fsencode(name)), "wb") as stream:
                stream.write(encoded(grey(), "PNG"))

    return spoiled("data", add, lambda _, root: command(root))


def too_long_argument(kit: Kit, room: Path) -> Words:
    return check(room / ("x" * 300))


def linked(target: Callable[[Path], Any], place: str = "train/good/linked.png") -> Maker:
    """Return the case of a link in a product; target: where it leads, seen from the product."""

    def link(root: Path) -> None:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).symlink_to(target(root))

    return spoiled("data", link, lambda _, root: check(root))


def circle(kit: Kit, room: Path) -> Words:
    root = kit.copy("data", room)
    (root / "train/good/a.png").symlink_to("b.png")
    (root / "train/good/b.png").symlink_to("a.png")
    return check(root)


def device_file(kit: Kit, room: Path) -> Words:
    root = kit.copy("data", room)
    os.mkfifo(root / "train/good/pipe.png")
    return check(root)


def archive(*members: tuple[str, bytes], link: bool = False) -> Maker:
    """Return the case of a zip file beside the good files of a product."""

    def make(kit: Kit, room: Path) -> Words:
        with zipfile.ZipFile(room / "evil.zip", "w", zipfile.ZIP_DEFLATED) as stream:
            for file in sorted(p for p in kit.data.rglob("*.png")):
                stream.write(file, file.relative_to(kit.data).as_posix())
            for name, content in members:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = (stat.S_IFLNK | 0o777) << 16 if link else 0o644 << 16
                stream.writestr(info, content)
        return check(room / "evil.zip")

    return make


def archive_bomb(kit: Kit, room: Path) -> Words:
    """A zip file whose list of files says that one unfolds to 60 GiB."""
    words = archive(("train/good/bomb.png", b"x" * 100))(kit, room)
    path = room / "evil.zip"
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    return words


def cut_archive(kit: Kit, room: Path) -> Words:
    words = archive()(kit, room)
    path = room / "evil.zip"
    path.write_bytes(path.read_bytes()[:-40])
    return words


def cases() -> list[Case]:
    """Return the cases."""
    return [
        Case("fit very long name", named("x" * 251 + ".png", command=fit), GOOD),
        Case("check odd names", named(*ODD), GOOD),
        Case("check a name that is no text", named(b"\xff\xfe.png"), GOOD),
        Case("check a path that is too long", too_long_argument, REFUSED, "xxx"),
        Case("check a link out of the tree", linked(lambda root: root.parent / "elsewhere.png"), REFUSED, "linked.png"),
        Case("check a link to a whole file outside", linked(lambda root: root.parents[1] / "outside.png"), GOOD),
        Case("check a folder that links to itself", linked(lambda root: root, "train/good/again"), GOOD),
        Case("check a folder that links to what never ends", linked(lambda _: "/proc", "test/all"), GOOD, "test/all: holds no pictures"),
        Case("check links in a circle", circle, REFUSED, "a.png"),
        Case("check a link to what never ends", linked(lambda _: "/dev/zero"), REFUSED, "linked.png"),
        Case("check a pipe", device_file, REFUSED, "pipe.png"),
        Case("check archive that leads out", archive(("../../outside.txt", b"x")), REFUSED, "evil.zip"),
        Case("check archive with an absolute path", archive(("/outside/x.png", b"x")), REFUSED, "evil.zip"),
        Case("check archive with a link", archive(("x.png", b"/etc/passwd"), link=True), REFUSED, "evil.zip"),
        Case("check archive bomb", archive_bomb, REFUSED, "evil.zip"),
        Case("check archive that is cut off", cut_archive, REFUSED, "evil.zip"),
    ]
