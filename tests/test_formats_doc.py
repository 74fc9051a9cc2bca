"""Every export of docs/formats.md runs as it is written there, in its order, and so do the lines of Python that open it."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from exported import SIZE, hard_masks, write_out

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
