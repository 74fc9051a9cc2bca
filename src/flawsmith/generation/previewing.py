"""Previews of a training put through the checks, composited as generated pairs are."""

from collections.abc import Sequence

from flawsmith.config.schema import Config
from flawsmith.generation.attempt import Attempt, DefectSite
from flawsmith.generation.compositor import Compositor
from flawsmith.generation.plan import DefectSpec, PairSpec
from flawsmith.models.dual_model import DualModel
from flawsmith.placement.canvas import Placement
from flawsmith.quality.verify import Verifier
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.training.prepare import TrainingData


class PreviewJudge:
    """Which checks refuse previews, each a normal window with a defect drawn into a region of it."""

    def __init__(self, learned: TrainingData, model: DualModel, config: Config) -> None:
        self._product = learned.product
        verifier = Verifier(learned.product, learned.limits, learned.examples, config.quality, config.generation.feather)
        exemplars = {name: [e for e in learned.examples if e.defect == name] for name in learned.product.shape.defects}
        self._compositor = Compositor(model, config, learned.product, exemplars, verifier)

    def refusals(self, tasks: Sequence[Task], drawn: Sequence[Drawn]) -> list[list[str]]:
        """Return for each preview the checks that refuse it, none for one that passes."""
        return [self._refused(task, one) for task, one in zip(tasks, drawn, strict=True)]

    def _refused(self, task: Task, drawn: Drawn) -> list[str]:
        assert task.normal is not None and task.shape is not None
        spec = DefectSpec(self._product.shape.defects[task.entry - 1])
        stored = self._product.scale.to_pixels(task.normal, self._product.shape.colours)
        attempt = Attempt(PairSpec(0, 0, (spec,), None, task.seed), stored)
        site = DefectSite(spec, Placement(0, 0, task.region, task.shape, "", None), None, task)
        self._compositor.finish(attempt, site, drawn)
        return sorted({reason.check for reason in attempt.reasons})
