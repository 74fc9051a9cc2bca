"""Pictures and charts of a project's data, drawn as in the reports: outlines, where labels lie, how large they are."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from flawsmith.core.errors import FlawsmithError
from flawsmith.reports.charts import size_histogram
from flawsmith.reports.drawing import OUTLINE, outline, pool, to_display
from flawsmith.reports.places import NORMALS, PANEL, heat_map, panel_size
from flawsmith.studio import pictures
from flawsmith.studio.checking import spots
from flawsmith.studio.listing import HELD_OUT, NORMAL, Label, database, masks_of, picture_of
from flawsmith.studio.project import Project

EDGE = (20, 20, 24)  # beyond an outline, so that it is seen on any picture


def small_picture(project: Project, name: str, outlined: bool, known: str = "") -> Response:
    """Return a picture's thumbnail, with a line round its labels where asked. Raises a 404 as `picture_of` does, and FileError."""
    path = picture_of(project, name)
    labels = _labels(project, name) if outlined else ()
    sources = tuple(dict.fromkeys((path, *(file for label in labels for file in label.files))))
    about = "outlined " + " ".join(label.kind for label in labels) if labels else "plain"
    return pictures.thumbnail(project, about, sources, lambda: _outlined(path, labels) if labels else pictures.small_of(path), known)


def places(project: Project, kind: str, known: str = "") -> Response:
    """Return a heat map of where the labels of a kind lie, over the mean of a few normals. Raises a 404 where there are none."""
    found = spots(project, kind)
    if found is None:
        raise HTTPException(404)
    size = _usual_size(project)
    normals = tuple(_normals(project, size))
    height, width = panel_size(size)
    counts = np.array(found[2], np.float32)

    def draw() -> np.ndarray:
        values = cv2.resize(counts, (width, height), interpolation=cv2.INTER_LINEAR)
        return heat_map(cv2.GaussianBlur(values, (0, 0), 1.5), _mean(normals, height, width))

    about = f"places {kind} {hashlib.sha256(counts.tobytes()).hexdigest()} {height} {width}"
    return pictures.thumbnail(project, about, normals or (project.folder / "project.json",), draw, known)


def sizes(project: Project, kind: str) -> list[Markup]:
    """Return histograms of the labels' areas and longer sides as SVG; nothing where there are none."""
    found = spots(project, kind)
    return [] if found is None else [size_histogram(name, "px", of, ()) for name, of in (("area", found[0]), ("longer side", found[1]))]


def panel(project: Project) -> tuple[int, int]:
    """Return (H, W) in pixels of the heat maps."""
    return panel_size(_usual_size(project))


def _labels(project: Project, name: str) -> tuple[Label, ...]:
    try:
        return masks_of(project, name)
    except (HTTPException, FlawsmithError):  # gone, or not to be shown: the picture is, all the same
        return ()


def _outlined(path: Path, labels: tuple[Label, ...]) -> np.ndarray:
    found = to_display(pictures.small_of(path))
    height, width = found.shape[:2]
    whole = np.zeros((height, width), bool)
    for label in labels:
        try:
            with pictures.decoding(path):
                whole |= pool(label.read(), height, width)
        except FlawsmithError:  # a bad mask; the list of what is to mend says so
            continue
    return outline(outline(found, whole, EDGE, 2), whole, OUTLINE) if whole.any() else found


def _usual_size(project: Project) -> tuple[int, int]:
    """Return the (H, W) that most pictures have, or the middle one of each where they differ much."""
    query = (
        "SELECT height, width, count(*) AS pictures FROM pictures WHERE height IS NOT NULL GROUP BY height, width ORDER BY count(*) DESC"
    )
    rows = database(project).rows(query)
    if not rows:
        return PANEL, PANEL
    counts = [row["pictures"] for row in rows]
    if 2 * counts[0] >= sum(counts):
        return rows[0]["height"], rows[0]["width"]
    height, width = (np.median(np.repeat([row[side] for row in rows], counts)) for side in ("height", "width"))
    return int(height), int(width)


def _normals(project: Project, size: tuple[int, int]) -> list[Path]:
    """Return a few normals of a size, far from each other in the listing."""
    query = "SELECT name FROM pictures WHERE role IN (?, ?) AND height = ? AND width = ? AND shown ORDER BY place"
    names = [row["name"] for row in database(project).rows(query, (NORMAL, HELD_OUT, *size))]
    found = []
    for name in names[:: max(1, len(names) // NORMALS)][:NORMALS]:
        try:
            found.append(picture_of(project, name))
        except HTTPException:
            continue
    return found


def _mean(paths: tuple[Path, ...], height: int, width: int) -> np.ndarray | None:
    total, count = np.zeros((height, width, 3), np.float32), 0
    for path in paths:
        try:
            picture = to_display(pictures.small_of(path, max(height, width)))
        except FlawsmithError:
            continue
        total += cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        count += 1
    return (total / count).round().astype(np.uint8) if count else None
