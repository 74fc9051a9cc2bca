"""Every number beside what it was measured with, or the reason why there is none; nothing depends on order or batch."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import flawsmith as fs
from flawsmith.cli.main import main
from flawsmith.core.errors import ConfigError, DataError, FileError, OutputExistsError
from flawsmith.dataset.sample import Item
from flawsmith.dataset.windows import Box
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image, read_mask, write_image, write_mask
from flawsmith.metrics.features import Offline
from flawsmith.metrics.fid_kid import FEWEST_KID
from flawsmith.metrics.ic_distance import MapDistance
from flawsmith.metrics.looking import look, refer
from flawsmith.metrics.measure import measure
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.kinds import masks_by_kind
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.pairs.review import correct_mask, decide
from flawsmith.workflows.evaluate import evaluate

pytest.importorskip("skimage")


def items_of(data: Path) -> list[Item]:
    return [item for items in read(data).defects.values() for item in items]


def rewrite(out: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    rows = change([json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()])
    (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def numbers(found: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every number of a result with the part it stands in."""
    for kind in (found["all"], *found["defects"].values()):
        for part in ("whole", "windows", "masks"):
            yield from ((part, number) for number in kind[part].values() if isinstance(number, dict) and "value" in number)


def test_numbers_name_their_network_and_missing_ones_their_reason(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    out = make_pairs(tmp_path / "out", data8, 10)
    found = measure(items_of(data8), out, small)
    assert json.loads(json.dumps(found)) == found
    assert list(found["defects"]) == ["blob", "line"]
    for part, number in numbers(found):
        assert (number["value"] is None) == ("reason" in number)
        assert ("extractor" in number) == (part != "masks")
        if part != "masks":
            assert number["extractor"].rsplit(" ", 1)[0] in ("Small", found["extractors"]["distance"]["name"])
    every = found["all"]
    assert every["counts"] == {"real": {"pictures": 12, "defects": 12}, "generated": {"pictures": 10, "defects": 10}}
    assert every["whole"]["fid"]["reason"] == "12 real and 10 generated, needs 50 of each"
    assert every["windows"]["kid"]["value"] is not None and every["windows"]["kid"]["kinds"] == 2
    kids = [kind["windows"]["kid"]["value"] for kind in found["defects"].values()]
    assert every["windows"]["kid"]["mean"] == pytest.approx(np.mean(kids))


def test_too_few_pictures_are_no_number(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    found = measure(items_of(data8), make_pairs(tmp_path / "out", data8, 2), small)["all"]
    for metric in ("is", "fid", "kid", "precision", "recall", "density", "coverage", "ic_distance", "diversity"):
        assert found["whole"][metric]["value"] is None and found["whole"][metric]["reason"]
    assert found["masks"]["consistency"]["value"] is not None
    enough = measure(items_of(data8), make_pairs(tmp_path / "more", data8, FEWEST_KID * 2), small)
    assert enough["defects"]["blob"]["whole"]["kid"]["value"] is not None


def test_neither_order_nor_batch_matters(
    data8: Path, make_pairs: Callable, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, items = make_pairs(tmp_path / "out", data8), items_of(data8)
    expected = measure(items, out, small, seed=3)
    rewrite(out, lambda rows: random.Random(0).sample(rows, len(rows)))
    assert measure(random.Random(1).sample(items, len(items)), out, small, seed=3) == expected
    pytest.importorskip("efficientnet_lite_pytorch")
    one, items = Offline(), [item for item in items if item.defect == "blob"]
    expected = measure(items, out, one)
    monkeypatch.setattr("flawsmith.metrics.features.CHUNK", 1)
    monkeypatch.setattr("flawsmith.metrics.ic_distance.BUDGET", 1 << 23)
    found = measure(items[::-1], out, one)
    for (_, a), (_, b) in zip(numbers(expected), numbers(found), strict=True):
        assert a["value"] == (None if b["value"] is None else pytest.approx(b["value"], rel=1e-3, abs=1e-5))


def test_the_reference_is_made_once(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    out, items = make_pairs(tmp_path / "out", data8), items_of(data8)
    reference = refer(items, small, MapDistance(small))
    assert measure(reference, out)["all"]["windows"]["kid"] == measure(items, out, small)["all"]["windows"]["kid"]


def test_pasted_real_defects_are_copies_of_what_was_learned_from(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    out, items = make_pairs(tmp_path / "out", data8, 4), items_of(data8)
    blobs = [item for item in items if item.defect == "blob"]
    rows = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines() if json.loads(line)["defect"] == "blob"]
    assert blobs[0].mask is not None
    mask = read_mask(blobs[0].mask)
    write_mask(out / rows[0]["mask"], mask)
    write_image(out / rows[0]["image"], np.where(mask[..., None], read_image(blobs[0].image), read_image(rows[0]["normal"])))
    found = measure(items, out, small)["defects"]["blob"]["masks"]["copies"]
    assert (found["count"], found["pairs"], found["value"]) == (1, 2, 0.5) and found["highest"] > 0.9
    pairs = look(refer(items, small, MapDistance(small)), out)
    assert [pair.values["copied"] for pair in pairs if pair.seen.name == rows[0]["id"]] == [True]
    assert [pair.values["copy_of"] for pair in pairs if pair.seen.name == rows[0]["id"]] == [blobs[0].image.name]
    assert measure(items, out, small, learned=items[1:])["defects"]["blob"]["masks"]["copies"]["highest"] < found["highest"]
    lines = [item for item in items if item.defect == "line"]
    assert measure(items, out, small, learned=lines)["defects"]["blob"]["masks"]["copies"]["value"] is None


@pytest.mark.parametrize("told", [True, False])
def test_pairs_that_others_were_made_to_follow_are_originals_too(
    told: bool, data8: Path, make_pairs: Callable, small: Any, tmp_path: Path
) -> None:
    liked, out = make_pairs(tmp_path / "liked", data8, 4), make_pairs(tmp_path / "out", data8, 4)  # the same pictures
    follows = [str((liked / "test/blob/000002.png").resolve()), str(tmp_path / "gone.png"), "000.png"] if told else []
    part = {"defect": "blob", "box": [0, 0, 1, 1], "follows": follows}
    rewrite(out, lambda rows: [row | ({"defects": [part]} if row["id"] == "000002" else {}) for row in rows])
    masks = [pair.values for pair in look(refer(items_of(data8), small, MapDistance(small)), out) if pair.seen.name == "000002"]
    (values,) = masks
    assert values["copied"] == told and (values["copy_of"] == follows[0] if told else values["copy"] < 0.6)
    assert (values["patch_copy"] == 1) == told


def test_background_and_agreement_are_against_the_rows_normal(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    items = items_of(data8)
    exact = measure(items, make_pairs(tmp_path / "exact", data8, 6), small)["all"]["masks"]
    assert exact["psnr"]["value"] == pytest.approx(100) and exact["ssim"]["least"] == pytest.approx(1)
    assert exact["consistency"]["least"] > 0.7 and exact["consistency"]["pairs"] == 6
    off = measure(items, make_pairs(tmp_path / "off", data8, 6, outside=20), small)["all"]["masks"]
    assert off["psnr"]["value"] == pytest.approx(20 * np.log10(255 / 20), abs=0.1)
    assert off["consistency"]["value"] < exact["consistency"]["value"]


def test_what_has_changed_is_what_the_checks_of_the_pair_took_for_it(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    out = make_pairs(tmp_path / "out", data8, 6)
    rewrite(out, lambda rows: [row | {"scores": {"changed_from": 0.99}, "defects": []} for row in rows])
    assert measure(items_of(data8), out, small)["all"]["masks"]["consistency"]["value"] == 0


def test_without_a_normal_there_is_no_background(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    out = make_pairs(tmp_path / "out", data8, 6)
    rewrite(out, lambda rows: [row | {"normal": None} for row in rows])
    masks = measure(items_of(data8), out, small)["all"]["masks"]
    assert masks["psnr"]["value"] is None and "normal" in masks["psnr"]["reason"]
    assert masks["with_place"] is False and masks["shapes"]["row"]["generated"] is None


def test_rejected_pairs_do_not_count(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    out = make_pairs(tmp_path / "out", data8, 6)
    refused = {"verdict": "rejected", "image": None, "mask": None}
    rewrite(out, lambda rows: [row | (refused if row["id"] < "000002" else {}) for row in rows])
    assert measure(items_of(data8), out, small)["all"]["counts"]["generated"]["pictures"] == 4


def test_what_people_rejected_does_not_count_and_corrected_masks_do(
    data8: Path, make_pairs: Callable, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = make_pairs(tmp_path / "out", data8, 6)
    monkeypatch.setattr("flawsmith.metrics.measure.load_extractor", lambda *_: small)
    monkeypatch.setattr("flawsmith.metrics.measure.load_perceptual", lambda *_: MapDistance(small))
    decide(out, "anna", ["000000", "000001", "000002"], "accept")
    decide(out, "ben", ["000001", "000003"], "reject")
    pair = next(pair for pair in PairFolder(out).accepted() if pair.id == "000002")
    mask = np.zeros(PairFolder(out).mask(pair).shape, bool)
    mask[4:9, 6:12] = True
    correct_mask(out, pair, mask, "anna")
    found = evaluate(data8, out, tmp_path / "report", device="cpu", quiet=True)
    assert [pair["id"] for pair in found["pairs"]] == ["000000", "000002"]
    said = "2 accepted, 1 rejected, 1 disagreed on, 2 not looked at; 1 mask corrected by hand"
    assert f"{said}; measured are those accepted" in (tmp_path / "report/report.html").read_text()
    assert found["review"]["reviewers"] == ["anna", "ben"]
    as_made = evaluate(data8, out, device="cpu", quiet=True, review="ignored")
    assert len(as_made["pairs"]) == 6 and as_made["review"] is None
    assert as_made["pairs"][2]["consistency"] != found["pairs"][1]["consistency"]
    with pytest.raises(ConfigError, match="--review some"):
        evaluate(data8, out, review="some", quiet=True)
    decide(out, "ben", ["000000", "000002"], "reject")
    with pytest.raises(DataError, match="the review leaves no pair.*choose --review unrejected"):
        evaluate(data8, out, quiet=True)
    (left,) = CliRunner().invoke(main, ["evaluate", str(data8), str(out), "--review", "accepted"]).output.splitlines()[-1:]
    assert "the review leaves no pair" in left


def test_kinds_of_one_side_only_are_shown_with_reasons(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    found = measure(items_of(data8), make_pairs(tmp_path / "out", data8, 8, defects=("blob", "hole")), small)["defects"]
    assert list(found) == ["blob", "hole", "line"]
    assert found["hole"]["window"] is None and found["hole"]["masks"]["copies"]["reason"] == "no real defect of this kind"
    assert found["line"]["counts"]["generated"] == {"pictures": 0, "defects": 0} and found["line"]["masks"]["consistency"]["value"] is None


def test_several_defects_of_a_picture_go_to_their_own_kinds() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:5, 2:5] = mask[10:14, 10:14] = True
    placed = PlacedDefect("blob", Box(2, 2, 3, 3)), PlacedDefect("line", Box(10, 10, 4, 4))
    found = masks_by_kind(Pair("000000", "combined", "rejected", defects=placed), mask)
    assert [(kind, int(part.sum())) for kind, part in found] == [("blob", 9), ("line", 16)]


def test_16_bits_and_colours(data16: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    found = measure(items_of(data16), make_pairs(tmp_path / "out", data16, 10), small)["all"]
    assert found["masks"]["consistency"]["least"] > 0.7 and found["windows"]["kid"]["value"] is not None


def test_two_depths_are_refused(data8: Path, data16: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="has 16 bits a channel, expected 8"):
        measure(items_of(data8), make_pairs(tmp_path / "out", data16, 2), small)


def test_a_folder_without_rows_is_read_by_its_pictures(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    out = make_pairs(tmp_path / "out", data8, 6)
    (out / "pairs.jsonl").unlink()
    found = measure(items_of(data8), out, small)["all"]
    assert found["counts"]["generated"]["pictures"] == 6 and found["masks"]["with_place"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda out: (out / "pairs.jsonl").write_text(""), "holds no accepted pairs"),
        (lambda out: (out / "test/blob/000000.png").unlink(), "is missing, but pair 000000 names it"),
    ],
)
def test_an_unusable_folder_is_named(
    spoil: Callable[[Path], object], message: str, data8: Path, make_pairs: Callable, small: Any, tmp_path: Path
) -> None:
    out = make_pairs(tmp_path / "out", data8, 2)
    spoil(out)
    with pytest.raises(DataError, match=message):
        measure(items_of(data8), out, small)


def test_nothing_to_compare_with_is_an_error(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no real pictures"):
        measure([], make_pairs(tmp_path / "out", data8, 2), small)
    with pytest.raises(DataError, match="there is no such folder"):
        evaluate(data8, tmp_path / "nowhere")


def test_evaluate_writes_a_report_and_says_the_same(data8: Path, make_pairs: Callable, tmp_path: Path, untouched_generators: None) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    out, report = make_pairs(tmp_path / "out", data8, 4), tmp_path / "report"
    found = fs.evaluate(data8, out, report, extractor="offline", device="cpu", threads=1, quiet=True)
    assert json.loads((report / "report.json").read_text()) == found
    assert (report / "report.html").read_text().startswith("<!doctype html>")
    assert [pair["id"] for pair in found["pairs"]] == ["000000", "000001", "000002", "000003"]
    with pytest.raises(OutputExistsError, match="--overwrite"):
        evaluate(data8, out, report, quiet=True)
    again = evaluate(data8, out, report, extractor="offline", device="cpu", threads=1, quiet=True, overwrite=True)
    assert again == found
    with pytest.raises(OutputExistsError):
        evaluate(data8, out, data8.parent, overwrite=True, quiet=True)


def test_unknown_extractors_are_refused_before_any_work(data8: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one of"):
        evaluate(data8, tmp_path, extractor="resnet")


def test_brighter_defects_are_farther_away(data8: Path, small: Any, tmp_path: Path) -> None:
    """Real pictures as pairs are at no distance; the same with their defects darkened are."""
    items = items_of(data8)
    distances = []
    for name, factor in (("same", 1.0), ("darker", 0.3)):
        rows = []
        for number, item in enumerate(items):
            assert item.mask is not None
            mask, image = read_mask(item.mask), read_image(item.image)
            row = {"id": f"{number:06d}", "defect": item.defect, "verdict": "accepted", "normal": "", "size": list(mask.shape)}
            row |= {"image": f"test/{item.defect}/{number:06d}.png", "mask": f"ground_truth/{item.defect}/{number:06d}_mask.png"}
            soft = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)[..., None]
            write_image(tmp_path / name / str(row["image"]), (image * (1 - (1 - factor) * soft)).astype(np.uint8))
            write_mask(tmp_path / name / str(row["mask"]), mask)
            rows.append(row)
        (tmp_path / name / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        distances.append(measure(items, tmp_path / name, small)["all"])
    same, darker = distances
    assert same["windows"]["kid"]["value"] < 0 < darker["windows"]["kid"]["value"]
    assert same["windows"]["precision"]["value"] == same["windows"]["coverage"]["value"] == same["masks"]["coverage"]["value"] == 1
    assert darker["windows"]["kid"]["value"] > 3 * darker["whole"]["kid"]["value"]  # windows are about defects
    assert same["masks"]["copies"]["value"] == 1
