"""RUN/data.json: every file that was learned from with its hash, and a record that is not there or spoiled is named."""

import json
from pathlib import Path

import pytest

from flawsmith.core.errors import RunError
from flawsmith.core.files import content_hash, write_json
from flawsmith.dataset.record import data_record, read_record
from flawsmith.formats.reading import read


def test_the_record_names_the_files_learned_from_and_no_others(mvtec: Path) -> None:
    data = read(mvtec)
    record = data_record(data, {"dent": data.defects["dent"][:2]}, "third")
    assert record["root"] == str(mvtec.resolve()) and record["split"] == "third"
    names = [f"train/good/{i:03}.png" for i in range(4)]
    assert record["normals"] == [{"image": name, "sha256": content_hash(mvtec / name)} for name in names]
    assert list(record["defects"]) == ["dent"]
    for i, row in enumerate(record["defects"]["dent"]):
        image, mask = f"test/dent/{i:03}.png", f"ground_truth/dent/{i:03}_mask.png"
        assert row == {
            "image": image,
            "sha256": content_hash(mvtec / image),
            "mask": mask,
            "mask_sha256": content_hash(mvtec / mask),
        }
    assert len(record["defects"]["dent"]) == 2


def test_a_record_comes_back_as_it_was_written(mvtec: Path, tmp_path: Path) -> None:
    data = read(mvtec)
    record = data_record(data, data.defects, "all")
    write_json(tmp_path / "run/data.json", record)
    assert read_record(tmp_path / "run") == record


def test_a_missing_record_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"data\.json: is missing; copy the whole RUN folder, or fit again"):
        read_record(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"root": "da', json.dumps({"root": "a"}).encode()[:-1], b"\xff\xfe{}"])
def test_a_spoiled_record_says_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(content)
    with pytest.raises(RunError, match=r"data\.json: is not JSON .*copy the RUN folder anew, or fit again"):
        read_record(tmp_path)
