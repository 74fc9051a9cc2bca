"""A fit of seconds, as somebody would ask the studio for it, and a server that is asked without a browser."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

SETTINGS = [
    "training.init=none",
    *("model.width=32", "model.depth=1", "model.head_dim=16", "model.pixels=4", "model.saim_rank=4", "model.token_dim=32"),
    *("model.tokens=2", "model.cells=8", "data.window=32", "training.precision=fp32", "training.batch=2", "training.warmup=2"),
    *("training.log_every=1", "training.preview_every=4", "training.checkpoint_every=2", "training.patience=0"),
    *("generation.precision=fp32", "generation.steps=1"),
]


def wanted(name: str = "run", steps: int = 4, **more: Any) -> dict[str, Any]:
    """Return what a page asks for to begin a fit."""
    return {"name": name, "preset": "tiny", "steps": steps, "minutes": 0, "settings": SETTINGS, **more}


def wait(until: Callable[[], Any], seconds: float = 180) -> Any:
    """Return what `until` returns once it is true."""
    end = time.monotonic() + seconds
    while not (found := until()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)
    return found


def asked(origin: str, path: str, body: Any = None) -> Any:
    """Return what a server answers, as to one of its own pages."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"origin": origin, "content-type": "application/json"}
    with urlopen(Request(origin + path, data, headers), timeout=30) as answer:
        return json.load(answer)


def opened(origin: str, data: Path) -> str:
    """Return the address of the project of a data folder."""
    return "/p/" + str(asked(origin, "/api/projects", {"path": str(data)})["key"])
