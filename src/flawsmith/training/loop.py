"""A training, to be read from top to bottom."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from flawsmith.config.schema import Config
from flawsmith.core.errors import RunError
from flawsmith.core.progress import say
from flawsmith.core.seeds import derive, torch_generator
from flawsmith.core.signals import interrupts_held_back
from flawsmith.models.dual_model import DualModel
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.training.clock import Clock
from flawsmith.training.ema import MovingAverage
from flawsmith.training.gradients import Gradients
from flawsmith.training.held import HeldOut
from flawsmith.training.objective import Objective
from flawsmith.training.optimiser import build_optimiser
from flawsmith.training.prepare import TrainingData
from flawsmith.training.previews import Previews
from flawsmith.training.progress import Progress, TensorBoard
from flawsmith.training.rate import goes_on, learning_rate
from flawsmith.training.run_folder import RunFolder
from flawsmith.training.state import State
from flawsmith.training.windows import Windows

Watch = Callable[[int, float, list[tuple[Task, Drawn]]], None]  # gets step, seconds of training, and what previews show


@dataclass(frozen=True)
class Trained:
    """What a training did."""

    state: State
    before: int  # steps that had been taken before
    seconds: float  # of training, with those before an interruption
    split: dict[str, float]  # seconds of this process by part of the work
    pieces: int  # in which batches went through the network at the end


def train(
    model: DualModel,
    learned: TrainingData,
    config: Config,
    folder: RunFolder,
    accelerator: Accelerator,
    device: torch.device,
    init: dict[str, int] | None = None,
    resume: bool = False,
    quiet: bool = False,
    watch: Watch | None = None,
) -> Trained:
    """Train `model` on `device` as `config` says, leave checkpoints, log and previews in `folder`, and return what was done.

    Every window, time and noise of step k is drawn from (seed, k), so that going on is the same as never having stopped, and several
    processes, which share the windows of a step, learn what one would. What is stopped by Ctrl-C or SIGTERM ends at the next step and keeps
    those it has taken. init: what `start_from` said of the model's weights. Raises RunError when the loss is no longer a number, or one
    window does not fit into memory; the checkpoints stay as they are.
    """
    training, main = config.training, accelerator.is_main_process

    # What is trained: from the weights that `model` has, or from the newest checkpoint.
    model.to(device)
    state = State(model, MovingAverage(model, training.ema), build_optimiser(model, training), init=init)
    if resume:
        folder.go_on(state)
    before = state.step
    loss_of, state.optimiser = accelerator.prepare(Objective(model, config.diffusion), state.optimiser)

    # What it learns from, and what is seen of it.
    windows = Windows(learned.pool, model, training, derive(training.seed, 0), device, accelerator.process_index, accelerator.num_processes)
    held = HeldOut(learned.pool, training, device) if main else None
    previews = Previews(folder.previews, learned.pool, training.seed, training.precision) if main and training.preview_every else None
    board = TensorBoard(folder.path / "tensorboard") if training.tensorboard and main else None
    progress = Progress(training, quiet or not main)
    clock = Clock(state.spent)

    def smaller(pieces: int) -> None:
        if main:
            folder.tell({"step": state.step + 1, "pieces": pieces, "why": "out of memory"})
        if main and not quiet:
            say(f"out of memory at step {state.step + 1}: the same batch goes through in {pieces} pieces (training.pieces) from now on.")

    gradients = Gradients(loss_of, accelerator, state.optimiser, training, smaller)

    def keep() -> None:
        if main and not state.torn:
            with clock.on("save"):
                folder.keep(state, config, learned, clock.seconds)

    def measure(last: bool = False) -> None:
        if held and (found := held.measure(model, state, last)):
            row = {"step": state.step, **found, "seconds": round(clock.seconds, 3)}
            folder.tell(row)
            if board:
                board.write(row)

    model.train()
    stopping = "" if quiet or not main else "flawsmith: stopping at the next step ..."
    with progress, interrupts_held_back(stopping) as stop_if_asked, _kept_when_stopped(keep):
        measure()
        while (now := goes_on(training, state.step, clock.seconds, state.settled(training.patience), accelerator)) is not None:
            with clock.on("data"), accelerator.autocast():
                batch = windows.batch(state.step)
            stop_if_asked()

            with clock.on("model"):
                rate = learning_rate(training, state.step, now)
                for group in state.optimiser.param_groups:
                    group["lr"] = rate
                measured = gradients.fill(batch, lambda: torch_generator(training.seed, "noise", 0, state.step))
                measured["gradient"] = float(accelerator.clip_grad_norm_(model.parameters(), training.clip or math.inf).detach())
                _stop_unless_finite(measured, state, folder, windows)
                with state.changing():
                    state.optimiser.step()
                    state.optimiser.zero_grad()
                    state.step += 1
                    state.average.update(model, state.step)
                    state.add(list(measured.items()))

            with clock.on("write"):
                if main and (state.step % training.log_every == 0 or state.step == training.steps):
                    row = {"step": state.step, **state.means(), "learning_rate": rate, "seconds": round(clock.seconds, 3)}
                    folder.tell(row)
                    if board:
                        board.write(row)
                    progress.update(state.step, clock.seconds, row["loss"])
                measure()
                if previews and state.step % training.preview_every == 0:
                    shown = previews.draw(model, state.kept[1], config, state.step)
                    if watch:
                        watch(state.step, clock.seconds, shown)
            if clock.is_time_to_save(state.step, training.checkpoint_every):
                keep()
        measure(last=True)
        seconds = clock.seconds
        keep()
    if previews:
        shown = previews.draw(model, state.kept[1], config, state.step, last=True)
        if watch:
            watch(state.step, seconds, shown)
    if board:
        board.close()
    return Trained(state, before, seconds, clock.split, gradients.pieces)


@contextmanager
def _kept_when_stopped(keep: Callable[[], None]) -> Iterator[None]:
    """Call `keep` when the user, or the system with SIGTERM, stops the block."""
    try:
        yield
    except KeyboardInterrupt:
        keep()
        raise


def _stop_unless_finite(measured: Mapping[str, float], state: State, folder: RunFolder, windows: Windows) -> None:
    """Raise RunError, before the step is taken, when what it measured is no number."""
    wrong = next((name for name in ("loss", "gradient") if not math.isfinite(measured[name])), None)
    if wrong is None:
        return
    seen = [f"step {step + 1}: {', '.join(windows.pictures(step))}" for step in range(max(0, state.step - 1), state.step + 1)]
    kept = folder.newest
    left = "There is no checkpoint yet." if kept is None else f"{kept} is as it was before."
    raise RunError(
        f"{folder.path}: the {wrong} is not a number at step {state.step + 1}. The last windows are of these pictures: {'; '.join(seen)}. "
        f"Look at them, or start again with a lower training.learning_rate, or with training.precision=fp32. {left}"
    )
