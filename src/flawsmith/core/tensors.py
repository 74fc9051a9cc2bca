"""Files of tensors: safetensors that carry a checksum of all their bytes, and nothing else is read as one."""

import hashlib
import json
from pathlib import Path
from typing import Any

from flawsmith.core.files import write_pieces
from flawsmith.core.opening import open_plain
from flawsmith.core.signals import interrupts_held_back

DIGEST, DIGEST_OF = "sha256", "sha256_of"  # keys of the header's metadata; both or neither, so that no damage takes the check away
_OF = "this file with a 0 for each digit of its sha256"
_BLANK = "0" * 64
MAX_HEADER = 64 << 20  # bytes that are read as a header at most
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # how what torch.save and pickle write begins


def write_safetensors(path: Path, content: bytes) -> None:
    """Write a safetensors file's `content` with the keys of its header sorted, and with a checksum of the whole file in it.

    The library writes the keys in another order in every process, so that the same tensors would have another hash.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = {**header.get("__metadata__", {}), DIGEST: _BLANK, DIGEST_OF: _OF}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors are aligned to 8 bytes
    length, body = len(text).to_bytes(8, "little"), memoryview(content)[start:]
    digest = hashlib.sha256(length + text)
    digest.update(body)
    write_pieces(path, [length, text.replace(_field(_BLANK), _field(digest.hexdigest()), 1), body])


def read_safetensors(path: Path, framework: str = "pt") -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tensors of a file by name, torch's ("pt") or NumPy's ("np"), and the metadata of its header.

    Raises FileNotFoundError, and ValueError that says what is wrong with a file that is no safetensors file, or not as it was written.
    """
    from safetensors import SafetensorError, safe_open

    metadata = check_safetensors(path)
    try:
        # the library takes an interrupt for an error of the file
        with interrupts_held_back(), safe_open(path, framework=framework) as file:
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 (not a dictionary)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def check_safetensors(path: Path) -> dict[str, str]:
    """Return the metadata of a file after comparing it with its checksum; files of earlier versions have none.

    Raises as `read_safetensors` does; no tensor is held in memory.
    """
    size = path.stat().st_size
    with open_plain(path) as stream:
        first = stream.read(8)
        length = int.from_bytes(first, "little")
        if len(first) < 8 or length > size - 8:
            if first.startswith(_PICKLES):
                raise ValueError("it is a pickle, which could run any program; only safetensors files are read")
            raise ValueError(f"it is cut off, or no safetensors file: it has {size} bytes")
        if length > MAX_HEADER:
            raise ValueError(f"its header says it has {length} bytes; at most {MAX_HEADER} are read")
        text = stream.read(length)
        metadata = _metadata(text)
        if (DIGEST in metadata) != (DIGEST_OF in metadata):
            raise ValueError("it is damaged: one half of its checksum is missing")
        if DIGEST in metadata:
            digest = hashlib.sha256(first + text.replace(_field(metadata[DIGEST]), _field(_BLANK), 1))
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
            if digest.hexdigest() != metadata[DIGEST]:
                raise ValueError("it is damaged: its bytes are not those that were written, by its checksum (SHA-256)")
    return metadata


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a file's header, for a look: what comes behind it is not read, nor compared with the checksum.

    Raises OSError, and ValueError for what begins as no safetensors file does.
    """
    with open_plain(path) as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > MAX_HEADER:
            raise ValueError(f"its header says it has {length} bytes; at most {MAX_HEADER} are read")
        return _metadata(stream.read(length))


def _metadata(text: bytes) -> dict[str, str]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON ({error})") from error
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its header is none of a safetensors file")
    return metadata


def _field(digest: str) -> bytes:
    return f'"{DIGEST}":"{digest}"'.encode()
