"""Names that look the same are the same, whichever characters a Mac or Windows spelled them with."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import flawsmith as fs
from flawsmith.core.errors import DataError
from flawsmith.generation.plan import choose_defects
from flawsmith.placement.regions import Regions


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.fixture
def renamed(mvtec: Path) -> Path:
    """The kind is "Riß é", with its folder of masks and the masks spelled otherwise than its pictures."""
    for folder, spell, ending in (("test", nfc, ""), ("ground_truth", nfd, "_mask")):
        (mvtec / folder / "crack").rename(mvtec / folder / spell("Riß é"))
        for i in range(3):
            path = mvtec / folder / spell("Riß é") / f"00{i}{ending}.png"
            path.rename(path.with_name(spell(f"Prüfling_{i}{ending}.png")))
    return mvtec


def test_pictures_and_masks_pair_up(renamed: Path) -> None:
    data = fs.read(renamed)
    assert list(data.defects) == [nfc("Riß é"), "dent"] and len(data.defects[nfc("Riß é")]) == 3
    assert not fs.check(renamed).bad
    assert choose_defects(list(data.defects), nfd("Riß é")) == [nfc("Riß é")], "whatever the keyboard types"


def test_groups_are_found(renamed: Path) -> None:
    (renamed / "groups.csv").write_text(f"path,group\n{nfd('test/Riß é/Prüfling_1.png')},{nfd('Stück ü')}\n", encoding="utf-8")
    assert [i.group for i in fs.read(renamed).defects[nfc("Riß é")]] == [None, nfc("Stück ü"), None]


def test_folders_of_a_yaml_are_found(renamed: Path) -> None:
    entry = f"images: {nfd('test/Riß é')}, masks: {nfc('ground_truth/Riß é')}"
    (renamed / "flawsmith.yaml").write_text(f"normals: train/good\ndefects:\n  {nfd('Riß')}: {{{entry}}}\n", encoding="utf-8")
    assert len(fs.read(renamed).defects[nfc("Riß")]) == 3


def test_two_of_a_name_are_told_apart(renamed: Path) -> None:
    picture = renamed / "test" / nfc("Riß é") / nfc("Prüfling_1.png")
    picture.with_name(nfd("Prüfling_1.png")).write_bytes(picture.read_bytes())
    with pytest.raises(DataError, match="shares the mask"):
        fs.read(renamed)
    picture.with_name(nfd("Prüfling_1.png")).unlink()
    (renamed / "test" / nfd("Riß é")).mkdir()
    with pytest.raises(DataError, match="other Unicode characters"):
        fs.read(renamed)


def test_a_region_is_found_by_its_pictures_name(tmp_path: Path, save_picture: Callable[..., Path]) -> None:
    normal = save_picture(tmp_path / "good" / nfc("Tür.png"), np.full((20, 20), 100.0))
    save_picture(tmp_path / "masks" / nfd("Tür_mask.png"), np.full((20, 20), 255.0))
    assert Regions(tmp_path / "masks", [normal])[normal].all()
