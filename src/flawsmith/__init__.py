"""flawsmith: new (picture, pixel mask) pairs of a product's defects, learned from a few labelled examples.

>>> import flawsmith as fs
>>> fs.check("DATA")                                       # every bad file by name
>>> fs.fit("DATA", "RUN", config=fs.preset("tiny"))        # learn
>>> fs.load("RUN").generate("OUT", count=30)               # make pairs
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flawsmith.config import Config, preset, resolve
    from flawsmith.data.check import check
    from flawsmith.data.readers import read
    from flawsmith.generation.generate import load
    from flawsmith.metrics.evaluate import evaluate
    from flawsmith.tasks.benefit import benefit
    from flawsmith.training.fit import fit

__version__ = "0.1.0"
__all__ = ["Config", "__version__", "benefit", "check", "evaluate", "fit", "load", "preset", "read", "resolve"]

# Imported on first use, so that `import flawsmith` and `flawsmith --help` cost nothing.
_HOMES = {
    "Config": "flawsmith.config",
    "benefit": "flawsmith.tasks.benefit",
    "check": "flawsmith.data.check",
    "evaluate": "flawsmith.metrics.evaluate",
    "fit": "flawsmith.training.fit",
    "load": "flawsmith.generation.generate",
    "preset": "flawsmith.config",
    "read": "flawsmith.data.readers",
    "resolve": "flawsmith.config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'flawsmith' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
