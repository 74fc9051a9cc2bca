"""What an experiment compares, and with how much work."""

from dataclasses import dataclass, field, replace

from flawsmith.benchmark.detectors.segment import SegmenterConfig
from flawsmith.core.errors import ConfigError
from flawsmith.pairs.forms import LABELLED

REAL = "real"
GENERATED = "generated"
AS_LABELLED = f" ({LABELLED})"  # ends the name of generated pairs that are learned from with their labelled masks
NEAREST = "normals only"  # the nearest-neighbour detector, which sees no defect at all
BASELINES = ("copy-paste", "poisson", "perlin", "cutpaste")
NAMED = (GENERATED, "copy-paste", "poisson")  # pairs whose defects are the product's, so that they can teach a classifier
THIRD = "third"
DEFAULT_SHARE = 0.5  # of made crops among defect crops, taken unless the validation part is sure of another


@dataclass(frozen=True)
class Settings:
    """An experiment on one data set; the same for every column."""

    protocol: str = "quick"  # "quick", "full" or "paper"
    shots: tuple[str, ...] = ("3", THIRD)  # labelled pictures per defect; "third" = all that the strict third leaves
    seeds: int = 2  # fits, sets of pairs and trainings, each with a seed of its own
    seed: int = 0  # the first of them
    pairs: int = 30  # made pairs per defect
    baselines: tuple[str, ...] = BASELINES
    shares: tuple[float, ...] = (DEFAULT_SHARE,)  # of made crops among defect crops that are tried; see `choosing.choose_share`
    training: SegmenterConfig = field(default_factory=SegmenterConfig)
    resize: int = 0  # pictures as squares of this side; 0 = native crops
    classifier_steps: int = 300
    classifier_network: str = "efficientnet-lite0"  # or "resnet34", whose weights must be at hand
    preset: str = "tiny"  # of the fit
    fit_settings: tuple[str, ...] = ()  # `a.b=c` over the preset: training.*, generation.* and so on
    unfitted: bool = False  # make pairs with the base as it is, which follows the labelled pictures; nothing is fitted
    device: str = "cpu"
    labelled: bool = False  # train on generated pairs a second time, with their labelled masks, and say which form helps more
    only_made: bool = False  # compare models trained on made pairs alone (and normals), as the published protocol does

    @property
    def made(self) -> tuple[str, ...]:
        """The kinds of made pairs."""
        return (GENERATED, *self.baselines)

    @property
    def columns(self) -> tuple[str, ...]:
        """What detectors are trained on, in the order of the tables."""
        generated = (GENERATED, GENERATED + AS_LABELLED) if self.labelled else (GENERATED,)
        if self.only_made:
            return (REAL, *(f"{name} only" for name in (*generated, *self.baselines)))
        return (REAL, *(f"{REAL} + {name}" for name in (*generated, *self.baselines)), f"{GENERATED} only")

    def shares_of(self, column: str) -> tuple[float, ...]:
        """Return the shares of made crops that are tried for a column."""
        return (0.0,) if column == REAL else (1.0,) if column.endswith(" only") else self.shares


def default_share(shares: tuple[float, ...]) -> float:
    """Return the share that is taken unless another is shown to be better: the one nearest to 0.5, the smaller of two."""
    return min(shares, key=lambda share: (abs(share - DEFAULT_SHARE), share))


def made_of(column: str) -> str | None:
    """Return which made pairs a column trains on, None for real defects alone."""
    return None if column == REAL else column.removeprefix(f"{REAL} + ").removesuffix(" only").removesuffix(AS_LABELLED)


def form_of(column: str) -> str:
    """Return the form of the masks that a column learns from, "" for the one that is a pair's own."""
    return LABELLED if column.removesuffix(" only").endswith(AS_LABELLED) else ""


def protocol(name: str) -> Settings:
    """Return the settings called `name`.

    quick: a small U-Net on native crops, two seeds; for two processor cores. full: longer trainings, more pairs, three seeds; for a
    GPU. paper: as in the few-shot literature (1000 pairs per defect, DRAEM's network on pictures of 256 x 256 trained on pairs alone,
    ResNet-34).
    """
    quick = Settings()
    if name == "quick":
        return quick
    if name == "full":
        longer = replace(quick.training, steps=6000, every=1000, step_pixels=16 * 128 * 128)
        return replace(quick, protocol=name, shots=("1", "3", "5", THIRD), seeds=3, pairs=200, shares=(0.25, 0.5, 0.75), training=longer)
    if name == "paper":
        paper = SegmenterConfig(network="draem", steps=20000, every=5000, step_pixels=8 * 256 * 256, learning_rate=1e-4, good_share=0.5)
        return replace(
            quick,
            protocol=name,
            shots=(THIRD,),
            seeds=3,
            pairs=1000,
            shares=(1.0,),
            training=paper,
            resize=256,
            classifier_steps=3000,
            classifier_network="resnet34",
            only_made=True,
        )
    raise ConfigError(f"--protocol {name}: expected quick, full or paper.")


def parse_shots(text: str) -> tuple[str, ...]:
    """Return the shots of a list such as "1,3,third"; raises ConfigError for anything else."""
    shots = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in shots:
        if word != THIRD and not (word.isdigit() and int(word) > 0):
            raise ConfigError(f"--shots {text}: got {word!r}, expected numbers of pictures per defect, or {THIRD}, such as 1,3,{THIRD}.")
    return shots


def parse_baselines(text: str) -> tuple[str, ...]:
    """Return the baselines of a list such as "copy-paste,perlin", or none of "none"; raises ConfigError for anything else."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if names == ("none",):
        return ()
    for name in names:
        if name not in BASELINES:
            raise ConfigError(f"--baselines {text}: got {name!r}, expected some of {', '.join(BASELINES)}, or none.")
    return names


def parse_shares(text: str) -> tuple[float, ...]:
    """Return the shares of a list such as "0.3,0.6"; raises ConfigError for anything else."""
    try:
        shares = tuple(dict.fromkeys(float(word) for word in text.split(",")))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share < 1 for share in shares):
        raise ConfigError(f"--shares {text}: expected numbers between 0 and 1, such as 0.3,0.6.")
    return shares
