"""Pictures for a browser: small ones once, known ones not again, large ones few at a time."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from drawn_files import mvtec  # noqa: F401
from PIL import Image

from flawsmith.studio import pictures
from flawsmith.studio.home import Home


def test_a_thumbnail_is_drawn_once_and_sent_once(home: Path, mvtec: Path) -> None:  # noqa: F811
    project, path = Home(home).open(mvtec), mvtec / "train/good/000.png"
    drawn: list[int] = []

    def draw() -> np.ndarray:
        drawn.append(1)
        return pictures.small_of(path)

    first = pictures.thumbnail(project, "plain", (path,), draw)
    assert pictures.thumbnail(project, "plain", (path,), draw).headers["etag"] == first.headers["etag"]
    assert pictures.thumbnail(project, "plain", (path,), draw, first.headers["etag"]).status_code == 304
    assert len(drawn) == 1
    Image.new("L", (9, 7)).save(path)
    assert pictures.thumbnail(project, "plain", (path,), draw, first.headers["etag"]).status_code == 200
    assert len(drawn) == 2


def test_large_pictures_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_PLACES", pictures._Places(250))
    monkeypatch.setattr(pictures, "MOST_DECODED", 250)
    Image.new("L", (10, 10)).save(tmp_path / "a.png")
    Image.new("L", (100, 100)).save(tmp_path / "large.png")
    at_once, most = 0, 0

    def work(name: str) -> None:
        nonlocal at_once, most
        with pictures.decoding(tmp_path / name):
            at_once += 1
            most = max(most, at_once)
            time.sleep(0.02)
            at_once -= 1

    for name, expected in (("a.png", 2), ("large.png", 1)):
        most = 0
        threads = [threading.Thread(target=work, args=(name,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert most == expected and at_once == 0
