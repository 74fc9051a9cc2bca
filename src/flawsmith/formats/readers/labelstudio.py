"""Label Studio: JSON, JSON-MIN, CSV, predictions, and single annotations as its storage keeps them.

Coordinates are percent of the picture; what was painted is coded in Label Studio's own way. Of several annotations of a task one is taken.
A task may have several pictures: a list of them, or one for each picture of the labelling interface.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.formats.brush import Brush
from flawsmith.formats.files import Files, name_key
from flawsmith.formats.labelled import Entry, Labelled, Note, Object, stated_size, whole_picture
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import plain_parts
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.runs import checked_size
from flawsmith.formats.shapes import Bitmap, Ellipse, Shape, Unmarked, coordinates, number, polygon, sized_box, stroke
from flawsmith.formats.tables import header, table
from flawsmith.formats.trees import fields, rows, text, told

PERCENT = (100.0, 100.0)
_LISTS = ("annotations", "completions", "predictions")
_MIN = {"annotator", "annotation_id", "lead_time"}  # what tells JSON-MIN and CSV apart
_NO_NAMES = _MIN | {"id", "created_at", "updated_at", "agreement", "project", "completed_by"}  # text in them that is no choice
_NAMES = ("image", "img", "picture", "photo", "url")  # what people call the picture in a task
_BOX = ("x", "y", "width", "height")
_PLACE = ("x", "y", "width", "height", "radiusX", "radiusY", "rotation", "imageDataURL")
_SUFFIX = re.compile(r"\.(png|jpe?g|bmp|tiff?|webp|gif)($|\?)", re.IGNORECASE)


def recognise(files: Files) -> str | None:
    """Return which JSON or CSV file Label Studio wrote."""
    found = next((p for p in files.looked_into(".json") if _tasks(files.glance(p))), None)
    if found:
        return f"{files.name(found)} holds tasks of Label Studio"
    found = next((p for p in files.looked_into(".csv", ".tsv") if _is_table(p)), None)
    return f"{files.name(found)} has the columns of Label Studio" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the annotated pictures of every such file; tasks that nobody annotated are left out."""
    for path in files.of(".json", ".csv", ".tsv"):
        skipped = several = guessed = 0
        annotated: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        for task in _tasks(files.json(path)) if path.suffix.lower() == ".json" else _from_table(path):
            if not isinstance(task, dict):
                raise FileError(path, "holds tasks that are no objects. Export it again.")
            made, others, predicted = _annotation(path, task)
            skipped, several, guessed = skipped + (made is None), several + (others > 0), guessed + predicted
            if made is not None:
                annotated.append((task, rows(path, made.get("result"), "result")))
        fields_of = _fields_of(path, annotated)
        for task, results in annotated:
            for name, own in _by_picture(files, path, task, results, fields_of):
                yield _entry(options, path, name, own)
        yield from _notes(files.name(path), skipped, several, guessed)


def _notes(name: str, skipped: int, several: int, guessed: int) -> Iterator[Note]:
    if skipped:
        yield Note(f"{name}: tasks that nobody annotated, or that were skipped: {skipped}, left out.")
    if several:
        yield Note(f"{name}: tasks with several annotations: {several}; the ground truth is taken, or the latest.")
    if guessed:
        yield Note(f"{name}: tasks with predictions alone: {guessed}; the last prediction is taken as their labels.")


def _annotation(path: Path, task: dict[str, Any]) -> tuple[dict[str, Any] | None, int, bool]:
    """Return what was annotated in a task, None for nothing; how many other annotations it has; and whether it is a mere prediction."""
    if _MIN & set(task):
        return {"result": _min_results(task)}, 0, False
    if "result" in task:
        return task, 0, "completed_by" not in task
    made = [row for key in _LISTS[:2] for row in rows(path, task.get(key), key) if not row.get("was_cancelled")]
    if not made:
        predicted = rows(path, task.get("predictions"), "predictions")
        return (predicted[-1] if predicted else None), 0, bool(predicted)
    best = max(made, key=lambda row: (row.get("ground_truth") is True, text(row.get("updated_at")) or text(row.get("created_at"))))
    return best, len(made) - 1, False


def _min_results(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results of JSON-MIN, which lie under the names of the tags that made them, as JSON has them."""
    found = [
        row for value in task.values() if isinstance(value, list) for row in value if isinstance(row, dict) and "original_width" in row
    ]
    if found:
        return [{**row, "value": row} for row in found]
    chosen = [value for key, value in task.items() if isinstance(value, str) and key not in _NO_NAMES and not _is_path(value)]
    return [{"value": {"choices": [value]}} for value in chosen]


def _entry(options: ReadOptions, path: Path, name: str, results: Iterable[dict[str, Any]]) -> Labelled:
    found: dict[Any, tuple[list[str], list[Object]]] = {}  # by what was drawn, which may be told twice: by a tool, and by its label
    size = None
    for i, row in enumerate(results):
        value = fields(path, row.get("value"), "value")
        names = _texts(next((v for k, v in value.items() if k.endswith("labels")), []))
        chosen = _texts(value.get("choices"))
        with told(path, f"result {i + 1} of {name}"):
            shape = _shape(row, value, options)
            key = text(row.get("id")) or _drawn(value)
        if shape is not None:
            size = size or stated_size(row.get("original_height"), row.get("original_width"))
            names = names or found.get(key, ([], []))[0] or chosen
            found[key] = names, [Object(one, shape) for one in names or [""]]
        elif chosen:
            found[i] = chosen, [whole_picture(one) for one in chosen]
    return Labelled(name, path, tuple(one for _, objects in found.values() for one in objects), size, units=PERCENT)


def _texts(value: Any) -> list[str]:
    return [text(one) for one in (value if isinstance(value, list) else [value]) if text(one)]


def _drawn(value: dict[str, Any]) -> Any:
    """Return what a result's geometry is recognised by."""
    if "rle" in value:
        return _bytes(value["rle"])
    if "points" in value or "vertices" in value:
        return _points(value).tobytes()
    return tuple(text(value.get(key)) or str(value.get(key)) for key in _PLACE if isinstance(value.get(key), (str, int, float)))


def _shape(row: dict[str, Any], value: dict[str, Any], options: ReadOptions) -> Shape | Unmarked | None:
    """Return what a result marks, None for one that says nothing of a place. Raises ValueError for one that cannot be used."""
    if "rle" in value:
        return Brush(_bytes(value["rle"]), checked_size((row.get("original_height"), row.get("original_width"))))
    if text(value.get("imageDataURL")):
        return Bitmap(text(value["imageDataURL"]))
    if "points" in value or "vertices" in value:
        points = _points(value)
        closed = len(points) > 2 and value.get("closed") is not False
        shape: Shape | Unmarked = polygon(points) if closed else stroke(points, options.line_width)
    elif "radiusX" in value:
        shape = Ellipse(*(number(value.get(key, 0)) for key in ("x", "y", "radiusX", "radiusY", "rotation")))
    elif "x" in value and "y" in value and "height" not in value:
        shape = stroke([[value["x"], value["y"]]], options.line_width, joined=False)
    else:
        return sized_box([value[key] for key in _BOX]) if set(_BOX) <= set(value) else None
    if not isinstance(shape, Unmarked) and number(row.get("image_rotation") or 0) % 360:
        raise ValueError("it was drawn on a picture that was turned in Label Studio, which does not say around what")
    return shape


def _points(value: dict[str, Any]) -> np.ndarray:
    if isinstance(value.get("vertices"), list):
        return coordinates([[v.get("x"), v.get("y")] if isinstance(v, dict) else v for v in value["vertices"]])
    return coordinates(value.get("points"))


def _bytes(value: Any) -> bytes:
    try:
        return bytes(value) if isinstance(value, list) else b""
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a brush whose values are not from 0 to 255") from None


def _by_picture(
    files: Files, path: Path, task: dict[str, Any], results: list[dict[str, Any]], fields_of: dict[str, str]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the pictures of a task, as it calls them, with the results that were drawn on each; mostly there is one."""
    data = _data(path, task)
    if fields_of:
        for tag, field in fields_of.items():
            if isinstance(data.get(field), str):
                yield _plain(data[field]), [row for row in results if text(row.get("to_name")) == tag]
        return
    listed = next((value for value in data.values() if _are_pictures(value)), None)
    if listed is None:
        yield _picture(files, path, task, data), results
        return
    places = [row.get("item_index") or 0 for row in results]
    if any(not isinstance(place, int) or not 0 <= place < len(listed) for place in places):
        raise FileError(path, f"has a result on a picture beyond the {len(listed)} of its task. Export it again.")
    for i, name in enumerate(listed):
        yield _plain(name), [row for row, place in zip(results, places, strict=True) if place == i]


def _fields_of(path: Path, annotated: Iterable[tuple[dict[str, Any], list[dict[str, Any]]]]) -> dict[str, str]:
    """Return the field of the tasks' data for each picture of the labelling interface, where there are several such fields.

    The interface itself is in no export, so names tell: "image2" is the picture of "image2", or of "img-2". Raises FileError where they
    tell nothing; none are returned where results are of one picture, which no field's name is like: the usual one is meant.
    """
    tags, keys = dict[str, None](), dict[str, None]()
    for task, results in annotated:
        tags |= {tag: None for row in results if "original_width" in row and (tag := text(row.get("to_name")))}
        keys |= {key: None for key, value in _data(path, task).items() if isinstance(value, str) and _is_path(value)}
    if len(keys) < 2:
        return {}
    found = {tag: same[0] for tag in tags if len(same := [key for key in keys if _alike(tag, key)]) == 1}
    if len(found) == len(tags) == len(set(found.values())):
        return found
    if len(tags) < 2:
        return {}
    raise FileError(
        path,
        f"has results on the pictures {', '.join(tags)}, and tasks with {', '.join(keys)}: nothing says which is which. Name them alike.",
    )


def _alike(tag: str, key: str) -> bool:
    """Return whether a picture of the labelling interface and a field of data have the same name or end with the same number."""
    numbers = [match[0] for match in (re.search(r"\d+$", name) for name in (tag, key)) if match]
    return tag.casefold() == key.casefold() or (len(numbers) == 2 and int(numbers[0]) == int(numbers[1]))


def _data(path: Path, task: dict[str, Any]) -> dict[str, Any]:
    """Return what a task is about."""
    return fields(path, _within(path, task).get("data"), "data") or (task if _MIN & set(task) else {})


def _within(path: Path, task: dict[str, Any]) -> dict[str, Any]:
    return fields(path, task["task"], "task") if isinstance(task.get("task"), dict) else task


def _picture(files: Files, path: Path, task: dict[str, Any], data: dict[str, Any]) -> str:
    """Return the picture of a task: of all that its data may name it by what is there, else what looks most like it."""
    texts = {key: _plain(value) for key, value in data.items() if isinstance(value, str)}
    usual = sorted(texts, key=lambda key: (not _is_path(texts[key]), key.casefold() not in _NAMES))
    candidates = [texts[key] for key in usual] + [text(_within(path, task).get("file_upload"))]
    if not any(candidates):
        raise FileError(path, "names no picture: predictions alone do not. Put them under `predictions` of a task that has `data`.")
    there = (name for name in candidates if name_key((plain_parts(name) or ("",))[-1]) in files.picture_names)
    return next(there, next(filter(None, candidates), ""))


def _plain(value: str) -> str:
    """Return a picture's path without the address under which Label Studio gives files of its own machine."""
    _, local, path = value.partition("?d=")
    return unquote(path) if local else value


def _are_pictures(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and _is_path(one) for one in value)


def _from_table(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV or TSV file as the tasks of JSON-MIN that they are. Raises FileError for cells that cannot be used."""
    for line, row in table(path) if _is_table(path) else ():
        try:
            yield {key: json.loads(cell) if cell[:1] in ("[", "{") else cell for key, cell in row.items()}
        except (ValueError, RecursionError) as error:
            raise FileError(path, f"line {line} holds what is not JSON. Export it again.") from error


def _is_table(path: Path) -> bool:
    return {"annotator", "annotation_id"} <= set(header(path))


def _is_path(value: str) -> bool:
    return _SUFFIX.search(value) is not None or value.startswith("/data/")


def _tasks(tree: Any) -> list[Any]:
    """Return the tasks that a JSON file holds; none where it is not Label Studio's."""
    tasks = tree if isinstance(tree, list) else [tree]
    return tasks if tasks and isinstance(tasks[0], dict) and _is_task(tasks[0]) else []


def _is_task(task: dict[str, Any]) -> bool:
    has_data = isinstance(task.get("data"), dict) and any(isinstance(task.get(key), list) for key in _LISTS)
    single = isinstance(task.get("result"), list) and bool({"model_version", "score", "task", "completed_by"} & set(task))
    return has_data or single or {"annotator", "annotation_id"} <= set(task)


FORMAT = of_label_files("labelstudio", "Label Studio", recognise, labelled)
