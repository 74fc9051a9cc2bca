"""The report on an evaluation: one table per extractor, a dash where there is no number, and the pairs at either end."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from flawsmith.dataset.sample import Item
from flawsmith.images.files import write_image, write_mask
from flawsmith.pairs.folder import PairFolder
from flawsmith.reports import evaluation
from flawsmith.reports.evaluation import NONE, evaluation_page, print_tables, tables


def number(value: float | None, **more: Any) -> dict[str, Any]:
    return {"value": value, **({} if value is not None else {"reason": "2 real and 1 generated, needs 5 of each"}), **more}


def kind(kid: float | None = 0.0123, **counts: int) -> dict[str, Any]:
    likeness = {name: number(0.5) for name in ("precision", "recall", "density", "coverage")}
    likeness |= {"fid": number(None), "kid": number(kid, deviation=0.002) if kid is not None else number(None)}
    variety = {"ic_distance": number(1.5), "diversity": number(0.8, generated=1.2, real=1.5)}
    masks: dict[str, Any] = {name: number(0.25) for name in ("precision", "recall", "density", "coverage")}
    masks |= {"consistency": number(0.75, least=0.5), "psnr": number(99.5, least=88.0), "ssim": number(None)}
    masks |= {"mask_iou": {"value": None, "reason": "not measured: no independent segmenter"}, "median_area": number(4.0, real=2.0)}
    masks |= {"patch_copies": number(0.2, of_real=0.1, highest=0.3)}
    masks |= {"copies": number(0.5, count=1, pairs=2, highest=0.91), "with_place": True}
    masks["shapes"] = {name: {"real": [1.0, 2.0, 3.0], "generated": [2.0, 4.0, 6.0]} for name in evaluation.NAMES}
    masks["shapes"]["row"]["generated"] = None
    sides = {side: {"pictures": 2, "defects": 3} for side in ("real", "generated")}
    return {
        "window": 48,
        "counts": sides,
        "whole": {**likeness, **variety, "is": number(2.5)},
        "windows": {**likeness, **variety},
        "masks": masks,
    }


def result(*kinds: str, **more: Any) -> dict[str, Any]:
    every = kind()
    every["windows"]["kid"] = number(0.03, deviation=0.004, mean=0.0456)
    del every["window"]
    return {
        "seed": 0,
        "real": "data",
        "out": "pairs",
        "extractors": {"features": {"name": "Net A", "digest": "aaaa"}, "distance": {"name": "Net B", "digest": "bbbb"}},
        "all": every,
        "defects": {name: kind() for name in kinds or ("crack",)},
        "pairs": [],
        **more,
    }


def test_each_table_has_numbers_of_one_extractor_and_names_it() -> None:
    titles = [one.title for one in tables(result())]
    assert titles[:3] == ["Defect windows, Net A aaaa", "Whole pictures, Net A aaaa", "Variety, Net B bbbb"]
    assert all("Net" not in title for title in titles[3:])
    for one in tables(result("crack", "spot")):
        assert all(len(line) == len(one.columns) for line in one.lines) and [line[0] for line in one.lines] == ["crack", "spot", "all"]


def test_numbers_stand_in_their_columns() -> None:
    windows, whole, variety, masks, shapes = tables(result("crack", "spot"))
    assert dict(zip(windows.columns, windows.lines[0], strict=True)) == {
        "Defect": "crack",
        "Real": "3",
        "Generated": "3",
        "Window": "48 px",
        "KID ×1000": "12.3 ± 2.0",
        "mean of kinds": "",
        "FID": NONE,
        **dict.fromkeys(("Precision", "Recall", "Density", "Coverage"), "0.5"),
    }
    assert windows.lines[2][3:6] == (NONE, "30.0 ± 4.0", "45.6")
    assert whole.lines[0][1:3] == ("2", "2") and whole.lines[0][-1] == "2.5"
    assert variety.lines[0][1:5] == ("1.5", "1.2", "1.5", "80%")
    assert masks.lines[0][1:] == ("0.75", "0.5", NONE, NONE, "99.5", "88", NONE, NONE, "1 of 2", "0.91", "20%", "10%", "30%")
    assert shapes.lines[0][1:7] == ("0.25", "0.25", "0.25", "0.25", "2", "4")


def test_one_kind_needs_no_line_for_all() -> None:
    assert [len(one.lines) for one in tables(result())] == [1] * 5


def test_the_terminal_shows_every_table_and_takes_names_as_they_are() -> None:
    stream = io.StringIO()
    print_tables(result("[red]x"), Console(file=stream, width=160))
    shown = stream.getvalue()
    assert "[red]x" in shown and "Variety, Net B bbbb" in shown and "12.3 ± 2.0" in shown


@pytest.fixture
def real(tmp_path: Path) -> list[Item]:
    mask = np.zeros((64, 80), bool)
    mask[10:20, 10:20] = mask[40:60, 40:60] = True
    write_image(tmp_path / "real.png", np.full((64, 80, 1), 90, np.uint8))
    write_mask(tmp_path / "mask.png", mask)
    return [Item(tmp_path / "real.png", tmp_path / "mask.png", "crack")]


def page(found: dict[str, Any], real: list[Item], out: Path) -> str:
    html = evaluation_page(found, real, out, PairFolder(out).accepted())
    assert html.count("<section") == html.count("</section>") and "{" not in html.split("</style>")[1]
    return html


def pairs(*agreements: float | None) -> list[dict[str, Any]]:
    rows = []
    for i, fits in enumerate(agreements):
        row = {"id": f"{i:06d}", "defect": "crack", "consistency": fits, "psnr": 50.0, "ssim": 1.0}
        rows.append(row | {"copy": 0.1 * i, "copy_of": f"real{i}.png", "copied": i == 5})
    return rows


def test_the_page_shows_the_worst_and_the_best_and_what_is_nearest_to_a_copy(real: list[Item], write_pairs: Callable) -> None:
    out = write_pairs(["accepted"] * 10)
    agreements = (0.9, 0.3, 0.8, 0.7, 0.95, 0.2, 0.6, 0.5, 0.4, 0.99)
    html = page(result(pairs=pairs(*agreements)), real, out)
    section = html.split('<section id="consistency">')[1].split("</section>")[0]
    worst, best = section.split("<h3>best</h3>")
    assert re.findall(r"<b>[^<]*consistency (0\.\d\d)", worst) == ["0.20", "0.30", "0.40", "0.50"]
    assert re.findall(r"<b>[^<]*consistency (0\.\d\d)", best) == ["0.99", "0.95", "0.90", "0.80"]
    copies = html.split('<section id="copies">')[1].split("</section>")[0]
    assert re.findall(r"<b>[^<]*alike to (real\d\.png)", copies) == ["real9.png", "real8.png", "real7.png", "real6.png"]


def test_few_pairs_are_shown_once(real: list[Item], write_pairs: Callable) -> None:
    html = page(result(pairs=pairs(0.5, 0.9)), real, write_pairs(["accepted"] * 2))
    section = html.split('<section id="consistency">')[1].split("</section>")[0]
    assert section.count("<figure") == 2 and "<h3>best</h3>" not in section


def test_the_page_counts_separate_real_defects_and_shows_where_they_are(real: list[Item], write_pairs: Callable) -> None:
    html = page(result(pairs=pairs(0.5)), real, write_pairs())
    assert "Heat map of 2 real defects: crack" in html and "Heat map of 1 generated defects: crack" in html
    assert "2 real with median 250" in html  # 100 and 400 pixels
    assert "real defects the model learned from" not in html


def test_a_missing_number_is_a_dash_and_its_reason_is_told(real: list[Item], write_pairs: Callable) -> None:
    html = page(result(), real, write_pairs())
    reasons = html.split('<section id="reasons">')[1].split("</section>")[0]
    assert "2 real and 1 generated, needs 5 of each" in reasons and "FID" in reasons and "SSIM" in reasons
    assert "id=consistency" not in html and '<section id="consistency">' not in html  # no pair has one


def test_names_are_text(real: list[Item], write_pairs: Callable) -> None:
    html = page(result("<b>x", real="<i>data", pairs=pairs(0.5)), real, write_pairs())
    assert "<b>x" not in html and "<i>data" not in html and "&lt;b&gt;x" in html


def test_pairs_from_noise_have_no_place(real: list[Item], write_pairs: Callable) -> None:
    out = write_pairs()
    rows = (out / "pairs.jsonl").read_text()
    (out / "pairs.jsonl").write_text(re.sub(r'"normal": "[^"]*"', '"normal": null', rows))
    assert '<section id="where">' not in page(result(pairs=pairs(None)), real, out)
