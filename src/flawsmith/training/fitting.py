"""From a data folder to a RUN folder: what is learned from, the model, the precision, the training."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from flawsmith.config.resolve import preset
from flawsmith.config.schema import Config, TrainingConfig
from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.disk import require_room, size
from flawsmith.core.errors import ConfigError
from flawsmith.core.files import write_json
from flawsmith.core.folders import check_output, prepare_output
from flawsmith.core.locks import hold
from flawsmith.core.precision import Precision
from flawsmith.core.processes import processes, rank
from flawsmith.core.processors import memory_limit
from flawsmith.core.progress import say
from flawsmith.core.seeds import derive
from flawsmith.dataset.sample import Dataset
from flawsmith.diffusion.samplers import find_sampler
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import read_telling
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.models.trainable import count_trainable
from flawsmith.training.devices import open_accelerator
from flawsmith.training.initial import base_file, initialise
from flawsmith.training.loop import Trained, Watch, train
from flawsmith.training.memory import Memory, fit_into
from flawsmith.training.precision import training_precision
from flawsmith.training.prepare import TrainingData, prepare_training
from flawsmith.training.resume import as_begun, go_on_with
from flawsmith.training.run_folder import RUN, RunFolder, room_needed
from flawsmith.training.underneath import filler

Watching = Callable[[TrainingData, DualModel, Config], Watch]


def fit_run(
    data: str | Path | Dataset,
    run: str | Path,
    config: Config | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    threads: int = 0,
    quiet: bool = False,
    watching: Watching | None = None,
) -> dict[str, Any]:
    """Do what `workflows.fit.fit` says, and return what it returns; watching: what looks at the previews."""
    folder = RunFolder(Path(run))
    own = folder.config() if resume else None
    config = (as_begun(own, config) if config else own) if own else config or preset("tiny")
    if not resume:
        check_output(folder.path, RUN, overwrite, [data.root if isinstance(data, Dataset) else Path(data)])
    find_sampler(config.generation.sampler)  # one that is not there is told before the work
    use_threads(threads)
    with hold(folder.path) if rank() == 0 else nullcontext():  # of several processes the first one writes
        return _fit_run(data, folder, config, own, overwrite, device, quiet, watching)


def _fit_run(
    data: str | Path | Dataset,
    folder: RunFolder,
    config: Config,
    own: Config | None,
    overwrite: bool,
    device: str,
    quiet: bool,
    watching: Watching | None,
) -> dict[str, Any]:
    """Do what `fit_run` says, as the only one that writes to the folder; own: the configuration of a run that goes on."""
    begun = time.monotonic()
    said = quiet or rank() > 0  # the first of several processes speaks
    learned = prepare_training(data if isinstance(data, Dataset) else read_telling(data, ReadOptions.of(config.data), said), config)
    config = learned.config if own is None else go_on_with(own, learned.config, folder.path)
    where = choose_device(device)

    model, precision = _build(learned, config, where)
    config = _with_precision(config, precision.name)
    needs: Memory | None = None
    limit = memory_limit() if where == "cpu" else None
    if config.training.memory or where != "cpu" or model.base or limit:  # a small network on a CPU needs little
        plan, needs = fit_into(model, config.training, precision.name, where, limit)
        config = replace(config, training=plan)
    _check_shares(config.training)
    accelerator, place = open_accelerator(where, precision.name)
    if config.training.checkpointing:
        model.net.checkpoint(True)

    main = accelerator.is_main_process
    if main:
        require_room(folder.path, room_needed(model, config.training, own is not None), "a training's checkpoints and model")
    begins = own is None or not folder.newest
    init = initialise(model, config.training.init, config.model) if begins else None

    if own is not None:
        folder.check_data(learned.record)
    elif main:
        prepare_output(folder.path, RUN, overwrite)
        folder.begin(learned, config)
    accelerator.wait_for_everyone()
    if main and not quiet:
        say(f"fit in {precision}.")
    if main and needs is not None and not quiet:
        if limit:
            say(f"this process may use {size(limit)} of memory (control group).")
        how = f"pieces {config.training.pieces}, checkpointing {'on' if config.training.checkpointing else 'off'}"
        say(f"fit needs {needs}; {how}, optimiser {config.training.optimiser}.")

    if model.follows and base_file(config.training.init):
        bared = _bare(learned, config, precision, place)
        if main and not quiet:
            say(f"what lies under labelled defects is filled when they are first shown: {bared}.")
    watch = None if watching is None else watching(learned, model, config)
    trained = train(model, learned, config, folder, accelerator, place, init, own is not None, quiet, watch)
    result = _told(folder, config, learned, model, trained, precision, needs) | {
        "device": str(place),
        "processes": accelerator.num_processes,
    }
    if main and not quiet and (end := result.get("held_out")):
        say(_end(end, result["steps"]))
    split = {name: round(seconds, 2) for name, seconds in trained.split.items()}
    result |= {"seconds": {**split, "total": round(time.monotonic() - begun, 2)}}
    if main:
        write_json(folder.path / "fit.json", result)
    return result


def _bare(learned: TrainingData, config: Config, precision: Precision, device: torch.device) -> str:
    """Have the base, with nothing fitted, say what lies under labelled defects, whether a run begins or goes on; return of which."""
    base = build_model(config.model, learned.product.shape, seed=0).to(device).eval()
    initialise(base, config.training.init, config.model)
    bared = learned.pool.bare(filler(base, config, precision.name, learned.product.scale))
    return ", ".join(f"{count} of {of} {name}" for name, (count, of) in bared.items())


def _check_shares(training: TrainingConfig) -> None:
    """Raise ConfigError unless each process has as many windows of a step, in as large pieces."""
    if training.batch % (processes() * training.pieces):
        shared = f"{processes()} processes" + (f" in {training.pieces} pieces each" if training.pieces > 1 else "")
        raise ConfigError(
            f"training.batch={training.batch}: cannot be shared by {shared}; choose a multiple of {processes() * training.pieces}."
        )


def _build(learned: TrainingData, config: Config, device: str) -> tuple[DualModel, Precision]:
    """Return the model with its first weights, and the precision it is trained in."""

    def build() -> DualModel:
        return build_model(config.model, learned.product.shape, derive(config.training.seed, "weights"))

    model = build()
    if config.training.checkpointing:
        model.net.checkpoint(True)  # it is timed as it is trained
    found = training_precision(model, lambda count: learned.pool.batch(config.training.seed, 0, count), config, device)
    if found.name == "bf16":
        model.hold_frozen(torch.bfloat16)
    elif model.base and config.training.precision == "auto":
        model = build()  # it may have been timed in bf16, which keeps too few digits to go back
    return model, found


def _with_precision(config: Config, name: Any) -> Config:
    """Return `config` with the precision of the training in it, which also holds for drawing where one was asked for."""
    drawing = config.generation.precision
    if drawing == "auto" and config.training.precision != "auto":
        drawing = config.training.precision
    training, generation = replace(config.training, precision=name), replace(config.generation, precision=drawing)
    return replace(config, training=training, generation=generation)


def _end(held_out: dict[str, Any], steps: int) -> str:
    """Return what the held-out defects said, for the user."""
    count = ", ".join(f"{len(pictures)} {name}" for name, pictures in held_out["pictures"].items())
    why = "; more did not help, so the fit ended" if held_out["settled"] else ""
    return f"least error on held-out defects ({count}) after step {held_out['best_step']} of {steps}, whose weights are kept{why}."


def _told(
    folder: RunFolder, config: Config, learned: TrainingData, model: DualModel, trained: Trained, precision: Precision, needs: Memory | None
) -> dict[str, Any]:
    """Return what was done, for fit.json."""
    step, training = trained.state.step, config.training
    result: dict[str, Any] = {"run": str(folder.path), "steps": step, "minutes": round(trained.seconds / 60, 2)}
    result |= {"window": learned.product.shape.window, "parameters": count_trainable(model)}
    result |= {"precision": precision.name, "precision_why": precision.why}
    if needs is not None:
        result |= {"device_memory_gb": round(needs.total, 2)}
    if trained.pieces != training.pieces:
        result |= {"pieces": trained.pieces}  # as memory did not suffice
    if trained.state.init is not None:
        result |= {"init": trained.state.init}
    if best := trained.state.best:
        settled = trained.state.settled(training.patience)
        result |= {"held_out": {"pictures": learned.pool.held_out, "error": best.error, "best_step": best.step, "settled": settled}}
    if step == trained.before:
        limit = f"{training.steps} steps (--max-steps, training.steps)"
        if step < training.steps or not training.steps:
            limit = f"{training.minutes:g} minutes of training (--max-minutes, training.minutes)"
        if trained.state.settled(training.patience):
            limit = f"{training.patience} steps without a better error on held-out defects (training.patience)"
        result |= {"note": f"no step was taken: the run already has its {limit}; raise that limit to go on."}
    return result
