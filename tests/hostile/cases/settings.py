"""YAML, groups and plans."""

import json
from pathlib import Path

from hostile.kit import DEEP, REFUSED, TAG, WRONG_USE, Case, Kit, Maker, Words, check, fit, generate, spoiled

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join(['*' + chr(ord(c) - 1)] * 9)}]\n" for c in "bcdefghi")
YAMLS = {
    "a tag that runs": f"normals: {TAG}\ndefects: {{}}\n",
    "aliases that unfold": ALIASES + "normals: *i\ndefects: *i\n",
    "deep nesting": "[" * 20_000,
    "a day that is none": "normals: 2026-13-45\n",
    "a folder that leads out": "normals: ../../..\ndefects: {x: {images: /etc, masks: /etc}}\n",
    "a number": "7",
    "a name that leads out": "normals: train/good\ndefects: {../../x: {images: test/blob, masks: ground_truth/blob}}\n",
    "bytes": "\x00\x01",
}


def yaml_data(text: str) -> Maker:
    """Return the case of a product with a description of its own."""
    return spoiled("data", lambda root: (root / "flawsmith.yaml").write_text(text), lambda _, root: check(root))


def yaml_config(text: str) -> Maker:
    """Return the case of a configuration file."""

    def make(kit: Kit, room: Path) -> Words:
        (room / "mine.yaml").write_text(text)
        return fit(kit.data, "--config", room / "mine.yaml")

    return make


def config_folder(kit: Kit, room: Path) -> Words:
    (room / "mine.yaml").mkdir()
    return fit(kit.data, "--config", room / "mine.yaml")


def groups(content: bytes) -> Maker:
    """Return the case of a product with a list of groups."""
    return spoiled("data", lambda root: (root / "groups.csv").write_bytes(content), lambda _, root: check(root))


def plan(line: str) -> Maker:
    """Return the case of a plan of one line."""

    def make(kit: Kit, room: Path) -> Words:
        (room / "plan.jsonl").write_text(line + "\n")
        return generate(kit.run, "--plan", room / "plan.jsonl")

    return make


def cases() -> list[Case]:
    """Return the cases."""
    configs = {name: text for name, text in YAMLS.items() if name != "a folder that leads out"}
    configs |= {"an unknown key": "training: {stepz: 4}\n", "a wrong type": "training: {steps: [1]}\n", "a wrong group": "training: 4\n"}
    plans = {
        "cut off": '{"defect": "bl',
        "a list": "[1]",
        "deep": '{"defect": ' + DEEP,
        "an unknown key": '{"defekt": "blob"}',
        "a wrong type": '{"defect": ["blob"]}',
        "no number": '{"defect": "blob", "severity": NaN}',
        "a normal that leads out": '{"defect": "blob", "normal": "../../../../../../etc/passwd"}',
        "a name that is too long": json.dumps({"defect": "blob", "normal": "x" * 5000}),
        "a zero in a name": json.dumps({"defect": "blob", "normal": "a\0b"}),
        "a huge seed": json.dumps({"defect": "blob", "seed": -(10**40)}),
    }
    return [
        *(Case(f"check yaml with {name}", yaml_data(text), REFUSED, "flawsmith.yaml|/etc") for name, text in YAMLS.items()),
        *(Case(f"fit --config with {name}", yaml_config(text), WRONG_USE, "mine.yaml|training") for name, text in configs.items()),
        Case("fit --config is a folder", config_folder, WRONG_USE, "mine.yaml"),
        Case("check groups.csv with other columns", groups(b"a,b\n1,2\n"), REFUSED, "groups.csv"),
        Case("check groups.csv of bytes", groups(b"\xff\xfe\x00path,group\n\0"), REFUSED, "groups.csv"),
        Case(
            "check groups.csv that leads out",
            groups(b"path,group\n../../outside.png,a\n" + b"train/good/000.png,\n"),
            REFUSED,
            "groups.csv",
        ),
        Case("check groups.csv with a long cell", groups(b'path,group\n"' + b"x" * 200_000 + b'",1\n'), REFUSED, "groups.csv"),
        *(Case(f"generate --plan {name}", plan(line), REFUSED, "plan.jsonl|xxxx") for name, line in plans.items()),
    ]
