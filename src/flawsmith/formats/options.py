"""How label files are to be read, where they do not say it themselves."""

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path

from flawsmith.config.schema import DataConfig
from flawsmith.core.errors import ConfigError
from flawsmith.core.text import normal_form
from flawsmith.dataset.sample import GOOD
from flawsmith.images.mask_values import RULES

LABELS_INDEX = "index.json"  # in a folder of labels
IGNORE = "ignore"  # what --classes calls the classes that are left out
LEFT_OUT = ("__ignore__", "_background_")  # labels of LabelMe that are no class


@dataclass(frozen=True)
class ReadOptions:
    """What a user says about labels. Raises ConfigError for what cannot be understood."""

    format: str = ""  # the label format's name; empty = recognised
    classes: str = ""  # "scratch=kratzer,Scratch; ignore=dust": names of defects and the classes that they stand for
    labels: str = ""  # a folder of labels that replace what the data say of their pictures, see formats.overlay
    normals: str = ""  # a folder of pictures without a defect, beside those that the labels name
    line_width: float = 0.0  # pixels: how wide labelled lines and points are; 0 = they have no area and are left out
    mask_values: str = "auto"  # which values of a mask picture mark the defect: auto, nonzero, high (above 127) or classes (each its own)
    group_pattern: str = ""  # a regular expression with one group, which in a picture's path names its physical specimen
    must_be_there: bool = True  # whether every class that `classes` names has to be in the data
    renamed: dict[str, str] = field(init=False, repr=False, compare=False)  # the defect's name by class

    @classmethod
    def of(cls, config: DataConfig) -> "ReadOptions":
        """Return what a configuration says of labels."""
        return cls(**{one.name: getattr(config, one.name) for one in fields(cls) if hasattr(config, one.name)})

    def __post_init__(self) -> None:
        object.__setattr__(self, "renamed", _renamed(self.classes))
        if self.mask_values not in RULES:
            raise ConfigError(f"mask values: got {self.mask_values!r}, expected one of {', '.join(RULES)}.")
        if not 0 <= self.line_width < 10_000:
            raise ConfigError(f"line width: got {self.line_width:g}, expected pixels from 0 to 10000.")
        if self.normals and not Path(self.normals).is_dir():
            raise ConfigError(f"normals: there is no folder {self.normals}; expected one of pictures without a defect.")
        if self.labels and not Path(self.labels, LABELS_INDEX).is_file():
            raise ConfigError(f"labels: there is no {Path(self.labels, LABELS_INDEX)}; expected a folder of labels that the studio writes.")
        _compiled(self.group_pattern)

    def defect_of(self, name: str) -> str | None:
        """Return the defect that a class is read as, or None when it is left out."""
        name = class_key(name)
        found = self.renamed.get(name, IGNORE if name in LEFT_OUT else name)
        return None if found == IGNORE else found

    def unknown(self, classes: Collection[str]) -> list[str]:
        """Return what is wrong with what was said of classes, those of the data being `classes`: a sentence for each that is none."""
        there = sorted(set(classes) - {GOOD, ""})
        told = []
        for name in self.renamed if self.must_be_there and not self.labels else ():  # the studio keeps names that kinds had before
            if name not in classes:
                near = difflib.get_close_matches(name.casefold(), {one.casefold(): one for one in there}, n=1, cutoff=0.6)
                meant = next((f" Did you mean {one!r}?" for one in there if near and one.casefold() == near[0]), "")
                some = ", ".join(map(repr, there[:12])) + (", ..." if len(there) > 12 else "")
                told.append(f"--classes names the class {name!r}, and there is none in the data; it has {some or 'no classes'}.{meant}")
        return told

    def group_of(self, name: str) -> str | None:
        """Return the specimen that a picture's path, as seen from the root, names."""
        if not self.group_pattern:
            return None
        found = _compiled(self.group_pattern).search(name)
        return found.group(1) if found and found.group(1) else None


def class_key(name: str) -> str:
    """Return a class's name as it is compared."""
    return normal_form(name.strip())


def _renamed(text: str) -> dict[str, str]:
    """Return the defect's name by class, from "scratch=kratzer,Scratch; ignore=dust"."""
    names: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        target, equals, sources = part.partition("=")
        target = class_key(target)
        given = [class_key(s) for s in sources.split(",") if s.strip()]
        if not equals or not target or not given:
            raise ConfigError(f"classes: got {part!r}, expected NAME=CLASS,CLASS with semicolons between, such as scratch=kratzer,Scratch.")
        for source in given:
            if names.setdefault(source, target) != target:
                raise ConfigError(f"classes: {source!r} is named as {names[source]} and as {target}. Name it once.")
    return names


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"group pattern: {pattern!r} is no regular expression ({error}).") from error
    if pattern and compiled.groups != 1:
        raise ConfigError(f"group pattern: got {pattern!r}, expected a regular expression with one group, such as 'part(\\d+)_'.")
    return compiled
