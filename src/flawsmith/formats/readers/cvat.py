"""CVAT's own XML, "for images" and "for video": pictures or frames of tracks, of a job, a task or a project with subsets.

Painted masks are run lengths row by row, within a box of their own. Frames of a video that show one track show one specimen.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Classes, Entry, Labelled, Note, Object, stated_size, whole_picture
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.runs import checked_size, whole_numbers
from flawsmith.formats.shapes import Ellipse, Runs, Shape, Unmarked, box, number, polygon, stroke
from flawsmith.formats.trees import told
from flawsmith.formats.xml_trees import head, parts, spoiled

_UNMARKED = ("box", "cuboid", "skeleton")
_FRAME = re.compile(r"frame_(\d{6,9})")  # how CVAT calls the pictures of a video


def recognise(files: Files) -> str | None:
    """Return which XML file CVAT wrote."""
    found = next((p for p in files.looked_into(".xml") if _is_cvat(p)), None)
    return f"{files.name(found)} has annotations as CVAT writes them" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the pictures and frames of every such file, and the errors of XML files that cannot be read."""
    for path in files.of(".xml"):
        if not _is_cvat(path):
            if error := spoiled(path):
                yield error
            continue
        video = _Video(files.name(path))
        for part in parts(path):
            if part.tag == "image":
                size = stated_size(part.get("height"), part.get("width"))
                objects = tuple(_objects(path, part, options))
                yield Labelled(part.get("name", ""), path, objects, size, part=part.get("subset"))
            elif part.tag == "track":
                video.add(path, part, options)
            elif part.tag == "meta":
                yield Classes(tuple(label.findtext("name") or "" for label in part.iter("label")))
                for original in part.iter("original_size"):
                    video.size = stated_size(original.findtext("height"), original.findtext("width"))
        yield from video.labelled(path, files)


class _Video:
    """What the tracks of a file show, frame by frame."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.size: tuple[int, int] | None = None
        self._objects: dict[int, list[Object]] = defaultdict(list)
        self._shown: list[list[tuple[int, bool]]] = []  # of each track: from which frame on it is to be seen, or not
        self._same: dict[int, int] = {}  # a frame that shows the same specimen: the first of all such, over others

    def add(self, path: Path, track: Element, options: ReadOptions) -> None:
        """Take in a track. Raises FileError for a shape that cannot be used."""
        shown: list[tuple[int, bool]] = []
        for element in track:
            if element.tag == "attribute":
                continue
            with told(path, f"track {track.get('id')}"):
                frame, outside = int(element.get("frame", "")), element.get("outside") == "1"
                shown.append((frame, not outside))
                if not outside:
                    self._objects[frame].append(Object(track.get("label", ""), _shape(element, options)))
        self._shown.append(sorted(shown))
        first, *others = sorted({frame for frame, seen in shown if seen}) or [0]
        for frame in others:
            a, b = self._first(first), self._first(frame)
            self._same[max(a, b)] = min(a, b)

    def labelled(self, path: Path, files: Files) -> Iterator[Entry]:
        """Yield the frames that show something, and those among the pictures in which no track is to be seen."""
        if not self._shown:
            return
        for frame, objects in sorted(self._objects.items()):
            group = f"{self._name} frame {self._first(frame)}"
            yield Labelled(f"frame_{frame:06d}", path, tuple(objects), self.size, group=group)
        known = (match and int(match[1]) for match in (_FRAME.fullmatch(p.stem) for p in files.pictures))
        empty = sorted({frame for frame in known if frame is not None and not any(_seen(shown, frame) for shown in self._shown)})
        for frame in empty:
            yield Labelled(f"frame_{frame:06d}", path, (), self.size)
        yield Note(f"{self._name} labels a video: its frames are pictures called frame_000000 and so on, {len(empty)} show no track.")

    def _first(self, frame: int) -> int:
        while (before := self._same.get(frame, frame)) != frame:
            self._same[frame] = self._same.get(before, before)  # so that chains stay short
            frame = before
        return frame


def _seen(shown: list[tuple[int, bool]], frame: int) -> bool:
    """Return whether a track may be seen in a frame: it was in the last one before, as far as the file says."""
    before = bisect_right(shown, (frame, True))
    return before > 0 and shown[before - 1][1]


def _objects(path: Path, image: Element, options: ReadOptions) -> Iterator[Object]:
    for element in image:
        name = element.get("label", "")
        if element.tag == "tag":
            yield whole_picture(name)
        elif element.tag != "attribute":
            with told(path, f"{element.tag} in {image.get('name')}"):
                yield Object(name, _shape(element, options))


def _shape(element: Element, options: ReadOptions) -> Shape | Unmarked:
    """Return what an element marks. Raises ValueError for one that cannot be used."""
    kind = element.tag
    if kind == "mask":
        counts = whole_numbers([int(n) for n in element.get("rle", "").split(",")])
        size = checked_size((element.get("height"), element.get("width")))
        return Runs(counts, size, "rows", (int(element.get("top", "")), int(element.get("left", ""))))
    if kind == "ellipse":
        return Ellipse(*(number(element.get(key, default)) for key, default in _ELLIPSE))
    if kind in ("polygon", "polyline", "points"):
        pairs = [pair.split(",") for pair in element.get("points", "").split(";")]
        return polygon(pairs) if kind == "polygon" else stroke(pairs, options.line_width, kind == "polyline")
    return box(*(element.get(side) for side in ("xtl", "ytl", "xbr", "ybr"))) if kind == "box" else Unmarked(kind)


_ELLIPSE = (("cx", ""), ("cy", ""), ("rx", ""), ("ry", ""), ("rotation", "0"))


def _is_cvat(path: Path) -> bool:
    names = head(path)
    return names[:1] == ["annotations"] and bool({"version", "meta", "image", "track"} & set(names[1:]))


FORMAT = of_label_files("cvat", "CVAT XML", recognise, labelled)
