"""The web application: its state, its pages and what every answer has in common."""

import importlib
import pkgutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from flawsmith.core.errors import DiskFullError, FlawsmithError
from flawsmith.formats.writers.registry import writers
from flawsmith.quality.registry import rules
from flawsmith.studio import pages
from flawsmith.studio.home import Home
from flawsmith.studio.incoming import Incoming
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.places import Places
from flawsmith.studio.security import Access, Guard
from flawsmith.studio.state import Studio
from flawsmith.studio.views import environment, page

THREADS = 8  # requests that are worked on at a time


def make_app(home: Path, access: Access, at_once: int = 1) -> FastAPI:
    """Return the application. home: folder of projects; at_once: heavy jobs at a time."""
    where = Home(home)

    def folders() -> Iterator[Path]:
        return (project.folder / "jobs" for project in where.projects())

    studio = Studio(where, Scheduler(folders, at_once), Places(where.folder, access.local), Incoming(where), access.upload)

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        threading.Thread(target=_prepare, name="prepare", daemon=True).start()
        with studio.scheduler:
            yield

    app = FastAPI(title="flawsmith studio", lifespan=living, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.studio = studio
    app.add_middleware(Guard, access=access)
    app.add_exception_handler(FlawsmithError, _told)
    app.add_exception_handler(OSError, _told)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(RequestValidationError, _told)
    app.mount("/static", StaticFiles(packages=[("flawsmith.studio", "static")]), name="static")
    app.get("/base.css")(_base_style)
    for module in pkgutil.iter_modules(pages.__path__):
        router: APIRouter = importlib.import_module(f"{pages.__name__}.{module.name}").router
        app.include_router(router)
    return app


def _prepare() -> None:
    """Do once what the first who ask for a page would wait for: its template, the formats, the checks."""
    templates = environment()
    for name in templates.list_templates(extensions=["j2"]):
        templates.get_template(name)
    writers()
    rules()


def _base_style() -> Response:
    """Return the reports' styles, on which the studio's stand."""
    return Response(files("flawsmith.reports").joinpath("templates/style.css").read_bytes(), media_type="text/css")


def _told(request: Request, error: Exception) -> Response:
    """Return what was wrong: as JSON to a script, as a page to a person."""
    status, why = 400, str(error)
    if isinstance(error, HTTPException):
        status, why = error.status_code, "There is nothing at this address." if error.status_code == 404 else str(error.detail)
    elif isinstance(error, RequestValidationError):
        status, why = 422, "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
    elif isinstance(error, OSError):
        status, why = 500, f"{error.filename or 'A file'}: {error.strerror or error}. Mend that, and try again."
    elif isinstance(error, DiskFullError):
        status = 507
    elif "There is no project" in why:
        status = 404
    if "/api/" in request.url.path:
        return JSONResponse({"error": why}, status)
    shown: HTMLResponse = page(request, "error", status=status, why=why)
    return shown
