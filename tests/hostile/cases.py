"""Folders and files that are broken or meant to do harm, each with a command that meets it and what is to come of that.

A case writes into a folder of its own and returns the words of a command. Where input is refused, the message names the file; where it
is read, the result is right. `Kit` holds what is whole, to be copied and spoiled.
"""

import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from formats.layouts import TREES, plant
from hostile.pictures import PICTURES, Make, encoded, grey

from flawsmith.core.tensors import write_safetensors

GOOD, REFUSED, WRONG_USE = 0, 1, 2  # exit statuses
Words = list[Any]


@dataclass(frozen=True)
class Kit:
    """A product, a run and pairs that are whole."""

    data: Path
    run: Path
    out: Path

    def copy(self, name: str, room: Path) -> Path:
        """Return a copy of one of them in `room`."""
        return Path(shutil.copytree(getattr(self, name), room / name, symlinks=True))


@dataclass(frozen=True)
class Case:
    """One command on one piece of input."""

    name: str
    make: Callable[[Kit, Path], Words]  # (what is whole, a folder to write to); OUTPUT in the words is where the command writes
    status: int  # that it ends with
    told: str = ""  # what its output says


OUTPUT = "OUTPUT"  # stands for the folder that the command writes


def check(root: Path) -> Words:
    return ["check", root]


SMALL = (  # settings of a fit that takes no time
    "training.init=none",
    "training.steps=1",
    "model.width=32",
    "model.head_dim=16",
    "model.depth=1",
    "model.cells=8",
    "data.window=32",
)


def fit(root: Path, *more: Any) -> Words:
    return ["fit", root, "-o", OUTPUT, "--quiet", "--threads", 1, *(word for key in SMALL for word in ("--set", key)), *more]


def generate(run: Path, *more: Any) -> Words:
    return ["generate", run, "-o", OUTPUT, "--quiet", "--threads", 1, *(() if "--plan" in more else ("--count", 1)), *more]


def evaluate(real: Path, out: Path) -> Words:
    return ["evaluate", real, out, "-o", OUTPUT, "--quiet", "--threads", 1, "--extractor", "offline"]


def benefit(root: Path, *more: Any) -> Words:
    return ["benefit", root, "-o", OUTPUT, "--quick", "--quiet", "--workers", 0, *more]


def export(out: Path, to: str = "mvtec", *more: Any) -> Words:
    return ["export", out, "--to", to, "-o", OUTPUT, "--quiet", *more]


# pictures


def among_normals(name: str, content: Make, command: Callable[[Path], Words] = check) -> Callable[[Kit, Path], Words]:
    """Return the case of a file beside the normals of a product."""

    def make(kit: Kit, room: Path) -> Words:
        root = kit.copy("data", room)
        (root / "train/good" / name).write_bytes(content())
        return command(root)

    return make


def as_mask(name: str, command: Callable[[Path], Words] = check) -> Callable[[Kit, Path], Words]:
    """Return the case of a picture in the place of a mask."""

    def make(kit: Kit, room: Path) -> Words:
        root = kit.copy("data", room)
        (root / "ground_truth/blob/000_mask.png").write_bytes(PICTURES[name][0]())
        return command(root)

    return make


def option(which: str, name: str) -> Callable[[Kit, Path], Words]:
    """Return the case of a picture that an option of `generate` names: alone, or in a folder."""

    def make(kit: Kit, room: Path) -> Words:
        path = room / "given" / name
        path.parent.mkdir()
        for each in [f"{i:03}.png" for i in range(5)] if which == "--foreground" else [name]:  # a mask for every normal
            (path.parent / each).write_bytes(PICTURES[name][0]())
        return generate(kit.run, which, path.parent if which in ("--onto", "--foreground") else path)

    return make


def pair_file(kind: str, name: str, command: Callable[[Kit, Path], Words]) -> Callable[[Kit, Path], Words]:
    """Return the case of a picture in the place of a pair's image or mask."""

    def make(kit: Kit, room: Path) -> Words:
        out = kit.copy("out", room)
        row = rows_of(out)[0]
        (out / row[kind]).write_bytes(PICTURES[name][0]())
        return command(kit, out)

    return make


def _pictures() -> list[Case]:
    cases = [
        Case(f"check {name}", among_normals(name, make), GOOD if good else REFUSED, "" if good else f"train/good/{name}: ")
        for name, (make, good) in PICTURES.items()
    ]
    for name in ("bomb.png", "cut.png", "pages.tif", "nan.tif"):
        make = PICTURES[name][0]
        cases += [
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
    return [*cases, Case("check mask of grey levels", as_mask("line.png"), REFUSED, "000_mask.png")]


# names, links and archives


def long_name(kit: Kit, room: Path) -> Words:
    root = kit.copy("data", room)
    (root / "train/good" / ("x" * 251 + ".png")).write_bytes(encoded(grey(), "PNG"))
    return fit(root)


def odd_names(kit: Kit, room: Path) -> Words:
    root = kit.copy("data", room)
    for name in ("Prüfteil 日本.png", "a\nb.png", "$(rm -rf x).png", "<script>alert(1)<script>.png", "-o.png", "u\u0301.png"):
        (root / "train/good" / name).write_bytes(encoded(grey(), "PNG"))
    return check(root)


def odd_bytes(kit: Kit, room: Path) -> Words:
    root = kit.copy("data", room)
    path = os.fsencode(root / "train/good") + b"/\xff\xfe.png"
    with open(path, "wb") as stream:
        stream.write(encoded(grey(), "PNG"))
    return check(root)


def too_long_argument(kit: Kit, room: Path) -> Words:
    return check(room / ("x" * 300))


def linked(target: Callable[[Path], Any], place: str = "train/good/linked.png") -> Callable[[Kit, Path], Words]:
    """Return the case of a link in a product; target: where it leads, seen from the product."""

    def make(kit: Kit, room: Path) -> Words:
        root = kit.copy("data", room)
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).symlink_to(target(root))
        return check(root)

    return make


def circle(kit: Kit, room: Path) -> Words:
    root = kit.copy("data", room)
    (root / "train/good/a.png").symlink_to("b.png")
    (root / "train/good/b.png").symlink_to("a.png")
    return check(root)


def device_file(kit: Kit, room: Path) -> Words:
    root = kit.copy("data", room)
    os.mkfifo(root / "train/good/pipe.png")
    return check(root)


def archive(*members: tuple[str, bytes], link: bool = False) -> Callable[[Kit, Path], Words]:
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


def _places() -> list[Case]:
    return [
        Case("fit very long name", long_name, GOOD),
        Case("check odd names", odd_names, GOOD),
        Case("check a name that is no text", odd_bytes, GOOD),
        Case("check a path that is too long", too_long_argument, REFUSED, "xxx"),
        Case("check a link out of the tree", linked(lambda root: root.parent / "elsewhere.png"), REFUSED, "linked.png"),
        Case("check a link to a whole file outside", linked(lambda root: root.parents[1] / "outside.png"), GOOD),
        Case("check a folder that links to itself", linked(lambda root: root, "train/good/again"), GOOD),
        Case("check a folder that links to the root", linked(lambda _: "/", "test/all"), GOOD, "test/all: holds no pictures"),
        Case("check links in a circle", circle, REFUSED, "a.png"),
        Case("check a link to what never ends", linked(lambda _: "/dev/zero"), REFUSED, "linked.png"),
        Case("check a pipe", device_file, REFUSED, "pipe.png"),
        Case("check archive that leads out", archive(("../../outside.txt", b"x")), REFUSED, "evil.zip"),
        Case("check archive with an absolute path", archive(("/outside/x.png", b"x")), REFUSED, "evil.zip"),
        Case("check archive with a link", archive(("x.png", b"/etc/passwd"), link=True), REFUSED, "evil.zip"),
        Case("check archive bomb", archive_bomb, REFUSED, "evil.zip"),
        Case("check archive that is cut off", cut_archive, REFUSED, "evil.zip"),
    ]


# label files

PICTURE_SIZE = (12, 16)
BOX = {"x": 3, "y": 2, "width": 8, "height": 5}
CORNERS = [[3, 2], [11, 2], [11, 7], [3, 7]]


def yolo() -> dict[str, Any]:
    """Return a small data set of YOLO's."""
    return {
        "data.yaml": "path: .\ntrain: images/train\nnames: {0: crack}\n",
        "images/train/a.png": grey(PICTURE_SIZE),
        "labels/train/a.txt": "0 0.2 0.2 0.7 0.2 0.7 0.6 0.2 0.6\n",
    }


def coco() -> dict[str, Any]:
    """Return a small data set in COCO's format."""
    height, width = PICTURE_SIZE
    label = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[3, 2, 11, 2, 11, 7, 3, 7]], "bbox": [3, 2, 8, 5], "iscrowd": 0}
    images = [{"id": 1, "file_name": "a.png", "width": width, "height": height}]
    return {"a.png": grey(PICTURE_SIZE), "x.json": {"images": images, "annotations": [label], "categories": [{"id": 1, "name": "crack"}]}}


def labelme() -> dict[str, Any]:
    """Return a small data set of LabelMe's."""
    height, width = PICTURE_SIZE
    shape = {"label": "crack", "points": CORNERS, "shape_type": "polygon", "flags": {}}
    return {
        "a.png": grey(PICTURE_SIZE),
        "a.json": {"version": "5", "shapes": [shape], "imagePath": "a.png", "imageHeight": height, "imageWidth": width},
    }


def cvat() -> dict[str, Any]:
    """Return a small data set of CVAT's."""
    points = ";".join(f"{x},{y}" for x, y in CORNERS)
    polygon = f'<polygon label="crack" points="{points}" z_order="0"></polygon>'
    return {
        "a.png": grey(PICTURE_SIZE),
        "annotations.xml": f'<annotations><image id="0" name="a.png" width="16" height="12">{polygon}</image></annotations>',
    }


def via() -> dict[str, Any]:
    """Return a small data set of the VGG Image Annotator's."""
    shape = {"name": "polygon", "all_points_x": [x for x, _ in CORNERS], "all_points_y": [y for _, y in CORNERS]}
    region = {"shape_attributes": shape, "region_attributes": {"defect": "crack"}}
    return {
        "a.png": grey(PICTURE_SIZE),
        "via.json": {"a.png1": {"filename": "a.png", "size": 1, "regions": [region], "file_attributes": {}}},
    }


def labelstudio() -> dict[str, Any]:
    """Return a small data set of Label Studio's."""
    points = [[100 * x / 16, 100 * y / 12] for x, y in CORNERS]
    value = {"points": points, "polygonlabels": ["crack"]}
    result = {
        "type": "polygonlabels",
        "original_width": 16,
        "original_height": 12,
        "value": value,
        "from_name": "l",
        "to_name": "i",
        "id": "1",
    }
    return {"a.png": grey(PICTURE_SIZE), "p.json": [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": [result]}]}]}


def supervisely() -> dict[str, Any]:
    """Return a small data set of Supervisely's."""
    label = {"classTitle": "crack", "geometryType": "polygon", "points": {"exterior": CORNERS, "interior": []}}
    return {
        "meta.json": {"classes": [{"title": "crack", "shape": "polygon", "color": "#ff0000"}], "tags": []},
        "ds0/img/a.png": grey(PICTURE_SIZE),
        "ds0/ann/a.png.json": {"size": {"height": 12, "width": 16}, "objects": [label], "tags": [], "description": ""},
    }


def datumaro() -> dict[str, Any]:
    """Return a small data set of Datumaro's."""
    label = {"id": 1, "type": "polygon", "label_id": 0, "points": [float(v) for point in CORNERS for v in point], "attributes": {}}
    item = {"id": "a", "annotations": [label], "image": {"path": "a.png", "size": [12, 16]}}
    return {
        "images/a.png": grey(PICTURE_SIZE),
        "annotations/train.json": {"info": {}, "categories": {"label": {"labels": [{"name": "crack"}]}}, "items": [item]},
    }


def severstal() -> dict[str, Any]:
    """Return a small data set like Severstal's."""
    return {"train_images/a.jpg": grey(PICTURE_SIZE), "train.csv": "ImageId,ClassId,EncodedPixels\na.jpg,1,3 5 20 5\n"}


TOOLS: dict[str, Callable[[], dict[str, Any]]] = {
    "yolo": yolo,
    "coco": coco,
    "labelme": labelme,
    "cvat": cvat,
    "via": via,
    "labelstudio": labelstudio,
    "supervisely": supervisely,
    "datumaro": datumaro,
    "severstal": severstal,
}


def tree_of(name: str) -> dict[str, Any]:
    """Return the small data set of a format."""
    return (TOOLS[name] if name in TOOLS else TREES[name])()


def other_sizes(name: str) -> Callable[[Kit, Path], Words]:
    """Return the case of a format's data set whose pictures were made smaller after they were labelled."""

    def make(kit: Kit, room: Path) -> Words:
        def smaller(content: Any) -> Any:
            is_picture = isinstance(content, np.ndarray) and len(np.unique(content)) > 8  # a mask has few values
            return content[:7, :9] if is_picture else content

        tree = {path: smaller(content) for path, content in tree_of(name).items()}
        return [*check(plant(room / name, tree)), "--format", name]

    return make


def replaced(name: str, suffix: str, content: Any) -> Callable[[Kit, Path], Words]:
    """Return the case of a format's data set in which the label files of a suffix hold something else."""

    def make(kit: Kit, room: Path) -> Words:
        tree = {path: content if path.endswith(suffix) else old for path, old in tree_of(name).items()}
        return [*check(plant(room / name, tree)), "--format", name]

    return make


DEEP = "[" * 100_000
LAUGHS = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><annotations><version>&c;</version></annotations>'
FILES_OF_OTHERS = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations><version>&b;</version></annotations>'


def wrong_coco(**row: Any) -> Callable[[Kit, Path], Words]:
    """Return the case of a label in COCO's format with other values."""

    def make(kit: Kit, room: Path) -> Words:
        tree = coco()
        tree["x.json"]["annotations"][0] |= row
        return check(plant(room / "coco", tree))

    return make


def _labels() -> list[Case]:
    sized = [Case(f"check {name} of other sizes", other_sizes(name), REFUSED, "") for name in (*TOOLS, *TREES)]
    broken = []
    for name, suffix in (("coco", "x.json"), ("labelme", ".json"), ("via", ".json"), ("labelstudio", ".json")):
        for what, content in (
            ("deep", DEEP),
            ("cut off", '{"images": ['),
            ("a number", "7"),
            ("no text", "\ud800".encode(errors="ignore").decode()),
        ):
            broken.append(Case(f"check {name} {what}", replaced(name, suffix, content), REFUSED, ""))
    return [
        *sized,
        *broken,
        Case("check xml bomb", replaced("cvat", ".xml", LAUGHS), REFUSED, "holds no picture"),
        Case("check xml that reads files", replaced("cvat", ".xml", FILES_OF_OTHERS), REFUSED, "holds no picture"),
        Case("check deep xml", replaced("cvat", ".xml", "<annotations>" * 10_000), REFUSED, "holds no picture"),
        Case("check coco without a picture", wrong_coco(image_id=9), REFUSED, "x.json"),
        Case(
            "check coco with huge run lengths",
            wrong_coco(segmentation={"size": [50_000, 50_000], "counts": [0, 10**12]}),
            REFUSED,
            "x.json",
        ),
        Case("check coco with text for corners", wrong_coco(segmentation=[["a", "b", "c", "d", "e", "f"]]), REFUSED, "x.json"),
        Case("check coco with far corners", wrong_coco(segmentation=[[-1e30, 2, 1e30, 2, 1e300, 7]]), REFUSED, "x.json"),
        Case(
            "check severstal with huge run lengths",
            replaced("severstal", ".csv", "ImageId,ClassId,EncodedPixels\na.jpg,1,1 99999999999\n"),
            REFUSED,
            "train.csv",
        ),
        Case("check yolo with a class that is not there", replaced("yolo", ".txt", "7 0.1 0.1 0.9 0.1 0.9 0.9\n"), REFUSED, "class 7"),
    ]


# YAML, groups and plans

TAG = "!!python/object/apply:os.system ['touch outside.txt']"
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


def yaml_data(text: str) -> Callable[[Kit, Path], Words]:
    def make(kit: Kit, room: Path) -> Words:
        root = kit.copy("data", room)
        (root / "flawsmith.yaml").write_text(text)
        return check(root)

    return make


def yaml_config(text: str) -> Callable[[Kit, Path], Words]:
    def make(kit: Kit, room: Path) -> Words:
        (room / "mine.yaml").write_text(text)
        return fit(kit.data, "--config", room / "mine.yaml")

    return make


def config_folder(kit: Kit, room: Path) -> Words:
    (room / "mine.yaml").mkdir()
    return fit(kit.data, "--config", room / "mine.yaml")


def groups(content: bytes) -> Callable[[Kit, Path], Words]:
    def make(kit: Kit, room: Path) -> Words:
        root = kit.copy("data", room)
        (root / "groups.csv").write_bytes(content)
        return check(root)

    return make


def plan(line: str) -> Callable[[Kit, Path], Words]:
    def make(kit: Kit, room: Path) -> Words:
        (room / "plan.jsonl").write_text(line + "\n")
        return generate(kit.run, "--plan", room / "plan.jsonl")

    return make


def _settings() -> list[Case]:
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


# folders of runs


def header_of(path: Path) -> dict[str, Any]:
    """Return the header of a safetensors file."""
    content = path.read_bytes()
    return dict(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]))


def with_metadata(path: Path, **values: str | None) -> None:
    """Write a safetensors file anew, with a right checksum, and with other values in its header; None: without that one."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = header_of(path)
    kept = {key: value for key, value in {**header["__metadata__"], **values}.items() if value is not None}
    text = json.dumps({**header, "__metadata__": kept}).encode()
    write_safetensors(path, len(text).to_bytes(8, "little") + text + content[8 + length :])


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 4
    path.write_bytes(content)


def oversize(path: Path) -> None:
    path.write_bytes((1 << 40).to_bytes(8, "little") + path.read_bytes()[8:])


def pickled(path: Path) -> None:
    path.write_bytes(b"\x80\x04cos\nsystem\n(S'touch outside.txt'\ntR.")


def of_torch(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(200))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def overlapping(path: Path) -> None:
    """Have every tensor of a file lie far behind its end."""
    content = path.read_bytes()
    header = header_of(path)
    for name in header.keys() - {"__metadata__"}:
        header[name]["data_offsets"] = [1 << 40, (1 << 40) + 4]
    header.pop("__metadata__")
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[-64:])


def huge_shapes(path: Path) -> None:
    """Have every tensor of a file be larger than any memory."""
    header = header_of(path)
    for name in header.keys() - {"__metadata__"}:
        header[name]["shape"] = [1 << 31, 1 << 31]
    header.pop("__metadata__")
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


def model_says(**values: Any) -> Callable[[Path], None]:
    """Return what puts other values into the configuration or product of a model's header; `key__inner=value`."""

    def spoil(path: Path) -> None:
        said = header_of(path)["__metadata__"]
        trees = {name: json.loads(said[name]) for name in ("config", "product")}
        for key, value in values.items():
            *parents, last = key.split("__")
            node: Any = trees
            for parent in parents:
                node = node[parent]
            node[last] = value
        with_metadata(path, **{name: json.dumps(tree) for name, tree in trees.items()})

    return spoil


def run_file(name: str, spoil: Callable[[Path], None], command: Callable[[Kit, Path], Words] | None = None) -> Callable[[Kit, Path], Words]:
    """Return the case of a run with a spoiled file."""

    def make(kit: Kit, room: Path) -> Words:
        run = kit.copy("run", room)
        spoil(run / name)
        return command(kit, run) if command else generate(run)

    return make


def written(text: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.write_text(text)

    return spoil


def resumed(kit: Kit, run: Path) -> Words:
    return ["fit", kit.data, "-o", run, "--resume", "--quiet", "--threads", 1]


def started_from(kit: Kit, run: Path) -> Words:
    return fit(kit.data, "--init", run)


def _runs() -> list[Case]:
    spoilers = (cut_off, half, flip, oversize, pickled, of_torch, emptied, overlapping, huge_shapes, Path.unlink)
    files = [
        Case(f"generate with {name} {spoil.__name__}", run_file(f"model/{name}.safetensors", spoil), REFUSED, name)
        for name in ("model", "exemplars", "limits")
        for spoil in spoilers
    ]
    model = "model/model.safetensors"
    headers: dict[str, Callable[[Path], None]] = {
        "no configuration": lambda path: with_metadata(path, config=None),
        "no product": lambda path: with_metadata(path, product=None),
        "a configuration that is no JSON": lambda path: with_metadata(path, config="{"),
        "a deep configuration": lambda path: with_metadata(path, config=DEEP),
        "a product that is a list": lambda path: with_metadata(path, product="[]"),
        "an unknown key": model_says(config__training__stepz=4),
        "a wrong type": model_says(config__model__width="wide"),
        "a huge network": model_says(config__model__width=1 << 20),
        "another network": model_says(config__model__depth=3),
        "areas of text": model_says(product__areas={"blob": "ab"}),
        "a window of nothing": model_says(product__shape__window=0),
        "a window of text": model_says(product__shape__window="x"),
        "no defects": model_says(product__shape__defects=[]),
        "a defect that leads out": model_says(product__shape__defects=["../../evil", "line"]),
        "a range of nothing": model_says(product__scale=None),
    }
    rows = "model/exemplars.safetensors"
    examples: dict[str, Callable[[Path], None]] = {
        "a list of nothing": lambda path: with_metadata(path, examples="[1]"),
        "an object": lambda path: with_metadata(path, examples="{}"),
        "deep": lambda path: with_metadata(path, examples=DEEP),
        "nothing": lambda path: with_metadata(path, examples=None),
    }
    limits: dict[str, Callable[[Path], None]] = {
        "a list": lambda path: with_metadata(path, limits="[]"),
        "deep": lambda path: with_metadata(path, limits=DEEP),
        "text for numbers": lambda path: with_metadata(path, limits=header_of(path)["__metadata__"]["limits"].replace(": 1.0", ': "x"')),
    }
    records = {
        "cut off": '{"root": ',
        "a number": "7",
        "a list": "[]",
        "deep": DEEP,
        "wrong types": '{"root": 1, "split": 2, "normals": 3, "defects": 4}',
    }
    return [
        *files,
        *(
            Case(f"generate with a model of {name}", run_file(model, spoil), REFUSED, "model.safetensors")
            for name, spoil in headers.items()
        ),
        *(Case(f"generate with exemplars of {name}", run_file(rows, spoil), REFUSED, "exemplars") for name, spoil in examples.items()),
        *(
            Case(f"generate with limits of {name}", run_file("model/limits.safetensors", spoil), REFUSED, "limits")
            for name, spoil in limits.items()
        ),
        *(
            Case(f"generate with data.json {name}", run_file("data.json", written(text)), REFUSED, "data.json")
            for name, text in records.items()
        ),
        *(
            Case(f"fit --resume with data.json {name}", run_file("data.json", written(text), resumed), REFUSED, "data.json")
            for name, text in records.items()
        ),
        Case(
            "fit --resume with an unknown key",
            run_file("config.yaml", written("training: {stepz: 4}\n"), resumed),
            WRONG_USE,
            "config.yaml",
        ),
        Case(
            "fit --resume with a tag that runs", run_file("config.yaml", written(f"training: {TAG}\n"), resumed), WRONG_USE, "config.yaml"
        ),
        Case("fit --resume with a log of nonsense", run_file("log.jsonl", written("7\n[]\n"), resumed), REFUSED, "log.jsonl"),
        *(
            Case(f"fit --init with a model {s.__name__}", run_file(model, s, started_from), REFUSED, "model.safetensors")
            for s in (cut_off, pickled, oversize)
        ),
    ]


# folders of pairs


def rows_of(out: Path) -> list[dict[str, Any]]:
    """Return the rows of a folder of pairs."""
    return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]


def row_with(values: dict[str, Any], command: Callable[[Kit, Path], Words]) -> Callable[[Kit, Path], Words]:
    """Return the case of pairs whose first row has other values."""

    def make(kit: Kit, room: Path) -> Words:
        out = kit.copy("out", room)
        first, *others = rows_of(out)
        (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ({**first, **values}, *others)))
        return command(kit, out)

    return make


def exported(to: str) -> Callable[[Kit, Path], Words]:
    """Return the command that exports a folder of pairs to a format."""
    return lambda _, out: export(out, to)


def rows_are(content: bytes, command: Callable[[Kit, Path], Words]) -> Callable[[Kit, Path], Words]:
    """Return the case of pairs whose rows are something else."""

    def make(kit: Kit, room: Path) -> Words:
        out = kit.copy("out", room)
        (out / "pairs.jsonl").write_bytes(content)
        return command(kit, out)

    return make


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


def _pairs() -> list[Case]:
    commands: dict[str, Callable[[Kit, Path], Words]] = {
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
    cases = [
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
    cases += [
        Case(f"{name} with pairs.jsonl {what}", rows_are(content, command), REFUSED, "pairs.jsonl|accepted")
        for name, command in commands.items()
        for what, content in files.items()
    ]
    formats = ("anomalib", "anomalib-tabular", "coco", "cvat", "hf", "labelme", "labelstudio", "voc", "webdataset", "yolo")
    evil = {"defect": "a/../../b", "defects": []}
    return [
        *cases,
        *(Case(f"export to {to} of a defect that leads out", row_with(evil, exported(to)), REFUSED, "pairs.jsonl") for to in formats),
        Case("export of a picture that links out", links_out, REFUSED, "000000.png"),
        Case("export into another's folder", foreign_export, WRONG_USE, "link"),
        Case("evaluate a run for pairs", lambda kit, _: evaluate(kit.data, kit.run), REFUSED, "run"),
        Case("export a product for pairs", lambda kit, _: export(kit.data), GOOD),
        Case("generate from pairs", lambda kit, _: generate(kit.out / "pairs.jsonl"), REFUSED, "pairs.jsonl"),
        Case("benefit of a run", lambda kit, _: benefit(kit.run), REFUSED, "run"),
        Case("fit to pairs without normals", lambda kit, _: fit(kit.out), REFUSED, "out"),
    ]


CASES = [*_pictures(), *_places(), *_labels(), *_settings(), *_runs(), *_pairs()]
