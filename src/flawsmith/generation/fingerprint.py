"""What shapes a pair beside its model and seed, as one short hash: options by value, files by content."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flawsmith.config.schema import Config
from flawsmith.core.files import content_hash
from flawsmith.generation.following import Following
from flawsmith.generation.plan import PairSpec
from flawsmith.placement.inputs import PlacementInputs
from flawsmith.version import __version__

DIGITS = 16  # hexadecimal ones of a hash as it stands in a row


class Fingerprint:
    """The hash of all that shapes a pair; a file that was edited in place gives another one, a renamed one the same."""

    def __init__(self, config: Config, learned: Sequence[Path], placement: PlacementInputs, following: Following, mask: str) -> None:
        """learned: files of the run, beside the weights, that a pair depends on; mask: form of the masks."""
        how = asdict(replace(config.generation, batch=1, attempts=1))  # neither changes what an attempt comes to
        self._contents: dict[Path, tuple[tuple[int, int], str]] = {}
        self._common = [__version__, how, asdict(config.quality), [self._content(path) for path in learned], following.digest, mask]
        self._placement = placement

    def of(self, spec: PairSpec) -> str:
        """Return the hash of one attempt's pair, DIGITS hexadecimal digits."""
        value: list[Any] = [self._common, None if spec.normal is None else self._content(spec.normal)]
        for defect in spec.defects:
            size = None if defect.size is None else defect.size.text()
            value.append([defect.defect, defect.severity, size, self._region(defect.region, spec.normal)])
        if spec.normal is not None:
            files = [given.file_for(spec.normal) for given in (self._placement.places, self._placement.foregrounds) if given is not None]
            value.append([None if file is None else self._content(file) for file in files])
        return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:DIGITS]

    def _region(self, region: str | None, normal: Path | None) -> Any:
        if region is None or normal is None:
            return None
        file = self._placement.regions[region].file_for(normal)
        return region if file is None else self._content(file)

    def _content(self, path: Path) -> str:
        """Return the hash of a file's bytes; read again only where the file's time or size is another."""
        found = path.stat()
        seen = found.st_mtime_ns, found.st_size
        if path not in self._contents or self._contents[path][0] != seen:
            self._contents[path] = seen, content_hash(path)[:DIGITS]
        return self._contents[path][1]
