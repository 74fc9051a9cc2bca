"""The pictures of the benefit page: where generated pairs helped and hurt, and real defects beside generated ones."""

from flawsmith.benchmark.protocol import GENERATED, REAL
from flawsmith.benchmark.workspace import Workspace
from flawsmith.core.errors import FlawsmithError
from flawsmith.reports.blocks import Absent, Block, Figure, Heading, Note, Row
from flawsmith.reports.examples import DefectExample, examples, specimens
from flawsmith.reports.sections import picture


def examples_block(work: Workspace, column: str) -> list[Block]:
    """Return the test pictures with the greatest gain and loss, with what both detectors mark."""
    try:
        gained, lost = examples(work, column)
    except (FlawsmithError, OSError, KeyError, ValueError) as error:
        return [Note(f"No pictures: the test pictures or the detectors' weights are no longer as they were ({error}).")]
    blocks: list[Block] = [Note(_EXAMPLES_NOTE)]
    for name, found in ((f"Gained most with {column}", gained), (f"Lost most with {column}", lost)):
        figures = [_example(each, column) for each in found]
        blocks += [Heading(name, 4), Row(figures or [Note("None: there is no such picture.")])]
    return blocks


def _example(found: DefectExample, column: str) -> Figure:
    names = ("the picture", "the labelled defect", f"marked by: {REAL}", f"marked by: {column}")
    panels = [picture(pixels, f"{name}, {found.image}", 88, caption=name) for name, pixels in zip(names, found.pictures, strict=True)]
    before, after = found.iou
    told = f"overlap with the label {before:.2f} with {REAL}, {after:.2f} with {column} ({after - before:+.2f})"
    return Figure(panels, head=found.defect, head_words=found.image, caption=told, style="marks", row=True)


def specimens_block(work: Workspace) -> list[Block]:
    """Return for each defect the real ones learned from beside generated ones."""
    try:
        found = specimens(work, GENERATED)
    except (FlawsmithError, OSError) as error:
        return [Note(f"No pictures: they are no longer as they were ({error}).")]
    figures = []
    for defect, (real, made, side) in found.items():
        panels: list[Block] = []
        for name, sheet in (("real, learned from", real), ("generated", made)):
            panels.append(Absent(f"{name}: none") if sheet is None else picture(sheet, f"{defect}, {name}", 88, caption=name))
        words = f"{side} × {side} pixels of the picture in each tile"
        figures.append(Figure(panels, head=defect, head_words=words, style="pairs", row=True))
    return [Note(_SPECIMENS_NOTE), Row(figures)] if figures else []


_EXAMPLES_NOTE = (
    "Pictures of the test part, of the first seed's detectors, by how much the overlap (IoU) of marks and label changed. The line is "
    "just outside what is labelled or marked. Each detector marks at the threshold of its own best F1 on the test part, which flatters all "
    "alike."
)
_SPECIMENS_NOTE = (
    "Real defects that were learned from and generated ones of the first seed, plain and below with a line just outside the mask. "
    "Not picked: the first of each kind by number, all of a kind at one scale."
)
