"""A project's folder and what it says to commands."""

from pathlib import Path

import click
import pytest

from flawsmith.cli import options
from flawsmith.core.errors import DataError
from flawsmith.core.folders import mark
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.overlay import Label, write_index
from flawsmith.pairs.folder import PAIRS
from flawsmith.studio.home import Home


def test_labels_are_read_by_a_command_as_the_project_says(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    project = Home(tmp_path / "home").open(tmp_path / "parts")
    assert project.label_options == ()
    said = {"format": "coco", "classes": "scratch=kratzer", "line_width": 3.0, "mask_values": "high"}
    project.change(labels=said)

    @click.command()
    @options.labels
    def command(labels: dict[str, object]) -> None:
        assert ReadOptions(**labels) == ReadOptions(**said)  # type: ignore[arg-type]

    with pytest.raises(SystemExit) as end:
        command(list(project.label_options))
    assert end.value.code == 0


def test_what_was_labelled_in_the_studio_lies_over_the_data(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    project = Home(tmp_path / "home").open(tmp_path / "parts")
    project.change(labels={"format": "coco"})
    write_index(project.drawn, {"a.png": Label(normal=True)})
    assert project.labels == {"format": "coco", "labels": str(project.drawn)}
    assert project.label_options == ("--format", "coco", "--labels", str(project.drawn))


def test_a_folder_of_flawsmith_is_no_data_and_opens_the_project_that_it_lies_in(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    home = Home(tmp_path / "home")
    project = home.open(tmp_path / "parts")
    inside = project.folder / "pairs/first"
    for folder in (inside, tmp_path / "out"):
        mark(folder, PAIRS)
    assert home.open(inside).key == project.key
    with pytest.raises(DataError, match=r"out: is a folder of flawsmith's \(pairs\) and no data"):
        home.open(tmp_path / "out")
    assert not (tmp_path / "out.studio").exists()
