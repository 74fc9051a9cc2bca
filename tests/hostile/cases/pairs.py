"""Folders of pairs."""

import json
from pathlib import Path
from typing import Any

from hostile.kit import DEEP, GOOD, REFUSED, WRONG_USE, Case, Kit, Maker, Words, benefit, evaluate, export, fit, generate, rows_of, spoiled


def row_with(values: dict[str, Any], command: Maker) -> Maker:
    """Return the case of pairs whose first row has other values."""

    def change(out: Path) -> None:
        first, *others = rows_of(out)
        (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ({**first, **values}, *others)))

    return spoiled("out", change, command)


def exported(to: str) -> Maker:
    """Return the command that exports a folder of pairs to a format."""
    return lambda _, out: export(out, to)


def rows_are(content: bytes, command: Maker) -> Maker:
    """Return the case of pairs whose rows are something else."""
    return spoiled("out", lambda out: (out / "pairs.jsonl").write_bytes(content), command)


def links_out(kit: Kit, room: Path) -> Words:
    """Have a pair's picture be a link to what is no picture, outside the folder."""
    out = kit.copy("out", room)
    picture = out / rows_of(out)[0]["image"]
    picture.unlink()
    picture.symlink_to("/etc/passwd")
    return export(out)


def foreign_export(kit: Kit, room: Path) -> Words:
    """Have the folder to export to be a link into what belongs to somebody else."""
    (room / "theirs").mkdir()
    (room / "theirs/precious.txt").write_text("precious")
    (room / "link").symlink_to(room / "theirs")
    return ["export", kit.out, "--to", "mvtec", "-o", room / "link", "--quiet"]


def cases() -> list[Case]:
    """Return the cases."""
    commands: dict[str, Maker] = {
        "export": lambda _, out: export(out),
        "evaluate": lambda kit, out: evaluate(kit.data, out),
    }
    values: dict[str, dict[str, Any]] = {
        "an image that leads out": {"image": "../outside.png"},
        "an image from the root": {"image": "/etc/passwd"},
        "a mask of a drive": {"mask": "C:\\x.png"},
        "an id of a number": {"id": 7},
        "a verdict of its own": {"verdict": "good"},
        "no image": {"image": None},
        "a box of text": {"defects": [{"defect": "blob", "box": "abcd"}]},
        "scores of a list": {"scores": [1]},
        "a size of three": {"size": [1, 2, 3]},
        "an image that is not there": {"image": "test/blob/none.png"},
        "an image with a long name": {"image": "x" * 5000},
        "a defect that leads out": {"defect": "../../evil"},
        "an inner defect that leads out": {"defects": [{"defect": "../../evil", "box": [0, 0, 48, 56], "area": 9}]},
        "a defect without a name": {"defect": ""},
        "an id that leads out": {"id": "../../../evil"},
    }
    found = [
        Case(f"{name} with {what}", row_with(value, command), REFUSED, "pairs.jsonl|none.png|xxxx")
        for name, command in commands.items()
        for what, value in values.items()
    ]
    files = {
        "cut off": b'{"id": "0',
        "a list": b"[]\n",
        "deep": DEEP.encode() + b"\n",
        "bytes": b"\xff\xfe\n{}\n",
        "nothing": b"",
        "a number": b"7\n",
    }
    found += [
        Case(f"{name} with pairs.jsonl {what}", rows_are(content, command), REFUSED, "pairs.jsonl|accepted")
        for name, command in commands.items()
        for what, content in files.items()
    ]
    formats = ("anomalib", "anomalib-tabular", "coco", "cvat", "hf", "labelme", "labelstudio", "voc", "webdataset", "yolo")
    evil = {"defect": "a/../../b", "defects": []}
    return [
        *found,
        *(Case(f"export to {to} of a defect that leads out", row_with(evil, exported(to)), REFUSED, "pairs.jsonl") for to in formats),
        Case("export of a picture that links out", links_out, REFUSED, "000000.png"),
        Case("export into another's folder", foreign_export, WRONG_USE, "link"),
        Case("evaluate a run for pairs", lambda kit, _: evaluate(kit.data, kit.run), REFUSED, "run"),
        Case("export a product for pairs", lambda kit, _: export(kit.data), GOOD),
        Case("generate from pairs", lambda kit, _: generate(kit.out / "pairs.jsonl"), REFUSED, "pairs.jsonl"),
        Case("benefit of a run", lambda kit, _: benefit(kit.run), REFUSED, "run"),
        Case("fit to pairs without normals", lambda kit, _: fit(kit.out), REFUSED, "out"),
    ]
