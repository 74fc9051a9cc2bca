"""Small folders of pictures and masks as data sets and people lay them out, drawn: each a dictionary of files by path.

An array is saved as the path's suffix says, `Palette` as a picture of indexes, text as it is.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import flawsmith as fs
from flawsmith.dataset.sample import Dataset

HEIGHT, WIDTH = SIZE = 12, 16
PIL_NAMES = {".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF"}


@dataclass(frozen=True)
class Palette:
    """Indexes (H, W) and the colours that they are seen in."""

    indexes: np.ndarray
    colours: tuple[tuple[int, int, int], ...]


def picture(seed: int = 0) -> np.ndarray:
    """Return a picture without a defect."""
    return np.random.default_rng(seed).integers(90, 160, SIZE, dtype=np.uint8)


def mask(*boxes: tuple[int, int, int, int], values: tuple[int, ...] = (255,)) -> np.ndarray:
    """Return a mask with boxes (top, left, height, width), each of its own value, (H, W) uint8."""
    found = np.zeros(SIZE, np.uint8)
    for number, (top, left, height, width) in enumerate(boxes):
        found[top : top + height, left : left + width] = values[number % len(values)]
    return found


def coloured(indexes: np.ndarray, *colours: tuple[int, int, int]) -> np.ndarray:
    """Return a mask of colours (H, W, 3): black, and the colour of each index from 1."""
    return np.array([(0, 0, 0), *colours], np.uint8)[indexes]


ONE, TWO = (2, 3, 4, 5), (8, 9, 2, 3)  # boxes of 20 and 6 pixels
BLACK = mask()


def plant(root: Path, tree: dict[str, Any]) -> Path:
    """Write the files of a tree and return the root."""
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif isinstance(content, (list, dict)):
            path.write_text(json.dumps(content), encoding="utf-8")
        elif isinstance(content, Palette):
            image = Image.fromarray(content.indexes)
            image.putpalette([value for colour in content.colours for value in colour])
            image.save(path)
        else:
            Image.fromarray(content).save(path, PIL_NAMES[path.suffix.lower()])
    return root


def mvtec() -> dict[str, Any]:
    """MVTec AD: masks with and without the ending of their names."""
    return {
        "train/good/000.png": picture(1),
        "train/good/001.png": picture(2),
        "test/good/000.png": picture(3),
        "test/crack/000.jpg": picture(4),
        "test/crack/001.png": picture(5),
        "ground_truth/crack/000.png": mask(ONE),
        "ground_truth/crack/001_mask.png": mask(TWO),
    }


def mvtec_ad_2() -> dict[str, Any]:
    """MVTec AD 2."""
    return {
        "train/good/000_regular.png": picture(1),
        "validation/good/000_regular.png": picture(2),
        "test_public/good/000_regular.png": picture(3),
        "test_public/bad/000_regular.png": picture(4),
        "test_public/ground_truth/bad/000_regular_mask.png": mask(ONE),
        "test_private/000.png": picture(5),
        "test_private_mixed/000.png": picture(6),
    }


def mvtec_loco() -> dict[str, Any]:
    """MVTec LOCO: one picture with two masks, whose values are types of defects."""
    return {
        "train/good/000.png": picture(1),
        "validation/good/000.png": picture(2),
        "test/good/000.png": picture(3),
        "test/logical_anomalies/000.png": picture(4),
        "test/structural_anomalies/000.png": picture(5),
        "ground_truth/logical_anomalies/000/000.png": mask(ONE, values=(255,)),
        "ground_truth/logical_anomalies/000/001.png": mask(TWO, values=(254,)),
        "ground_truth/structural_anomalies/000/000.png": mask(TWO, values=(240,)),
        "defects_config.json": [
            {"defect_name": name, "pixel_value": value, "saturation_threshold": 0.5, "relative_saturation": True}
            for name, value in (("missing_pin", 255), ("extra_pin", 254), ("broken", 240))
        ],
    }


def visa() -> dict[str, Any]:
    """VisA: two products, one with the kinds of its anomalies."""
    images = "pcb1/Data/Images"
    tree: dict[str, Any] = {f"{images}/Normal/{i:04}.JPG": picture(i) for i in range(3)}
    tree |= {f"{images}/Anomaly/{i:03}.JPG": picture(10 + i) for i in range(3)}
    masks = [mask(ONE, values=(1,)), mask(ONE, TWO, values=(1, 3)), mask(TWO, values=(3,))]
    tree |= {f"pcb1/Data/Masks/Anomaly/{i:03}.png": values for i, values in enumerate(masks)}
    rows = [f"pcb1,{'test' if i == 2 else 'train'},normal,{images}/Normal/{i:04}.JPG," for i in range(3)]
    rows += [f"pcb1,test,anomaly,{images}/Anomaly/{i:03}.JPG,pcb1/Data/Masks/Anomaly/{i:03}.png" for i in range(3)]
    kinds = ["bent", '"bent, scratch"', "scratch"]
    labels = [f"{images}/Anomaly/{i:03}.JPG,{kind},pcb1/Data/Masks/Anomaly/{i:03}.png" for i, kind in enumerate(kinds)]
    tree |= {"split_csv/1cls.csv": "\n".join(["object,split,label,image,mask", *rows]) + "\n"}
    return tree | {"pcb1/image_anno.csv": "\n".join(["image,label,mask", *labels]) + "\n"}


def btad() -> dict[str, Any]:
    """BTAD, with .bmp and .png by turns."""
    return {
        "train/ok/0000.bmp": picture(1),
        "test/ok/0000.bmp": picture(2),
        "test/ko/0000.bmp": picture(3),
        "test/ko/0001.png": picture(4),
        "ground_truth/ko/0000.png": mask(ONE),
        "ground_truth/ko/0001.bmp": mask(TWO),
    }


def kolektor() -> dict[str, Any]:
    """KolektorSDD: labels with a palette for parts with a defect, in greys for the others."""
    label = Palette(mask(ONE, values=(1,)), ((0, 0, 0), (255, 255, 255)))
    return {
        "kos01/Part0.jpg": picture(1),
        "kos01/Part0_label.bmp": BLACK,
        "kos01/Part1.jpg": picture(2),
        "kos01/Part1_label.bmp": label,
        "kos02/Part0.jpg": picture(3),
        "kos02/Part0_label.bmp": BLACK,
    }


def ksdd2() -> dict[str, Any]:
    """KolektorSDD2, with the pair that its archive holds twice."""
    return {
        "train/10000.png": picture(1),
        "train/10000_GT.png": BLACK,
        "train/10301.png": picture(2),
        "train/10301_GT.png": mask(ONE),
        "train/10301 (copy).png": picture(2),
        "train/10301_GT (copy).png": mask(ONE),
        "test/20000.png": picture(3),
        "test/20000_GT.png": BLACK,
    }


def real_iad() -> dict[str, Any]:
    """Real-IAD: two views of a specimen; one picture is in no split."""
    part = "realiad_1024/audiojack"
    name = "audiojack_0001"
    rows: list[tuple[str, str, str | None]] = [("OK", f"OK/S0001/{name}_OK_C1.jpg", None), ("OK", f"OK/S0001/{name}_OK_C2.jpg", None)]
    tests: list[tuple[str, str, str | None]] = [
        ("OK", f"OK/S0002/{name}_OK_C1.jpg", None),
        ("HS", f"NG/HS/S0001/{name}_NG_C1.jpg", f"NG/HS/S0001/{name}_NG_C1_mask.png"),
    ]
    listed: dict[str, Any] = {"meta": {"normal_class": "OK", "prefix": "audiojack/"}}
    for key, several in (("train", rows), ("test", tests)):
        listed[key] = [{"category": "audiojack", "anomaly_class": k, "image_path": p, "mask_path": m} for k, p, m in several]
    pictures = [path for _, path, _ in rows + tests] + ["OK/S0003/left_out.jpg"]
    tree: dict[str, Any] = {f"{part}/{path}": picture(i) for i, path in enumerate(pictures)}
    return tree | {f"{part}/NG/HS/S0001/{name}_NG_C1_mask.png": mask(ONE), "realiad_jsons/realiad_jsons/audiojack.json": listed}


def dagm() -> dict[str, Any]:
    """DAGM 2007."""
    return {
        "Class1/Train/0001.PNG": picture(1),
        "Class1/Train/0002.PNG": picture(2),
        "Class1/Train/Label/0002_label.PNG": mask(ONE),
        "Class1/Train/Label/Labels.txt": "1\n1\t0\t0001.PNG\t0\t0\n2\t1\t0002.PNG\t0\t0002_label.PNG\n",
        "Class1/Test/0001.PNG": picture(3),
        "Class1/Test/0002.PNG": picture(4),
        "Class1/Test/Label/0002_label.PNG": mask(TWO),
    }


def magnetic_tile() -> dict[str, Any]:
    """Magnetic-Tile: masks with grey borders; one of a defect is black."""
    smooth = mask(ONE)
    smooth[1], smooth[6] = 100, 200
    return {
        "MT_Free/Imgs/exp1_num_1.jpg": picture(1),
        "MT_Free/Imgs/exp1_num_1.png": BLACK,
        "MT_Blowhole/Imgs/exp1_num_2.jpg": picture(2),
        "MT_Blowhole/Imgs/exp1_num_2.png": smooth,
        "MT_Uneven/Imgs/exp1_num_3.jpg": picture(3),
        "MT_Uneven/Imgs/exp1_num_3.png": BLACK,
    }


def voc() -> dict[str, Any]:
    """Pascal VOC: a palette, the same in colours, one picture without a mask; 255 is void."""
    indexes = mask(ONE, TWO, (0, 0, 1, 1), values=(1, 2, 255))
    colours = [(0, 0, 0), (128, 0, 0), (0, 128, 0)] + [(1, 1, 1)] * 252 + [(224, 224, 192)]
    return {
        "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:::\nscratch:::\ndent:::\n",
        "ImageSets/Segmentation/train.txt": "a\nb\nc\n",
        "ImageSets/Segmentation/test.txt": "d\n",
        "JPEGImages/a.jpg": picture(1),
        "JPEGImages/b.jpg": picture(2),
        "JPEGImages/c.jpg": picture(3),
        "JPEGImages/d.jpg": picture(4),
        "SegmentationClass/a.png": Palette(indexes, tuple(colours)),
        "SegmentationClass/b.png": np.array(colours, np.uint8)[indexes],
        "SegmentationObject/a.png": Palette(indexes, tuple(colours)),
    }


def semantic_masks() -> dict[str, Any]:
    """Datumaro's common semantic segmentation."""
    meta = {
        "label_map": {"0": "Void", "1": "scratch", "2": "dent"},
        "segmentation_colors": [[0, 0, 0], [64, 128, 64], [192, 0, 128]],
        "background_label": "0",
    }
    values = mask(ONE, TWO, values=(1, 2))
    return {
        "dataset_meta.json": meta,
        "images/0001.png": picture(1),
        "images/0002.png": picture(2),
        "masks/0001.png": coloured(values, (64, 128, 64), (192, 0, 128)),
        "masks/0002.png": coloured(BLACK),
    }


def hf() -> dict[str, Any]:
    """Hugging Face imagefolder with masks of numbers, and the classes of each picture."""
    rows = [
        {"file_name": f"images/{i}.png", "mask_file_name": f"masks/{i}.png", "label": label, "group": f"part {i % 2}"}
        for i, label in enumerate(["good", "dent+scratch", "scratch"])
    ]
    masks = [BLACK, mask(ONE, TWO, values=(1, 2)), mask(TWO, values=(2,))]
    tree: dict[str, Any] = {"train/metadata.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}
    for i, values in enumerate(masks):
        tree |= {f"train/images/{i}.png": picture(i), f"train/masks/{i}.png": values}
    return tree


def anomalib_tabular() -> dict[str, Any]:
    """anomalib's Tabular."""
    rows = ["images/0.png,0,train,normal,", "images/1.png,1,test,dent,masks/1.png"]
    tree: dict[str, Any] = {"samples.csv": "\n".join(["image_path,label_index,split,label,mask_path", *rows]) + "\n"}
    return tree | {"images/0.png": picture(1), "images/1.png": picture(2), "masks/1.png": mask(ONE)}


def plain() -> dict[str, Any]:
    """Folders of good and bad pictures; kinds of defects are folders, masks lie beside and elsewhere."""
    return {
        "good/1.jpg": picture(1),
        "good/2.jpg": picture(2),
        "bad/scratch/1.jpg": picture(3),
        "bad/scratch/1_mask.png": mask(ONE),
        "bad/dent/3.jpg": picture(4),
        "masks/dent/3.png": mask(TWO),
    }


TREES: dict[str, Callable[[], dict[str, Any]]] = {
    "mvtec": mvtec,
    "mvtec-ad-2": mvtec_ad_2,
    "mvtec-loco": mvtec_loco,
    "visa": visa,
    "btad": btad,
    "kolektor": kolektor,
    "ksdd2": ksdd2,
    "real-iad": real_iad,
    "dagm": dagm,
    "magnetic-tile": magnetic_tile,
    "voc": voc,
    "semantic-masks": semantic_masks,
    "hf": hf,
    "anomalib-tabular": anomalib_tabular,
    "plain": plain,
}


def told(root: Path, **said: Any) -> str:
    """Return everything that `check` says of a folder, in lines."""
    report = fs.check(root, **said)
    return "\n".join([report.format, *report.notes, *map(str, report.warnings), *map(str, report.problems)])


def areas(data: Dataset) -> dict[tuple[str, str], int]:
    """Return the marked pixels by a picture's path, from the root, and defect."""
    found = ((s.source.relative_to(data.root).as_posix(), s.defect, s.mask) for s in data.samples())
    return {(name, defect): int(mask.sum()) for name, defect, mask in found if mask is not None}


def names(data: Dataset, paths: Iterable[Path]) -> list[str]:
    """Return paths from the root."""
    return [path.relative_to(data.root).as_posix() for path in paths]
