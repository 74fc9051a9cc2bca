"""Every command of the README runs as it is written there, in its order, on a drawn product."""

import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from flawsmith.cli.main import main
from flawsmith.formats.registry import formats

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Added to the commands that learn, and nothing else: a network of a few thousand weights and some steps.
LENIENT = "--set quality.visible=0 --set quality.consistency=0 --set quality.outside=1 --set quality.margin=100"
SHORT = {
    "fit": "--set model.width=32 --set model.depth=1 --set model.head_dim=16 --set model.pixels=4 --set data.window=32 "
    "--set training.init=none --set training.batch=4 --set training.learning_rate=0.003 --set training.ema=0.9 --max-steps 60 --threads 1",
    "generate": f"--set generation.steps=2 --set generation.attempts=1 --threads 1 {LENIENT}",
}
SHORT["benefit"] = (
    f"{SHORT['fit']} {LENIENT} --set generation.steps=2 --shots 3 --seeds 1 --pairs 2 --baselines copy-paste --shares 0.5 "
    "--train-steps 1 --workers 0"
)


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_it_says_how_many_formats_there_are() -> None:
    assert f"which of {len(formats())} label formats" in README


def commands(program: str) -> list[list[str]]:
    """Return the words of every command of `program` in the README."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith(program + " ")]


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drawn product in the folders that the README names, as the working directory."""
    g = np.random.default_rng(0)

    def write(path: str, picture: np.ndarray) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / path), picture)

    for i in range(4):
        write(f"parts/train/good/{i}.png", g.integers(90, 110, (48, 48), np.uint8))
        write(f"more_good/{i}.png", g.integers(90, 110, (48, 48), np.uint8))
    for i in range(15):
        picture, mask = g.integers(90, 110, (48, 48), np.uint8), np.zeros((48, 48), np.uint8)
        mask[16 + i % 3 : 28, 18:24] = 255
        picture[mask > 0] = 20
        write(f"parts/test/scratch/{i}.png", picture)
        write(f"parts/ground_truth/scratch/{i}_mask.png", mask)
    allowed = np.zeros((48, 48), np.uint8)
    allowed[8:40, 8:40] = 255
    write("allowed.png", allowed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0}, raising=False)  # one thread, whatever else runs
    return tmp_path


def test_the_flawsmith_commands_run_in_the_readmes_order(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Any, ...]] = []
    monkeypatch.setattr("flawsmith.studio.serving.serve", lambda *given: served.append(given))  # it ends with Ctrl-C alone
    found = commands("flawsmith")
    assert {words[1] for words in found} == {"check", "fit", "generate", "export", "evaluate", "benefit", "studio"}
    for words in found:
        result = CliRunner().invoke(main, [*words[1:], *shlex.split(SHORT.get(words[1], ""))])
        nothing = (
            words[1] == "generate" and "attempts was accepted" in result.output
        )  # of a model that has hardly learned, with the status 1
        assert result.exit_code == (1 if nothing else 0), f"{shlex.join(words)}\n{result.output}"
    assert [given[1] for given in served] == [Path("parts")]
    for folder in ("pairs", "scratches", "invented"):
        assert (product / folder / "pairs.jsonl").read_text().count("\n") >= 10


def test_the_python_lines_run(product: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    extra = [f'"{word}"' for word in shlex.split(SHORT["fit"]) if "=" in word]
    short = ['"training.steps=2"', '"generation.attempts=1"', '"generation.steps=2"', *extra]
    code = code.replace('"training.minutes=15"', ", ".join(short))
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.split()[0].isdigit()
    assert (product / "pairs_python" / "pairs.jsonl").exists()


def test_the_yaml_is_understood(product: Path) -> None:
    (text,) = blocks("yaml")
    for old, new in (("train/good", "good_parts"), ("test/scratch", "bad/scratch"), ("ground_truth/scratch", "bad/scratch_labels")):
        (product / "parts" / new).parent.mkdir(parents=True, exist_ok=True)
        (product / "parts" / old).rename(product / "parts" / new)
    for mask in (product / "parts/bad/scratch_labels").iterdir():
        mask.rename(mask.with_name(mask.name.replace("_mask", "_label")))
    (product / "parts" / "flawsmith.yaml").write_text(text)
    result = CliRunner().invoke(main, ["check", "parts"])
    assert result.exit_code == 0, result.output


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = [words[1] for words in commands("make")]
    assert named == ["demo", "test"]
    assert all(re.search(rf"^{name}:", makefile, flags=re.MULTILINE) for name in named)


def test_every_key_and_path_the_readme_names_exists() -> None:
    from flawsmith.config.resolve import resolve

    for key, value in re.findall(r"--set ([a-z_]+\.[a-z_]+)=(\w+)", README):
        resolve(settings=[f"{key}={value}"])
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), f"the README links {target}, which does not exist"
