"""What a person and a dashboard see while a training runs."""

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from flawsmith.config.schema import TrainingConfig
from flawsmith.core.errors import ConfigError


class Progress:
    """A bar on standard error with steps, loss and the time left, by steps or by minutes, whichever ends first."""

    def __init__(self, config: TrainingConfig, quiet: bool) -> None:
        self._config = config
        self._bar = Bar(
            TextColumn("fit"),
            BarColumn(),
            TextColumn("step {task.fields[step]}  loss {task.fields[loss]}  {task.fields[left]} left"),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._task = self._bar.add_task("fit", total=1.0, step=0, loss="-", left="?")

    def update(self, step: int, seconds: float, loss: float) -> None:
        """Show how far the training is."""
        done = step / self._config.steps if self._config.steps else 0.0
        if self._config.minutes > 0:
            done = max(done, seconds / 60 / self._config.minutes)
        left = max(seconds / done - seconds, 0.0) if done > 0 else 0.0  # the last step may end after its time
        self._bar.update(self._task, completed=done, step=step, loss=f"{loss:.3f}", left=f"{int(left // 60)}:{int(left % 60):02d}")

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()


class TensorBoard:
    """The rows of log.jsonl as TensorBoard scalars."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ConfigError("training.tensorboard: TensorBoard is missing; pip install 'flawsmith[tensorboard]'.") from None
        self._writer: Any = SummaryWriter(str(folder))

    def write(self, row: dict[str, Any]) -> None:
        """Write every number of `row` at its step."""
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
