"""Folders of runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.kit import DEEP, REFUSED, TAG, WRONG_USE, Case, Kit, Maker, Words, fit, generate, spoiled

from flawsmith.core.tensors import write_safetensors


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


def run_file(name: str, spoil: Callable[[Path], object], command: Maker = lambda _, run: generate(run)) -> Maker:
    """Return the case of a run with a spoiled file."""
    return spoiled("run", lambda run: spoil(run / name), command)


def written(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def resumed(kit: Kit, run: Path) -> Words:
    return ["fit", kit.data, "-o", run, "--resume", "--quiet", "--threads", 1]


def started_from(kit: Kit, run: Path) -> Words:
    return fit(kit.data, "--init", run)


def cases() -> list[Case]:
    """Return the cases."""
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
