"""Folders of pairs with masks that are hard to keep, and what other programs make of an export of them."""

import base64
import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import yaml
from defusedxml import ElementTree
from PIL import Image
from pycocotools.coco import COCO

from flawsmith.dataset.windows import bounding_box
from flawsmith.images.files import write_image
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair, PlacedDefect

SIZE = (40, 56)
Masks = Mapping[str, np.ndarray]  # (H, W) bool by class
Found = dict[str, Masks]  # by the name of the picture's file, without suffix


def hard_masks() -> list[Masks]:
    """Return masks by class: a hole, single pixels, instances that touch, pixels on the border, everything, two classes."""

    def empty() -> np.ndarray:
        return np.zeros(SIZE, bool)

    ring, pixel, touching, border, wedge, other = (empty() for _ in range(6))
    ring[5:25, 8:40] = True
    ring[10:14, 15:20] = ring[16:20, 30:34] = ring[18, 12] = False
    pixel[17, 23] = True
    touching[4:8, 4:8] = touching[8:12, 8:12] = touching[12:14, 12:20] = True  # at a corner, and beside
    border[0, :] = border[:, 0] = border[-1, 20:] = border[:, -1] = True
    wedge[20:30, 3:20] = np.tril(np.ones((10, 17), bool))
    other[2:9, 30:50] = True
    other[5, 40] = False
    return [
        {"scratch": ring},
        {"scratch": pixel},
        {"dent": touching},
        {"dent": border},
        {"scratch": np.ones(SIZE, bool)},
        {"scratch": wedge, "dent": other},
    ]


def write_out(out: Path, masks: list[Masks], normals: int = 2, seed: int = 0) -> Path:
    """Write a folder of pairs as `generate` does, made in turn on a few normals beside it, and return it."""
    g = np.random.default_rng(seed)
    folder = PairFolder(out)
    folder.begin()
    paths = [out.parent / f"{out.name} normals" / f"{number}.png" for number in range(normals)]
    for path in paths:
        write_image(path, g.integers(0, 256, (*SIZE, 3), np.uint8))
    for number, by_class in enumerate(masks):
        placed = []
        for name, mask in by_class.items():
            placed.append(PlacedDefect(name, bounding_box(mask), int(mask.sum())))
        whole = np.any(list(by_class.values()), axis=0)
        pair = Pair(f"{number:06d}", next(iter(by_class)) if len(by_class) == 1 else "combined", "accepted", seed=number)
        pair = Pair.from_row({**pair.to_row(), "image": "-", "mask": "-", "normal": str(paths[number % normals])})
        pair = Pair(**{**vars(pair), "size": SIZE, "mask_form": "exact", "model": "0123456789abcdef", "defects": tuple(placed)})
        folder.add(pair, g.integers(0, 256, (*SIZE, 3), np.uint8), whole)
    folder.append(Pair(f"{len(masks):06d}", "scratch", "rejected"))
    return out


def names_of(folder: Path) -> list[str]:
    """Return the names of an export's synthetic pictures, in the order of the pairs."""
    lines = [json.loads(line) for line in (folder / "export.jsonl").read_text().splitlines()]
    return [line["name"] for line in lines if line["synthetic"]]


# what others read, each by the format's own documentation


def _grey(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None and pixels.ndim == 2 and set(np.unique(pixels)) <= {0, 255}
    return pixels > 0


def _by_class(values: np.ndarray, names: list[str]) -> Masks:
    return {name: values == number for number, name in enumerate(names, start=1) if (values == number).any()}


def _mvtec(folder: Path) -> Found:
    found: Found = {path.stem: {} for path in folder.glob("t*/good/*.png")}
    for path in folder.glob("test/*/*.png"):
        if path.parent.name != "good":
            found[path.stem] = {path.parent.name: _grey(folder / "ground_truth" / path.parent.name / f"{path.stem}_mask.png")}
    return found


def _anomalib(folder: Path) -> Found:
    """Pictures and masks by their place in the sorted lists, as anomalib pairs them."""
    pictures, masks = (sorted((folder / part).glob("**/*.png")) for part in ("abnormal", "mask"))
    assert len(pictures) == len(masks) and all(a.stem in b.stem for a, b in zip(pictures, masks, strict=True))
    found: Found = {path.stem: {} for path in folder.glob("normal*/*.png")}
    return found | {a.stem: {a.parent.name: _grey(b)} for a, b in zip(pictures, masks, strict=True)}


def _tabular(folder: Path) -> Found:
    found: Found = {}
    with (folder / "samples.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            assert all(value for key, value in row.items() if key != "mask_path"), "anomalib takes no empty field"
            assert (row["split"], row["label_index"]) in {("train", "0"), ("test", "0"), ("test", "1")}
            assert (folder / row["image_path"]).is_file()
            mask = {row["defect"]: _grey(folder / row["mask_path"])} if row["mask_path"] else {}
            found[Path(row["image_path"]).stem] = mask
    return found


def _coco(folder: Path) -> Found:
    found: Found = {}
    for path in sorted((folder / "annotations").glob("instances_*.json")):
        coco = COCO(str(path))
        for image in coco.loadImgs(coco.getImgIds()):
            assert (folder / "images" / path.stem.removeprefix("instances_") / image["file_name"]).is_file()
            masks: dict[str, np.ndarray] = {}
            for one in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
                mask = coco.annToMask(one).astype(bool)
                assert one["area"] == mask.sum() and one["bbox"] == _xywh(mask) and one["iscrowd"] == 0
                name = coco.loadCats(one["category_id"])[0]["name"]
                masks[name] = masks.get(name, np.zeros_like(mask)) | mask
            found[Path(image["file_name"]).stem] = masks
    return found


def _xywh(mask: np.ndarray) -> list[int]:
    box = bounding_box(mask)
    return [box.left, box.top, box.width, box.height]


def _yolo(folder: Path) -> Found:
    """Outlines cut to whole pixels and filled, as Ultralytics does."""
    data = yaml.safe_load((folder / "data.yaml").read_text())
    found: Found = {}
    for split in (split for split in ("train", "val", "test") if data.get(split) == f"images/{split}"):
        for path in sorted((folder / data[split]).iterdir()):
            masks: dict[str, np.ndarray] = {}
            for line in (folder / "labels" / split / f"{path.stem}.txt").read_text().splitlines():
                number, *values = line.split()
                points = np.array(values, np.float32).reshape(-1, 2) * np.array(SIZE[::-1], np.float32)
                canvas = np.zeros(SIZE, np.uint8)
                cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
                name = data["names"][int(number)]
                masks[name] = masks.get(name, np.zeros(SIZE, bool)) | (canvas > 0)
            found.setdefault(path.stem, masks)
    return found


def _labelme(folder: Path) -> Found:
    found: Found = {}
    for path in sorted(folder.glob("t*/*.json")):
        said = json.loads(path.read_text())
        assert (path.parent / said["imagePath"]).is_file() and (said["imageHeight"], said["imageWidth"]) == SIZE
        masks: dict[str, np.ndarray] = {}
        for shape in said["shapes"]:
            (x1, y1), (x2, y2) = shape["points"]
            part = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"])))).astype(bool)
            mask = masks.setdefault(shape["label"], np.zeros(SIZE, bool))
            mask[y1 : y2 + 1, x1 : x2 + 1] |= part
        found[path.stem] = masks
    return found


def _cvat(folder: Path) -> Found:
    found: Found = {}
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    for image in root.iter("image"):
        assert (folder / "images" / image.get("subset") / image.get("name")).is_file()
        masks: dict[str, np.ndarray] = {}
        for one in image.iter("mask"):
            left, top, width, height = (int(one.get(key)) for key in ("left", "top", "width", "height"))
            runs = list(map(int, one.get("rle").split(",")))
            values = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
            masks.setdefault(one.get("label"), np.zeros(SIZE, bool))[top : top + height, left : left + width] |= values
        found[Path(image.get("name")).stem] = masks
    return found


def brush_values(rle: list[int]) -> np.ndarray:
    """Return the values of Label Studio's brush run lengths, read bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    at = 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    total, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        same, length = take(1), 0
        length = take(sizes[take(2)]) + 1
        values += [take(word)] * length if same else [take(word) for _ in range(length)]
    return np.array(values, np.uint8)


def _labelstudio(folder: Path) -> Found:
    found: Found = {}
    for task in json.loads((folder / "tasks.json").read_text()):
        path = folder / task["data"]["image"].removeprefix("/data/local-files/?d=")
        assert path.is_file()
        masks: dict[str, np.ndarray] = {}
        for one in task["predictions"][0]["result"]:
            shape = one["original_height"], one["original_width"], 4
            (name,) = one["value"]["brushlabels"]
            masks.setdefault(name, np.zeros(SIZE, bool))[brush_values(one["value"]["rle"]).reshape(shape)[..., 3] > 0] = True
        found[path.stem] = masks
    return found


def _voc(folder: Path) -> Found:
    labels = [line.split(":")[0] for line in (folder / "labelmap.txt").read_text().splitlines()[1:]]
    found: Found = {}
    for listed in (folder / "ImageSets/Segmentation").glob("*.txt"):
        for name in listed.read_text().split():
            with Image.open(folder / f"SegmentationClass/{name}.png") as image:
                assert image.mode == "P"
                found[name] = _by_class(np.asarray(image), labels[1:])
            objects = np.asarray(Image.open(folder / f"SegmentationObject/{name}.png"))
            assert np.array_equal(objects > 0, np.any([*found[name].values(), np.zeros(SIZE, bool)], axis=0))
            assert list((folder / "JPEGImages").glob(f"{name}.*"))
    return found


def _hf(folder: Path) -> Found:
    names = json.loads((folder / "export.json").read_text())["classes"]
    found: Found = {}
    for path in folder.glob("*/metadata.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            assert (path.parent / row["file_name"]).is_file()
            found[row["name"]] = _by_class(np.asarray(Image.open(path.parent / row["mask_file_name"])), names)
    return found


def _webdataset(folder: Path) -> Found:
    found: Found = {}
    for path in folder.glob("*-*.tar"):
        with tarfile.open(path) as shard:
            members = {info.name: shard.extractfile(info).read() for info in shard}  # type: ignore[union-attr]
        for name in {member.split(".")[0] for member in members}:
            said = json.loads(members[f"{name}.json"])
            values = np.asarray(Image.open(io.BytesIO(members[f"{name}.mask.png"])))
            assert said["split"] == path.name.split("-")[0] and Image.open(io.BytesIO(members[f"{name}.png"])).size == SIZE[::-1]
            found[name] = _by_class(values, said["names"])
    return found


DECODERS: dict[str, Callable[[Path], Found]] = {
    "mvtec": _mvtec,
    "anomalib": _anomalib,
    "anomalib-tabular": _tabular,
    "coco": _coco,
    "yolo": _yolo,
    "labelme": _labelme,
    "cvat": _cvat,
    "labelstudio": _labelstudio,
    "voc": _voc,
    "hf": _hf,
    "webdataset": _webdataset,
}
ONE_CLASS = ("mvtec", "anomalib", "anomalib-tabular")  # one name a picture


def union(masks: Masks) -> np.ndarray:
    """Return where any class is, (H, W) bool."""
    return np.any([*masks.values(), np.zeros(SIZE, bool)], axis=0)


def same(a: Masks, b: Masks) -> bool:
    """Return whether masks by class are alike, to the pixel."""
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of every file in a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()
