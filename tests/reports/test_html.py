"""The report: complete, escaped, and one file that needs no other."""

import base64
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page
from PIL import Image

from flawsmith.images.files import write_image
from flawsmith.product.exemplars import Exemplar, save_exemplars
from flawsmith.reports import html
from flawsmith.reports.drawing import encode_picture


def row(defect: str, verdict: str, reasons: list[str] | None = None, **scores: Any) -> dict[str, Any]:
    files = {"image": "gone.png", "mask": "gone_mask.png"} if verdict == "accepted" else {"image": None, "mask": None}
    return {"id": "000000", "defect": defect, "verdict": verdict, "reasons": reasons or [], "scores": scores, **files}


def write_out(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "sheet.png").write_bytes(encode_picture(np.full((30, 40, 3), 200, np.uint8), "PNG"))
    return folder


def report(tmp_path: Path, rows: list[dict[str, Any]], run: Path | None = None, title: str = "A report", **facts: Any) -> str:
    html.write_report(tmp_path / "report.html", title, run, write_out(tmp_path / "out", rows), facts)
    return (tmp_path / "report.html").read_text()


ROWS = [
    row("crack", "accepted", visible=4.5),
    row("crack", "rejected", ["visible: 0.5, at least 1"], visible=0.5),
    row("crack", "rejected", ["visible: 0.7, at least 1", "area: 90 px, at most 40 px"], visible=0.7),
    row("spot", "accepted", visible=6.0),
    row("spot", "failed", ["visible: 0.9, at least 1"], visible=math.nan),
]


def write_run(run: Path) -> Path:
    """Write the parts of RUN that the report reads: one real crack, and a log."""
    shape = np.ones((5, 9), bool)
    example = Exemplar("crack", np.zeros((16, 16, 1), np.uint8), np.zeros((16, 16), bool), shape, (0.5, 0.5), 45, "7.png")
    save_exemplars(run / "model/exemplars.safetensors", [example])
    (run / "log.jsonl").write_text("".join(json.dumps({"step": s, "loss": 1 / s}) + "\n" for s in range(10, 510, 10)))
    return run


def test_the_page_shows_facts_verdicts_and_scores(tmp_path: Path) -> None:
    page = Page(report(tmp_path, ROWS, Machine="two cores"))
    told = "2 pairs accepted of 5 attempts (40%); 1 pair given up after the last attempt allowed."
    tables = ("crack 3 1 2 0 33% visible (2), area (1)", "spot 2 1 0 1 50% visible (1)", "all 5 2 2 1 40%", "area 1 20%")
    for words in ("A report", told, "Machine two cores", *tables):
        assert words in page.text
    assert "Loss" not in page.text


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    tags = Page(report(tmp_path, ROWS)).tags
    sources = [value or "" for _, attributes in tags for name, value in attributes.items() if name in ("src", "srcset")]
    links = [value or "" for _, attributes in tags for name, value in attributes.items() if name == "href"]
    text = (tmp_path / "report.html").read_text()
    assert sources and all(source.startswith("data:") for source in sources)
    assert all(f'id="{link[1:]}"' in text for link in links) and links
    assert not re.search(r"https?:|@import|url\(|<script", text)


def test_the_sheet_is_inside_the_page(tmp_path: Path) -> None:
    (source,) = (a["src"] for tag, a in Page(report(tmp_path, ROWS)).tags if tag == "img")
    picture = Image.open(io.BytesIO(base64.b64decode((source or "").split(",")[1])))
    assert picture.size == (40, 30)


def test_a_missing_sheet_is_made(tmp_path: Path) -> None:
    out = write_out(tmp_path / "out", ROWS[1:3])
    (out / "sheet.png").unlink()
    html.write_report(tmp_path / "report.html", "t", None, out, {})
    assert (out / "sheet.png").exists()


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x>', "a & b"])
def test_every_text_is_escaped(evil: str, tmp_path: Path) -> None:
    names: dict[str, Any] = {evil: 1.0}
    facts: dict[str, Any] = {evil: evil}
    text = report(tmp_path, [row(evil, "rejected", [evil], **names), row("b", "accepted", **names)], title=evil, **facts)
    assert evil not in text
    page = Page(text)
    # title, heading, a fact's name and value, defect, its reason, the check, score; and in the pie, where long names are shortened
    assert page.text.count(evil) == 8 + (len(evil) <= 14)
    assert all(tag != "script" for tag, _ in page.tags)


@pytest.mark.parametrize("evil", ["<b>x</b>", "a & b"])
def test_a_defect_s_name_is_escaped_beside_its_pictures(evil: str, write_pairs: Callable[..., Path]) -> None:
    out = write_pairs()
    rows = [json.loads(line) | {"defect": evil} for line in (out / "pairs.jsonl").read_text().splitlines()]
    (out / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    text = html.write_run_report(out, None, {}).read_text()
    assert evil not in text and Page(text).text.count(evil) == 5  # verdicts, heat map, histogram, its table, strips


def test_a_run_s_report_has_every_section_and_says_in_words_what_it_shows(write_pairs: Callable[..., Path], tmp_path: Path) -> None:
    out = write_pairs(["accepted", "rejected"])
    path = html.write_run_report(out, write_run(tmp_path / "run"), {"Seed": 3})
    page = Page(path.read_text())
    assert path == out / "report.html"
    links = [a["href"] for tag, a in page.tags if tag == "a"]
    assert links == ["#pairs", "#verification", "#where", "#sizes", "#strips", "#training"]
    alts = [a["alt"] or "" for tag, a in page.tags if tag == "img"]
    assert len(alts) == 4 and alts[0].startswith("Contact sheet")  # sheet, real and generated places, strip
    assert alts[1] == "Heat map of 1 real defects: crack, on average 51% down and 51% across the picture"
    assert alts[2].startswith("Heat map of 1 generated defects: crack")
    assert alts[3] == "Normal, generated, outline of the mask, change: crack 000000"
    told = [a["aria-label"] or "" for tag, a in page.tags if tag == "svg"]
    assert [words.split(":")[0] for words in told] == [
        "Pie of rejections per check",
        "Histogram of the area in px",
        "Histogram of the longer side in px",
        "Loss over training steps",
    ]
    assert "crack 1 1 45 (45 to 45)" in page.text
    heads = [a for tag, a in page.tags if tag == "th"]
    assert heads and all(a.get("scope") in ("row", "col") for a in heads)


def test_pairs_from_noise_have_no_heat_map(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs()
    rows = [json.loads(line) | {"normal": None} for line in (out / "pairs.jsonl").read_text().splitlines()]
    (out / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    text = Page(html.write_run_report(out, None, {}).read_text()).text
    assert "Where" not in text and "How large" in text and "Before and after" in text


def test_nothing_accepted_and_nothing_attempted_are_no_error(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["rejected", "failed"])
    text = Page(html.write_run_report(out, None, {}).read_text()).text
    assert "0 pairs accepted of 2 attempts" in text and "seam 2 100%" in text and "Before and after" not in text
    (out / "pairs.jsonl").write_text("")
    assert "Nothing was attempted." in Page(html.write_run_report(out, None, {}).read_text()).text


def test_a_strip_is_never_made_smaller(write_pairs: Callable[..., Path]) -> None:
    page = Page(html.write_run_report(write_pairs(boxes=[(22, 32, 11, 11)]), None, {}).read_text())
    (shown,) = (a for tag, a in page.tags if tag == "img" and (a["alt"] or "").startswith("Normal, generated"))
    stored = Image.open(io.BytesIO(base64.b64decode((shown["src"] or "").split(",")[1]))).size
    times = int(shown["width"] or 0) / stored[0]
    assert times == int(shown["height"] or 0) / stored[1] == int(times) > 1
    assert ".strip img { max-width: none;" in page.style and "pixelated" in page.style


def test_the_page_stays_small_and_says_when_it_leaves_out(monkeypatch: pytest.MonkeyPatch, write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted"] * 12, defects=["a", "b"])
    whole = html.write_run_report(out, None, {}).stat().st_size
    monkeypatch.setattr(html, "STRIP_BYTES", 20_000)
    page = Page(html.write_run_report(out, None, {}).read_text())
    shown = [a["alt"] or "" for tag, a in page.tags if tag == "img" and (a["alt"] or "").startswith("Normal, generated")]
    assert (out / "report.html").stat().st_size < whole
    assert 1 < len(shown) < 12 and {alt.split(": ")[1][0] for alt in shown} == {"a", "b"}
    assert f"The page shows {len(shown)} of 12" in page.text


def test_a_large_sheet_is_stored_within_its_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = write_out(tmp_path / "out", ROWS)
    write_image(out / "sheet.png", np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8))
    html.write_report(tmp_path / "a.html", "t", None, out, {})
    monkeypatch.setattr(html, "SHEET_BYTES", 100_000)
    html.write_report(tmp_path / "b.html", "t", None, out, {})
    assert (tmp_path / "b.html").stat().st_size < min(130_000, (tmp_path / "a.html").stat().st_size)


def test_the_loss_curve_runs_over_all_finite_rows(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    rows = [{"step": s, "loss": 1 / s, "seconds": s * 0.1} for s in range(10, 1010, 10)]
    rows[3]["loss"] = math.nan
    lines = [json.dumps(r) for r in rows] + [json.dumps({"step": 1000, "note": "no loss here"})]
    (run / "log.jsonl").write_text("\n".join(lines) + "\n")
    page = Page(report(tmp_path, ROWS, run))
    curves = [(a["points"] or "").split() for tag, a in page.tags if tag == "polyline"]
    assert [len(c) for c in curves] == [99, 99]
    assert "1,000" in page.text and "Loss" in page.text and "held-out" not in page.text


def test_the_error_on_held_out_defects_has_a_curve_of_its_own(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    rows = [{"step": s, "loss": 1 / s} for s in range(10, 110, 10)] + [{"step": s, "held_inside": 0.1} for s in (0, 50, 100)]
    (run / "log.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    page = Page(report(tmp_path, ROWS, run))
    assert [len((a["points"] or "").split()) for tag, a in page.tags if tag == "polyline"] == [10, 10, 3, 3]
    assert "Error of the averaged weights inside labelled defects that are held out" in page.text


def test_a_run_without_a_log_and_pairs_without_scores_are_no_error(tmp_path: Path) -> None:
    assert "Scores" not in Page(report(tmp_path, [row("a", "failed")], tmp_path)).text
