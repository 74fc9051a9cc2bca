"""The configuration: one tree of frozen dataclasses; each field has its default, its meaning and unit, and its range on one line.

Values are checked wherever an object is made, by `dataclasses.replace`, too. What several fields say together stands below them.
A limit takes 0 for "no limit".
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def key(default: Any, text: str, **limits: Any) -> Any:
    """Return a field: its default, its meaning with unit, and its range (ge, gt, le, lt, min_length)."""
    return Field(default=default, description=text, **limits)


def need(ok: bool, name: str, got: Any, expected: str) -> None:
    """Raise the error that `resolve` words as "NAME: got GOT, expected EXPECTED", unless `ok`; it is what one field asks of another."""
    if not ok:
        raise PydanticCustomError("relation", "{name}: got {got}, expected {expected}", {"name": name, "got": got, "expected": expected})


def _window(side: int) -> int:
    need(side in (0, -1) or side >= 16, "data.window", side, "0 (chosen from the data), -1 (whole pictures) or 16 to 1024 pixels")
    return side


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """What is learned from, and how it is cut."""

    format: str = key("", "label format, as `flawsmith check` names it; empty = recognised")
    classes: str = key("", "names of defects and the classes that they stand for: scratch=kratzer,Scratch; ignore=dust")
    labels: str = key("", "a folder of labels, as the studio writes it, that replace what the data say of the pictures that it names")
    normals: str = key("", "a folder of pictures without a defect, beside those that the labels name")
    line_width: float = key(0.0, "width in pixels of labelled lines and points; 0 = they have none and are left out", ge=0, lt=10_000)
    mask_values: Literal["auto", "nonzero", "high", "classes"] = key(
        "auto",
        "values of mask pictures that mark the defect: auto, nonzero, high (above the middle), or classes (each its own)",
    )
    group_pattern: str = key("", "regular expression with one group that in a picture's path names its physical specimen")
    defects: str = key("", "names of the defects to learn, separated by commas; empty = all")
    split: Literal["all", "third"] = key(
        "all", "labelled defects to learn from: all, or third (the strict first third; the rest stays unseen)"
    )
    window: Annotated[int, AfterValidator(_window)] = key(
        0, "side of a window in native pixels; 0 = chosen from the defects' sizes, -1 = the whole picture", ge=-1, le=1024
    )
    good_share: float = key(0.3, "share of training windows cut from normals, 0 to 1", ge=0, lt=1)
    flips: bool = key(True, "mirror windows left-right and up-down")
    rotations: bool = key(True, "turn windows by quarter turns; never where the normals have a direction, such as grinding marks")
    brightness: float = key(0.1, "largest random change of contrast and offset, as a share of the value range", ge=0, le=0.5)


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The network."""

    backbone: str = key(
        "", "Stable Diffusion checkpoint to adapt: a diffusers folder, a file or a hub name; empty = a small network of our own"
    )
    width: int = key(192, "without a backbone: channels of a cell; a multiple of head_dim", ge=8)
    depth: int = key(6, "without a backbone: blocks", ge=1)
    pixels: int = key(16, "without a backbone: channels of a pixel in the last layers", ge=1)
    cells: int = key(
        0,
        "side of the grid of cells, window / cells pixels wide each; 0 = a quarter of the window, at most 64, or a backbone's own",
        ge=0,
    )
    head_dim: int = key(64, "channels per attention head", ge=1)
    tokens: int = key(4, "learned tokens per defect; with a backbone they stand in its prompts, and may be none", ge=0)
    token_dim: int = key(128, "width of a token", ge=1)
    dual: bool = key(True, "two branches that exchange information; false = only the image branch, with the mask")
    interaction: Literal["saim", "joint", "none"] = key("saim", "how branches exchange information: saim, none, or with a backbone joint")
    saim_rank: int = key(48, "rank of SAIM's linear layers; 0 = full rank", ge=0)
    bcm: bool = key(False, "with a backbone: background features enter the image branch's self-attention (half as much work again)")
    bcm_form: Literal["output", "keys"] = key(
        "output", "what they are added to: the layer's output (the paper) or its keys and values (its public code)"
    )
    lora_rank: int = key(0, "with a backbone: rank of each branch's adapters on all attention layers; 0 = none", ge=0)
    text_lora_rank: int = key(0, "with a backbone: rank of the text encoder's adapters; 0 = none", ge=0)
    widen: bool = key(True, "with a backbone: new channels tell it background and region; false = it is told the prompt alone")
    mask: Literal["cells", "grey"] = key(
        "cells", "with a backbone: cells (new channels in which the mask is denoised) or grey (where the anomaly is not mid-grey)"
    )
    product: str = key("", "with a backbone: what the prompts call the product; empty = the data folder's name")
    prompt_image: str = key("a photo of a {product} with {defect} {tokens}", "with a backbone: of the image branch")
    prompt_anomaly: str = key("{defect} {tokens}", "with a backbone: of the anomaly branch")
    prompt_good: str = key("a photo of a {product}", "with a backbone: of normals")

    @model_validator(mode="after")
    def _fit_together(self) -> "ModelConfig":
        need(self.cells == 0 or self.cells >= 8, "model.cells", self.cells, "0 or at least 8")
        if not self.backbone:
            need(self.tokens >= 1, "model.tokens", self.tokens, "at least 1, or 0 with a model.backbone")
            need(self.width % self.head_dim == 0, "model.width", self.width, f"a multiple of model.head_dim, {self.head_dim}")
            need(not self.bcm, "model.bcm", self.bcm, "false without a model.backbone: our own network sees the background in every cell")
            need(self.interaction != "joint", "model.interaction", self.interaction, "saim or none without a model.backbone")
        return self


@dataclass(frozen=True, config=STRICT)
class DiffusionConfig:
    """The noise, the loss and the target."""

    prediction: Literal["x", "v", "eps"] = key("x", "what the network predicts: x (clean picture), v (velocity) or eps (noise)")
    rho: float = key(0.0, "correlation of the two branches' noise, 0 (the paper) to 1", ge=0, le=1)
    time_mean: float = key(1.2, "mean of the logit of the training time (lower = less noise)")
    time_std: float = key(1.8, "its standard deviation", gt=0)
    at_start: float = key(0.5, "without a backbone: share of a step's windows at time 1, where drawing without noise is done", ge=0, le=1)
    weighting: Literal["velocity", "noise", "min-snr"] = key(
        "velocity", "of times in the loss: velocity (1 / t^2), noise (signal-to-noise ratio), min-snr (that, at most 5)"
    )
    min_time: float = key(0.1, "the weight stops growing below this time", gt=0, lt=1)
    outside_weight: float = key(0.1, "loss weight of pixels that the background already shows (1 = as much as the others)", ge=0)
    mask_weight: float = key(0.5, "loss weight of the mask channel against one colour channel", ge=0)
    align_weight: float = key(0.1, "weight of the term that ties the mask to the true one, and two branches to each other", ge=0)
    token_dropout: float = key(0.1, "share of training pairs whose defect tokens are replaced by the empty token", ge=0, lt=1)
    token_noise: float = key(0.1, "standard deviation of the noise on the defect's tokens in training (a token's own is about 0.5)", ge=0)
    free_share: float = key(0.1, "share of training windows without background, for --free", ge=0, le=1)


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """The optimiser and what is saved while it runs."""

    steps: int = key(300, "optimiser steps at most; 0 = no limit, training.minutes ends it", ge=0)
    minutes: float = key(5.0, "wall-clock minutes at most; 0 = no limit; the learning rate falls to zero as it runs out", ge=0)
    batch: int = key(4, "windows per step", ge=1)
    pieces: int = key(1, "parts in which a batch goes through the network, one after the other: less memory", ge=1)
    learning_rate: float = key(3e-4, "peak", gt=0)
    warmup: int = key(20, "steps to the peak", ge=0)
    decay: float = key(0.4, "last share of the training in which the learning rate falls to zero; 0 = it stays", ge=0, le=1)
    weight_decay: float = key(1e-2, "AdamW", ge=0)
    clip: float = key(1.0, "largest gradient norm; 0 = no limit", ge=0)
    ema: float = key(0.99, "decay of the averaged weights that generation uses", ge=0, lt=1)
    patience: int = key(
        100,
        "without a backbone: steps with no better error on defects held out (of kinds with 4 specimens or more) after which the fit ends; "
        "the best weights are kept; 0 = never, all are learned from",
        ge=0,
    )
    latents: int = key(0, "with a backbone: windows that are encoded once and drawn from in all steps; 0 = new ones at every step", ge=0)
    checkpointing: bool = key(False, "compute inner values again for the gradients instead of keeping them: less memory, a third slower")
    optimiser: Literal["adamw", "adamw8bit"] = key("adamw", "adamw, or adamw8bit (bitsandbytes, on a GPU), whose own memory is a quarter")
    memory: float = key(
        0.0, "GB of device memory to stay within: checkpointing, pieces and optimiser are chosen for it; 0 = as they are set", ge=0
    )
    precision: Literal["auto", "bf16", "fp32"] = key("auto", "bf16, fp32, or auto: the faster one, by timing a step when a run begins")
    checkpoint_every: int = key(0, "steps between checkpoints; 0 = as often as takes about 1 % of the time, from the first minute on", ge=0)
    preview_every: int = key(100, "steps between pictures of fixed seeds, and once at the end; 0 = none", ge=0)
    log_every: int = key(10, "steps between rows of log.jsonl", ge=1)
    keep: int = key(2, "checkpoints kept, the newest; 0 = no limit, all", ge=0)
    tensorboard: bool = key(False, "also write RUN/tensorboard")
    init: str = key(
        "base",
        "weights to start from: base (those of the package, without a backbone), none (random), a file of python -m flawsmith.base.train "
        "--export, or another product's RUN",
    )
    seed: int = key(0, "of the weights, windows, noise and times")

    @model_validator(mode="after")
    def _fit_together(self) -> "TrainingConfig":
        need(self.batch % self.pieces == 0, "training.pieces", self.pieces, f"a divisor of training.batch, {self.batch}")
        endless = self.steps == 0 and self.minutes == 0
        need(not endless, "training.steps", 0, "a limit, as training.minutes is 0 (no limit), too, and training would never end")
        return self


@dataclass(frozen=True, config=STRICT)
class GenerationConfig:
    """How pairs are made."""

    steps: int = key(5, "solver steps; where drawing begins without noise (generation.noise) there is one", ge=1)
    shift: float = key(
        0.3, "times of the steps, without a backbone and where a shape is told: 1 = even, less = larger steps at first", gt=0
    )
    sampler: str = key("dpmpp", "of diffusion/samplers: dpmpp (second order), ddim (first), pndm (the paper's), renoise (new noise)")
    noise: float = key(
        0.0, "deviation of the noise to begin with, without a backbone and where a shape is told: 1 = as in training, less = smoother", ge=0
    )
    guidance: float = key(1.0, "classifier-free guidance scale; 1 = off", ge=0)
    batch: int = key(4, "pairs at a time", ge=1)
    compile: bool = key(False, "compile the network first (torch.compile): minutes at the start, faster for many pairs on a GPU")
    attempts: int = key(6, "tries per wanted pair before it counts as failed; 0 = no limit", ge=0)
    exemplars: int = key(3, "real defects of the kind that one drawn defect follows, without a backbone", ge=1, le=8)
    region_margin: float = key(0.3, "how far the region reaches beyond the proposed defect, as a share of its thickness", ge=0)
    precision: Literal["auto", "bf16", "fp32"] = key(
        "auto", "bf16, fp32, or auto: the faster one where pairs are drawn, or what was asked for the training"
    )
    feather: int = key(3, "width in pixels over which the picture returns to the normal", ge=0)
    start: float = key(1.0, "time at which --onto starts: 1 = pure noise, less = the partly noised normal", gt=0, le=1)
    shape_until: float = key(
        0.5, "above this time the mask is held to the proposed shape, below it the model may change it; 1 = never held", ge=0, le=1
    )
    anchor: float = key(0.6, "below this time the picture outside the predicted mask is held to the normal; 0 = never", ge=0, le=1)
    snap: float = key(
        0.5, "of binarised pictures: below this time, values that they never show are moved to those they do; 0 = never", ge=0, le=1
    )
    token_noise: float = key(0.1, "standard deviation of the noise on the defect's tokens, so that pairs differ more", ge=0)
    detail: float = key(
        0.17, "what is finer than this share of a real defect's side is that of real ones; 0 = as the model drew it", ge=0, le=1
    )
    strengthen: float = key(
        2.0,
        "without a backbone: most that a defect is made stronger, or weaker, to be as strong and even as one that it follows; 1 = never",
        ge=1,
    )
    match_tones: bool = key(
        True,
        "without a backbone: hue as of the real defect whose shape was taken; where the surface ends under real ones nothing of it is seen "
        "under drawn ones, and their tones are spread as in that one",
    )
    match_layout: bool = key(
        True,
        "without a backbone: a defect that was drawn much more even than the real one whose shape was taken gets its dark and bright parts",
    )
    free_shapes: float = key(
        0.0, "share of pairs whose shape the model invents inside the region, instead of rendering a proposed one", ge=0, le=1
    )
    composed_shapes: float = key(0.1, "share of proposed shapes that are two real ones joined", ge=0, le=1)
    max_windows: int = key(4, "a defect larger than a window is drawn on a canvas of at most this many windows a side; 0 = no limit", ge=0)
    placement: Literal["context", "position", "uniform"] = key(
        "context", "where regions go: context (looks like a real defect's surroundings), position, uniform"
    )


@dataclass(frozen=True, config=STRICT)
class QualityConfig:
    """When a pair counts."""

    visible: float = key(3.0, "least mean change inside the mask, as a multiple of the product's noise level", ge=0)
    change: float = key(0.04, "a pixel has changed when it differs by more than this share of the value range", gt=0, lt=1)
    consistency: float = key(0.5, "least consistency of mask and change, 0 to 1", ge=0, le=1)
    outside: float = key(0.2, "most of the visible change that may lie outside the mask, as a share", ge=0, le=1)
    duplicate: float = key(0.9, "most alike that two accepted pairs may be, 0 to 1", ge=0, le=1)
    margin: float = key(1.0, "how far scores may leave those of real defects: 1.0 allows half the least to twice the largest area", ge=0)


@dataclass(frozen=True, config=STRICT)
class Config:
    """Everything `fit` and `generate` can be told."""

    preset: str = key("tiny", "the preset that the rest changes")
    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    diffusion: DiffusionConfig = Field(default_factory=DiffusionConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    generation: GenerationConfig = Field(default_factory=GenerationConfig)
    quality: QualityConfig = Field(default_factory=QualityConfig)

    @model_validator(mode="after")
    def _fit_together(self) -> "Config":
        model, loss = self.model, self.diffusion
        encodes = self.training.latents == 0 or bool(model.backbone)
        need(encodes, "training.latents", self.training.latents, "0 without a model.backbone, whose autoencoder it is about")
        if model.backbone:
            own = "x with a model.backbone, whose own prediction is brought to it"
            need(loss.prediction == "x", "diffusion.prediction", loss.prediction, own)
            masked = loss.align_weight == 0 or model.mask == "cells"
            need(masked, "diffusion.align_weight", loss.align_weight, "0 with model.mask=grey, where no mask is predicted")
        return self


GROUPS: dict[str, Any] = {
    "data": DataConfig,
    "model": ModelConfig,
    "diffusion": DiffusionConfig,
    "training": TrainingConfig,
    "generation": GenerationConfig,
    "quality": QualityConfig,
}


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration: every key with its type, range, default and meaning."""
    return TypeAdapter(Config).json_schema()
