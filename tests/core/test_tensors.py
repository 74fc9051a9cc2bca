"""Files of tensors: the same bytes every time, and any damage is seen before a tensor is used."""

import pickle
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save

from flawsmith.core import tensors
from flawsmith.core.tensors import read_safetensors, write_safetensors

TENSORS: dict[str, np.ndarray] = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.ones(3, np.uint8)}
METADATA = {str(i): 'x"sha256":"0' * i for i in range(9)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file as it is written."""
    write_safetensors(tmp_path / "a.safetensors", save(TENSORS, metadata=METADATA))
    return tmp_path / "a.safetensors"


def test_the_same_tensors_are_the_same_bytes_whatever_order_their_header_came_in(path: Path) -> None:
    contents = {save(TENSORS, metadata=METADATA) for _ in range(9)}
    assert len(contents) > 1, "else there is nothing to set right"
    written = {path.read_bytes()}
    for content in contents:
        write_safetensors(path, content)
        written.add(path.read_bytes())
        with safe_open(path, framework="np") as file:
            assert METADATA.items() <= file.metadata().items()
            assert all(np.array_equal(file.get_tensor(name), value) for name, value in TENSORS.items())
    assert len(written) == 1


def test_what_is_written_is_what_is_read(path: Path) -> None:
    found, metadata = read_safetensors(path, "np")
    assert found.keys() == TENSORS.keys() and all(np.array_equal(found[name], TENSORS[name]) for name in TENSORS)
    assert METADATA.items() <= metadata.items()
    assert isinstance(read_safetensors(path)[0]["a"], torch.Tensor)


def test_a_file_of_before_has_no_checksum_and_is_read(path: Path) -> None:
    path.write_bytes(save(TENSORS, metadata=METADATA))
    assert read_safetensors(path, "np")[1] == METADATA


def test_any_bit_that_flipped_is_seen(path: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b", buffering=0) as stream:  # byte by byte, as to write all of it anew each time takes half a minute
        for at in range(8 * len(content)):
            place, right = at // 8, content[at // 8]
            stream.seek(place)
            stream.write(bytes([right ^ 1 << at % 8]))
            with pytest.raises(ValueError, match="it is|header"):
                read_safetensors(path, "np")
            stream.seek(place)
            stream.write(bytes([right]))
    assert read_safetensors(path, "np")[1].items() >= METADATA.items(), "put right again, it is read"


def test_a_file_that_is_cut_off_or_has_more_behind_it_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="it is cut off|it is damaged"):
            read_safetensors(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="it is damaged"):
        read_safetensors(path)


class Evil:
    """What runs a program when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_pickle_is_refused_and_not_run(how: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if how == "torch":
        torch.save({"a": Evil()}, path)
    else:
        path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="it is a pickle, which could run any program"):
        read_safetensors(path)
    assert not (tmp_path / "ran").exists()


def test_an_oversize_header_is_refused_before_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    length = int.from_bytes(path.read_bytes()[:8], "little")
    monkeypatch.setattr(tensors, "MAX_HEADER", length - 1)
    with pytest.raises(ValueError, match=f"its header says it has {length} bytes; at most {length - 1} are read"):
        read_safetensors(path)


@pytest.mark.parametrize("header", [b"[" * 100_000, b"[]", b'{"__metadata__": 3}', b'{"__metadata__": {"a": 3}}', b"\xff\xfe"])
def test_a_header_that_is_none_is_refused(header: bytes, path: Path) -> None:
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="its header is"):
        read_safetensors(path)


def test_an_interrupt_while_a_file_is_read_is_one_and_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asarray: Any = torch.asarray

    def interrupted(*args: object, **options: object) -> object:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:  # as the library was seen to do where the signal comes at the wrong time
            raise ValueError("could not determine the shape of object type 'torch.storage.UntypedStorage'") from None
        return asarray(*args, **options)

    monkeypatch.setattr(torch, "asarray", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            read_safetensors(path)
    finally:
        signal.signal(signal.SIGINT, before)
