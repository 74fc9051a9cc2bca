"""A RUN folder of the base alone: the product is looked at, nothing is trained."""

from dataclasses import replace
from pathlib import Path

from flawsmith.base.weights import load_weights
from flawsmith.config.resolve import preset
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError
from flawsmith.core.folders import prepare_output
from flawsmith.core.seeds import derive
from flawsmith.dataset.record import digest_of
from flawsmith.dataset.sample import Dataset
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import read_telling
from flawsmith.models.build import build_model
from flawsmith.models.store import save_model
from flawsmith.training.initial import BASE, NONE, initialise
from flawsmith.training.prepare import prepare_training
from flawsmith.training.run_folder import RUN, RunFolder


def base_config() -> Config:
    """Return the preset tiny with the base's own network. Raises WeightsError where the base is missing."""
    _, network, _ = load_weights()
    return replace(preset("tiny"), model=replace(network, cells=0))


def require_known_weights(config: Config) -> None:
    """Raise ConfigError for settings whose network begins with random weights: it draws nothing before it is fitted."""
    init = config.training.init
    if init == NONE or (init == BASE and config.model.backbone):
        raise ConfigError(f"training.init={init}: this network begins with random weights; fit it first.")


def prepare_unfitted(data: str | Path | Dataset, run: Path, config: Config, quiet: bool = True) -> None:
    """Leave in the empty folder `run` what `generate` needs of the product in `data`, with the weights of training.init as they are.

    Raises ConfigError for settings whose network begins with random weights.
    """
    require_known_weights(config)
    learned = prepare_training(data if isinstance(data, Dataset) else read_telling(data, ReadOptions.of(config.data), quiet), config)
    config = replace(learned.config, training=replace(learned.config.training, precision="fp32"))
    model = build_model(config.model, learned.product.shape, derive(config.training.seed, "weights"))
    initialise(model, config.training.init, config.model)
    folder = RunFolder(run)
    prepare_output(run, RUN, False)
    folder.begin(learned, config)
    save_model(run / "model" / "model.safetensors", dict(model.state_dict()), config, learned.product, 0, data=digest_of(learned.record))
