"""BMP pictures of black and white, which Pillow misreads."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import FileError
from flawsmith.images.files import read_image, read_mask


@pytest.mark.parametrize("bits", [1, 8])
def test_black_and_white_is_read_as_it_is(tmp_path: Path, bits: int) -> None:
    marked = np.zeros((9, 21), bool)
    marked[2:5, 3:18] = True
    if bits == 1:
        image = Image.fromarray(marked)
    else:
        image = Image.fromarray(marked.astype(np.uint8))
        image.putpalette([0, 0, 0, 255, 255, 255])
    path = tmp_path / "x.bmp"
    image.save(path)
    assert path.read_bytes()[28] == bits
    assert np.array_equal(read_mask(path), marked) and np.array_equal(read_image(path)[..., 0], marked * np.uint8(255))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileError, match="truncated"):
        read_image(path)
