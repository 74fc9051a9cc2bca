"""What a resumed training may be told anew, and what it must not."""

from dataclasses import replace
from typing import Any

from flawsmith.config.resolve import to_dict
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError

# of training.*: how long it goes on, what it leaves on the way, and how a batch fits into memory; not what a step learns
FREE = ("steps", "minutes", "checkpoint_every", "preview_every", "log_every", "keep", "tensorboard", "pieces", "checkpointing", "memory")


def as_begun(own: Config, given: Config) -> Config:
    """Return `given`, where "auto" is what was found when the run with the configuration `own` began."""
    training, generation = given.training, given.generation
    if training.precision == "auto":
        training = replace(training, precision=own.training.precision)
    if generation.precision == "auto":
        generation = replace(generation, precision=own.generation.precision)
    return replace(given, training=training, generation=generation)


def go_on_with(own: Config, given: Config, run: object) -> Config:
    """Return the run's `own` configuration with what of `given` may change; raises ConfigError for the rest, naming every key.

    given: with what the pictures decide in it, as `prepare_training` returns it; run: the folder, for the message.
    """
    mine, theirs = _flat(to_dict(own)), _flat(to_dict(given))
    names = (*FREE, "patience") if own.training.patience and given.training.patience else FREE  # with 0 nothing is held out
    free = {f"training.{name}" for name in names}
    if given.training.memory:
        free |= {"training.optimiser"}  # which that limit decides
    if other := [key for key in mine if key not in free and mine[key] != theirs[key]]:
        told = ", ".join(f"{key} is {mine[key]}, got {theirs[key]}" for key in other)
        raise ConfigError(
            f"{run}: --resume goes on with what the run began with, but {told}. Leave these settings away, or start a new run with them; "
            f"what may change: {', '.join(f'training.{name}' for name in names)}."
        )
    return replace(own, training=replace(own.training, **{name: getattr(given.training, name) for name in names}))


def _flat(tree: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of a tree by dotted key."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return found
