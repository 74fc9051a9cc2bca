"""`flawsmith benefit`: do made pairs help a detector on real defects that it has not seen."""

import hashlib
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from flawsmith.benchmark.classifiers.classify import load_network
from flawsmith.benchmark.detectors.crops import SIDE
from flawsmith.benchmark.detectors.segment import SegmenterConfig, choose_precision
from flawsmith.benchmark.jobs import Job, run_jobs, seconds_of
from flawsmith.benchmark.making import fit_generator, make_baseline, make_generated
from flawsmith.benchmark.misses import often_missed
from flawsmith.benchmark.protocol import GENERATED, NEAREST, REAL, THIRD, Settings, made_of, protocol
from flawsmith.benchmark.results import collect
from flawsmith.benchmark.testing import classified_kinds, classify, evaluate_column, evaluate_nearest
from flawsmith.benchmark.training import train_chosen, train_column
from flawsmith.benchmark.workspace import Workspace, defects_of
from flawsmith.config.resolve import resolve
from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.disk import require_room
from flawsmith.core.errors import RunError
from flawsmith.core.files import write_json, write_text
from flawsmith.core.folders import Kind, check_output, prepare_output
from flawsmith.core.locks import hold
from flawsmith.core.paths import relative
from flawsmith.core.precision import NAMES
from flawsmith.core.processors import cores
from flawsmith.core.progress import working
from flawsmith.core.text import read_text
from flawsmith.dataset.record import data_record
from flawsmith.dataset.sample import Dataset, load_sample
from flawsmith.dataset.splits import Splits, few_shot
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import read_telling
from flawsmith.generation.room import bytes_of_pair
from flawsmith.metrics.features import load_extractor
from flawsmith.metrics.measure import measure
from flawsmith.product.shape import ModelSpec
from flawsmith.reports.benefit import write_benefit_report
from flawsmith.training.unfitted import require_known_weights
from flawsmith.version import __version__

_PLACE = r"work/shots-[^/]+/seed-\d+"
BENEFIT = Kind(
    "benefit",
    (
        *(r"(benefit|report)\.json", r"report\.html", r"misses\.txt"),
        *(_PLACE + r"/([a-z]+/)?[^/]+\.(json|npz|safetensors)", _PLACE + r"/(run|pairs/[^/]+)/"),
    ),
)


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

    For every number of shots and every seed: the model is fitted on the few-shot part (or, with `unfitted`, the base follows it as it
    is), pairs are made with it and with the baselines, every column's detector is trained alike and by the same seed, and the
    validation part chooses each column's share of made pairs where it is sure; then, when all choices are made, the test part is read.
    A defect with fewer pictures than asked for has all it has; one that cannot be tested is left out, and both are said.
    workers: processes side by side, one thread each; 0 = everything in this process; None = one per processor core, or one on a GPU.
    threads: of every job; 0 = one where several run, else all.
    REPORT/misses.txt names the validation pictures with a defect that detectors trained on real ones alone missed, for `generate --like`.
    A script that calls this with workers does so under `if __name__ == "__main__":`, as they import it. Raises FlawsmithError for bad
    data, an unusable folder, and for what is not installed.
    """
    data, report = Path(data), Path(report)
    settings = replace(settings or protocol("quick"), device=choose_device(device))
    if settings.unfitted:
        require_known_weights(resolve(settings.preset, None, settings.fit_settings))
    with working(f"reading {data}", quiet):
        dataset = read_telling(data, ReadOptions.of(resolve(settings.preset, None, settings.fit_settings).data), quiet)
        dataset.require()
        parts, notes = distinct_parts(dataset, settings)  # before anything is written: what cannot be tested is said now, not after an hour
    settings = replace(settings, shots=tuple(parts))
    load_extractor()  # what is not installed, or not at hand, is said now, too
    load_network(settings.classifier_network)
    if not resume:
        check_output(report, BENEFIT, overwrite, [data])
    if workers is None:
        workers = 1 if settings.device != "cpu" else cores()
    threads = threads or (1 if workers > 1 else 0)
    before = _read_kept(report) if resume else None
    training, why = _with_precision(settings, dataset, threads, before)
    settings = replace(settings, training=training)
    with working(f"hashing {data}", quiet):
        kept = _identity(dataset, settings)
    if not resume:
        _require_room(report, settings, parts, dataset)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    works = [Workspace(data, report, shots, seed, settings, parts[shots], threads) for seed in seeds for shots in settings.shots]
    with hold(report):
        if resume:
            _same(report, _read_kept(report), kept)
        else:
            prepare_output(report, BENEFIT, overwrite)
            results = [relative(job.result, report) for job in (*jobs_of_learning(works), *jobs_of_test(works))]
            write_json(report / "benefit.json", {**kept, "results": results})  # their files, so that others can see how far it is
        if not quiet:
            for note in notes:
                Console(stderr=True).print(note, markup=False, highlight=False)
        result = {
            "flawsmith": __version__,
            "data": str(data),
            "command": command,
            "settings": kept["settings"],
            "machine": {
                "processor": platform.machine(),
                "cores": cores(),
                "device": settings.device,
                "workers": workers,
                "precision": f"{training.precision} ({why})",
            },
            **_do_jobs(works, _stamp(kept), workers, quiet),
            "notes": notes,
            "misses": _write_misses(report, works),
            **collect(works),
        }
        write_json(report / "report.json", result)
        write_benefit_report(report, result, works)
    return result


def _require_room(report: Path, settings: Settings, parts: Mapping[str, Splits], dataset: Dataset) -> None:
    """Raise DiskFullError unless there is room for the pairs of all repetitions; each fit asks for its own checkpoints."""
    spec = ModelSpec(tuple(dataset.defects), 3, SIDE)
    pairs = sum(settings.pairs * len(part.learn.defects) for part in parts.values()) * settings.seeds * len(settings.made)
    require_room(report, pairs * bytes_of_pair([item.image for item in dataset.good], spec), f"{pairs} pairs")


def _do_jobs(works: Sequence[Workspace], stamp: str, workers: int, quiet: bool) -> dict[str, float]:
    """Do everything that is chosen with, then everything that reads the test part; return the minutes of this call and of all jobs."""
    begun = time.monotonic()
    learning = [replace(job, stamp=stamp) for job in jobs_of_learning(works)]
    run_jobs(learning, workers, quiet)
    testing = [replace(job, stamp=stamp) for job in jobs_of_test(works)]
    run_jobs(testing, workers, quiet)
    seconds = sum(seconds_of(job) for job in (*learning, *testing))  # those of calls before included
    return {"minutes": round((time.monotonic() - begun) / 60, 1), "job_minutes": round(seconds / 60, 1)}


def _write_misses(report: Path, works: Sequence[Workspace]) -> dict[str, Any] | None:
    """Write misses.txt, a path in each line, and return its name with how many pictures it names of how many; None without validation."""
    watched = len({item.image for work in works for item in defects_of(work.parts.validation)})
    if not watched:
        return None
    paths = often_missed(works)
    write_text(report / "misses.txt", "".join(f"{path.resolve()}\n" for path in paths))
    return {"file": "misses.txt", "pictures": len(paths), "of": watched}


def _identity(dataset: Dataset, settings: Settings) -> dict[str, Any]:
    """Return what results must share to stand in one table: version, settings, and the content and groups of all pictures."""
    normals = (*dataset.good, *dataset.held_out)
    return {
        "flawsmith": __version__,
        "settings": json.loads(json.dumps(asdict(settings))),
        "data": data_record(replace(dataset, good=normals), dataset.defects, "all"),
        "groups": {relative(i.image, dataset.root): i.group for i in (*normals, *defects_of(dataset)) if i.group is not None},
    }


def distinct_parts(dataset: Dataset, settings: Settings) -> tuple[dict[str, Splits], list[str]]:
    """Return the parts of the data by number of shots, and a sentence on everything that is not as asked for.

    A number of shots that comes to the same pictures as one before it is not done twice. Raises DataError where nothing can be tested.
    """
    parts: dict[str, Splits] = {}
    notes: list[str] = []
    for shots in settings.shots:
        found = few_shot(dataset, None if shots == THIRD else int(shots), not settings.only_made)
        named = f"{shots} shots" if shots != THIRD else shots
        same = next((other for other, before in parts.items() if before.learn == found.learn), None)
        if same is not None:
            notes.append(f"{named}: the same pictures as {same if same == THIRD else f'{same} shots'}; not done twice.")
            continue
        parts[shots] = found
        notes += [f"{named}: {note}" for note in found.notes]
        if not found.validation.defects and not settings.only_made:
            notes.append(f"{named}: no picture of a defect is left for validation; nothing watches the trainings of detectors.")
    return parts, list(dict.fromkeys(notes))


def measure_pairs(work: Workspace, made: str) -> dict[str, Any]:
    """Compare a folder of made pairs with the real defects of the test part, without any detector."""
    use_threads(work.threads)
    found = measure(defects_of(work.parts.test), work.pairs(made), seed=work.seed, learned=defects_of(work.parts.learn))
    return {"made": made, **found}


def jobs_of_learning(works: Sequence[Workspace]) -> list[Job]:
    """Return the jobs that may see the parts to learn from and to choose with, the longest first."""
    jobs = [_job(w, "look at the product" if w.settings.unfitted else "fit", w.fitted, fit_generator) for w in works]
    for w in works:
        jobs += [_job(w, f"{name} pairs", w.paired(name), make_baseline, name) for name in w.settings.baselines]
    jobs += [_job(w, f"train {REAL}", w.trained(REAL, 0.0), train_column, REAL, 0.0) for w in works]
    jobs += [_job(w, "generate", w.paired(GENERATED), make_generated, needs=(w.fitted,)) for w in works]
    for column in works[0].settings.columns[1:]:
        for w in works:
            needs: tuple[Path, ...] = (w.paired(str(made_of(column))),)
            shares = w.settings.shares_of(column)
            if _tries_all(w, shares):
                jobs += [_job(w, f"train {column} {s:g}", w.trained(column, s), train_column, column, s, needs=needs) for s in shares]
            else:
                first = replace(w, seed=w.settings.seed)
                needs += tuple(first.trained(column, share) for share in shares)
                jobs.append(_job(w, f"train {column}", w.chosen(column), train_chosen, column, needs=needs))
    return jobs


def jobs_of_test(works: Sequence[Workspace]) -> list[Job]:
    """Return the jobs that read the test part; nothing is chosen by them."""
    jobs = []
    for w in works:
        for column in w.settings.columns:
            shares = w.settings.shares_of(column)
            trained = tuple(w.trained(column, share) for share in shares) if _tries_all(w, shares) else (w.chosen(column),)
            jobs.append(_job(w, f"test {column}", w.tested(column), evaluate_column, column, needs=trained))
        for name in classified_kinds(w):
            needs = () if name is None else (w.paired(name),)
            jobs.append(_job(w, f"classify {name or REAL}", w.classified(name), classify, name, needs=needs))
        jobs += [_job(w, f"measure {name}", w.measured(name), measure_pairs, name, needs=(w.paired(name),)) for name in w.settings.made]
    first = works[0]
    jobs.append(Job("test the detector that learns from normals alone", first.tested(NEAREST), evaluate_nearest, (first,)))
    return jobs


def _tries_all(work: Workspace, shares: Sequence[float]) -> bool:
    """Return whether a repetition trains every share: the first seed does, the others take what it chose."""
    return work.seed == work.settings.seed or len(shares) == 1


def _job(work: Workspace, name: str, result: Path, run: Any, *args: Any, needs: tuple[Path, ...] = ()) -> Job:
    shots = f"{work.shots} shots" if work.shots.isdigit() else work.shots
    return Job(f"{name} ({shots}, seed {work.seed})", result, run, (work, *args), needs)


def _stamp(kept: Mapping[str, Any]) -> str:
    """Return 16 hex digits of the version, the settings and the data: what results must share to stand in one table."""
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _read_kept(report: Path) -> dict[str, Any]:
    """Return what a report folder was begun with; raises RunError where there is nothing to go on with."""
    path = report / "benefit.json"
    if not path.is_file():
        raise RunError(f"{report}: nothing to resume here (no benefit.json); start without --resume.")
    before: dict[str, Any] = json.loads(read_text(path))
    return before


def _with_precision(settings: Settings, dataset: Dataset, threads: int, before: Mapping[str, Any] | None) -> tuple[SegmenterConfig, str]:
    """Return the detectors' settings with one precision for all columns, and why it was taken.

    Timed once, with the threads of a job; a resumed experiment keeps the one it was begun with.
    """
    training = settings.training
    known = None if before is None else before.get("settings", {}).get("training", {}).get("precision")
    if known in NAMES:
        return replace(training, precision=known), "as begun"
    use_threads(threads)
    colours = load_sample(dataset.good[0]).colours
    found = choose_precision(training, settings.resize or SIDE, colours, settings.device)
    return replace(training, precision=found.name), found.why


def _same(report: Path, before: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    """Raise RunError unless the folder was begun with the same version, settings, pictures and groups."""
    if (version := before.get("flawsmith", "of an older version")) != kept["flawsmith"]:
        raise RunError(
            f"{report}: was begun with flawsmith {version}, this is {kept['flawsmith']}; results of two versions do not belong in one "
            "table. Go on with the version it was begun with, or start anew in another folder."
        )
    for key, value in kept["settings"].items():
        if before["settings"].get(key) != value:
            raise RunError(f"{report}: was begun with {key} {before['settings'].get(key)}, got {value}; repeat its options, or start anew.")
    for key in ("normals", "defects"):
        if before["data"][key] != kept["data"][key]:
            raise RunError(f"{report}: the {key} in the data folder changed since this was begun; start a new one for them.")
    if before.get("groups") != kept["groups"]:
        raise RunError(f"{report}: the groups of the pictures (groups.csv) changed since this was begun; start a new one for them.")
