"""`--like` and `--strength`: what is followed, how closely, and that no copy of it passes; from what is typed to what is shown."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from flawsmith.cli.main import main
from flawsmith.dataset.dihedral import apply_pose
from flawsmith.dataset.sample import load_sample
from flawsmith.dataset.windows import Box, bounding_box
from flawsmith.formats.reading import read
from flawsmith.generation import generator as module
from flawsmith.generation.liked import named_pictures
from flawsmith.images.files import read_image, read_mask
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.review import decide
from flawsmith.product.exemplars import Exemplar, collect_exemplars
from flawsmith.synthesis.task import Drawn, Task

LENIENT = [
    *("quality.visible=0", "quality.change=0.001", "quality.consistency=0", "quality.outside=1", "quality.margin=1000"),
    *("generation.precision=fp32", "generation.steps=2", "generation.attempts=1", "generation.detail=0"),
]
SET = [word for setting in LENIENT for word in ("--set", setting)]
WINDOW = 32


def generate(data: Path, out: Path, *words: object) -> Result:
    """Type `flawsmith generate DATA -o OUT` and more words."""
    typed = ["generate", data, "-o", out, "--threads", 1, "--device", "cpu", *SET, *words]
    return CliRunner().invoke(main, [str(word) for word in typed])


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]


@pytest.fixture
def tasks(base: object, monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """What the network is given, with the small base in the place of the one that ships."""
    seen: list[Task] = []
    draw = module.draw

    def look(model: Any, given: Sequence[Task], *rest: Any) -> list[Drawn]:
        seen.extend(given)
        return draw(model, given, *rest)

    monkeypatch.setattr(module, "draw", look)
    return seen


@pytest.fixture
def made(make_pairs: Callable[..., Path], data8: Path, tmp_path: Path) -> Path:
    """A folder of pairs on the 8-bit product's normals: noisy discs."""
    return make_pairs(tmp_path / "made", data8)


def test_of_reviewed_pairs_those_that_people_accepted_are_followed(made: Path) -> None:
    (first, second, *_) = PairFolder(made).accepted()
    assert len(named_pictures(made)) == len(PairFolder(made).accepted())
    decide(made, "anna", [first.id, second.id], "accept")
    decide(made, "ben", [second.id], "reject")
    assert named_pictures(made) == [PairFolder(made).image_path(first)]


def exemplars_of(data: Path, defect: str) -> dict[str, list[Exemplar]]:
    """Return the labelled defects of a kind by the whole path of their picture."""
    samples = [load_sample(item) for item in read(data).defects[defect]]
    return {str(sample.source.resolve()): collect_exemplars({defect: [sample]}, WINDOW) for sample in samples}


def shown_pictures(task: Task) -> np.ndarray:
    """Return the pictures that a task shows, (K, S, S) in grey levels."""
    assert task.exemplars is not None
    return np.rint((task.exemplars[:, 0] + 1) * 127.5)


# what is followed


def test_labelled_pictures_take_the_place_of_the_others_of_their_kind(tasks: list[Task], data8: Path, tmp_path: Path) -> None:
    liked = data8 / "test/line/002.png"
    assert generate(data8, tmp_path / "out", "--count", 3, "--like", liked).exit_code in (0, 1)
    made = rows(tmp_path / "out")
    assert {row["defect"] for row in made} == {"line"}, "the kinds that are liked"
    assert all(
        part["follows"] == [str(liked.resolve())] and part["source"] == str(liked.resolve()) for row in made for part in row["defects"]
    )
    (expected,) = exemplars_of(data8, "line")[str(liked.resolve())]
    for task in tasks:
        assert np.array_equal(shown_pictures(task), expected.image[None, ..., 0])
        assert task.exemplars is not None and np.array_equal(task.exemplars[0, -1] > 0, expected.mask)


def test_kinds_that_are_asked_for_and_not_liked_follow_what_was_learned(tasks: list[Task], data8: Path, tmp_path: Path) -> None:
    liked = data8 / "test/line/002.png"
    words = ["--count", 4, "--like", liked, "--defect", "blob", "--defect", "line"]
    assert generate(data8, tmp_path / "out", *words).exit_code in (0, 1)
    followed = {row["defect"]: {name for part in row["defects"] for name in part["follows"]} for row in rows(tmp_path / "out")}
    assert (
        followed["line"] == {str(liked.resolve())} and len(followed["blob"]) >= 3 and followed["blob"] <= {f"{i:03}.png" for i in range(6)}
    )
    assert [0 if task.exemplars is None else len(task.exemplars) for task in tasks] == [3, 1, 3, 1]


def test_pairs_that_were_made_are_followed_with_the_masks_that_they_have(
    tasks: list[Task], data8: Path, made: Path, tmp_path: Path
) -> None:
    pictures = [made / "test/blob/000000.png", made / "test/blob/000002.png"]
    assert generate(data8, tmp_path / "out", "--count", 2, "--like", ",".join(map(str, pictures))).exit_code in (0, 1)
    expected = set()
    for picture in pictures:
        box = bounding_box(read_mask(made / f"ground_truth/blob/{picture.stem}_mask.png"))
        expected.add(_inside(read_image(picture)[..., 0], box).tobytes())
    for task in tasks:
        assert task.entry == 1 and task.exemplars is not None
        boxes = [bounding_box(mask > 0) for mask in task.exemplars[:, -1]]
        shown = shown_pictures(task).astype(np.uint8)
        assert {_inside(picture, box).tobytes() for picture, box in zip(shown, boxes, strict=True)} == expected


@pytest.mark.parametrize("form", ["out", "folder", "text", "rows", "data"])
def test_folders_and_lists_stand_for_their_pictures(form: str, tasks: list[Task], data8: Path, made: Path, tmp_path: Path) -> None:
    blobs = sorted((made / "test/blob").iterdir())
    given, expected = made, [*blobs, *sorted((made / "test/line").iterdir())]
    if form == "folder":
        given, expected = made / "test/blob", blobs
    elif form == "text":
        given, expected = tmp_path / "list.txt", [blobs[1], data8 / "test/blob/000.png"]
        given.write_text(f"made/test/blob/{blobs[1].name}\n\n{data8 / 'test/blob/000.png'}\n")
    elif form == "rows":
        given = made / "pairs.jsonl"
    elif form == "data":
        given, expected = data8, [path for kind in ("blob", "line") for path in sorted((data8 / "test" / kind).iterdir())]
    assert generate(data8, tmp_path / "out", "--count", 12, "--like", given, "--set", "generation.exemplars=8").exit_code in (0, 1)
    followed = {name for row in rows(tmp_path / "out") for part in row["defects"] for name in part["follows"]}
    assert followed == {str(path.resolve()) for path in expected}


def test_what_is_followed_is_part_of_the_fingerprint(tasks: list[Task], data8: Path, made: Path, tmp_path: Path) -> None:
    words = ["--like", made / "test/blob", "--strength", 0.8, "--count"]
    assert generate(data8, tmp_path / "out", *words, 2).exit_code in (0, 1)
    assert generate(data8, tmp_path / "out", *words, 3, "--resume").exit_code in (0, 1)
    for other in (["--like", made / "test/blob", "--strength", 0.9], ["--strength", 0.8, "--defect", "blob"]):
        refused = generate(data8, tmp_path / "out", *other, "--count", 4, "--resume")
        assert refused.exit_code == 2 and "other options" in refused.stderr
    mask = made / "ground_truth/blob/000000_mask.png"
    shutil.copy(made / "ground_truth/blob/000002_mask.png", mask)
    assert generate(data8, tmp_path / "out", *words, 4, "--resume").exit_code == 2, "another mask is another defect"


# what cannot be followed


@pytest.fixture
def wrong(made: Path, data8: Path, tmp_path: Path, make_product: Callable[..., Path], save_picture: Callable[..., Path]) -> Path:
    """A folder with things that cannot be followed, beside pairs of them."""
    save_picture(tmp_path / "alone.png", np.full((48, 56), 100.0))
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "bad.jsonl").write_text('{"picture": "a.png"}\n')
    (tmp_path / "gone.txt").write_text("nowhere.png\n")
    (tmp_path / "split.csv").write_text("object,split,label,image,mask\n")  # as a data set has whose pictures are elsewhere
    make_product(tmp_path / "deep", "uint16")
    make_product(tmp_path / "colour", "uint8", 3)
    large = make_product(tmp_path / "large")
    for path in (*large.glob("test/*/*.png"), *large.glob("ground_truth/*/*.png")):
        save_picture(path, np.kron(read_image(path)[..., 0], np.ones((2, 2))))
    shutil.copytree(data8, tmp_path / "dents")
    for part in ("test", "ground_truth"):
        (tmp_path / "dents" / part / "blob").rename(tmp_path / "dents" / part / "dent")
    return tmp_path


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    ("like", "words", "status", "message"),
    [
        ("none.png", [], 1, "none.png: there is no such file or folder; expected a picture, a folder or a list"),
        ("bad.md", [], 1, "bad.md: there is no such file"),
        ("made/test/blob/000000.png,none.png", [], 1, "none.png: there is no such file or folder"),
        ("made/.hidden", [], 1, "there is no such file"),
        ("empty.txt", [], 1, "empty.txt: names no picture"),
        ("bad.jsonl", [], 1, "bad.jsonl: is no list of pictures ('image')"),
        ("gone.txt", [], 1, "nowhere.png, which is no picture; expected paths as seen from the list's folder"),
        ("alone.png", [], 1, "alone.png: no mask was found for it; expected the picture of an accepted pair, in an OUT folder"),
        ("deep/test/blob/000.png", [], 1, "has 16 bits per channel, the product's pictures 8"),
        ("colour/test/blob/000.png", [], 1, "is coloured, the product's pictures are grey"),
        ("large/test/blob/000.png", [], 1, "is 112x96, the product's pictures are 56x48; is it of another product?"),
        ("dents/test/dent/000.png", [], 1, "shows 'dent', expected blob or line"),
        ("made/test/blob/000000.png", ["--defect", "line"], 2, "shows none of the defects that --defect names, line"),
        ("made/test/blob/000000.png", ["--free"], 2, "--like: is about defects on a normal"),
    ],
)
def test_what_cannot_be_followed_is_told(
    like: str, words: list[str], status: int, message: str, wrong: Path, data8: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(wrong)
    result = generate(data8, wrong / "out", "--count", 1, "--like", like, *words)
    assert result.exit_code == status and message in result.stderr, result.output
    assert not (wrong / "out").exists(), "before anything is written"


@pytest.mark.usefixtures("base")
def test_pictures_that_are_followed_are_not_overwritten(made: Path, data8: Path) -> None:
    result = generate(data8, made, "--count", 1, "--like", made / "test/blob", "--overwrite")
    assert result.exit_code == 2 and "lies in the output folder" in result.stderr
    assert (made / "test/blob/000000.png").is_file()


# how closely


def alike(task: Task, shapes: Sequence[np.ndarray]) -> float:
    """Return the greatest intersection over union of a task's shape with one of `shapes` in any of eight poses, box on box."""
    assert task.shape is not None
    best = 0.0
    for shape in shapes:
        for turn, mirror in [(turn, mirror) for turn in range(4) for mirror in (False, True)]:
            pair = [_cut(task.shape), _cut(apply_pose(shape, turn, mirror))]
            side = max(n for one in pair for n in one.shape)
            a, b = (np.pad(one, [((side - n) // 2, side - n - (side - n) // 2) for n in one.shape]) for one in pair)
            best = max(best, float((a & b).sum() / (a | b).sum()))
    return best


def _cut(mask: np.ndarray) -> np.ndarray:
    return _inside(mask, bounding_box(mask))


def _inside(x: np.ndarray, box: Box) -> np.ndarray:
    return x[box.top : box.top + box.height, box.left : box.left + box.width]


def test_more_strength_is_fewer_exemplars_and_shapes_nearer_to_theirs(tasks: list[Task], data8: Path, tmp_path: Path) -> None:
    shapes = [one.shape for own in exemplars_of(data8, "line").values() for one in own]
    found: dict[float, tuple[list[int], float]] = {}
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        words = ["--count", 30, "--defect", "line", "--strength", strength, "--dry-run"]
        assert generate(data8, tmp_path / f"plan{strength}", *words).exit_code == 0
        tasks.clear()
        words = ["--plan", tmp_path / f"plan{strength}/plan.jsonl", "--strength", strength, "--set", "generation.steps=1"]
        assert generate(data8, tmp_path / f"out{strength}", *words).exit_code in (0, 1)
        shown = [0 if task.exemplars is None else len(task.exemplars) for task in tasks]
        found[strength] = shown, float(np.mean([alike(task, shapes) for task in tasks]))
    assert set(found[0.0][0]) == {0}, "the kind alone"
    assert set(found[0.25][0]) == {0, 3} and 0.25 < np.mean(np.array(found[0.25][0]) > 0) < 0.75, "half of them follow exemplars"
    assert set(found[0.5][0]) == {3} and set(found[0.75][0]) == {2} and set(found[1.0][0]) == {1}
    assert found[0.5][1] < found[0.75][1] < found[1.0][1], "shapes come nearer"


def test_at_full_strength_the_exemplar_that_is_shown_is_the_one_whose_shape_is_taken(
    tasks: list[Task], data8: Path, tmp_path: Path
) -> None:
    assert generate(data8, tmp_path / "out", "--count", 8, "--strength", 1).exit_code in (0, 1)
    parts = [part for row in rows(tmp_path / "out") for part in row["defects"]]
    assert all(part["follows"] == [part["source"]] and part["shape"] == "given" for part in parts)
    turned = 0
    for task in tasks:
        assert task.exemplars is not None and task.shape is not None
        shown, shape = _cut(task.exemplars[0, -1] > 0), _cut(task.shape)
        same = shown.shape[0] > shown.shape[1], shape.shape[0] > shape.shape[1]
        if max(shown.shape) >= 1.5 * min(shown.shape):
            assert same[0] == same[1], "and it lies as that shape does"
            turned += 1
    assert turned, "else nothing was tested"


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize("followed", [True, False])
def test_no_copy_of_what_is_followed_passes(
    followed: bool, data8: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = made / "test/blob/000000.png"
    image, mask = read_image(picture)[..., 0], read_mask(made / "ground_truth/blob/000000_mask.png")
    box = bounding_box(mask)
    pixels = _inside(image, box)

    def copies(_model: Any, tasks: Sequence[Task], *_: Any) -> list[Drawn]:
        drawn = []
        for task in tasks:
            assert task.normal is not None
            whole, marked = task.normal.copy(), np.zeros(task.region.shape, np.float32)
            top, left = (np.argwhere(task.region).mean(0) - np.array([box.height, box.width]) / 2).round().astype(int)
            inside = slice(top, top + box.height), slice(left, left + box.width)
            whole[0][inside] = np.where(_cut(mask), pixels / 127.5 - 1, whole[0][inside])
            marked[inside] = _cut(mask)
            drawn.append(Drawn(whole, whole * marked, marked))
        return drawn

    monkeypatch.setattr(module, "draw", copies)
    words = ["--like", picture] if followed else ["--defect", "blob"]
    generate(data8, tmp_path / "out", "--count", 1, "--strength", 1, *words, "--set", "generation.feather=0")
    (row,) = rows(tmp_path / "out")
    told = [reason for reason in row["reasons"] if reason.startswith("copy: ")]
    assert bool(told) == followed
    assert not followed or f"alike to {picture.resolve()}, at most" in told[0]
