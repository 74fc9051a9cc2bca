"""How fast data sets are checked and written in other formats, and how much memory that takes.

    python bench/formats.py export [--pairs 10000] [--size 1024] [--to coco] [--link]

    python bench/formats.py check [--pictures 10000] [--size 1000] [--format coco] [--suffix jpg]

`export` draws pairs of a size in a temporary folder (not counted), exports them, and prints JSON: pairs per second with and without reading
everything again, processor time per pair (of all threads), and the peak of resident memory above that before the export. `check` draws
pictures, two of three with a polygon of 40 corners, writes their labels (coco, labelme or yolo), and prints seconds, processor time and
memory of `flawsmith check`.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import describe

import flawsmith as fs
from flawsmith.core.files import write_bytes, write_text
from flawsmith.dataset.windows import bounding_box
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
    exporting.set_defaults(measure=export)
    checking = parts.add_parser("check")
    checking.add_argument("--pictures", type=int, default=10_000)
    checking.add_argument("--size", type=int, default=1000)
    checking.add_argument("--format", choices=LABELS, default="coco")
    checking.add_argument("--suffix", choices=("jpg", "png"), default="jpg")
    checking.set_defaults(measure=check)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(args.measure(Path(folder), args), indent=2))


def export(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return how fast drawn pairs are exported, with reading again and without."""
    draw(root / "out", args.pairs, args.size)
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
    label(root, args.pictures, args.size, args.format, args.suffix)
    before, begun, used = peak(), time.monotonic(), time.process_time()
    report = fs.check(root)
    seconds, processor = time.monotonic() - begun, time.process_time() - used
    assert not report.bad and report.normals + report.summary["dent"].pictures == args.pictures
    row = describe("cpu") | {"format": args.format, "pictures": args.pictures, "size": args.size, "suffix": args.suffix}
    row |= {"seconds": round(seconds, 2), "pictures_per_second": round(args.pictures / seconds, 1)}
    return row | {"processor_seconds_per_picture": round(processor / args.pictures, 5), "memory_mb": round(peak() - before, 1)}


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
        write_bytes(out / image, b"".join(encode_png(picture[..., None], [(b"tEXt", b"Comment\0" + pair.encode())])))
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
