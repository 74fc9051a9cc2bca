"""`flawsmith benefit`: do made pairs help a detector on real defects that it has not seen."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flawsmith.benchmark import stages
from flawsmith.benchmark.classifiers.classify import load_network
from flawsmith.benchmark.jobs import Job, run_jobs, seconds_of
from flawsmith.benchmark.protocol import GENERATED, NEAREST, REAL, Settings, made_of, protocol
from flawsmith.benchmark.results import collect
from flawsmith.benchmark.stages import Place
from flawsmith.core.devices import choose_device
from flawsmith.core.errors import RunError
from flawsmith.core.files import check_output, prepare_output, write_json
from flawsmith.core.locks import hold
from flawsmith.core.text import read_text
from flawsmith.dataset.reading import read
from flawsmith.dataset.record import data_record
from flawsmith.dataset.sample import Dataset
from flawsmith.metrics.features import load_extractor
from flawsmith.version import __version__


def benefit(
    data: str | Path,
    report: str | Path,
    settings: Settings | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    workers: int | None = None,
    threads: int = 0,
    quiet: bool = False,
    command: str = "",
) -> dict[str, Any]:
    """Compare detectors trained with and without made pairs of the folder `data`; write `report` and return what report.json holds.

    For every number of shots and every seed: the model is fitted on the few-shot part, pairs are made with it and with the
    baselines, every column's detector is trained with the same steps and seed, the validation part chooses its share of made
    pairs; then, when all choices are made, the test part is read. workers: processes side by side, one thread each; 0 = everything
    in this process; None = one per processor core, or one on a GPU. threads: of every job; 0 = one where several run, else all.
    A script that calls this with workers does so under `if __name__ == "__main__":`, as they import it. Raises FlawsmithError for bad
    data, an unusable folder, and for what is not installed.
    """
    data, report = Path(data), Path(report)
    settings = replace(settings or protocol("quick"), device=choose_device(device))
    dataset = read(data)
    for shots in settings.shots:  # before anything is written: too few pictures are found now, not after an hour
        stages.cut_parts(data, shots, not settings.only_made)
    load_extractor()  # what is not installed, or not at hand, is said now, too
    load_network(settings.classifier_network)
    if not resume:
        check_output(report, overwrite, [data])
    elif not (report / "benefit.json").is_file():
        raise RunError(f"{report}: nothing to resume here (no benefit.json); start without --resume.")
    with hold(report):
        return _compare(data, dataset, report, settings, resume, overwrite, workers, threads, quiet, command)


def _compare(
    data: Path,
    dataset: Dataset,
    report: Path,
    settings: Settings,
    resume: bool,
    overwrite: bool,
    workers: int | None,
    threads: int,
    quiet: bool,
    command: str,
) -> dict[str, Any]:
    """Do what `benefit` says, as the only one that writes to `report`."""
    kept = {"settings": json.loads(json.dumps(asdict(settings))), "data": data_record(dataset, dataset.defects, "all")}
    if resume:
        _same(report, kept)
    else:
        prepare_output(report, overwrite)
        write_json(report / "benefit.json", kept)
    if workers is None:
        workers = 1 if settings.device != "cpu" else _cores()
    threads = threads or (1 if workers > 1 else 0)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    places = [Place(data, report, shots, seed, settings, threads) for seed in seeds for shots in settings.shots]
    begun = time.monotonic()
    first = jobs_of_learning(places)
    run_jobs(first, workers, quiet)
    second = jobs_of_test(places)
    run_jobs(second, workers, quiet)
    result = {
        "flawsmith": __version__,
        "data": str(data),
        "command": command,
        "settings": kept["settings"],
        "machine": {"processor": platform.machine(), "cores": _cores(), "device": settings.device, "workers": workers},
        "minutes": round((time.monotonic() - begun) / 60, 1),  # of this call
        "job_minutes": round(sum(seconds_of(job) for job in (*first, *second)) / 60, 1),  # of all jobs, those of calls before included
        **collect(places),
    }
    write_json(report / "report.json", result)
    from flawsmith.reports.benefit import write_benefit_report

    write_benefit_report(report, result, places)
    return result


def jobs_of_learning(places: Sequence[Place]) -> list[Job]:
    """Return the jobs that may see the parts to learn from and to choose with, the longest first."""
    jobs = [_job(p, f"fit {_named(p)}", p.folder / "fitted.json", stages.fit_generator) for p in places]
    for p in places:
        jobs += [_job(p, f"{name} pairs {_named(p)}", _made(p, name), stages.make_baseline, name) for name in p.settings.baselines]
    jobs += [_job(p, f"train {REAL} {_named(p)}", p.trained(REAL, 0.0), stages.train_column, REAL, 0.0) for p in places]
    jobs += [
        _job(p, f"generate {_named(p)}", _made(p, GENERATED), stages.make_generated, needs=(p.folder / "fitted.json",)) for p in places
    ]
    for column in places[0].settings.columns[1:]:
        for p in places:
            needs: tuple[Path, ...] = (_made(p, str(made_of(column))),)
            shares = p.settings.shares_of(column)
            if p.seed == p.settings.seed or len(shares) == 1:
                jobs += [
                    _job(p, f"train {column} {s:g} {_named(p)}", p.trained(column, s), stages.train_column, column, s, needs=needs)
                    for s in shares
                ]
            else:
                first = replace(p, seed=p.settings.seed)
                needs += tuple(first.trained(column, share) for share in shares)
                jobs.append(_job(p, f"train {column} {_named(p)}", p.chosen(column), stages.train_chosen, column, needs=needs))
    return jobs


def jobs_of_test(places: Sequence[Place]) -> list[Job]:
    """Return the jobs that read the test part; nothing is chosen by them."""
    jobs = []
    for p in places:
        jobs += [_job(p, f"test {column} {_named(p)}", p.tested(column), stages.try_column, column) for column in p.settings.columns]
        kinds = stages.classified_kinds(p)
        jobs += [_job(p, f"classify {name or REAL} {_named(p)}", p.classified(name), stages.classify, name) for name in kinds]
        jobs += [_job(p, f"measure {name} {_named(p)}", p.measured(name), stages.measure_pairs, name) for name in p.settings.made]
    first = places[0]
    jobs.append(_job(first, "test the detector that learns from normals alone", first.tested(NEAREST), stages.try_nearest))
    return jobs


def _job(place: Place, name: str, result: Path, run: Any, *args: Any, needs: tuple[Path, ...] = ()) -> Job:
    return Job(name, result, run, (place, *args), needs)


def _made(place: Place, name: str) -> Path:
    return place.folder / "pairs" / f"{name}.json"


def _named(place: Place) -> str:
    return f"({place.shots} shots, seed {place.seed})" if place.shots.isdigit() else f"({place.shots}, seed {place.seed})"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _same(report: Path, kept: dict[str, Any]) -> None:
    """Raise RunError unless the folder was begun with the same settings and pictures."""
    before = json.loads(read_text(report / "benefit.json"))
    for key, value in kept["settings"].items():
        if before["settings"].get(key) != value:
            raise RunError(f"{report}: was begun with {key} {before['settings'].get(key)}, got {value}; repeat its options, or start anew.")
    for key in ("normals", "defects"):
        if before["data"][key] != kept["data"][key]:
            raise RunError(f"{report}: the {key} in the data folder changed since this was begun; start a new one for them.")
