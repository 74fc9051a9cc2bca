"""An OUT folder written by hand, as the contract has it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.images.files import write_image, write_mask


@pytest.fixture
def write_pairs(tmp_path: Path) -> Callable[..., Path]:
    """Return the function that writes OUT: (verdicts, dtype, size, boxes) -> OUT.

    Every pair is a grey normal with dark discs in the boxes (top, left, height, width), each a defect of its own where there are several.
    """

    def write(
        verdicts: Sequence[str] = ("accepted",),
        dtype: Any = np.uint8,
        size: tuple[int, int] = (64, 80),
        boxes: Sequence[tuple[int, int, int, int]] = ((22, 32, 17, 17),),
        defects: Sequence[str] = ("crack",),
    ) -> Path:
        out = tmp_path / "pairs"
        normal = np.full((*size, 1), 90, dtype)
        mask = np.zeros(size, bool)
        for top, left, height, width in boxes:
            rows, columns = np.ogrid[: size[0], : size[1]]
            y, x, a, b = top + (height - 1) / 2, left + (width - 1) / 2, height / 2, width / 2
            mask |= ((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 <= 1
        write_image(out / "normal.png", normal)
        lines = []
        for number, verdict in enumerate(verdicts):
            name, defect = f"{number:06d}", defects[number % len(defects)]
            row: dict[str, Any] = {"id": name, "attempt": 0, "defect": defect, "image": None, "mask": None, "verdict": verdict}
            row |= {"scores": {}, "seed": 1, "model": "m", "size": size, "normal": str(out / "normal.png"), "region": None}
            row |= {"reasons": [] if verdict == "accepted" else ["seam: 2.1 times, at most 1.6"]}
            if len(boxes) > 1:
                placed = [{"defect": f"part{i}", "box": list(box), "area": box[2] * box[3]} for i, box in enumerate(boxes)]
                row |= {"defect": "combined", "defects": placed}
            if verdict == "accepted":
                row |= {"image": f"test/{defect}/{name}.png", "mask": f"ground_truth/{defect}/{name}_mask.png"}
                write_image(out / row["image"], np.where(mask[..., None], 5, normal).astype(dtype))
                write_mask(out / row["mask"], mask)
            lines.append(json.dumps(row))
        (out / "pairs.jsonl").write_text("\n".join(lines) + "\n")
        return out

    return write
