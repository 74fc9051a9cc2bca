"""flawsmith: new (picture, pixel mask) pairs of a product's defects, learned from a few labelled examples.

>>> import flawsmith as fs
>>> fs.check("DATA")                                       # every bad file by name
>>> fs.fit("DATA", "RUN", config=fs.preset("tiny"))        # learn
>>> fs.load("RUN").generate("OUT", count=30)               # make pairs
"""

import importlib
from typing import TYPE_CHECKING, Any

from flawsmith.version import __version__

if TYPE_CHECKING:
    from flawsmith.config.resolve import preset, resolve
    from flawsmith.config.schema import Config
    from flawsmith.formats.reading import check, read
    from flawsmith.workflows.benefit import benefit
    from flawsmith.workflows.evaluate import evaluate
    from flawsmith.workflows.export import export
    from flawsmith.workflows.fit import fit
    from flawsmith.workflows.generate import load
    from flawsmith.workflows.sweep import sweep

__all__ = ["Config", "__version__", "benefit", "check", "evaluate", "export", "fit", "load", "preset", "read", "resolve", "sweep"]

# Imported on first use, so that `import flawsmith` and `flawsmith --help` cost nothing.
_HOMES = {
    "Config": "flawsmith.config.schema",
    "benefit": "flawsmith.workflows.benefit",
    "check": "flawsmith.formats.reading",
    "evaluate": "flawsmith.workflows.evaluate",
    "export": "flawsmith.workflows.export",
    "fit": "flawsmith.workflows.fit",
    "load": "flawsmith.workflows.generate",
    "preset": "flawsmith.config.resolve",
    "read": "flawsmith.formats.reading",
    "resolve": "flawsmith.config.resolve",
    "sweep": "flawsmith.workflows.sweep",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'flawsmith' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
