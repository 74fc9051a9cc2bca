"""`flawsmith fit`: one training, to be read from top to bottom."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast

from flawsmith.config.resolve import dump, from_dict, preset, resolve, to_dict
from flawsmith.config.schema import Config
from flawsmith.core.devices import choose_device, choose_precision, use_threads
from flawsmith.core.errors import RunError
from flawsmith.core.files import append_line, check_output, prepare_output, read_lines, write_json, write_text
from flawsmith.core.locks import hold
from flawsmith.core.seeds import derive, torch_generator
from flawsmith.dataset.reading import read
from flawsmith.dataset.record import digest_of, read_record
from flawsmith.dataset.sample import Dataset
from flawsmith.diffusion.samplers import find_sampler
from flawsmith.models.build import build_model
from flawsmith.models.store import save_model
from flawsmith.models.trainable import count_trainable
from flawsmith.product.exemplars import save_exemplars
from flawsmith.quality.limits import save_limits
from flawsmith.training.checkpoints import load_checkpoint, newest_checkpoint, save_checkpoint
from flawsmith.training.ema import MovingAverage
from flawsmith.training.initial import start_from
from flawsmith.training.latents import Encoded, KeptLatents
from flawsmith.training.memory import Memory, fit_into
from flawsmith.training.objective import Objective
from flawsmith.training.optimiser import build_optimiser
from flawsmith.training.pool import Batch
from flawsmith.training.prepare import prepare_training
from flawsmith.training.previews import Previews
from flawsmith.training.progress import Progress, TensorBoard


def fit(
    data: str | Path | Dataset,
    run: str | Path,
    config: Config | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    threads: int = 0,
    quiet: bool = False,
) -> dict[str, Any]:
    """Learn the defects of `data`, a folder or a part of one, leave the RUN folder `run`, and return what was done.

    With `resume` an interrupted run goes on from its newest checkpoint with its own configuration (only the limits
    training.steps and training.minutes are taken from `config`); stopped by Ctrl-C it keeps what it has learned. Raises
    FlawsmithError for bad data, a bad configuration or a folder that is not empty.
    """
    run = Path(run)
    config = _resumed_config(run, config) if resume else config or preset("tiny")
    if not resume:
        check_output(run, overwrite, [data.root if isinstance(data, Dataset) else Path(data)])
    find_sampler(config.generation.sampler)  # one that is not there is told before the work
    with hold(run) if int(os.environ.get("RANK", 0)) == 0 else nullcontext():  # of several processes the first one writes
        return _fit(data, run, config, resume, overwrite, device, threads, quiet)


def _fit(
    data: str | Path | Dataset, run: Path, config: Config, resume: bool, overwrite: bool, device: str, threads: int, quiet: bool
) -> dict[str, Any]:
    """Do what `fit` says, as the only one that writes to `run`."""
    begun = time.monotonic()
    use_threads(threads)
    learned = prepare_training(data if isinstance(data, Dataset) else read(data), config)
    config = learned.config
    where = choose_device(device)
    precision = choose_precision(config.training.precision, where)
    AcceleratorState._reset_state()  # accelerate holds a process to its first precision; another run may want another
    accelerator = Accelerator(cpu=where == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")
    main, rank = accelerator.is_main_process, accelerator.process_index
    seed = config.training.seed
    model = build_model(config.model, learned.product.shape, derive(seed, "weights"))
    if precision == "bf16":
        model.hold_frozen(torch.bfloat16)
    needs: Memory | None = None
    if config.training.memory or where != "cpu":
        plan, needs = fit_into(model, config.training, precision)
        config = replace(config, training=plan)
    if config.training.checkpointing:
        model.net.unet.enable_gradient_checkpointing()
    size = config.training.batch // config.training.pieces  # windows that go through together
    begun_from = start_from(model, Path(config.training.init), config.model) if config.training.init and not resume else None
    if resume:
        _same_data(run, learned.record)
    elif main:
        prepare_output(run, overwrite)
        write_text(run / "config.yaml", dump(config))
        write_json(run / "data.json", learned.record)
        save_exemplars(run / "model" / "exemplars.safetensors", learned.examples)
        save_limits(run / "model" / "limits.safetensors", learned.limits)
    accelerator.wait_for_everyone()

    average = MovingAverage(model, config.training.ema)
    optimiser = build_optimiser(model, config.training)
    step, spent, logged = 0, 0.0, 0
    sums: dict[str, float] = {}  # of what is logged next
    newest = newest_checkpoint(run / "checkpoints")
    if resume and newest:
        step, facts = load_checkpoint(newest, model, average, optimiser)
        spent, logged, sums = facts["seconds"], facts["logged"], facts["sums"]
        _forget_after(run / "log.jsonl", step)
    average.weights = {name: w.to(accelerator.device) for name, w in average.weights.items()}
    loss_of, optimiser = accelerator.prepare(Objective(model, config.diffusion), optimiser)
    kept = KeptLatents(learned.pool, derive(seed, rank), config.training.latents) if config.training.latents else None
    previews = Previews(run / "previews", learned.pool, seed, precision)
    board = TensorBoard(run / "tensorboard") if config.training.tensorboard and main else None
    progress = Progress(config.training, quiet or not main)

    def keep(seconds: float) -> None:
        """Leave what --resume goes on from and what `generate` draws with."""
        facts = {"seconds": seconds, "logged": logged, "sums": sums}
        save_checkpoint(run / "checkpoints", step, model, average, optimiser, facts, config.training.keep)
        path = run / "model" / "model.safetensors"
        save_model(path, average.state(model), config, learned.product, step, model.base, digest_of(learned.record))

    started = time.monotonic() - spent
    split = {"data": 0.0, "model": 0.0, "write": 0.0}  # seconds
    torn = False  # between two steps the state is whole
    model.train()
    if needs and main and not quiet:
        how = f"pieces {config.training.pieces}, checkpointing {'on' if config.training.checkpointing else 'off'}"
        progress.say(f"fit needs {needs}; {how}, optimiser {config.training.optimiser}.")
    with progress, _kept_on_interrupt(lambda: None if torn or not main else keep(time.monotonic() - started)):
        while step < config.training.steps and not _time_is_up(config, time.monotonic() - started, accelerator):
            mark = time.monotonic()
            batch: Batch | Encoded
            if kept is None:
                batch = learned.pool.batch(derive(seed, rank), step, config.training.batch).to(accelerator.device)
            else:
                with accelerator.autocast():
                    batch = kept.batch(model, step, config.training.batch, accelerator.device)
            split["data"] += time.monotonic() - mark

            mark = time.monotonic()
            rate = config.training.learning_rate * _schedule(config, step, time.monotonic() - started)
            for group in optimiser.param_groups:
                group["lr"] = rate
            generator = torch_generator(seed, "noise", rank, step)
            seen: list[tuple[str, torch.Tensor]] = []
            for first in range(0, config.training.batch, size):
                loss = loss_of(batch[first : first + size], generator)  # prepared by accelerate: under its autocast
                accelerator.backward(loss.total / config.training.pieces)
                seen += [("loss", loss.total.detach()), ("denoise", loss.denoise), ("align", loss.align)]
            norm = accelerator.clip_grad_norm_(model.parameters(), config.training.clip)
            torn = True
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            average.update(model, step)
            for name, value in seen:
                sums[name] = sums.get(name, 0.0) + float(value) / config.training.pieces
            sums["gradient"] = sums.get("gradient", 0.0) + float(norm.detach())
            torn = False
            split["model"] += time.monotonic() - mark
            _stop_on_nan(sums["loss"], step, run)

            mark = time.monotonic()
            seconds = time.monotonic() - started
            if main and (step % config.training.log_every == 0 or step == config.training.steps):
                row = {"step": step, **{name: round(value / (step - logged), 6) for name, value in sums.items()}}
                row |= {"learning_rate": rate, "seconds": round(seconds, 2)}
                append_line(run / "log.jsonl", json.dumps(row))
                if board:
                    board.write(row)
                progress.update(step, seconds, row["loss"])
                sums, logged = {}, step
            if main and step % config.training.preview_every == 0:
                previews.draw(model, average, config, step)
            if main and step % config.training.checkpoint_every == 0:
                keep(seconds)
            split["write"] += time.monotonic() - mark
    seconds = time.monotonic() - started
    result = {"run": str(run), "steps": step, "minutes": round(seconds / 60, 2), "window": learned.product.shape.window}
    result |= {"parameters": count_trainable(model), "precision": precision, "device": str(accelerator.device)}
    if needs is not None:
        result |= {"device_memory_gb": round(needs.total, 2)}
    if begun_from is not None:
        result |= {"init": begun_from}
    result |= {"seconds": {**{k: round(v, 2) for k, v in split.items()}, "total": round(time.monotonic() - begun, 2)}}
    if main:
        keep(seconds)
        previews.draw(model, average, config, step)
        write_json(run / "fit.json", result)
    if board:
        board.close()
    return result


def _schedule(config: Config, step: int, seconds: float) -> float:
    """Return the learning rate's share of its peak: a short rise, a plateau, and a fall to zero over the last part, training.decay."""
    limits = [(step + 1) / config.training.steps]
    if config.training.minutes > 0:
        limits.append(seconds / 60 / config.training.minutes)
    left = 1 - max(limits)
    fall = max(left, 0.0) / config.training.decay + 1e-3 if config.training.decay else 1.0
    return min((step + 1) / config.training.warmup if config.training.warmup else 1.0, fall, 1.0)


def _time_is_up(config: Config, seconds: float, accelerator: Accelerator) -> bool:
    up = config.training.minutes > 0 and seconds >= 60 * config.training.minutes
    if accelerator.num_processes == 1:
        return up
    word = torch.tensor([float(up)], device=accelerator.device)  # clocks differ: all processes stop on the first one's word
    return bool(broadcast(word).item())


@contextmanager
def _kept_on_interrupt(keep: Callable[[], None]) -> Iterator[None]:
    """Keep what was learned when the user stops the block."""
    try:
        yield
    except KeyboardInterrupt:
        keep()
        raise


def _stop_on_nan(loss: float, step: int, run: Path) -> None:
    if loss != loss:
        raise RunError(
            f"{run}: the loss is not a number at step {step}. Start again with a lower training.learning_rate, or with "
            "training.precision=fp32."
        )


def _resumed_config(run: Path, given: Config | None) -> Config:
    """Return the run's own configuration, with the limits that were given now if any were."""
    if not (run / "config.yaml").is_file():
        raise RunError(f"{run}: nothing to resume here (no config.yaml); start without --resume.")
    tree = to_dict(resolve(file=run / "config.yaml"))
    if given is None:
        return from_dict(tree)
    tree["training"] |= {"steps": given.training.steps, "minutes": given.training.minutes}
    return from_dict(tree)


def _same_data(run: Path, record: dict[str, Any]) -> None:
    """Raise RunError unless the pictures are those the run began with."""
    begun_with = read_record(run)
    for key in ("normals", "defects"):
        if begun_with[key] != record[key]:
            raise RunError(f"{run}: the {key} in the data folder changed since this run began; start a new run for them.")


def _forget_after(log: Path, step: int) -> None:
    """Drop the rows of steps that will be taken again."""
    if log.exists():
        rows = [row for row in read_lines(log) if row["step"] <= step]
        write_text(log, "".join(json.dumps(row) + "\n" for row in rows))
