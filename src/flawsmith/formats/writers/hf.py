"""Hugging Face imagefolder: pictures and masks with a metadata.jsonl for each split, described in Croissant."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from flawsmith.core.files import content_hash, write_json, write_pieces
from flawsmith.formats.writers.colours import write_palette
from flawsmith.formats.writers.indexes import class_indexes
from flawsmith.formats.writers.pictures import PNG, put_picture
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import SPLITS, Entry, Line, Place, Row

METADATA, CROISSANT = "metadata.jsonl", "croissant.json"
_TYPES = {"name": "Text", "label": "Text", "synthetic": "Boolean", "group": "Text", "width": "Integer", "height": "Integer", "pair": "Text"}


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures, and masks with the number of a class at each pixel; those of normals are black, as a column has no gaps."""
    for row in rows:
        image = put_picture(row, place, f"{row.split}/images")
        mask = f"{row.split}/masks/{row.name}{PNG}"
        write_palette(place.folder / mask, class_indexes(row, place))
        yield image, {"mask": mask}


def finish(place: Place) -> list[str]:
    """Write the metadata of each split and the Croissant file."""
    splits = [split for split in SPLITS if any(line.split == split for line in place.lines())]
    written = [f"{split}/{METADATA}" for split in splits]
    for split, name in zip(splits, written, strict=True):
        write_pieces(place.folder / name, (_row(line) for line in place.lines() if line.split == split))
    digests = {name: content_hash(place.folder / name) for name in written}
    write_json(place.folder / CROISSANT, _croissant(place, digests))
    return [*written, CROISSANT]


def _row(line: Line) -> bytes:
    """Return a line of the metadata: every field is there in every row and has one type, as columns need it."""
    within = {"file_name": line.image, "mask_file_name": line.entry["mask"]}
    said = {key: path.split("/", 1)[1] for key, path in within.items()}
    said |= {"name": line.name, "label": "+".join(line.classes) or "good", "synthetic": line.synthetic, "group": line.group}
    said |= {"width": line.size[1], "height": line.size[0], "pair": "" if line.pair is None else json.dumps(line.pair)}
    return (json.dumps(said) + "\n").encode()


def _croissant(place: Place, digests: dict[str, str]) -> dict[str, Any]:
    """Return the description of the data set in Croissant 1.0."""
    files: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "encodingFormat": "application/jsonlines",
            "sha256": digest,
        }
        for name, digest in digests.items()
    ]
    sets = [
        {"@type": "cr:FileSet", "@id": part, "name": part, "encodingFormat": kind, "includes": f"*/{part}/*"}
        for part, kind in (("images", "image/*"), ("masks", "image/png"))
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": place.folder.resolve().name,
        "description": f"Pictures with defects and their masks. Pixels of a mask: 0 nothing, {_numbers(place.classes)}. "
        'Where "synthetic" is true a model drew the defect.',
        "distribution": [*files, *sets],
        "recordSet": [_records(name) for name in digests],
    }


def _records(name: str) -> dict[str, Any]:
    split = name.split("/")[0]
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{split}/{key}",
            "name": f"{split}/{key}",
            "dataType": f"sc:{kind}",
            "source": {"fileObject": {"@id": name}, "extract": {"column": key}},
        }
        for key, kind in ({"file_name": "Text", "mask_file_name": "Text"} | _TYPES).items()
    ]
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "field": fields}


def _numbers(classes: tuple[str, ...]) -> str:
    return ", ".join(f"{number} {name}" for number, name in enumerate(classes, start=1))


# as the specification of Croissant 1.0 gives it
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

WRITER = Writer(
    "hf",
    "Hugging Face imagefolder: pictures, masks, metadata.jsonl, croissant.json",
    exact=True,
    write=write,
    finish=finish,
    use="""\
from datasets import load_dataset
data = load_dataset("imagefolder", data_dir="{folder}")["train"]
mask = numpy.array(data[0]["mask"])  # 0, or the number of the class in datacard.json, from 1""",
)
