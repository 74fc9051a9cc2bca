"""How pictures and masks are shown: colours, outlines, crops and sizes, always without hiding a thin defect."""

import base64
import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from flawsmith.images.channels import without_alpha
from flawsmith.images.shrinking import within_side

Frame = tuple[int, int, int, int]  # top, left, bottom, right in pixels

OUTLINE = (255, 64, 160)  # a colour that hardly any product has
PAPER, INK, FAINT = (255, 255, 255), (30, 34, 40), (110, 116, 124)
WHOLE = 320  # larger pictures are shown as a crop of this side, at native scale
_RAMP = ((255, 255, 255), (158, 202, 225), (49, 130, 189), (8, 48, 107))  # from nothing to most; told apart by lightness alone


def to_display(image: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Return a picture as (H, W, 3) uint8, `low` black and `high` white; alpha is left out.

    `image` is (H, W, C) uint8 or uint16 with 1 to 4 channels. Without limits 8 bits are shown as they are, and 16 bits
    from their darkest to their brightest value.
    """
    colours = without_alpha(image)
    if image.dtype != np.uint8 or low is not None or high is not None:
        eight = image.dtype == np.uint8
        low = (0 if eight else float(colours.min())) if low is None else low
        high = (255 if eight else float(colours.max())) if high is None else high
        colours = np.clip((colours.astype(np.float32) - low) * (255 / max(high - low, 1e-6)), 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))  # (H, W, 3)


def limits(picture: np.ndarray) -> tuple[float | None, float | None]:
    """Return the darkest and brightest value of a picture (H, W, C), to show it between them; none for 8 bits, shown as they are."""
    if picture.dtype == np.uint8:
        return None, None
    colours = without_alpha(picture)
    return float(colours.min()), float(colours.max())


def outline(image: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = OUTLINE, width: int = 1) -> np.ndarray:
    """Return `image` (H, W, 3) uint8 with a line of `width` pixels round the mask (H, W) bool.

    The line is outside the mask: the defect itself stays as it is.
    """
    inside = mask.astype(np.uint8)
    side = 2 * width + 1
    grown = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    result = image.copy()
    result[(grown > 0) & ~mask] = colour
    return result


def view(mask: np.ndarray, whole: int = WHOLE) -> Frame:
    """Return the part of a picture to show round a mask (H, W) bool: all of a small one, else a square round the mask.

    The square has `whole` pixels a side, or as many as the mask needs with a margin of a quarter of its size.
    """
    height, width = mask.shape
    if max(height, width) <= whole or not mask.any():
        return 0, 0, height, width
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    middle = int(rows[0] + rows[-1] + 1) // 2, int(columns[0] + columns[-1] + 1) // 2
    return square(middle, max(whole, int(extent * 1.5)), mask.shape)


def square(middle: tuple[int, int], side: int, size: tuple[int, ...]) -> Frame:
    """Return the square of `side` pixels round a pixel, moved into the picture of `size` (H, W) and cut where it does not fit."""
    top, left = (max(0, min(m - side // 2, length - side)) for m, length in zip(middle, size[:2], strict=True))
    return top, left, min(top + side, size[0]), min(left + side, size[1])


def crop_picture(picture: np.ndarray, frame: Frame) -> np.ndarray:
    """Return a copy of the part of a picture (H, W, C) or mask (H, W) inside the frame."""
    top, left, bottom, right = frame
    return picture[top:bottom, left:right].copy()


def pool(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the mask (H, W) bool at another size, true where any of the pixels there is true: thin things survive."""
    for axis, wanted in enumerate((height, width)):
        length = mask.shape[axis]
        starts = np.arange(wanted) * length // wanted
        mask = np.logical_or.reduceat(mask, starts, axis=axis) if wanted <= length else mask.take(starts, axis)
    return mask


def fit(picture: np.ndarray, tile: int) -> np.ndarray:
    """Return the picture (H, W, 3) in the middle of a square tile, made smaller by area or larger by whole pixels."""
    picture = within_side(picture, tile)
    times = tile // max(picture.shape[:2])
    picture = picture.repeat(times, axis=0).repeat(times, axis=1)
    height, width = picture.shape[:2]
    canvas = np.full((tile, tile, 3), 236, np.uint8)
    top, left = (tile - height) // 2, (tile - width) // 2
    canvas[top : top + height, left : left + width] = picture
    return canvas


def ramp(values: np.ndarray) -> np.ndarray:
    """Return shares (H, W) from 0 to 1 as colours (H, W, 3) uint8, from white to dark blue."""
    stops = np.linspace(0, 1, len(_RAMP))
    return np.stack([np.interp(values, stops, channel) for channel in zip(*_RAMP, strict=True)], axis=-1).round().astype(np.uint8)


def encode_picture(picture: np.ndarray, form: str, **options: Any) -> bytes:
    """Return the bytes of a picture (H, W, 3) uint8 as a PNG or JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, form, **options)
    return stream.getvalue()


def jpeg_link(picture: np.ndarray, quality: int) -> str:
    """Return a picture (H, W, 3) uint8 as a `data:` address that holds it as a JPEG with sharp colours."""
    data = encode_picture(picture, "JPEG", quality=quality, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
