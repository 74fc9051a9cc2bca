"""Hugging Face data sets in Parquet: pictures and masks inside tables, as `push_to_hub` stores them.

They are unpacked into the cache as an imagefolder, and read as one.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from flawsmith.core.cache import kept_folder
from flawsmith.core.errors import ConfigError, DataError, FileError
from flawsmith.core.opening import open_plain
from flawsmith.core.parsing import parse_json
from flawsmith.dataset.scan import Scan
from flawsmith.formats.archives import LOOSE, MOST_BYTES, MOST_FILES, RATIO
from flawsmith.formats.files import Files
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.readers import hf
from flawsmith.formats.registry import Format
from flawsmith.formats.words import PARTS
from flawsmith.images.files import SUFFIXES, content_type

_MARK, _TAIL = b"PAR1", 1 << 20  # how a Parquet file begins and ends; bytes at its end that tell its columns
_AT_A_TIME = 8  # rows whose pictures are held
_FEATURES = b"huggingface"  # where a table's columns are described


@dataclass
class _Room:
    """What may still be unpacked."""

    pictures: int
    size: int  # bytes

    def take(self, path: Path, content: bytes) -> bytes:
        """Return what is about to be written. Raises FileError where there is too much of it."""
        self.pictures -= 1
        self.size -= len(content)
        if self.pictures < 0 or self.size < 0:
            limits = f"at most {MOST_FILES} pictures and {MOST_BYTES >> 30} GiB, and {RATIO} times its own size above {LOOSE >> 30} GiB"
            raise FileError(path, f"unfolds to more than is taken; expected {limits}. Unpack it yourself if you trust it.")
        return content


def recognise(files: Files) -> str | None:
    """Return which Parquet file has columns of pictures."""
    found = next((p for p in files.looked_into(".parquet") if _holds_pictures(p)), None)
    return f"{files.name(found)} is a table with pictures in it" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what the tables hold. Raises ConfigError where pyarrow, which reads them, is not installed."""
    tables = [p for p in files.of(".parquet") if _holds_pictures(p)]
    if not tables:
        raise DataError(f"{files.path}: holds no Parquet file with columns of pictures. Leave --format out to see what is there.")
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        step = "pip install 'flawsmith[parquet]', or save the data set as an imagefolder"
        raise ConfigError(f"{tables[0]}: reading Parquet needs pyarrow, which is not installed: {step}.") from None
    size = sum(path.stat().st_size for path in tables)
    told = "\n".join(f"{files.name(path)}\0{path.stat().st_size}\0{hashlib.sha256(_tail(path)).hexdigest()}" for path in tables)
    name = f"{hashlib.sha256(told.encode()).hexdigest()[:16]}-{files.path.stem}"
    try:
        folder = kept_folder(name, tables[0], size, partial(_unpack, files, tables, size))
    except OSError as error:
        raise FileError(tables[0], f"cannot be unpacked ({error.strerror or error}). Copy it again from where it came.") from error
    found = hf.read(Files(folder), options)
    found.notes.insert(0, f"{files.name(tables[0])}{', ...' if len(tables) > 1 else ''} is unpacked in {folder}.")
    return found


def _unpack(files: Files, tables: list[Path], size: int, into: Path) -> None:
    """Write the pictures of all tables, with a metadata.jsonl for each, and what their numbers of classes stand for."""
    room = _Room(MOST_FILES, min(MOST_BYTES, max(LOOSE, RATIO * size)))
    classes: dict[str, list[str]] = {}
    for number, path in enumerate(tables):
        folder = into / _part(files.name(path)) / f"{number:05d}"
        rows = [json.dumps(row) + "\n" for row in _unpacked(path, folder, classes, room)]
        (folder / "metadata.jsonl").write_text("".join(rows), encoding="utf-8")
    features = [{"name": column, "dtype": {"class_label": {"names": names}}} for column, names in classes.items()]
    (into / "README.md").write_text(f"---\n{yaml.safe_dump({'features': features}, allow_unicode=True)}---\n", encoding="utf-8")


def _unpacked(path: Path, folder: Path, classes: dict[str, list[str]], room: _Room) -> Iterator[dict[str, Any]]:
    """Write the pictures of a table into a folder and yield the rows of its metadata; classes: names by column are added to it."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            schema = table.schema_arrow
            classes |= dict(_class_names(parse_json((schema.metadata or {}).get(_FEATURES, b"{}").decode())))
            columns = [field.name for field in schema if _is_picture(field.type)]
            pictures = sorted((c for c in columns if not hf.MASK.search(c)), key=lambda c: c not in ("image", "img", "picture"))
            if not pictures:
                raise FileError(path, f"has no column of pictures but {', '.join(columns) or 'none'}; expected one called image.")
            picture, mask = pictures[0], next((c for c in columns if hf.MASK.search(c)), None)
            number = 0
            for batch in table.iter_batches(_AT_A_TIME):
                for row in batch.to_pylist():
                    kept = {key: _plain(value) for key, value in row.items() if key not in columns}
                    name = f"{number:07d}{_stem(row[picture])}"
                    kept["file_name"] = _write(path, folder, f"images/{name}", row[picture], room)
                    if mask:
                        kept["mask_file_name"] = _write(path, folder, f"masks/{name}", row[mask], room) if row[mask] else ""
                    number += 1
                    yield kept
    except (pyarrow.ArrowException, ValueError, TypeError, KeyError) as error:
        raise FileError(path, f"is no Parquet file of pictures that can be read ({error}). Copy it again from where it came.") from error


def _write(path: Path, folder: Path, name: str, value: dict[str, Any], room: _Room) -> str:
    """Write a picture and return its name. Raises FileError for a table that holds no pictures but their paths, and for what is none."""
    content = value.get("bytes") if isinstance(value, dict) else None
    if not content:
        step = "Write it with them: `push_to_hub` does, and `datasets.table.embed_table_storage`."
        raise FileError(path, f"names pictures and does not hold them ({str(value)[:80]}). {step}")
    kind = content_type(content[:16])
    suffix = next((suffix for suffix, one in SUFFIXES.items() if one == kind), None)
    if suffix is None:
        raise FileError(path, f"holds what is no picture that is read ({content[:8]!r}, for {name}).")
    target = folder / f"{name}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(room.take(path, content))
    return f"{name}{suffix}"


def _stem(value: Any) -> str:
    """Return what a picture was called, for the end of its name here; a pattern of groups may look at it."""
    path = value.get("path") if isinstance(value, dict) else None
    stem = PurePosixPath(path.replace("\\", "/")).stem if isinstance(path, str) else ""
    return f"_{plain}" if (plain := re.sub(r"[^\w-]+", "_", stem).strip("_")[:60]) else ""


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it, None for what JSON does not."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool)) else None


def _class_names(features: Any, column: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the names of numbered classes by column, wherever a description of columns has them."""
    if isinstance(features, dict):
        if features.get("_type") == "ClassLabel" and isinstance(features.get("names"), list):
            yield column, [str(name) for name in features["names"]]
        for key, value in features.items():
            yield from _class_names(value, column if key in ("feature", "info", "features") else str(key))


def _is_picture(kind: Any) -> bool:
    """Return whether a column's type is that of pictures: their content, and what they were called."""
    import pyarrow

    return pyarrow.types.is_struct(kind) and {"bytes", "path"} <= {kind.field(i).name for i in range(kind.num_fields)}


def _part(name: str) -> str:
    """Return the subset that a table is of, as its name or a folder says: train-00000-of-00002.parquet, default/test/0000.parquet."""
    words = re.split(r"[-_./]", name.casefold())
    return next((word for word in words if word in PARTS), "all")


def _holds_pictures(path: Path) -> bool:
    """Return whether a file is a Parquet table that seems to have columns of pictures; it is not read."""
    tail = _tail(path)
    return tail.endswith(_MARK) and b"bytes" in tail and b"path" in tail


def _tail(path: Path) -> bytes:
    try:
        with open_plain(path) as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL))
            return stream.read(_TAIL)
    except OSError:
        return b""


FORMAT = Format("hf-parquet", "a Hugging Face data set in Parquet", recognise, read, rank=41)
