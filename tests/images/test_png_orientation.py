"""What a PNG's texts say of its orientation is taken as Pillow takes it, and other texts cost no decoder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from flawsmith.formats.writers.marker import with_marker
from flawsmith.images import headers
from flawsmith.images.headers import orientation

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = 8
    return found


def text(*given: Any, itxt: bool = False, **options: Any) -> dict[str, Any]:
    info = PngImagePlugin.PngInfo()
    (info.add_itxt if itxt else info.add_text)(*given, **options)
    return {"pnginfo": info}


RAW = f"\nexif\n{len(exif().tobytes()):8d}\n{exif().tobytes().hex()}"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (text("XML:com.adobe.xmp", XMP, itxt=True), 6),
        (text("XML:com.adobe.xmp", XMP, itxt=True, zip=True), 6),
        (text("XML:com.adobe.xmp", XMP), 6),
        (text("XML:com.adobe.xmp", XMP, zip=True), 6),
        (text("Raw profile type exif", RAW), 8),
        (text("Raw profile type exif", RAW, zip=True), 8),
        ({"exif": exif()}, 8),
        (text("Comment", "Orientation"), 1),
        ({}, 1),
    ],
)
def test_orientations_in_texts_are_pillows(options: dict[str, Any], expected: int, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "a.png", **options)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.getexif().get(0x0112, 1) == expected == orientation(tmp_path / "a.png")


def test_the_marker_of_synthetic_pictures_needs_no_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(with_marker((tmp_path / "a.png").read_bytes()))
    monkeypatch.setattr(headers.Image, "open", lambda *_, **__: pytest.fail("was decoded"))
    assert orientation(tmp_path / "b.png") == 1
