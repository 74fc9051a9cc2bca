"""Sets of pairs: what is asked of `flawsmith generate`, the jobs that make them, and how far each is.

A set lies in PROJECT/pairs/NAME; what its command was given, lists of pictures and regions, stays in PROJECT/requests/NAME.
"""

import json
import shlex
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from flawsmith.config.resolve import override
from flawsmith.config.schema import Config
from flawsmith.core.errors import DataError
from flawsmith.core.files import write_bytes, write_text
from flawsmith.core.locks import holder
from flawsmith.core.text import normal_form
from flawsmith.generation.origin import FITTED
from flawsmith.generation.request import Request, check_together
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.forms import EXACT
from flawsmith.placement.shapes import parse_size
from flawsmith.studio import listing, regions
from flawsmith.studio.jobs.job import DIED, DONE, FAILED, QUEUED, RUNNING, STOPPED, Job, Order, jobs_by_name, jobs_in
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.project import Project, checked_name
from flawsmith.studio.runs import ELSEWHERE, OPEN
from flawsmith.studio.sources import BASE, source

ROOM, REQUESTS = "pairs", "requests"
KIND, PLAN = "generate", "plan"  # of jobs
PLANNED = ".plan"  # where in REQUESTS a plan is made; no set is called so
MOST_PICTURES = 10_000  # chosen at a time


@dataclass(frozen=True)
class Wish:
    """What a set is asked for; pictures by their names in the listing."""

    count: int
    source: str = BASE  # a run's name
    kinds: tuple[str, ...] = ()  # of defects; empty = all
    normals: tuple[str, ...] = ()  # that are drawn onto; empty = all
    regions: bool = False  # draw only onto normals with a painted region, and there alone
    size: str = ""  # as --size
    severity: str = "1"
    per_image: str = "1"
    mix: bool = False
    like: tuple[str, ...] = ()  # labelled pictures to follow; empty = those learned from
    strength: float = 0.5
    mask: str = EXACT
    seed: int = 0
    start: int = 0
    settings: tuple[str, ...] = ()  # KEY=VALUE of the configuration
    threads: int = 0  # of the processor; 0 = as many as it has cores


class Set:
    """Pairs that are made: what their folder and the newest job about them say."""

    def __init__(self, folder: Path, job: Job | None) -> None:
        """folder: need not be there yet; job: None for one that no job of this project made."""
        self.folder, self.job = folder, job
        self.name = folder.name
        self.state = self._state()

    @property
    def begun(self) -> bool:
        """Whether it can go on."""
        return PairFolder(self.folder).begun

    @property
    def count(self) -> int:
        """How many pairs are wanted; 0 where nobody knows."""
        return int(self._about.get("count", 0))

    @property
    def wish(self) -> Wish | None:
        """What it was asked for, with what was wanted more since; None for one that was not asked for here."""
        said = self._about.get("wish")
        return wish_from({**said, "count": self.count}) if isinstance(said, dict) else None

    @property
    def age(self) -> float:
        """When it last changed, in seconds since 1970."""
        for path in (PairFolder(self.folder).rows, self.folder):
            with suppress(OSError):
                return path.stat().st_mtime
        return time.time() if self.job is None else self.job.order.asked

    def reason(self) -> str:
        """Return why it does not go on although it should: the command's own message; "" where nothing is wrong."""
        if self.state == ELSEWHERE:
            return f"{holder(self.folder)} writes to this set; it is no job of the studio. Wait for its end, or stop it where it runs."
        return self.job.error if self.job is not None and self.state in (FAILED, DIED) else ""

    def to_json(self) -> dict[str, Any]:
        """Return what lists show of it."""
        return {
            "name": self.name,
            "state": self.state,
            "job": None if self.job is None else self.job.id,
            "source": self._about.get("wish", {}).get("source"),
            "count": self.count,
            "age": max(0.0, time.time() - self.age),
            "seconds": None if self.job is None else self.job.seconds,
            "reason": self.reason(),
            "begun": self.begun,
            "known": self.job is not None,
            "command": "" if self.job is None else command_of(self.job.order.arguments),
        }

    @property
    def _about(self) -> Mapping[str, Any]:
        return {} if self.job is None else self.job.order.about

    def _state(self) -> str:
        if self.job is not None and (state := self.job.state) in (QUEUED, RUNNING):
            return state
        if self.folder.is_dir() and holder(self.folder) is not None:
            return ELSEWHERE
        return DONE if self.job is None else self.job.state


def sets_of(project: Project) -> list[Set]:
    """Return a project's sets, those that changed last first; one that is asked for and has no folder yet, too."""
    jobs = jobs_by_name(project.folder / "jobs", (KIND,))
    names = {*project.names(ROOM), *jobs}
    found = [Set(project.folder / ROOM / name, jobs[name][0] if name in jobs else None) for name in names]
    return sorted((one for one in found if one.folder.is_dir() or one.state not in (DONE, STOPPED)), key=lambda one: -one.age)


def set_of(project: Project, name: str) -> Set:
    """Return one set. Raises DataError where there is none."""
    jobs = jobs_by_name(project.folder / "jobs", (KIND,)).get(name)
    found = Set(project.place(ROOM, name), jobs[0] if jobs else None)
    if not found.folder.is_dir() and found.job is None:
        raise DataError(f"There are no pairs {name!r} in this project.")
    return found


def free_name(project: Project, stem: str = "pairs") -> str:
    """Return a name that no set has, and none that waits for its turn."""
    taken, number = {one.name for one in sets_of(project)}, 1
    while (name := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return name


def start(project: Project, scheduler: Scheduler, name: str, wish: Wish) -> Set:
    """Have a new set made. Raises DataError for a name that is taken, ConfigError for wishes that cannot be."""
    name = checked_name(name)
    if any(one.name == name for one in sets_of(project)):
        raise DataError(f"There are pairs {name!r} already; choose another name.")
    out, given = project.place(ROOM, name), project.folder / REQUESTS / name
    arguments = _arguments(project, wish, out, given)
    _write(project, wish, given)
    about = {"name": name, "out": str(out), "count": wish.count, "wish": asdict(wish)}
    return Set(out, scheduler.ask(project.folder / "jobs", Order(KIND, f"Pairs {name}", arguments, about)))


def go_on(project: Project, scheduler: Scheduler, one: Set, more: int = 0) -> Set:
    """Have a set go on up to its count, or with so many more; raises DataError for one that is being made."""
    if one.state in OPEN:
        raise DataError(f"{one.name} is not at rest: {one.reason() or 'it runs or waits already'}")
    if one.job is None:
        raise DataError(f"{one.name} was not made here: what it was asked for is not known. Make a new set.")
    count = one.count + more
    words = [word for word in one.job.order.arguments if word not in ("--resume", "--overwrite")]
    words[words.index("--count") + 1] = str(count)
    words.append("--resume" if one.begun else "--overwrite")
    about = {**one.job.order.about, "count": count}
    return Set(one.folder, scheduler.ask(project.folder / "jobs", Order(KIND, f"Pairs {one.name}", tuple(words), about)))


def plan(project: Project, scheduler: Scheduler, wish: Wish) -> Job:
    """Have a plan drawn of what would be made; raises DataError while another is."""
    if any(job.order.kind == PLAN and job.state in (QUEUED, RUNNING) for job in jobs_in(project.folder / "jobs")):
        raise DataError("A plan is being drawn already; wait for it.")
    given = project.folder / REQUESTS / PLANNED
    out = given / "out"
    arguments = (*_arguments(project, wish, out, given), "--dry-run", "--overwrite")
    _write(project, wish, given)
    return scheduler.ask(project.folder / "jobs", Order(PLAN, "Plan of pairs", arguments, {"out": str(out)}))


def command(project: Project, name: str, wish: Wish) -> str:
    """Return the command that would make a set, as one would type it. Raises as `start` does, but for a name that is taken."""
    return command_of(_arguments(project, wish, project.place(ROOM, checked_name(name)), project.folder / REQUESTS / name))


def command_of(arguments: Iterable[str]) -> str:
    """Return a command as one would type it."""
    return shlex.join(["flawsmith", *arguments])


def wish_from(said: Mapping[str, Any]) -> Wish:
    """Return the wish that JSON holds; keys that this version does not know are left out."""
    known = {field.name for field in fields(Wish)}
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items() if name in known}
    return Wish(**{"count": 1, **values})


def drawn_onto(project: Project, wish: Wish) -> tuple[str, ...]:
    """Return the normals that are drawn onto, of all where none are chosen only those with a region; empty = all.

    Raises DataError where regions are asked for and there are none.
    """
    if not wish.regions:
        return wish.normals
    painted = regions.regions(project)
    found = tuple(name for name in wish.normals or painted if name in painted)
    if not found:
        raise DataError("No region is painted on the chosen normals: paint one, or draw without regions.")
    return found


def _arguments(project: Project, wish: Wish, out: Path, given: Path) -> tuple[str, ...]:
    """Return the words of `flawsmith` that make a set; given: where `_write` puts what the command is given."""
    made_from = source(project, wish.source)
    request = Request(wish.count, size=wish.size or None, severity=wish.severity, per_image=wish.per_image, mix=wish.mix)
    check_together(request)
    if wish.size:
        parse_size(wish.size)
    override(Config(), wish.settings, FITTED)
    if unknown := [kind for kind in wish.kinds if kind not in made_from.kinds]:
        raise DataError(f"{unknown[0]!r} is not known to it; it knows {', '.join(made_from.kinds) or 'no kind'}.")
    onto = drawn_onto(project, wish)
    words = ["generate", str(made_from.path), "-o", str(out), "--count", str(wish.count)]
    words += [word for kind in wish.kinds for word in ("--defect", kind)]
    words += ["--onto", str(given / "normals.jsonl")] if onto else []
    words += ["--region", str(given / "regions")] if wish.regions else []
    words += ["--like", str(given / "like.jsonl")] if wish.like else []
    usual = Wish(wish.count)
    for name in ("size", "severity", "per_image", "strength", "mask", "seed", "start", "threads"):
        if (value := getattr(wish, name)) != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += ["--mix"] if wish.mix else []
    words += [word for setting in wish.settings for word in ("--set", setting)]
    return (*words, *(project.label_options if wish.source == BASE else ()))


def _write(project: Project, wish: Wish, given: Path) -> None:
    """Write what the command is given: the chosen normals, a region for each of them, the pictures to follow."""
    onto = drawn_onto(project, wish)
    if given.is_dir():
        shutil.rmtree(given / "regions", ignore_errors=True)
    for name, pictures in (("normals", onto), ("like", wish.like)):
        if pictures:
            write_text(given / f"{name}.jsonl", _lines(listing.picture_of(project, picture) for picture in pictures))
    if wish.regions:
        alike = Counter(map(_stem, onto))
        for picture in onto:
            path = regions.region_of(project, picture)
            if path is None:
                raise DataError(f"The region of {picture} is gone; paint it again.")
            normal = listing.picture_of(project, picture)
            place = given / "regions" if alike[_stem(picture)] == 1 else (given / "regions").joinpath(*normal.parent.parts[1:])
            write_bytes(place / f"{_stem(picture)}_mask.png", path.read_bytes())


def _stem(name: str) -> str:
    return normal_form(Path(name).stem)


def _lines(paths: Iterable[Path]) -> str:
    return "".join(json.dumps({"image": str(path)}) + "\n" for path in paths)
