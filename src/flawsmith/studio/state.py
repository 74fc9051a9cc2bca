"""What all pages share, and which project an address is about."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from flawsmith.studio.home import Home
from flawsmith.studio.incoming import Incoming
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.places import Places
from flawsmith.studio.project import Project


@dataclass(frozen=True)
class Studio:
    """What all pages share."""

    home: Home
    scheduler: Scheduler
    places: Places  # what may be opened
    incoming: Incoming  # what is being brought
    upload: int  # bytes of one file at most


def _studio(request: Request) -> Studio:
    found: Studio = request.app.state.studio
    return found


def _project(request: Request, key: str) -> Project:
    return _studio(request).home.project(key)


Here = Annotated[Project, Depends(_project)]  # of an address /p/{key}/...
Shared = Annotated[Studio, Depends(_studio)]
