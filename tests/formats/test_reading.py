"""Both layouts, every way to pair a mask, groups, and errors that say what to do."""

import codecs
import contextlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import DataError, FileError, FlawsmithError
from flawsmith.dataset.sample import Item, load_sample
from flawsmith.formats.reading import read
from flawsmith.formats.registry import formats


def test_mvtec_layout(mvtec: Path) -> None:
    data = read(str(mvtec))
    assert data.root == mvtec
    assert [i.image.name for i in data.good] == ["000.png", "001.png", "002.png", "003.png"]
    assert {i.mask for i in data.good} == {None} and {i.defect for i in data.good} == {"good"}
    assert [i.image for i in data.held_out] == [mvtec / "test/good/000.png", mvtec / "test/good/001.png"]
    assert list(data.defects) == ["crack", "dent"]
    assert data.defects["dent"][1] == Item(mvtec / "test/dent/001.png", mvtec / "ground_truth/dent/001_mask.png", "dent")


def test_load(mvtec: Path) -> None:
    data = read(mvtec)
    sample = load_sample(data.defects["crack"][2])
    assert sample.image.shape == (48, 64, 1) and sample.image.dtype == np.uint8
    assert sample.mask is not None and sample.mask.sum() == 12 * 25 and (sample.image[sample.mask] == 200).all()
    assert sample.defect == "crack" and sample.source == mvtec / "test/crack/002.png"
    normal = load_sample(data.good[0])
    assert normal.mask is None and normal.defect == "good"


def test_load_refuses_masks_of_another_size_and_empty_ones(tmp_path: Path) -> None:
    picture, mask = tmp_path / "part07.png", tmp_path / "part07_mask.png"
    Image.new("L", (2048, 1536)).save(picture)
    Image.new("L", (512, 512), 255).save(mask)
    item = Item(picture, mask, "crack")
    with pytest.raises(FileError, match=r"part07_mask\.png: mask is 512x512 but part07\.png is 2048x1536; masks must match their image\."):
        load_sample(item)
    Image.new("L", (2048, 1536)).save(mask)
    with pytest.raises(FileError, match=r"part07_mask\.png: is an empty mask"):
        load_sample(item)
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.new("L", (2048, 1536)).save(picture, exif=tags)
    with pytest.raises(FileError, match=r"is 1536x2048; .* stored turned \(EXIF\)"):
        load_sample(item)


def test_what_is_no_picture_is_ignored_and_order_never_comes_from_the_listing(mvtec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(mvtec)
    for folder in ("train/good", "test/crack", "ground_truth/crack", "test"):
        (mvtec / folder / ".DS_Store").write_bytes(b"x")
        (mvtec / folder / "Thumbs.db").write_bytes(b"x")
        (mvtec / folder / "._000.png").write_bytes(b"x")
        (mvtec / folder / "notes.txt").write_text("by hand")
    (mvtec / "test/.hidden").mkdir()
    listing = Path.iterdir

    def shuffled(self: Path) -> list[Path]:
        entries = list(listing(self))
        random.Random(5).shuffle(entries)
        return entries

    monkeypatch.setattr(Path, "iterdir", shuffled)
    assert read(mvtec) == expected


def test_mask_names_and_suffixes(mvtec: Path) -> None:
    (mvtec / "ground_truth/crack/000_mask.png").rename(mvtec / "ground_truth/crack/000.PNG")
    (mvtec / "test/crack/001.png").rename(mvtec / "test/crack/001.JPeg")
    (mvtec / "ground_truth/crack/002_mask.png").rename(mvtec / "ground_truth/crack/002_mask.BMP")
    crack = read(mvtec).defects["crack"]
    assert [i.image.name for i in crack] == ["000.png", "001.JPeg", "002.png"]
    assert [i.mask.name for i in crack if i.mask] == ["000.PNG", "001_mask.png", "002_mask.BMP"]


def test_pictures_are_not_decoded(mvtec: Path) -> None:
    (mvtec / "test/crack/000.png").write_bytes(b"no picture")
    assert len(read(mvtec).defects["crack"]) == 3


@pytest.fixture
def own(mvtec: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that moves the drawn data into folders of the user's own and writes a YAML beside them."""
    root = tmp_path / "own"

    def build(text: str, rename: Callable[[str], str] = lambda stem: f"{stem}_mask") -> Path:
        shutil.copytree(mvtec / "train/good", root / "ok parts")
        shutil.copytree(mvtec / "test/good", root / "more")
        shutil.copytree(mvtec / "test/crack", root / "bad/pictures")
        (root / "bad/labels").mkdir()
        for mask in (mvtec / "ground_truth/crack").iterdir():
            shutil.copy(mask, root / "bad/labels" / f"{rename(mask.stem.removesuffix('_mask'))}.png")
        (root / "flawsmith.yaml").write_text(text)
        return root

    return build


OWN = "normals: ok parts\nheld_out_normals: more\ndefects:\n  scratch: {images: bad/pictures, masks: bad/labels}\n"


@pytest.mark.parametrize(
    ("rename", "extra"),
    [
        (lambda stem: stem, ""),
        (lambda stem: f"{stem}_mask", ""),
        (lambda stem: f"{stem}_label", 'mask_pattern: "{stem}_label.png"'),
        (lambda stem: f"gt-{stem}-x", 'mask_pattern: "gt-{stem}-x"'),
    ],
)
def test_yaml_layout(own: Callable[..., Path], rename: Callable[[str], str], extra: str) -> None:
    root = own(OWN + extra, rename)
    data = read(root)
    assert data == read(root / "flawsmith.yaml") and data.root == root
    assert len(data.normals) == 4 and len(data.held_out_normals) == 2
    assert [(i.image.name, i.mask.name) for i in data.defects["scratch"] if i.mask] == [
        (f"00{i}.png", f"{rename(f'00{i}')}.png") for i in range(3)
    ]
    sample = load_sample(data.defects["scratch"][0])
    assert sample.mask is not None and sample.defect == "scratch"


def test_yaml_without_held_out_normals_and_with_the_yaml_elsewhere(own: Callable[..., Path], tmp_path: Path) -> None:
    own(OWN)
    elsewhere = tmp_path / "conf" / "line3.yml"
    elsewhere.parent.mkdir()
    elsewhere.write_text("normals: ../own/ok parts\ndefects: {7: {images: ../own/bad/pictures, masks: ../own/bad/labels}}\n")
    data = read(elsewhere)
    assert data.held_out_normals == () and list(data.defects) == ["7"] and len(data.defects["7"]) == 3


@pytest.mark.parametrize(("ending", "extra"), [("_mask", ""), ("_label", "mask_pattern: '{stem}_label.png'\n")])
def test_pictures_and_masks_in_one_folder(own: Callable[..., Path], ending: str, extra: str) -> None:
    root = own(f"normals: ok parts\n{extra}defects: {{scratch: {{images: bad/all, masks: ./bad/../bad/all}}}}\n")
    shutil.copytree(root / "bad/pictures", root / "bad/all")
    for mask in (root / "bad/labels").iterdir():
        shutil.copy(mask, root / "bad/all" / mask.name.replace("_mask", ending))
    assert [(i.image.name, i.mask.name) for i in read(root).defects["scratch"] if i.mask] == [
        (f"00{i}.png", f"00{i}{ending}.png") for i in range(3)
    ]
    (root / "bad/all/001.png").unlink()
    with pytest.raises(DataError, match=rf"001{ending}\.png: is a mask without a picture"):
        read(root)


def test_two_defects_share_a_folder_of_masks(own: Callable[..., Path]) -> None:
    both = "defects:\n  a: {images: bad/pictures, masks: bad/labels}\n  b: {images: bad/others, masks: bad/labels}\n"
    root = own("normals: ok parts\n" + both)
    (root / "bad/others").mkdir()
    (root / "bad/pictures/001.png").rename(root / "bad/others/001.png")
    data = read(root)
    assert [i.image.name for i in data.defects["a"]] == ["000.png", "002.png"]
    assert [i.image.name for i in data.defects["b"]] == ["001.png"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN + "held_out: more", r"held_out: there is no such key\. Did you mean held_out_normals\?"),
        ("normals: ok parts\ndefects: {a: {image: bad/pictures, masks: bad/labels}}", r"defects\.a\.image: .* Did you mean images\?"),
        ("normals: ok parts\ndefects: {a: {images: bad/pictures}}", r"defects\.a\.masks: is missing"),
        ("defects: {a: {images: bad/pictures, masks: bad/labels}}", "normals: is missing"),
        ("normals: ok parts", "defects: is missing"),
        ("normals: ok parts\ndefects: {}", "defects: got {}"),
        (
            "normals: gone\ndefects: {a: {images: bad/pictures, masks: bad/labels}}",
            r"normals: there is no folder .*gone\. Paths are relative",
        ),
        ("normals: 3\ndefects: {a: {images: bad/pictures, masks: bad/labels}}", "normals: got 3"),
        (OWN + "mask_pattern: '_label.png'", r"mask_pattern: got '_label\.png', expected .*\{stem\} once"),
        (OWN + "groups: parts.csv", r"groups: there is no file .*parts\.csv"),
        ("normals: ok parts\ndefects: {good: {images: bad/pictures, masks: bad/labels}}", "'good' cannot be a defect's name"),
        ("normals: ok parts\ndefects: {a/b: {images: bad/pictures, masks: bad/labels}}", "'a/b' cannot be a defect's name"),
        ("normals: ok parts\ndefects: {no: {images: bad/pictures, masks: bad/labels}}", "got the name False"),
        (OWN.replace("more", "ok parts"), "normals and held_out_normals are the same folder"),
        ("normals: [unclosed", "is not YAML"),
        ("- a\n- b", "expected the keys normals"),
        ("", "expected the keys normals"),
    ],
)
def test_yaml_that_cannot_be_used(own: Callable[..., Path], text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(own(text))


def test_groups(mvtec: Path) -> None:
    rows = ["path,group", "test/crack/000.png,7", "test\\crack\\001.png, 7", "./train/good/002.png,line 3", "test/crack/gone.png,9"]
    (mvtec / "groups.csv").write_text("\ufeff" + "\r\n".join(rows), encoding="utf-8")
    data = read(mvtec)
    assert [i.group for i in data.defects["crack"]] == ["7", "7", None]
    assert [i.group for i in data.good] == [None, None, "line 3", None]
    assert load_sample(data.defects["crack"][0]).group == "7"


def test_groups_of_a_yaml(own: Callable[..., Path]) -> None:
    root = own(OWN + "groups: lists/parts.csv")
    (root / "lists").mkdir()
    (root / "lists/parts.csv").write_text("group,path\nA,bad/pictures/001.png\n")
    assert [i.group for i in read(root).defects["scratch"]] == [None, "A", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path;group\na;1\n", "has the columns path;group; expected path,group"),
        ("", "expected path,group"),
        ("path,group\ntest/crack/000.png,\n", r"row 2: test/crack/000\.png has no group"),
        ("path,group\ntest/crack/000.png,1\ntest/crack/000.png,2\n", r"row 3: .* in the group '2' and before in '1'"),
        ("path,group\ntest/crack/000.png,\xe9\n".encode("latin-1"), "UTF-8"),
    ],
)
def test_groups_that_cannot_be_used(mvtec: Path, text: str | bytes, message: str) -> None:
    (mvtec / "groups.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        read(mvtec)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_named_folders_and_groups_may_begin_with_a_byte_order_mark(mvtec: Path, mark: bytes) -> None:
    text = b"normals: train/good\r\ndefects:\r\n  crack: {images: test/crack, masks: ground_truth/crack}\r\n"
    (mvtec / "flawsmith.yaml").write_bytes(mark + text)
    (mvtec / "groups.csv").write_bytes(mark + b"path,group\r\ntest/crack/000.png,A\r\n")
    data = read(mvtec)
    assert list(data.defects) == ["crack"] and data.defects["crack"][0].group == "A"


def test_missing_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "x.png").touch()
    with pytest.raises(DataError, match="is no label file of a known format; expected"):
        read(tmp_path / "x.png")


def test_nothing_recognisable_shows_the_layout_and_what_is_there(tmp_path: Path, mvtec: Path) -> None:
    (tmp_path / "odd/pictures/left").mkdir(parents=True)
    (tmp_path / "odd/pictures/a.png").touch()
    with pytest.raises(DataError) as caught:
        read(tmp_path / "odd")
    text = str(caught.value)
    for part in ("train/good", "ground_truth/<defect>", "flawsmith.yaml", "pictures/  (1 files)", "left/  (0 files)"):
        assert part in text
    with pytest.raises(DataError, match="name one of them: data"):
        read(tmp_path)


def test_no_normals_and_no_defects(mvtec: Path) -> None:
    for picture in (mvtec / "train/good").iterdir():
        picture.unlink()
    for _ in range(2):
        data = read(mvtec)
        assert not data.normals and list(data.defects) == ["crack", "dent"], "such a data set can be read"
        with pytest.raises(DataError, match="holds no pictures of the product without a defect(.|\n)*--normals"):
            data.require()
        shutil.rmtree(mvtec / "train", ignore_errors=True)


def test_no_defects(mvtec: Path) -> None:
    for name in ("crack", "dent"):
        shutil.rmtree(mvtec / "test" / name)
        shutil.rmtree(mvtec / "ground_truth" / name)
    with pytest.raises(DataError, match="no picture of a defect with its mask"):
        read(mvtec).require()


def test_what_does_not_pair_up_is_refused(mvtec: Path) -> None:
    (mvtec / "ground_truth/crack/001_mask.png").unlink()
    with pytest.raises(DataError, match=r"test/crack/001\.png: has no mask; expected ground_truth/crack/001_mask\.png or "):
        read(mvtec)
    (mvtec / "test/dent/002.png").unlink()
    with pytest.raises(DataError, match=r"2 problems; `flawsmith check(.|\n)*crack/001\.png(.|\n)*dent/002_mask\.png: is a mask without"):
        read(mvtec)


@pytest.mark.parametrize("name", [one.name for one in formats()])
def test_a_format_that_is_named_for_something_else_says_so(tmp_path: Path, mvtec: Path, name: str) -> None:
    for file, text in {"a.txt": "x", "b.json": "{}", "c.yaml": "a: 1", "d.csv": "a,b\n1,2\n", "e.xml": "<a/>"}.items():
        (tmp_path / file).write_text(text)
    for path in (tmp_path, tmp_path / "b.json", tmp_path / "c.yaml", mvtec):
        with contextlib.suppress(FlawsmithError):
            assert isinstance(read(path, format=name).normals, tuple)
