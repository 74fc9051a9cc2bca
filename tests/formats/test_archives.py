"""Zip files as data, and zip files that mean harm."""

import stat
import zipfile
from pathlib import Path

import pytest
from formats.layouts import areas, mvtec, picture, plain, plant, told

import flawsmith as fs
from flawsmith.core.errors import DataError, FileError
from flawsmith.formats import archives


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is unpacked into."""
    monkeypatch.setenv("FLAWSMITH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/unpacked"


def zipped(path: Path, root: Path, within: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(p for p in root.rglob("*") if p.is_file()):
            archive.write(file, within + file.relative_to(root).as_posix())
        archive.writestr("__MACOSX/._x.png", b"x")
    return path


@pytest.mark.parametrize("within", ["", "export/", "a/b/"])
def test_a_zip_file_is_read_like_its_folder(tmp_path: Path, within: str, cache: Path) -> None:
    root = plant(tmp_path / "data", plain())
    path = zipped(tmp_path / "Daten.ZIP", root, within)
    assert areas(fs.read(path)) == areas(fs.read(root))
    assert "Daten.ZIP is unpacked in " in told(path) and not list(cache.glob("part-*")) and len(list(cache.iterdir())) == 1
    before = {p: p.stat().st_mtime_ns for p in cache.glob("*/*/**/*")}
    fs.read(path)
    assert {p: p.stat().st_mtime_ns for p in cache.glob("*/*/**/*")} == before, "unpacked once"
    plant(root, {"good/9.jpg": picture(9)})
    assert len(fs.read(zipped(path, root, within)).normals) == 3, "another content is another folder"


def test_a_zip_file_of_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no layout was recognised"):
        fs.read(zipped(tmp_path / "x.zip", plant(tmp_path / "data", {"a.txt": "x"})))


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/x.png", "C:/x.png", "..\\x.png"])
def test_paths_that_lead_out(tmp_path: Path, name: str, cache: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(FileError, match="x.zip: holds a path that leads out of it"):
        fs.read(tmp_path / "x.zip")
    assert not cache.exists()


def test_links_and_encrypted_files_and_two_of_one_name(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with zipfile.ZipFile(tmp_path / "secret.zip", "w") as archive:
        archive.writestr("a.png", b"x")
    content = bytearray((tmp_path / "secret.zip").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "secret.zip").write_bytes(content)
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a.png", b"x")
        archive.writestr("a.png", b"y")
    for name, message in {"link": "a link", "secret": "an encrypted file", "twice": "two files of one name"}.items():
        with pytest.raises(FileError, match=f"{name}.zip: holds {message}"):
            fs.read(tmp_path / f"{name}.zip")


def test_what_unfolds_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1 << 20))
        archive.writestr("b.png", b"")
    for name, value in {"MOST_FILES": 1, "MOST_BYTES": 1 << 19, "LOOSE": 1 << 19}.items():
        with monkeypatch.context() as patch:
            patch.setattr(archives, name, value)
            with pytest.raises(FileError, match="would unfold to 2 files and 1 MiB"):
                fs.read(tmp_path / "x.zip")
    assert not cache.exists()


@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_a_damaged_zip_file_leaves_nothing(tmp_path: Path, part: float, cache: Path) -> None:
    path = zipped(tmp_path / "x.zip", plant(tmp_path / "data", mvtec()))
    content = path.read_bytes()
    path.write_bytes(content[: round(part * len(content))])
    with pytest.raises(FileError, match="is a zip file that cannot be unpacked"):
        fs.read(path)
    wrong = bytearray(content)
    wrong[60:90] = bytes(30)
    path.write_bytes(wrong)
    with pytest.raises(FileError, match="cannot be unpacked"):
        fs.read(path)
    assert not cache.exists() or not list(cache.iterdir())


def test_a_file_that_is_a_folder_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", b"x")
        archive.writestr("a/b.png", b"x")
        archive.writestr("c" * 300 + ".png", b"x")
    with pytest.raises(FileError, match="x.zip: cannot be unpacked"):
        fs.read(tmp_path / "x.zip")
