"""The report: complete, escaped, and one file that needs no other."""

import base64
import io
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawsmith.reports import html
from flawsmith.reports.sheets import encode

VOID = {"meta", "img", "line", "rect", "polyline", "br"}


class Page(HTMLParser):
    """Collects text and attributes, and fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def row(defect: str, verdict: str, reasons: list[str] | None = None, **scores: Any) -> dict[str, Any]:
    return {"id": "000000", "defect": defect, "verdict": verdict, "reasons": reasons or [], "scores": scores, "image": None, "mask": None}


def write_out(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "sheet.png").write_bytes(encode(np.full((30, 40, 3), 200, np.uint8), "PNG"))
    return folder


def report(tmp_path: Path, rows: list[dict[str, Any]], run: Path | None = None, title: str = "A report", **facts: Any) -> str:
    html.write_report(tmp_path / "report.html", title, run, write_out(tmp_path / "out", rows), facts)
    return (tmp_path / "report.html").read_text()


ROWS = [
    row("crack", "accepted", visible=4.5),
    row("crack", "rejected", ["invisible"], visible=0.5),
    row("crack", "rejected", ["invisible", "too large"], visible=0.7),
    row("spot", "accepted", visible=6.0),
    row("spot", "failed", ["invisible"], visible=math.nan),
]


def test_verdicts_are_counted_per_defect_with_their_reasons() -> None:
    counted = html.verdicts(ROWS)
    assert list(counted) == ["crack", "spot"]
    assert counted["crack"] == {"attempts": 3, "accepted": 1, "rejected": 2, "failed": 0, "reasons": {"invisible": 2, "too large": 1}}
    assert (counted["spot"]["accepted"], counted["spot"]["failed"]) == (1, 1)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("invisible", "invisible"),
        ("the mask does not fit the change: overlap 0.21, needed 0.40", "the mask does not fit the change"),
        ("area 4 px is not plausible: expected 10 to 20 px", "area"),
        ("the branches disagree by 0.3, at most 0.1", "the branches disagree"),
    ],
)
def test_reasons_are_counted_without_their_numbers(reason: str, expected: str) -> None:
    assert html.kind(reason) == expected


def test_scores_are_split_by_verdict_and_hold_numbers_only() -> None:
    assert html.scores(ROWS) == {"visible": ([4.5, 6.0], [0.5, 0.7])}


def test_the_page_shows_facts_verdicts_and_scores(tmp_path: Path) -> None:
    page = Page(report(tmp_path, ROWS, Machine="two cores"))
    for words in ("A report", "Machine two cores", "crack 3 1 2 0 33% invisible (2), too large (1)", "spot 2 1 0 1 50%", "visible"):
        assert words in page.text
    assert "Loss" not in page.text


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    text = report(tmp_path, ROWS)
    links = [value or "" for _, attributes in Page(text).tags for name, value in attributes.items() if name in ("src", "href", "srcset")]
    assert links and all(link.startswith("data:") for link in links)
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
    assert page.text.count(evil) == 7  # title, heading, a fact's name and value, defect, reason, score
    assert all(tag != "script" for tag, _ in page.tags)


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
    heights = [float(point.split(",")[1]) for point in curves[0]]
    assert heights == sorted(heights)  # a falling loss goes down the page
    assert "1,000" in page.text and "Loss" in page.text


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.5], [0.0, 1.0]])
def test_the_loss_curve_stands_short_and_flat_logs(losses: list[float], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.jsonl").write_text("".join(json.dumps({"step": i, "loss": v}) + "\n" for i, v in enumerate(losses)))
    text = report(tmp_path, ROWS, run)
    assert "nan" not in text.lower().split("<polyline")[1] and "inf" not in text.split("<polyline")[1]


def test_a_run_without_a_log_and_pairs_without_scores_are_no_error(tmp_path: Path) -> None:
    assert "Scores" not in Page(report(tmp_path, [row("a", "failed")], tmp_path)).text
