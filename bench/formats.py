"""How fast data sets are checked and written in other formats, and how much memory that takes.

    python bench/formats.py export [--pairs 10000] [--size 1024] [--to coco] [--link] [--drawn DIR]

    python bench/formats.py check [--pictures 10000] [--size 1000] [--format coco] [--suffix jpg] [--drawn DIR]

    python bench/formats.py shapes [--shapes 100000] [--size 8000]

`export` draws pairs of a size in a temporary folder (not counted), exports them, and prints JSON: pairs per second with and without reading
everything again, processor time per pair (of all threads), and the peak of resident memory above that before the export. `check` draws
pictures, two of three with a polygon of 40 corners, writes their labels (coco, labelme or yolo), and prints seconds, processor time and
memory of `flawsmith check`. `--drawn DIR` keeps what was drawn and uses it again: draw in one run, measure in the next. `shapes` draws the
mask of a large picture with many small polygons.
"""

import argparse
import json
import resource
import shutil
import struct
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import describe

import flawsmith as fs
from flawsmith.core.files import write_bytes, write_text
from flawsmith.dataset.windows import bounding_box
from flawsmith.formats.drawing import Mark, drawn_mask
from flawsmith.formats.shapes import Polygon
from flawsmith.images.files import write_image, write_mask
from flawsmith.images.png import encode_png
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.workflows import export as module

NORMALS = 20
LABELS = ("coco", "labelme", "yolo")


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    exporting = parts.add_parser("export")
    exporting.add_argument("--pairs", type=int, default=10_000)
    exporting.add_argument("--size", type=int, default=1024)
    exporting.add_argument("--to", default="coco")
    exporting.add_argument("--link", action="store_true")
    exporting.add_argument("--drawn", type=Path)
    exporting.set_defaults(measure=export)
    checking = parts.add_parser("check")
    checking.add_argument("--pictures", type=int, default=10_000)
    checking.add_argument("--size", type=int, default=1000)
    checking.add_argument("--format", choices=LABELS, default="coco")
    checking.add_argument("--suffix", choices=("jpg", "png"), default="jpg")
    checking.add_argument("--drawn", type=Path)
    checking.set_defaults(measure=check)
    drawing = parts.add_parser("shapes")
    drawing.add_argument("--shapes", type=int, default=100_000)
    drawing.add_argument("--size", type=int, default=8000)
    drawing.set_defaults(measure=shapes, drawn=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(args.measure(args.drawn or Path(folder), args), indent=2))


def export(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return how fast drawn pairs are exported, with reading again and without."""
    if not (root / "out").exists():
        draw(root / "out", args.pairs, args.size)
    shutil.rmtree(root / "to", ignore_errors=True)
    compare, reading = module.compare, []

    def timed(*given: Any) -> Any:
        begun = time.monotonic()
        found = compare(*given)
        reading.append(time.monotonic() - begun)
        return found

    module.compare = timed
    before, begun, used = peak(), time.monotonic(), time.process_time()
    result = module.export(root / "out", root / "to", args.to, link=args.link, quiet=True)
    seconds, processor = time.monotonic() - begun, time.process_time() - used
    assert result["added"] == args.pairs + NORMALS
    row = describe("cpu") | {"to": args.to, "pairs": args.pairs, "size": args.size, "link": args.link, "seconds": round(seconds, 2)}
    row |= {"pairs_per_second": round(args.pairs / seconds, 1), "without_reading_again": round(args.pairs / (seconds - reading[0]), 1)}
    row |= {"processor_seconds_per_pair": round(processor / args.pairs, 5), "memory_mb": round(peak() - before, 1)}
    return row | {"different": len((result["round_trip"] or {"different": ()})["different"])}


def check(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return how fast drawn labelled pictures are checked."""
    if not (root / "images").exists():
        label(root, args.pictures, args.size, args.format, args.suffix)
    before, begun, used = peak(), time.monotonic(), time.process_time()
    report = fs.check(root)
    seconds, processor = time.monotonic() - begun, time.process_time() - used
    assert not report.bad and report.normals + report.summary["dent"].pictures == args.pictures
    row = describe("cpu") | {"format": args.format, "pictures": args.pictures, "size": args.size, "suffix": args.suffix}
    row |= {"seconds": round(seconds, 2), "pictures_per_second": round(args.pictures / seconds, 1)}
    return row | {"processor_seconds_per_picture": round(processor / args.pictures, 5), "memory_mb": round(peak() - before, 1)}


def shapes(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return how fast the mask of a large picture with many small polygons is drawn."""
    g = np.random.default_rng(0)
    write_image(root / "a.png", np.zeros((args.size, args.size), np.uint8))
    turn = np.sort(g.uniform(0, 2 * np.pi, (args.shapes, 20)), 1)
    middle, radius = g.uniform(100, args.size - 100, (args.shapes, 1, 2)), g.uniform(3, 12, (args.shapes, 20, 1))
    corners = middle + radius * np.stack([np.cos(turn), np.sin(turn)], 2)
    marks = [Mark(Polygon((ring,)), root / "a.png", (args.size, args.size)) for ring in corners]
    used = time.process_time()
    mask = drawn_mask(root / "a.png", marks)
    row = describe("cpu") | {"shapes": args.shapes, "size": args.size, "marked": int(mask.sum())}
    return row | {"processor_seconds": round(time.process_time() - used, 2)}


def label(root: Path, count: int, size: int, form: str, suffix: str) -> None:
    """Write labelled pictures; they share their pixels, and bytes behind the end keep their files apart."""
    g = np.random.default_rng(0)
    grain = cv2.GaussianBlur(g.normal(128, 60, (size, size)).astype(np.float32), (0, 0), 1.5)
    content = cv2.imencode(f".{suffix}", np.clip(grain, 0, 255).astype(np.uint8))[1].tobytes()
    images, annotations = [], []
    for number in range(count):
        name = f"{number:06d}.{suffix}"
        write_bytes(root / "images" / name, content + bytes(number) if suffix == "jpg" else content)
        turn = np.sort(g.uniform(0, 2 * np.pi, 40))
        corners = g.uniform(100, size - 100, 2) + g.uniform(10, 60, (40, 1)) * np.stack([np.cos(turn), np.sin(turn)], 1)
        points = corners.round(2).tolist() if number % 3 else []
        images.append({"id": number, "file_name": name, "width": size, "height": size})
        if points:
            flat = [value for point in points for value in point]
            annotations.append({"id": number, "image_id": number, "category_id": 1, "segmentation": [flat]})
        if form == "labelme" and points:
            shapes = [{"label": "dent", "shape_type": "polygon", "points": points}]
            tree = {"shapes": shapes, "imagePath": name, "imageHeight": size, "imageWidth": size}
            write_text(root / "images" / f"{number:06d}.json", json.dumps(tree))
        if form == "yolo" and points:
            row = " ".join(f"{value / size:.6f}" for point in points for value in point)
            write_text(root / "labels" / f"{number:06d}.txt", f"0 {row}\n")
    if form == "coco":
        tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dent"}]}
        write_text(root / "annotations.json", json.dumps(tree))
    if form == "yolo":
        write_text(root / "data.yaml", "train: images\nnames: [dent]\n")


def draw(out: Path, count: int, size: int) -> None:
    """Write pairs as `generate` does; the pictures share their pixels and differ in a text of their files, so that drawing is quick."""
    g = np.random.default_rng(0)
    grain = cv2.GaussianBlur(g.normal(128, 20, (size, size)).astype(np.float32), (0, 0), 1.0)
    picture = np.clip(grain, 0, 255).astype(np.uint8)
    content = b"".join(encode_png(picture[..., None]))
    end = content.rindex(b"IEND") - 4
    rows = []
    for number in range(NORMALS):
        write_image(out.parent / f"normals/{number}.png", np.roll(picture, number, 1))
    for number in range(count):
        mask = np.zeros((size, size), np.uint8)
        for _ in range(int(g.integers(1, 4))):
            x, y = (int(v) for v in g.integers(size // 8, size - size // 8, 2))
            axes = (int(g.integers(4, 40)), int(g.integers(3, 12)))
            cv2.ellipse(mask, (x, y), axes, int(g.integers(0, 180)), 0, 360, 1, -1)
        pair = f"{number:06d}"
        image, label = f"test/scratch/{pair}.png", f"ground_truth/scratch/{pair}_mask.png"
        text = b"tEXtComment\0" + pair.encode()
        chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
        write_bytes(out / image, content[:end] + chunk + content[end:], settled=False)
        write_mask(out / label, mask > 0)
        placed = PlacedDefect("scratch", bounding_box(mask > 0), int(mask.sum()))
        normal = str(out.parent / f"normals/{number % NORMALS}.png")
        row = Pair(pair, "scratch", "accepted", image=image, mask=label, normal=normal, size=(size, size), defects=(placed,))
        rows.append(json.dumps(row.to_row()) + "\n")
    write_text(out / "pairs.jsonl", "".join(rows))


def peak() -> float:
    """Return the most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
