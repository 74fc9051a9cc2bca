"""Reports: what is measured is a job that can be gone on with, and a page that is opened can do nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

import flawsmith
from flawsmith.benchmark.protocol import BASELINES, Settings, parse_shots
from flawsmith.cli.main import main
from flawsmith.reports.blocks import Note
from flawsmith.reports.page import Page
from flawsmith.studio import reports
from flawsmith.studio.home import Home
from flawsmith.studio.jobs.job import DONE, ENDED, QUEUED, Order, jobs_in, place
from flawsmith.studio.jobs.progress import progress_of
from flawsmith.studio.project import Project


@pytest.fixture
def project(home: Path, data8: Path, make_pairs: Callable[..., Path], tmp_path: Path) -> Project:
    """A project of the drawn product with a set of six pairs; its key is "parts"."""
    data = Path(shutil.copytree(data8, tmp_path / "parts"))
    found = Home(home).open(data)
    make_pairs(found.folder / "pairs/first", data, 6)
    return found


def end(project: Project, status: int) -> None:
    """Have the newest job end so."""
    job = jobs_in(project.folder / "jobs")[0]
    (job.folder / "started.json").write_text("{}")
    (job.folder / ENDED).write_text(json.dumps({"status": status}))


def test_the_choices_reach_the_command(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def benefit(data: Path, report: Path, settings: Settings, **_: Any) -> dict[str, Any]:
        asked.update(data=data, report=report, settings=settings)
        return {}

    monkeypatch.setattr(flawsmith, "benefit", benefit)
    wish = reports.Benefit(shots=["1", "third"], seeds=3, pairs=12, baselines=["poisson"], minutes=2.5)
    order = reports.benefit(project, wish)
    result = CliRunner().invoke(main, [*order.arguments, "--quiet"])
    assert result.exit_code == 0, result.output
    settings = asked["settings"]
    assert (settings.shots, settings.seeds, settings.pairs, settings.baselines) == (("1", "third"), 3, 12, ("poisson",))
    assert "training.minutes=2.5" in settings.fit_settings and asked["data"] == project.data
    assert asked["report"] == project.folder / "reports/benefit" and order.about["report"] == str(asked["report"])


def test_shots_and_baselines_are_those_of_the_command() -> None:
    fields = reports.Benefit.model_fields
    assert get_args(get_args(fields["baselines"].annotation)[0]) == BASELINES
    assert parse_shots(",".join(get_args(get_args(fields["shots"].annotation)[0])))


def test_a_time_is_said_that_grows_with_the_work() -> None:
    one = reports.hours(reports.Benefit(shots=["3"], seeds=1), 1)
    assert one == pytest.approx((5 + 3 + 3 * 7) / 60)
    assert reports.hours(reports.Benefit(shots=["3"], seeds=4), 1) == pytest.approx(4 * one)
    assert reports.hours(reports.Benefit(shots=["3"], seeds=4), 2) == pytest.approx(2 * one)
    usual = reports.Benefit.model_validate({"shots": ["3", "third"], "seeds": 2, "baselines": BASELINES})
    assert 1.5 < reports.hours(usual, 2) < 2.5, "as the README says: about two hours on two cores"


def test_it_goes_on_where_it_stopped(project: Project, client: TestClient) -> None:
    with pytest.raises(Exception, match="not begun here"):
        reports.again(project, "benefit")
    jobs = project.folder / "jobs"
    place(jobs, reports.benefit(project, reports.Benefit(shots=["3"])))
    assert client.post("/p/parts/api/reports/resume/benefit").json()["error"].endswith("waits for its turn.")
    end(project, 143)
    assert "--resume" not in reports.again(project, "benefit").arguments, "nothing was begun"
    report = project.folder / "reports/benefit"
    report.mkdir(parents=True)
    (report / "benefit.json").write_text(json.dumps({"results": ["work/a.json", "work/b.json"]}))
    (report / "work").mkdir()
    (report / "work/a.json").write_text("{}")
    (one,) = client.get("/p/parts/api/reports").json()
    assert one["resumable"] and one["goes_on"] and one["job"]["state"] == "stopped"
    words = reports.again(project, "benefit").arguments
    assert words[-1] == "--resume"
    job = place(jobs, reports.again(project, "benefit"))
    assert job.state == QUEUED
    assert progress_of(job).to_json() == {"done": 1, "total": 2, "text": "1 of 2 steps"}
    end(project, 0)
    (report / "report.html").write_text(Page("Benefit", [Note("It helps & more.", "sum")], []).html())
    (one,) = client.get("/p/parts/api/reports").json()
    assert one["done"] and not one["resumable"] and one["summary"] == "It helps & more." and one["job"]["state"] == DONE


def test_a_set_is_evaluated_into_a_folder_of_its_own(project: Project) -> None:
    order = reports.evaluation(project, reports.Evaluation(pairs="first"))
    assert order.arguments == (
        "evaluate",
        str(project.data),
        str(project.folder / "pairs/first"),
        "-o",
        str(project.folder / "reports/evaluation of first"),
    )
    (project.folder / "reports/evaluation of first").mkdir(parents=True)
    assert reports.evaluation(project, reports.Evaluation(pairs="first")).arguments[-1].endswith("evaluation of first-2")
    with pytest.raises(Exception, match="no such set"):
        reports.evaluation(project, reports.Evaluation(pairs="second"))


@pytest.mark.parametrize(
    "body",
    [
        {"shots": []},
        {"shots": ["2"]},
        {"shots": ["3"], "seeds": 99},
        {"shots": ["3"], "minutes": 0},
        {"shots": ["3"], "baselines": ["-o", "/tmp/x"]},
    ],
)
def test_other_choices_are_refused(project: Project, client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("/p/parts/api/reports/benefit", json=body).status_code == 422
    assert not jobs_in(project.folder / "jobs")


def test_a_report_that_is_opened_can_do_nothing(project: Project, client: TestClient, tmp_path: Path) -> None:
    (project.folder / "pairs/first/report.html").write_text("<script>alert(1)</script>")
    answer = client.get("/p/parts/pairs/first/report.html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy
    assert answer.headers["x-frame-options"] == "DENY" and answer.headers["content-type"].startswith("text/html")
    (tmp_path / "elsewhere.html").write_text("x")
    (project.folder / "pairs/first/report.html").unlink()
    (project.folder / "pairs/first/report.html").symlink_to(tmp_path / "elsewhere.html")
    assert client.get("/p/parts/pairs/first/report.html").status_code == 404
    for path in ("runs/first", "pairs/..", "pairs/%2e%2e", "reports/none"):
        assert client.get(f"/p/parts/{path}/report.html").status_code in (400, 404, 422)


def test_the_page_lists_sets_with_their_sheets(project: Project, client: TestClient, data8: Path) -> None:
    folder = project.folder / "pairs/first"
    shutil.copy(next((data8 / "train/good").iterdir()), folder / "sheet.png")
    (folder / "report.html").write_text(Page("Pairs", [Note("6 of 9 <attempts>.", "sum")], []).html())
    text = client.get("/p/parts/reports").text
    assert "6 of 9 &lt;attempts&gt;." in text and "/p/parts/pairs/first/report.html" in text
    assert client.get("/p/parts/pairs/first/sheet.png").content == (folder / "sheet.png").read_bytes()
    assert client.get("/p/parts/api/reports/sheet/first").headers["content-type"] == "image/jpeg"


def test_an_order_of_another_kind_is_no_report(project: Project, client: TestClient) -> None:
    place(project.folder / "jobs", Order("fit", "a fit", ("--version",), {"name": "run"}))
    assert client.get("/p/parts/api/reports").json() == []
