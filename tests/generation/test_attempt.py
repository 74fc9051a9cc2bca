"""One pair's picture: nothing changes outside the band, in any depth and size, with one defect or several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.compositing.change import change_map
from flawsmith.compositing.mask_refinement import consistency
from flawsmith.images.files import read_image

WINDOW = 32


def distance_to(mask: np.ndarray) -> np.ndarray:
    """Return each pixel's exact distance to the mask (H, W)."""
    every = np.indices(mask.shape).reshape(2, -1).T[:, None]
    return np.asarray(np.sqrt(((every - np.argwhere(mask)) ** 2).sum(-1)).min(1).reshape(mask.shape))


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(("size", "parts"), [((20, 24), 1), ((WINDOW, WINDOW), 1), ((40, 150), 1), ((120, 100), 3)])
def test_outside_the_band_every_bit_is_the_normals(
    dtype: str,
    channels: int,
    size: tuple[int, int],
    parts: int,
    run8: Path,
    run16: Path,
    tmp_path: Path,
    save_picture: Callable[..., Path],
    pairs: Any,
) -> None:
    feather = 2
    onto = pairs.folder(tmp_path / "onto", size, dtype, channels, save_picture)
    settings = [f"generation.feather={feather}", "generation.placement=uniform"]
    generator = pairs.loose(run8 if dtype == "uint8" else run16, *settings)
    summary = generator.generate(tmp_path / "out", 3, onto=onto, per_image=parts, quiet=True)
    assert summary.accepted == 3
    for row in pairs.check(tmp_path / "out", summary, 0, 3):
        if row["verdict"] != "accepted":
            continue
        assert len(row["defects"]) == parts
        image, normal = pairs.plain(tmp_path / "out" / row["image"]), pairs.plain(row["normal"])
        mask = pairs.plain(tmp_path / "out" / row["mask"]) > 0
        outside = distance_to(mask) >= feather + 1.2  # the band's distance is approximate by a few per cent
        assert image.dtype == normal.dtype and image.shape == normal.shape
        assert np.array_equal(image[outside], normal[outside])
        assert (image[mask] != normal[mask]).any()
        if channels == 4:
            assert np.array_equal(image[..., 3], normal[..., 3]), "alpha is no part of a defect"


@pytest.mark.usefixtures("loud")
def test_several_defects_lie_apart_and_each_has_its_scores(
    run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any
) -> None:
    onto = pairs.folder(tmp_path / "onto", (120, 140), "uint8", 1, save_picture)
    generator = pairs.loose(run8)
    summary = generator.generate(tmp_path / "out", 8, onto=onto, per_image="1-3", mix=True, severity="0.5-1.5", quiet=True)
    rows = [row for row in pairs.check(tmp_path / "out", summary, 0, 8) if row["image"]]
    assert {len(row["defects"]) for row in rows} == {1, 2, 3}
    assert {row["defect"] for row in rows} == {"blob", "line", "combined"}, "one kind has its own folder"
    assert len({part["severity"] for row in rows for part in row["defects"]}) > 6
    for row in rows:
        assert row["severity"] == max(part["severity"] for part in row["defects"])
        assert row["scores"]["consistency"] == min(part["scores"]["consistency"] for part in row["defects"]), "those of the worst"
        assert sum(part["area"] for part in row["defects"]) == (pairs.plain(tmp_path / "out" / row["mask"]) > 0).sum()
        boxes = [part["box"] for part in row["defects"]]
        for i, (top, left, height, width) in enumerate(boxes):
            for other in boxes[:i]:
                assert top + height < other[0] or other[0] + other[2] < top or left + width < other[1] or other[1] + other[3] < left


@pytest.mark.usefixtures("loud")
def test_one_kind_alone_without_mix(run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (120, 140), "uint8", 1, save_picture)
    pairs.loose(run8).generate(tmp_path / "out", 4, onto=onto, per_image=2, quiet=True)
    assert all(len({part["defect"] for part in row["defects"]}) == 1 for row in pairs.rows(tmp_path / "out"))


@pytest.mark.usefixtures("loud")
def test_a_picture_too_full_is_rejected_with_the_reason(run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (WINDOW, WINDOW), "uint8", 1, save_picture)
    generator = pairs.loose(run8, "generation.attempts=2")
    summary = generator.generate(tmp_path / "out", 2, onto=onto, per_image=16, quiet=True)
    assert (summary.accepted, summary.failed) == (0, 2)
    for row in pairs.check(tmp_path / "out", summary, 0, 2):
        assert any(reason.startswith("place: no place is left") for reason in row["reasons"]) or any(p["reasons"] for p in row["defects"])


@pytest.mark.usefixtures("loud")
def test_defects_reach_the_border_of_a_picture(run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (60, 60), "uint8", 1, save_picture)
    corner = np.zeros((60, 60))
    corner[:6, 54:] = 255
    region = save_picture(tmp_path / "region.png", corner)
    summary = pairs.loose(run8).generate(tmp_path / "out", 3, onto=onto, region=region, quiet=True)
    assert summary.accepted == 3
    for row in pairs.check(tmp_path / "out", summary, 0, 3):
        if row["image"]:
            changed = pairs.plain(tmp_path / "out" / row["image"]) != pairs.plain(row["normal"])
            assert changed.any() and not changed[corner == 0].any()


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize("kind", ["file", "folder", "rect", "ellipse"])
def test_only_the_users_region_changes(kind: str, run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (70, 90), "uint8", 3, save_picture)
    masks = {}
    for i, path in enumerate(sorted(onto.iterdir())):
        mask = np.zeros((70, 90))
        mask[10:60, 20 + 20 * (i if kind == "folder" else 0) :][:, :15] = 255
        save_picture(tmp_path / (f"regions/{path.stem}_mask.png" if kind == "folder" else "regions/one.png"), mask)
        masks[path] = mask > 0
    region = {"folder": tmp_path / "regions", "file": tmp_path / "regions/one.png"}.get(kind, f"{kind}:20,10,15,50")
    summary = pairs.loose(run8).generate(tmp_path / "out", 6, onto=onto, region=region, quiet=True)
    assert summary.accepted >= 4
    for row in pairs.check(tmp_path / "out", summary, 0, 6):
        if row["image"]:
            allowed = masks[Path(row["normal"])]
            changed = (pairs.plain(tmp_path / "out" / row["image"]) != pairs.plain(row["normal"])).any(-1)
            assert not changed[~allowed].any() and not pairs.plain(tmp_path / "out" / row["mask"])[~allowed].any()
            if kind == "ellipse":
                assert not changed[10, 20] and not changed[59, 34], "its corners are outside"


def test_the_scores_can_be_computed_again_from_the_files(run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator = pairs.loose(run8)
    generator.generate(tmp_path / "out", 4, quiet=True)
    rows = [row for row in pairs.rows(tmp_path / "out") if row["image"]]
    assert rows, "even this model draws defects that pass"
    scale = generator.product.scale
    for row in rows:
        image, normal = (x.reshape(*x.shape[:2], -1) for x in (pairs.plain(tmp_path / "out" / row["image"]), pairs.plain(row["normal"])))
        exact, labelled = (pairs.plain(tmp_path / "out" / row[kind]) > 0 for kind in ("mask", "other_mask"))
        change = change_map(image, normal, scale.high - scale.low)
        assert row["scores"]["visible"] == pytest.approx(change[labelled].mean(), abs=1e-3)
        assert row["scores"]["consistency"] == pytest.approx(consistency(change, exact, row["scores"]["changed_from"]), abs=0.01)
        assert row["scores"]["area"] == labelled.sum()


@pytest.mark.usefixtures("loud")
def test_the_pictures_are_read_back_as_they_were_written(run16: Path, tmp_path: Path, pairs: Any) -> None:
    pairs.loose(run16).generate(tmp_path / "out", 1, quiet=True)
    (row,) = (row for row in pairs.rows(tmp_path / "out") if row["image"])
    ours, theirs = read_image(tmp_path / "out" / row["image"]), pairs.plain(tmp_path / "out" / row["image"])
    assert np.array_equal(ours, theirs[..., ::-1]), "red is red (cv2 reads blue first)"
