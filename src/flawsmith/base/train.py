"""Training of the base: the network that ships with the package and follows exemplars.

    python -m flawsmith.base.train -o RUN [--resume] [--minutes M] [--critic SHARE] [--export FILE] [--device NAME] [--threads N]
        [--set KEY=VALUE ...]

It learns from drawn episodes alone. Every window, time and noise of a step is drawn from (seed, step), so that a training that was stopped,
by --minutes, Ctrl-C or SIGTERM, goes on to the bit on the same machine. With `--set training.init=base`, or a file of --export, a
new training begins with weights that are there, and a fresh optimiser.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import torch

from flawsmith.base.critic import Opponent
from flawsmith.base.weights import base_model, load_weights, save_weights
from flawsmith.cli import options
from flawsmith.cli.main import Command
from flawsmith.config.resolve import dump, override, preset, resolve
from flawsmith.config.schema import Config
from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.errors import RunError
from flawsmith.core.files import append_line, write_text
from flawsmith.core.folders import Kind, check_output, prepare_output
from flawsmith.core.locks import hold
from flawsmith.core.seeds import derive, torch_generator
from flawsmith.training.checkpoints import newest_checkpoint
from flawsmith.training.ema import MovingAverage, filled
from flawsmith.training.episode_pool import EpisodePool
from flawsmith.training.initial import BASE, NONE, start_from_base
from flawsmith.training.objective import objective
from flawsmith.training.optimiser import build_optimiser
from flawsmith.training.pool import Batch
from flawsmith.training.precision import training_precision
from flawsmith.training.rate import learning_rate
from flawsmith.training.seeing import see_through
from flawsmith.training.state import State

SETTINGS = (  # what differs from the preset tiny
    *("training.steps=40000", "training.minutes=0", "training.batch=12", "training.learning_rate=0.0012", "training.warmup=300"),
    "training.init=none",
    *("training.decay=0.25", "training.ema=0.999", "training.checkpoint_every=500", "training.keep=0", "training.log_every=50"),
)
WINDOWS = (64, 128)  # sides in pixels
LARGE_EVERY = 4  # every so many steps the larger ones, fewer at a time
HELD = 8  # batches of episodes that are never learned from
HEEDED = "How much a critic of what is drawn is heeded, beside the error; 0 = none. A training that goes on has its own."
BEGUN_WITH = "begun_with.json"  # the facts of the weights that a training began with
FILES = (r"config\.yaml", r"begun_with\.json", r"log\.jsonl", r"held\.jsonl", r"checkpoints/(step|critic)-\d+\.safetensors")
FOLDER = Kind("base", FILES)


def base_config(settings: Sequence[str]) -> Config:
    """Return what a training of the base takes, with these settings (KEY=VALUE) of its own."""
    config = override(preset("tiny"), (*SETTINGS, *settings), ("training", "model", "diffusion"))
    return replace(config, model=replace(config.model, cells=WINDOWS[0] // 4))


def train_base(run: Path, config: Config, resume: bool, minutes: float, device: str, critic: float = 0.0) -> None:
    """Train in the folder `run` up to training.steps, or for `minutes` (0: no limit); leave checkpoints, log and what held episodes say.

    critic: how much a critic is heeded, 0 = there is none; a training that goes on has the one that it had.
    """
    where = torch.device(choose_device(device))
    pool, held = EpisodePool(config.training.seed), EpisodePool(derive(config.training.seed, "held"))
    model = base_model(config.model, config.training.seed)
    if (init := config.training.init) != NONE:
        path = None if init == BASE else Path(init)
        start_from_base(model, config.model, path)
        if not resume:
            write_text(run / BEGUN_WITH, json.dumps(load_weights(path)[2]))
    precision: Any = training_precision(model, lambda count: pool.batch(0, WINDOWS[0], count), config, str(where)).name
    config = replace(config, training=replace(config.training, precision=precision))
    write_text(run / "config.yaml", dump(config))  # a timing may come out otherwise when the training goes on
    model.to(where).train()
    state = State(model, MovingAverage(model, config.training.ema), build_optimiser(model, config.training))
    opponent = Opponent(critic, derive(config.training.seed, "critic"), where) if critic else None
    if resume and (newest := newest_checkpoint(run / "checkpoints")):
        state.load(newest)
        opponent = _kept_opponent(run, state.step, where)
    begun, before, kept = time.monotonic(), state.spent, state.step

    def keep() -> None:
        nonlocal kept
        if state.step > kept and not state.torn and math.isfinite(state.sums.get("loss", 0.0)):
            if opponent:  # first: a checkpoint has its critic
                opponent.save(critic_of(run, state.step))
            state.save(run / "checkpoints", before + time.monotonic() - begun, config.training.keep)
            kept = state.step

    def look() -> None:
        row = {"step": state.step, "seconds": round(before + time.monotonic() - begun, 1), **measure(state, held, where, precision)}
        append_line(run / "held.jsonl", json.dumps(row))

    try:
        while state.step < config.training.steps and (not minutes or time.monotonic() - begun < 60 * minutes):
            step(state, config, pool, where, precision, opponent)
            if not math.isfinite(state.sums["loss"]):
                raise RunError(f"{run}: the loss is not a number at step {state.step}; start again with a lower training.learning_rate.")
            if state.step % config.training.log_every == 0:
                row = {"step": state.step, **state.means(), "seconds": round(before + time.monotonic() - begun, 1)}
                append_line(run / "log.jsonl", json.dumps(row))
                click.echo(json.dumps(row))
            if state.step % config.training.checkpoint_every == 0:
                keep()
                look()
        if state.step > kept:
            keep()
            look()
    finally:  # what was stopped keeps its steps
        keep()


def _kept_opponent(run: Path, step: int, device: torch.device) -> Opponent | None:
    """Return the critic of the checkpoint of a step, None for a training without one. Raises RunError where it is gone."""
    path = critic_of(run, step)
    if path.is_file():
        opponent = Opponent(0.0, 0, device)
        opponent.load(path)
        return opponent
    if others := sorted(path.parent.glob("critic-*.safetensors")):
        raise RunError(
            f"{path}: is missing, and the training had a critic ({others[-1].name} is there). Put it back, or delete the checkpoints after "
            "the newest one that has its critic, and resume."
        )
    return None


def critic_of(run: Path, step: int) -> Path:
    """Return the file of the critic that belongs to the checkpoint of a step."""
    return run / "checkpoints" / f"critic-{step:07d}.safetensors"


def step(state: State, config: Config, pool: EpisodePool, device: torch.device, precision: str, opponent: Opponent | None = None) -> None:
    """Take one step."""
    batch = windows(pool, config, state.step).to(device)
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(config.training, state.step, 0.0)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        loss = objective(state.model, batch, config.diffusion, torch_generator(config.training.seed, "noise", state.step))
    against = opponent.oppose(state.model, batch, loss, precision) if opponent else 0.0
    (loss.total + against).backward()
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.training.clip or math.inf)
    with state.changing():
        state.optimiser.step()
        state.optimiser.zero_grad()
        state.step += 1
        state.average.update(state.model, state.step)
        state.add([("loss", float(loss.total.detach())), ("denoise", float(loss.denoise)), ("gradient", float(norm))])


def windows(pool: EpisodePool, config: Config, step: int) -> Batch:
    """Return what the step learns from: every LARGE_EVERY-th step large windows, and fewer of them."""
    large = step % LARGE_EVERY == LARGE_EVERY - 1
    side = WINDOWS[int(large)]
    return pool.batch(step, side, max(1, config.training.batch * WINDOWS[0] ** 2 // side**2 - large))


def measure(state: State, held: EpisodePool, device: torch.device, precision: str) -> dict[str, float]:
    """Return what the averaged weights make of HELD batches of held episodes, as `seeing.see_through`."""
    with filled(state.model, state.average.weights):
        return see_through(state.model, [held.batch(number, WINDOWS[0], 16) for number in range(HELD)], device, precision)


@click.command(cls=Command)
@click.option("-o", "--output", "run", type=options.path, required=True, metavar="RUN", help="Folder of the training.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint.")
@click.option("--minutes", type=click.FloatRange(min=0), default=0.0, metavar="M", help="Stop after so many; 0 = at training.steps.")
@click.option(
    "--export", type=options.path, metavar="FILE", help="Write the averaged weights of the newest checkpoint, and train no further."
)
@click.option("--critic", type=click.FloatRange(min=0), default=0.5, show_default=True, metavar="SHARE", help=HEEDED)
@options.device
@options.threads
@options.settings("a setting of the training")
def main(
    run: Path, resume: bool, minutes: float, export: Path | None, critic: float, device: str, threads: int, settings: tuple[str, ...]
) -> None:
    """Train the base model."""
    use_threads(threads)
    if export or resume:
        config = resolve(file=run / "config.yaml")
        config = override(config, settings, ("training",))
    else:
        config = base_config(settings)
        check_output(run, FOLDER, False, [])
        prepare_output(run, FOLDER, False)
        write_text(run / "config.yaml", dump(config))
    if export:
        export_weights(run, config, export)
        return
    with hold(run):
        train_base(run, config, resume, minutes, device, critic)


def export_weights(run: Path, config: Config, path: Path) -> None:
    """Write the averaged weights of the newest checkpoint of `run` as the package ships them."""
    model = base_model(config.model, config.training.seed)
    state = State(model, MovingAverage(model, config.training.ema), build_optimiser(model, config.training))
    newest = newest_checkpoint(run / "checkpoints")
    if newest is None:
        raise RunError(f"{run}: has no checkpoint yet; train first.")
    state.load(newest)
    facts: dict[str, Any] = {"steps": state.step, "hours": round(state.spent / 3600, 2), "seed": config.training.seed}
    facts |= {"training": asdict(config.training) | {"init": Path(config.training.init).name}, "diffusion": asdict(config.diffusion)}
    if (begun := run / BEGUN_WITH).is_file():
        facts["begun_with"] = json.loads(begun.read_text())
    save_weights(path, state.average.weights, config.model, facts)


if __name__ == "__main__":
    main()
