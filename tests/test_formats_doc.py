"""Every export of docs/formats.md runs as it is written there, in its order, and so do the lines of Python that open it."""

import json
import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from exported import SIZE, hard_masks, write_out
from formats.small import labels, pictures

from flawsmith.cli.main import main
from flawsmith.formats.writers.registry import writers

TEXT = (Path(__file__).parent.parent / "docs/formats.md").read_text(encoding="utf-8")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders that the page names: pairs, and a labelled product."""
    write_out(tmp_path / "pairs", hard_masks(), normals=6)
    for name, masks in {f"{number:02d}": masks for number, masks in enumerate(hard_masks())}.items():
        label, mask = next(iter(masks.items()))
        for path, pixels in ((f"test/{label}/{name}.png", 7 * mask), (f"ground_truth/{label}/{name}_mask.png", 255 * mask)):
            (tmp_path / "parts" / path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "parts" / path), pixels.astype(np.uint8) + (path[0] == "t") * np.uint8(int(name)))
        (tmp_path / "parts/train/good").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / f"parts/train/good/{name}.png"), np.full(SIZE, 100 + int(name), np.uint8))
    monkeypatch.chdir(tmp_path)
    if find_spec("datasets"):
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path


def test_the_commands_and_what_opens_them(folders: Path) -> None:
    used = set()
    for language, block in re.findall(r"```(bash|python)\n(.*?)```", TEXT, flags=re.DOTALL):
        if language == "python":
            packages = {name.split(".")[0] for name in re.findall(r"^(?:import|from) (\S+)", block, flags=re.MULTILINE)}
            if all(find_spec(package) for package in packages):  # test_consumers.py sees to it that they are there in CI
                exec(compile(block, "docs/formats.md", "exec"), {})
            continue
        for line in block.splitlines():
            words = shlex.split(line)
            if words[:2] == ["flawsmith", "export"]:
                result = CliRunner().invoke(main, words[1:])
                assert result.exit_code == 0, f"{line}\n{result.output}"
                used.add(words[words.index("--to") + 1])
    assert used | {"mvtec"} == {one.name for one in writers()}, "mvtec stands beside anomalib's"


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders and files that "I labelled with" names: LabelMe's, CVAT's zip with good pictures elsewhere, Label Studio's."""
    names = [f"{number}.png" for number in range(4)]
    for folder in ("parts", "project"):
        pictures(tmp_path / folder, *names, "good.png", "better.png", "best.png")
    pictures(tmp_path / "good", "a.png", "b.png", "c.png", size=(21, 30))
    pictures(tmp_path / "cvat/images", *names, size=(22, 30))
    square = [[3, 3], [12, 3], [12, 9], [3, 9]]
    for name in names:
        shape = {"label": "dent", "shape_type": "polygon", "points": square}
        labels(tmp_path / "parts" / f"{name[0]}.json", {"shapes": [shape], "imagePath": name, "imageHeight": 20, "imageWidth": 30})
    drawn = "".join(f'<polygon label="{kind}" points="3,3;12,3;12,9"/>' for kind in ("dent", "fiducial"))
    images = "".join(f'<image id="{n}" name="{name}" width="30" height="22">{drawn}</image>' for n, name in enumerate(names))
    labels(tmp_path / "cvat/annotations.xml", f"<annotations><version>1.1</version>{images}</annotations>")
    shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path / "cvat")
    value = {"points": [[10, 10], [50, 10], [50, 60]], "polygonlabels": ["dent"]}
    row = {"type": "polygonlabels", "original_width": 30, "original_height": 20, "value": value, "from_name": "label", "to_name": "image"}
    tasks = [
        {"id": n, "data": {"image": f"/data/upload/1/1234abcd-{name}"}, "annotations": [{"id": n, "result": [row]}]}
        for n, name in enumerate(names)
    ]
    for name in ("good.png", "best.png"):
        tasks.append({"id": len(tasks), "data": {"image": name}, "annotations": [{"id": len(tasks), "result": []}]})
    labels(tmp_path / "project/export.json", tasks)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLAWSMITH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_what_people_labelled_is_understood_by_the_commands(labelled: Path) -> None:
    """What `fit` is told of labels is what `check` is told; the fits themselves are those of the README's test."""
    part = TEXT[TEXT.index("### I labelled with") : TEXT.index("## Write what")]
    lines = [shlex.split(line, comments=True)[1:] for line in part.splitlines() if line.startswith("flawsmith ")]
    assert [words[0] for words in lines] == ["check", "fit", "generate"] * 3
    for words in lines:
        if words[0] != "generate":
            at = words.index("-o") if "-o" in words else len(words)
            result = CliRunner().invoke(main, ["check", *words[1:at], *words[at + 2 :], "--json"])
            assert result.exit_code == 0, f"{words}\n{result.output}"
            found = json.loads(result.stdout)
            assert found["summary"]["dent"]["pictures"] == 4 and found["normals"] >= 2
            assert ("fiducial" in found["summary"]) == (words[:2] == ["check", "export.zip"])
