"""Checkpoints in the layout of the public code: every weight finds its place, and the network then does what the paper says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from small_checkpoint import write_checkpoint
from torch import Tensor
from torch.nn import functional as F

from flawsmith.config.resolve import from_dict
from flawsmith.config.schema import Config
from flawsmith.core.errors import RunError
from flawsmith.models.backbones.loading import load_backbone
from flawsmith.models.backbones.prompts import PromptTable
from flawsmith.models.backbones.published import load_published
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.models.dual_unet import attention_layers
from flawsmith.product.shape import ModelSpec
from flawsmith.workflows.fit import fit

RANK = 3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("sd") / "plain")


def settings(checkpoint: Path) -> dict[str, Any]:
    ranks = {"saim_rank": 0, "lora_rank": RANK, "text_lora_rank": RANK}
    return {"model": {"backbone": str(checkpoint), "cells": 8, "tokens": 0, "widen": False, "mask": "grey", "dual": True, **ranks}}


def make(checkpoint: Path) -> DualModel:
    config = from_dict({**settings(checkpoint), "diffusion": {"align_weight": 0}})
    return build_model(config.model, ModelSpec(("crack",), 3, 64), 0).eval()


def published(checkpoint: Path) -> dict[str, Tensor]:
    """Return random weights under the names of the public code."""
    g = torch.Generator().manual_seed(3)
    backbone = load_backbone(str(checkpoint))
    found: dict[str, Tensor] = {}

    def draw(name: str, *shape: int) -> None:
        found[name] = 0.2 * torch.randn(*shape, generator=g)

    for name, layer in attention_layers(backbone.unet):
        width = layer.to_q.in_features
        for part, linear in {"q": layer.to_q, "k": layer.to_k, "v": layer.to_v, "out": layer.to_out[0]}.items():
            for branch in range(2):
                draw(f"unet.{name}.processor.to_{part}_lora.{branch}.down.weight", RANK, linear.in_features)
                draw(f"unet.{name}.processor.to_{part}_lora.{branch}.up.weight", linear.out_features, RANK)
        for part in "iqkvo":
            draw(f"unet.{name}.processor.temporal_{part}.weight", width, width)
            draw(f"unet.{name}.processor.temporal_{part}.bias", width)
        draw(f"unet.{name}.processor.temporal_n.weight", width)
        draw(f"unet.{name}.processor.temporal_n.bias", width)
    for i in range(2):
        for part in ("q", "k", "v", "out"):
            draw(f"text_encoder.text_model.encoder.layers.{i}.self_attn.to_{part}_lora.down.weight", RANK, 32)
            draw(f"text_encoder.text_model.encoder.layers.{i}.self_attn.to_{part}_lora.up.weight", 32, RANK)
    return found


def naive(layer: Any, w: dict[str, Tensor], name: str) -> Callable[..., Tensor]:
    """Return the forward of one attention layer as the paper has it, with the branches (2B, N, C) in turn and plain products."""

    def adapted(linear: Any, part: str, branch: int, x: Tensor) -> Tensor:
        prefix = f"unet.{name}.processor.to_{part}_lora.{branch}"
        return linear(x) + x @ w[f"{prefix}.down.weight"].T @ w[f"{prefix}.up.weight"].T

    def saim(part: str, x: Tensor) -> Tensor:
        return x @ w[f"unet.{name}.processor.temporal_{part}.weight"].T + w[f"unet.{name}.processor.temporal_{part}.bias"]

    def forward(hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any) -> Tensor:
        outs = []
        for branch, x in enumerate(hidden_states.chunk(2)):
            told = x if encoder_hidden_states is None else encoder_hidden_states.chunk(2)[branch]
            q, k, v = (
                adapted(linear, part, branch, y)
                for linear, part, y in ((layer.to_q, "q", x), (layer.to_k, "k", told), (layer.to_v, "v", told))
            )
            heads = [a.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for a in (q, k, v)]
            scores = (heads[0] @ heads[1].transpose(-1, -2) / heads[0].shape[-1] ** 0.5).softmax(-1)
            outs.append(adapted(layer.to_out[0], "out", branch, (scores @ heads[2]).transpose(1, 2).flatten(2)))
        y = torch.stack(outs, dim=2)  # (B, N, 2, C)
        gain, shift = (w[f"unet.{name}.processor.temporal_n.{kind}"] for kind in ("weight", "bias"))
        h = saim("i", F.layer_norm(y, y.shape[-1:], gain, shift, eps=1e-6))
        scores = (saim("q", h) @ saim("k", h).transpose(-1, -2) / h.shape[-1] ** 0.5).softmax(-1)
        y = y + saim("o", scores @ saim("v", h))
        return torch.cat([y[:, :, 0], y[:, :, 1]])

    return forward


def test_the_whole_adapted_network_is_the_paper_s(checkpoint: Path, tmp_path: Path) -> None:
    weights = published(checkpoint)
    save_file(weights, tmp_path / "pytorch_lora_weights.safetensors")
    model = make(checkpoint)
    assert load_published(model, tmp_path / "pytorch_lora_weights.safetensors") == sum(w.numel() for w in weights.values())
    plain = load_backbone(str(checkpoint)).unet
    for name, layer in attention_layers(plain):
        layer.forward = naive(layer, weights, name)
    g = torch.Generator().manual_seed(4)
    x, steps, context = torch.randn(2, 3, 4, 8, 8, generator=g), torch.tensor([3.0, 400, 900]), torch.randn(2, 3, 40, 32, generator=g)
    with torch.no_grad():
        expected = plain(x.flatten(0, 1), steps.repeat(2), encoder_hidden_states=context.flatten(0, 1)).sample
        found = model.net(x, steps, context).flatten(0, 1)
        untouched = make(checkpoint).net(x, steps, context).flatten(0, 1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert (found - untouched).abs().max() > 0.01


def test_the_text_encoder_s_adapters_are_those_merged_into_it(checkpoint: Path, tmp_path: Path) -> None:
    weights = published(checkpoint)
    file = tmp_path / "pytorch_lora_weights.safetensors"
    torch.save(weights, file)
    with pytest.raises(RunError, match="it is a pickle, which could run any program.*safetensors.torch.save_file"):
        load_published(make(checkpoint), file)
    save_file(weights, file)
    model = make(checkpoint)
    load_published(model, file)
    backbone = load_backbone(str(checkpoint))
    for i, layer in enumerate(backbone.text.encoder.layers):
        for part, linear in {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "out_proj"}.items():
            prefix = f"text_encoder.text_model.encoder.layers.{i}.self_attn.to_{part}_lora"
            getattr(layer.self_attn, linear).weight.data += weights[f"{prefix}.up.weight"] @ weights[f"{prefix}.down.weight"]
    with torch.no_grad():
        assert isinstance(model.tokens, PromptTable)
        expected = backbone.text(input_ids=model.tokens.ids[1, 0][None]).last_hidden_state
        torch.testing.assert_close(model.tokens(torch.tensor([1]), 1)[0][0], expected, atol=1e-5, rtol=1e-4)


Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def smaller(w: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with adapters of rank 2."""
    return {k: v[:2] if k.endswith("down.weight") else v[:, :2] if k.endswith("up.weight") else v for k, v in w.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {**w, "unet.mystery.weight": torch.ones(1)}, r"has the unknown weights 'unet\.mystery\.weight'"),
        (lambda w: dict(list(w.items())[1:]), r"down has the shape \(1, 32, 3\), expected \(2, 32, 3\)"),
        (lambda w: {k: v for k, v in w.items() if "text_encoder" not in k}, r"has nothing for tokens\.lora\.encoder/layers/0/self_attn/"),
        (smaller, r"has the shape \(\d, \d+, 2\), expected \(\d, \d+, 3\); set model\.lora_rank to its rank"),
    ],
)
def test_what_does_not_fit_is_named(change: Change, message: str, checkpoint: Path, tmp_path: Path) -> None:
    save_file({k: v.contiguous() for k, v in change(published(checkpoint)).items()}, tmp_path / "lora.safetensors")
    with pytest.raises(RunError, match=message):
        load_published(make(checkpoint), tmp_path / "lora.safetensors")
    (tmp_path / "lora.safetensors").write_bytes(b"no")
    with pytest.raises(RunError, match=r"cannot be read .*; expected pytorch_lora_weights"):
        load_published(make(checkpoint), tmp_path / "lora.safetensors")


def test_a_fit_starts_from_it(checkpoint: Path, data16: Path, tiny: Callable[..., Config], tmp_path: Path) -> None:
    save_file(published(checkpoint), tmp_path / "lora.safetensors")
    training = {"steps": 1, "init": str(tmp_path / "lora.safetensors")}
    config = tiny(**settings(checkpoint), diffusion={"align_weight": 0.0}, data={"defects": "blob"}, training=training)
    result = fit(data16, tmp_path / "run", config, device="cpu", threads=1, quiet=True)
    assert result["init"]["taken"] == sum(w.numel() for w in published(checkpoint).values()) and result["init"]["new"] == 0
