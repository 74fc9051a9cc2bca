"""Solvers from noise to picture: each file of this folder registers one, and is found by lying here."""

import importlib
import pkgutil

from flawsmith.diffusion.samplers.registry import Callback, Denoise, DrawNoise, find_sampler, sample, sampler, sampler_names

__all__ = ["Callback", "Denoise", "DrawNoise", "find_sampler", "sample", "sampler", "sampler_names"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
