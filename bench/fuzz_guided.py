"""Input that libFuzzer makes to reach new branches of the readers: `python bench/fuzz_guided.py CORPUS_DIR -max_total_time=600`.

Needs the package atheris, which is no dependency. The options are libFuzzer's. The first byte of an input chooses what reads the rest:
pictures, rows of pairs, a configuration, a run's exemplars, a label file or a table. An end other than reading or a reason is a crash,
and libFuzzer keeps its input. Begin with an empty CORPUS_DIR: small whole files are put into it.
"""

import io
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris
import numpy as np
from PIL import Image

with atheris.instrument_imports(include=["flawsmith", "PIL"]):
    from flawsmith.config.resolve import resolve
    from flawsmith.core.errors import FlawsmithError
    from flawsmith.formats.files import read_json
    from flawsmith.formats.tables import table
    from flawsmith.formats.xml_trees import parts
    from flawsmith.images.files import read_image
    from flawsmith.pairs.folder import PairFolder
    from flawsmith.pairs.pair import Pair
    from flawsmith.product.exemplars import load_exemplars

READERS: tuple[tuple[str, Callable[[Path], Any]], ...] = (
    ("x.png", read_image),
    ("pairs.jsonl", lambda path: PairFolder(path.parent).read()),
    ("config.yaml", lambda path: resolve(file=path)),
    ("exemplars.safetensors", load_exemplars),
    ("labels.json", read_json),
    ("labels.csv", lambda path: list(table(path))),
    ("labels.xml", lambda path: list(parts(path))),
)


def main() -> None:
    """Run libFuzzer."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:

        def one(data: bytes) -> None:
            name, read = READERS[data[0] % len(READERS)] if data else READERS[0]
            path = Path(folder, name)
            path.write_bytes(data[1:])
            try:
                read(path)
            except FlawsmithError as error:
                assert str(error)

        corpus = next((Path(word) for word in sys.argv[1:] if not word.startswith("-")), None)
        if corpus is not None:
            plant(corpus)
        atheris.Setup(sys.argv, one)
        atheris.Fuzz()


def plant(corpus: Path) -> None:
    """Put small whole files into the folder that libFuzzer begins with."""
    corpus.mkdir(parents=True, exist_ok=True)
    pixels = np.arange(63, dtype=np.uint8).reshape(7, 9)
    for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP"):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, kind)
        (corpus / kind).write_bytes(b"\0" + stream.getvalue())
    row = json.dumps(Pair("000000", "blob", "rejected", scores={"visible": 1.0}).to_row()).encode()
    texts = (row + b"\n", b"training: {steps: 5}\n", b"", b'{"a": [1, "b"]}', b"a,b\n1,2\n", b"<a><b c='1'>d</b></a>")
    for number, text in enumerate(texts, start=1):
        (corpus / f"text {number}").write_bytes(bytes([number]) + text)


if __name__ == "__main__":
    main()
