"""The configuration: one tree of frozen dataclasses, each field with its default, meaning and unit."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DataConfig:
    """What is learned from, and how it is cut."""

    defects: str = ""  # names of the defects to learn, separated by commas; empty = all
    split: str = "all"  # labelled defects to learn from: "all", or "third" (the strict first third; the rest stays unseen)
    window: int = 0  # side of a window in native pixels; 0 = chosen from the defects' sizes, -1 = the whole picture
    good_share: float = 0.3  # share of training windows cut from normals, 0 to 1
    flips: bool = True  # mirror windows left-right and up-down
    rotations: bool = True  # turn windows by quarter turns; never where the normals have a direction, such as grinding marks
    brightness: float = 0.1  # largest random change of contrast and offset, as a share of the value range


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    backbone: str = ""  # Stable Diffusion checkpoint to adapt: a diffusers folder, a file or a hub name; empty = a small network of our own
    codec: str = "unshuffle"  # "unshuffle" (exact), or a folder with a diffusers autoencoder; a backbone brings its own
    cells: int = 0  # side of the latent grid, the codec's factor being window / cells; 0 = a quarter of the window's, 16 to 32
    channels: tuple[int, ...] = (64, 96, 160)  # width per level; each level halves the grid
    layers: int = 1  # residual blocks per level
    attention_levels: int = 1  # how many levels have attention, counted from the coarsest
    head_dim: int = 32  # channels per attention head
    tokens: int = 4  # learned tokens per defect; with a backbone they stand in its prompts, and may be none
    token_dim: int = 128  # width of a token
    dual: bool = False  # two branches that exchange information; false = only the image branch, with the mask: more steps a minute
    interaction: str = "saim"  # how branches exchange information: "saim", "joint" or "none"
    saim_rank: int = 0  # rank of SAIM's linear layers; 0 = full rank
    bcm: bool = False  # background features enter the whole branch's self-attention (half as much work again)
    bcm_form: str = "output"  # what they are added to: the layer's "output" (the paper) or its "keys" and values (its public code)
    lora_rank: int = 0  # with a backbone: rank of each branch's adapters on all attention layers; 0 = none
    text_lora_rank: int = 0  # with a backbone: rank of the text encoder's adapters; 0 = none
    widen: bool = True  # with a backbone: new channels tell it background and region; false = it is told the prompt alone
    mask: str = "cells"  # with a backbone: "cells" (new channels in which the mask is denoised) or "grey" (where the anomaly is not grey)
    product: str = ""  # with a backbone: what the prompts call the product; empty = the data folder's name
    prompt_image: str = "a photo of a {product} with {defect} {tokens}"  # with a backbone: of the image branch
    prompt_anomaly: str = "{defect} {tokens}"  # with a backbone: of the anomaly branch
    prompt_good: str = "a photo of a {product}"  # with a backbone: of normals


@dataclass(frozen=True)
class DiffusionConfig:
    """The noise, the loss and the target."""

    prediction: str = "x"  # what the network predicts: "x" (clean picture), "v" (velocity) or "eps" (noise)
    rho: float = 0.0  # correlation of the two branches' noise, 0 (the paper) to 1
    time_mean: float = 0.0  # mean of the logit of the training time (lower = less noise)
    time_std: float = 1.0  # its standard deviation
    weighting: str = "velocity"  # of times in the loss: "velocity" (1 / t^2), "noise" (signal-to-noise ratio), "min-snr" (that, at most 5)
    min_time: float = 0.1  # the weight stops growing below this time
    outside_weight: float = 0.1  # loss weight of pixels that the background already shows (1 = as much as the others)
    mask_weight: float = 0.5  # loss weight of the mask channel against one colour channel
    align_weight: float = 0.1  # weight of the term that ties the mask to the true one, and two branches to each other
    token_dropout: float = 0.1  # share of training pairs whose defect tokens are replaced by the empty token
    token_noise: float = 0.1  # standard deviation of the noise on the defect's tokens in training (a token's own is about 0.5)
    free_share: float = 0.1  # share of training windows without background, for --free


@dataclass(frozen=True)
class TrainingConfig:
    """The optimiser and what is saved while it runs."""

    steps: int = 4000  # optimiser steps at most
    minutes: float = 12.0  # wall-clock minutes at most; 0 = no limit; the learning rate falls to zero as it runs out
    batch: int = 8  # windows per step
    pieces: int = 1  # parts in which a batch goes through the network, one after the other: less memory
    learning_rate: float = 1e-3  # peak
    warmup: int = 50  # steps to the peak
    decay: float = 0.4  # last share of the training in which the learning rate falls to zero; 0 = it stays
    weight_decay: float = 1e-2  # AdamW
    clip: float = 1.0  # largest gradient norm
    ema: float = 0.995  # decay of the averaged weights that generation uses
    latents: int = 0  # with an autoencoder: windows that are encoded once and drawn from in all steps; 0 = new ones at every step
    checkpointing: bool = False  # compute inner values again for the gradients instead of keeping them: less memory, a third slower
    optimiser: str = "adamw"  # "adamw", or "adamw8bit" (bitsandbytes, on a GPU), whose own memory is a quarter
    memory: float = 0.0  # GB of device memory to stay within: checkpointing, pieces and optimiser are chosen for it; 0 = as they are set
    precision: str = "auto"  # "bf16", "fp32", or "auto": the faster one, by timing a step when a run begins
    checkpoint_every: int = 250  # steps between checkpoints
    preview_every: int = 500  # steps between pictures of fixed seeds, and once at the end; 0 = none
    log_every: int = 10  # steps between rows of log.jsonl
    keep: int = 2  # checkpoints kept
    tensorboard: bool = False  # also write RUN/tensorboard
    init: str = ""  # RUN folder of another product whose weights to start from; empty = random ones
    seed: int = 0  # of the weights, windows, noise and times


@dataclass(frozen=True)
class GenerationConfig:
    """How pairs are made."""

    steps: int = 12  # solver steps
    sampler: str = "dpmpp"  # of diffusion/samplers: "dpmpp" (second order), "ddim" (first), "pndm" (the paper's), "renoise" (new noise)
    precision: str = "auto"  # "bf16", "fp32", or "auto": the faster one where pairs are drawn, or what was asked for the training
    guidance: float = 1.5  # classifier-free guidance scale; 1 = off
    batch: int = 4  # pairs at a time
    compile: bool = False  # compile the network first (torch.compile): minutes at the start, faster for many pairs on a GPU
    attempts: int = 6  # tries per wanted pair before it counts as failed
    region_margin: float = 0.3  # how far the region reaches beyond the proposed defect, as a share of its thickness
    feather: int = 3  # width in pixels over which the picture returns to the normal
    start: float = 1.0  # time at which --onto starts: 1 = pure noise, less = the partly noised normal
    shape_until: float = 0.5  # above this time the mask is held to the proposed shape, below it the model may change it; 1 = never held
    anchor: float = 0.6  # below this time the picture outside the predicted mask is held to the normal; 0 = never
    snap: float = 0.5  # of binarised pictures: below this time, values that they never show are moved to those they do; 0 = never
    token_noise: float = 0.1  # standard deviation of the noise on the defect's tokens, so that pairs differ more
    detail: float = 0.17  # what is finer than this share of a real defect's side is that of real ones; 0 = as the model drew it
    tint: float = 0.06  # standard deviation of the shift of a tinted defect's colours, as a share of the value range
    tinted: float = 0.5  # share of defects in other colours than the few learned ones; grey and binarised pictures have none
    free_shapes: float = 0.2  # share of pairs whose shape the model invents inside the region, instead of rendering a proposed one
    composed_shapes: float = 0.1  # share of proposed shapes that are two real ones joined
    max_windows: int = 4  # a defect larger than a window is drawn on a canvas of at most this many windows a side
    placement: str = "context"  # where regions go: "context" (looks like a real defect's surroundings), "position", "uniform"


@dataclass(frozen=True)
class QualityConfig:
    """When a pair counts."""

    visible: float = 3.0  # least mean change inside the mask, as a multiple of the product's noise level
    change: float = 0.04  # a pixel has changed when it differs by more than this share of the value range
    consistency: float = 0.5  # least consistency of mask and change, 0 to 1 (compositing/mask_refinement.py defines it)
    outside: float = 0.2  # most of the visible change that may lie outside the mask, as a share
    duplicate: float = 0.9  # most alike that two accepted pairs may be, 0 to 1
    margin: float = 1.0  # how far scores may leave those of real defects: 1.0 allows half the least to twice the largest area


@dataclass(frozen=True)
class Config:
    """Everything `fit` and `generate` can be told."""

    preset: str = "tiny"
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
