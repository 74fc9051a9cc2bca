"""The presets: what each changes of the defaults in `config.py`, which are those of `tiny`."""

from typing import Any

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {},  # the defaults: two CPU cores
    "small": {  # one GPU, windows up to 256 px
        "model": {
            "width": 384,
            "depth": 12,
            "saim_rank": 96,
            "token_dim": 256,
        },
        "training": {
            "steps": 20000,
            "minutes": 0,
            "patience": 0,
            "batch": 32,
            "learning_rate": 2e-4,
            "warmup": 500,
            "ema": 0.9995,
            "init": "none",  # there is no base of this form
            "preview_every": 500,
        },
        "generation": {"steps": 20, "guidance": 1.5, "batch": 32},
    },
    "sd15": {  # one GPU and a Stable Diffusion 1.5 checkpoint: windows of the product at 512 px, 20 steps
        "model": {
            "backbone": SD15,
            "cells": 64,
            "dual": True,
            "tokens": 2,
            "saim_rank": 8,
            "lora_rank": 8,
        },
        "diffusion": {"weighting": "min-snr", "min_time": 0.02, "rho": 0.5},
        "training": {
            "steps": 3000,
            "minutes": 0,
            "patience": 0,
            "batch": 4,
            "learning_rate": 2e-4,
            "warmup": 100,
            "ema": 0.995,
            "latents": 1024,
            "preview_every": 500,
        },
        "generation": {"steps": 20, "guidance": 2.0, "batch": 8, "detail": 0.0},  # a pretrained network knows fine structure
    },
    "sd15-paper": {  # DualAnoDiff as published (see docs/method.md), one model per defect; for comparisons
        "data": {"window": -1, "good_share": 0.0, "rotations": False, "brightness": 0.0},
        "model": {
            "backbone": SD15,
            "cells": 64,
            "dual": True,
            "tokens": 0,
            "saim_rank": 0,
            "lora_rank": 32,
            "text_lora_rank": 32,
            "widen": False,
            "mask": "grey",
            "prompt_image": "a vfx with sks",
            "prompt_anomaly": "sks",
            "prompt_good": "a vfx",
        },
        "diffusion": {
            "weighting": "noise",
            "min_time": 0.02,
            "outside_weight": 1.0,
            "align_weight": 0.0,
            "token_dropout": 0.0,
            "token_noise": 0.0,
        },
        "training": {
            "steps": 5000,
            "minutes": 0,
            "patience": 0,
            "batch": 4,
            "learning_rate": 2e-5,
            "warmup": 0,
            "decay": 0.0,
            "ema": 0.0,
            "precision": "fp32",
            "preview_every": 500,
        },
        "generation": {"steps": 100, "sampler": "pndm", "guidance": 2.5, "batch": 8, "token_noise": 0.0, "detail": 0.0},
    },
}
PRESETS["sd15-inpaint"] = {  # the same on the checkpoint that was trained to fill regions
    **PRESETS["sd15"],
    "model": {**PRESETS["sd15"]["model"], "backbone": "stable-diffusion-v1-5/stable-diffusion-inpainting"},
}
