"""WebDataset: tar files with a picture, a mask and a JSON file for each sample."""

import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawsmith.formats.writers.colours import palette_png
from flawsmith.formats.writers.indexes import class_indexes
from flawsmith.formats.writers.pictures import content
from flawsmith.formats.writers.registry import Writer, nothing_more
from flawsmith.formats.writers.row import Entry, Place, Row
from flawsmith.images.files import orientation, read_image
from flawsmith.images.png import encode_png

PART = ".part"  # of a shard that is being written


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write the rows into new shards, one for each split; shards that are there stay as they are."""
    place.folder.mkdir(parents=True, exist_ok=True)
    shards: dict[str, tarfile.TarFile] = {}
    with ExitStack() as stack:
        there = {line.image.split("/")[0] for line in place.lines()}
        for row in rows:
            if row.split not in shards:
                number = sum(name.startswith(f"{row.split}-") for name in there)
                shards[row.split] = stack.enter_context(tarfile.open(place.folder / f"{row.split}-{number:06d}.tar{PART}", "w"))
            suffix, picture = _picture(row, place)
            meta: dict[str, Any] = {"label": row.label, "classes": list(row.classes), "names": list(place.classes), "split": row.split}
            meta |= {"synthetic": row.synthetic, "group": row.group, "size": list(row.size), "pair": row.pair}
            members = {suffix: picture, "mask.png": palette_png(class_indexes(row, place)), "json": json.dumps(meta).encode()}
            shard = shards[row.split]
            for name, data in members.items():
                info = tarfile.TarInfo(f"{row.name}.{name}")
                info.size = len(data)
                shard.addfile(info, io.BytesIO(data))
            yield f"{Path(str(shard.name)).name.removesuffix(PART)}/{row.name}.{suffix}", {}
    for shard in shards.values():
        _finished(Path(str(shard.name)))


def _finished(part: Path) -> None:
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    os.replace(part, part.with_suffix(""))


def _picture(row: Row, place: Place) -> tuple[str, bytes]:
    """Return the suffix and the content of a row's picture, upright."""
    if not row.synthetic and orientation(row.picture) != 1:
        place.tell("pictures written anew as PNG, upright and without loss")
        return "png", b"".join(encode_png(read_image(row.picture)))
    return row.picture.suffix.lower().removeprefix("."), content(row, place)


def read(place: Place) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    """Yield what the samples of all shards hold."""
    for path in sorted(place.folder.glob("*-*.tar")):
        with tarfile.open(path) as shard:
            names: dict[str, str] = {}
            values: dict[str, np.ndarray] = {}
            for info in shard:  # picture, mask and JSON of a sample, one after the other
                name, kind = info.name.split(".", 1)
                stream = shard.extractfile(info)
                assert stream is not None
                if kind == "mask.png":
                    with Image.open(stream) as image:
                        values[name] = np.asarray(image)
                elif kind == "json":
                    said, numbers = json.load(stream), values.pop(name)
                    found = {label: numbers == number for number, label in enumerate(said["names"], start=1)}
                    yield f"{path.name}/{names.pop(name)}", {label: mask for label, mask in found.items() if mask.any()}
                else:
                    names[name] = info.name


WRITER = Writer(
    "webdataset",
    "WebDataset: SPLIT-NUMBER.tar with picture, mask and JSON of each sample",
    exact=True,
    write=write,
    finish=nothing_more,
    read=read,
    use="""\
import webdataset
data = webdataset.WebDataset("{folder}/train-000000.tar", shardshuffle=False).decode("pil")
for sample in data:  # the picture under "png" or "jpg"
    mask = numpy.array(sample["mask.png"])  # 0, or 1 + the number of the class in sample["json"]["names"]""",
)
