"""Hugging Face data sets in Parquet: pictures inside tables."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from formats.layouts import BLACK, ONE, TWO, areas, mask, picture, told
from formats.small import pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import flawsmith as fs
from flawsmith.core.errors import ConfigError, DataError, FileError
from flawsmith.formats.readers import hf_parquet

pytest.importorskip("pyarrow")
FEATURES = {"image": {"_type": "Image"}, "mask": {"_type": "Image"}, "label": {"names": ["good", "dent", "scratch"], "_type": "ClassLabel"}}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is unpacked into."""
    monkeypatch.setenv("FLAWSMITH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/unpacked"


def png(values: Any, room: Path) -> bytes:
    path = room / "drawn.png"
    Image.fromarray(values).save(path)
    return path.read_bytes()


def rows(room: Path) -> list[dict[str, Any]]:
    masks = [BLACK, mask(ONE), mask(ONE, TWO)]
    return [
        {
            "image": {"bytes": png(picture(i), room), "path": f"C:\\x\\part{i} a.png"},
            "mask": {"bytes": png(masks[i], room), "path": None},
            "label": i,
            "score": float("nan"),
        }
        for i in range(3)
    ]


def write(path: Path, found: list[dict[str, Any]], features: Any = FEATURES) -> Path:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(found)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, path)
    return path


def test_pictures_masks_and_names_of_classes(tmp_path: Path, cache: Path) -> None:
    root = write(tmp_path / "data/train-00000-of-00001.parquet", rows(tmp_path)).parent
    data = fs.read(root, group_pattern=r"(part\d)")
    found = {(Path(name).name, defect): area for (name, defect), area in areas(data).items()}
    assert found == {("0000001_part1_a.png", "dent"): 20, ("0000002_part2_a.png", "scratch"): 26}
    assert [p.name for p in data.normals] == ["0000000_part0_a.png"] and data.good[0].group == "part0"
    assert "train-00000-of-00001.parquet is unpacked in" in told(root) and len(list(cache.iterdir())) == 1, "once"
    assert areas(fs.read(root / "train-00000-of-00001.parquet")) == areas(data), "a table alone"


def test_subsets_are_called_by_their_files_or_folders(tmp_path: Path) -> None:
    several = rows(tmp_path)
    write(tmp_path / "data/data/train-00000-of-00002.parquet", several[:1])
    write(tmp_path / "data/data/train-00001-of-00002.parquet", several[1:2])
    write(tmp_path / "data/default/test/0000.parquet", several[:1])
    data = fs.read(tmp_path / "data")
    assert (len(data.normals), len(data.held_out_normals), len(data.defects["dent"])) == (1, 1, 1)


def test_boxes_and_outlines_of_objects(tmp_path: Path) -> None:
    found = [{"image": rows(tmp_path)[0]["image"], "objects": {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": [1]}}]
    features = {"objects": {"category": {"feature": {"names": ["x", "dent"], "_type": "ClassLabel"}, "_type": "List"}}}
    path = write(tmp_path / "a.parquet", found, features)
    with pytest.raises(DataError, match="labels without masks \\(box\\)"):
        fs.read(path)
    found[0]["objects"]["segmentation"] = [[2.0, 2.0, 6.0, 2.0, 6.0, 6.0, 2.0, 6.0]]
    assert list(areas(fs.read(write(path, found, features))).items())[0][0][1] == "dent"


def test_what_is_not_inside_is_told(tmp_path: Path) -> None:
    found = rows(tmp_path)
    found[1]["image"]["bytes"] = None
    with pytest.raises(FileError, match=r"a.parquet: names pictures and does not hold them .*push_to_hub"):
        fs.read(write(tmp_path / "a.parquet", found))
    found[1]["image"]["bytes"] = b"GIF89a..."
    with pytest.raises(FileError, match="a.parquet: holds what is no picture that is read"):
        fs.read(write(tmp_path / "a.parquet", found))
    masks = [{"mask": row["mask"]} for row in rows(tmp_path)]
    with pytest.raises(FileError, match="has no column of pictures but mask"):
        fs.read(write(tmp_path / "a.parquet", masks))


def test_tables_without_pictures_are_none(tmp_path: Path) -> None:
    write(tmp_path / "data/a.parquet", [{"x": 1, "y": "text"}], None)
    with pytest.raises(DataError, match="no layout was recognised"):
        fs.read(tmp_path / "data")
    pictures(tmp_path / "data", "good/a.png")
    assert len(fs.read(tmp_path / "data").normals) == 1, "one beside other data is no matter"
    with pytest.raises(DataError, match="holds no Parquet file with columns of pictures"):
        fs.read(tmp_path / "data", format="hf-parquet")


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_tables_are_refused_or_read(tmp_path: Path, cache: Path, data: st.DataObject) -> None:
    path = write(tmp_path / "a.parquet", rows(tmp_path))
    content = path.read_bytes()
    place, length = data.draw(st.integers(0, len(content) - 4)), data.draw(st.integers(1, 40))
    path.write_bytes(content[:place] + bytes(length) + content[place + length :])
    read_or_refused(path, format="hf-parquet")
    assert not list(cache.glob("part-*"))


def test_what_unfolds_to_too_much(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", rows(tmp_path))
    for name, value in {"MOST_FILES": 2, "MOST_BYTES": 100}.items():
        with monkeypatch.context() as patch:
            patch.setattr(hf_parquet, name, value)
            with pytest.raises(FileError, match="a.parquet: unfolds to more than is taken"):
                fs.read(path)
    assert not list(cache.iterdir())


def test_without_pyarrow_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", rows(tmp_path))
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"needs pyarrow, which is not installed: pip install 'flawsmith\[parquet\]'"):
        fs.read(path)


def test_as_datasets_writes_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        image=datasets.Image(), mask=datasets.Image(), label=datasets.ClassLabel(names=["good", "dent", "scratch"])
    )
    found = {column: [row[column] for row in rows(tmp_path)] for column in ("image", "mask", "label")}
    datasets.Dataset.from_dict(found, features=features).to_parquet(str(tmp_path / "train.parquet"))
    assert {defect for _, defect in areas(fs.read(tmp_path / "train.parquet"))} == {"dent", "scratch"}
