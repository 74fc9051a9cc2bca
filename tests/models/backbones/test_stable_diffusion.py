"""The dual model on a pretrained network: that network bit for bit when fresh, and its adapters where they belong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_checkpoint import halve, write_checkpoint, write_single_file

from flawsmith.config.resolve import from_dict
from flawsmith.core.errors import ConfigError, WeightsError
from flawsmith.diffusion.variance_preserving import unit_variance
from flawsmith.models.backbones import loading
from flawsmith.models.backbones.loading import KNOWN, Backbone, find_checkpoint, load_backbone, missing
from flawsmith.models.backbones.prompts import PromptTable
from flawsmith.models.backbones.stable_diffusion import mask_of_anomaly
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import DualModel
from flawsmith.models.dual_unet import DualUNet
from flawsmith.models.trainable import trainable
from flawsmith.product.shape import ModelSpec

Make = Callable[..., DualModel]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("sd") / "plain")


@pytest.fixture(scope="module")
def inpainting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("sd") / "inpainting", channels=9)


def make(checkpoint: Path, **model: Any) -> DualModel:
    base = {"backbone": str(checkpoint), "product": "bottle", "dual": True, "cells": 8, "tokens": 2}
    ranks = {"saim_rank": 4, "lora_rank": 4, "text_lora_rank": 4}
    config = from_dict({"model": {**base, **ranks, **model}, "diffusion": {"align_weight": 0}})
    return build_model(config.model, ModelSpec(("crack", "deep_blob"), 1, 32), 0).eval()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    region = torch.zeros(2, 1, 32, 32)
    region[:, :, 8:20, 4:16] = 1
    return torch.rand(2, 1, 32, 32, generator=g) * 2 - 1, region, torch.tensor([1, 2])


def plain_clean(backbone: Backbone, noisy: torch.Tensor, t: torch.Tensor, steps: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Return what the plain network says of latents (B, 4, h, w), by the textbook formula."""
    times = t[:, None, None, None]
    scale = unit_variance(times)
    with torch.no_grad():
        said = backbone.unet(noisy * scale, steps, encoder_hidden_states=features).sample
    signal, noise = (1 - times) * scale, times * scale
    if backbone.scheduler["prediction_type"] == "v_prediction":
        return signal * noisy * scale - noise * said
    return (noisy * scale - noise * said) / signal


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("bcm", [False, True])
def test_a_fresh_model_is_the_plain_network_in_both_branches(kind: str, bcm: bool, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "sd", prediction_type=kind)
    model, backbone = make(folder, bcm=bcm), load_backbone(str(folder))
    picture, region, ids = inputs()
    state = torch.randn(2, 2, model.state, 8, 8, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([0.2, 0.8])
    condition = model.condition(picture * (1 - region), region, ids)
    with torch.no_grad():
        found = model(state, t, condition)
    assert model.schedule is not None
    for branch in range(2):
        expected = plain_clean(backbone, state[branch, :, :4], t, model.schedule.steps_of(t), condition.tokens[branch])
        torch.testing.assert_close(found[branch, :, :4], expected, atol=2e-4, rtol=2e-4)
    assert (found[:, :, 4:] == 0).all(), "of the mask it knows nothing yet"


def test_a_fresh_net_is_the_plain_unet_bit_for_bit(checkpoint: Path) -> None:
    model, plain = make(checkpoint), load_backbone(str(checkpoint)).unet
    x, steps = torch.randn(2, 3, 4 + 36, 8, 8), torch.tensor([1.0, 500, 999])
    context = torch.randn(2, 3, 40, 32)
    with torch.no_grad():
        expected = plain(x[:, :, :4].flatten(0, 1), steps.repeat(2), encoder_hidden_states=context.flatten(0, 1)).sample
        assert torch.equal(model.net(x, steps, context)[:, :, :4].flatten(0, 1), expected)


def test_the_inpainting_channels_get_region_and_background(inpainting: Path) -> None:
    model, plain = make(inpainting), load_backbone(str(inpainting)).unet
    picture, region, ids = inputs()
    state, t = torch.randn(2, 2, model.state, 8, 8), torch.tensor([0.3, 0.6])
    condition = model.condition(picture * (1 - region), region, ids)
    with torch.no_grad():
        found = model(state, t, condition)
    assert model.schedule is not None
    times = t[:, None, None, None]
    here = torch.nn.functional.max_pool2d(region, 4)
    background = model.codec.encode(picture * (1 - region))
    for branch in range(2):
        noisy = state[branch, :, :4]
        x = torch.cat([noisy * unit_variance(times), here, background], dim=1)
        with torch.no_grad():
            said = plain(x, model.schedule.steps_of(t), encoder_hidden_states=condition.tokens[branch]).sample
        torch.testing.assert_close(found[branch, :, :4], (noisy - times * said) / (1 - times), atol=2e-4, rtol=2e-4)


def test_only_what_is_new_is_trained_and_kept(checkpoint: Path) -> None:
    model = make(checkpoint, bcm=True)
    names = set(trainable(model))
    assert {name.split(".")[0] for name in names} == {"net", "tokens", "wide"}
    assert not any(name.startswith(("net.unet.", "tokens.text.")) for name in names)
    assert {name.split(".")[1] for name in names if name.startswith("net.")} == {"lora", "exchange", "background"}
    picture, region, ids = inputs()
    model(torch.randn(2, 2, model.state, 8, 8), torch.tensor([0.3, 0.6]), model.condition(picture, region, ids)).sum().backward()
    learned = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert learned and learned <= names
    assert any("wide.leave" in name for name in learned) and any("net.lora" in name for name in learned)


def test_prompts_are_nested_and_tell_defects_apart(checkpoint: Path) -> None:
    model = make(checkpoint)
    table = model.tokens
    tokens, pooled = table(torch.tensor([1, 2, 3, 0]), 2)
    assert pooled is None and tokens.shape == (2, 4, 40, 32)
    image, anomaly = tokens
    assert (
        not torch.allclose(image[0], image[1]) and not torch.allclose(anomaly[0], anomaly[1]) and not torch.allclose(image[0], anomaly[0])
    )
    assert torch.equal(image[2], anomaly[2]), "the empty prompt is one"
    moved, _ = table(torch.tensor([1, 3]), 2, noise=torch.full((2, 2, 32), 0.5))
    assert not torch.allclose(moved[0, 0], image[0]) and torch.equal(moved[0, 1], image[2]), "the empty prompt has no learned tokens"


def test_learned_tokens_stand_where_the_prompt_says(checkpoint: Path) -> None:
    backbone = load_backbone(str(checkpoint))
    model = make(checkpoint, prompt_anomaly="a{tokens}b", text_lora_rank=0)
    model.tokens.entries.data[1] = torch.stack([backbone.text.get_input_embeddings().weight[i] for i in (5, 9)])
    tokenizer = backbone.tokenizer
    a, b = (tokenizer(c, add_special_tokens=False)["input_ids"] for c in "ab")
    ids = [tokenizer.bos_token_id, *a, 5, 9, *b, tokenizer.eos_token_id]
    ids += [tokenizer.pad_token_id] * (40 - len(ids))
    with torch.no_grad():
        expected = backbone.text(input_ids=torch.tensor([ids])).last_hidden_state[0]
        torch.testing.assert_close(model.tokens(torch.tensor([1]), 2)[0][1, 0], expected)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ({"prompt_anomaly": "a {nothing}"}, r"prompt 'a \{nothing\}': cannot be filled in"),
        ({"prompt_image": "a very " * 10 + "{defect}"}, r"has \d+ tokens, expected at most 38; use a shorter one"),
    ],
)
def test_prompts_that_cannot_be_used(prompts: dict[str, str], message: str, checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        make(checkpoint, **prompts)


def test_a_part_s_mask_is_where_it_is_not_grey() -> None:
    anomaly = torch.zeros(1, 3, 20, 20)
    anomaly[:, 1, 5:12, 6:14] = -0.8
    mask = mask_of_anomaly(anomaly) > 0
    assert mask[0, 0, 6:11, 7:13].all() and not mask[0, 0, :4].any() and not mask[0, 0, :, 16:].any()
    assert not (mask_of_anomaly(torch.zeros(1, 1, 8, 8)) > 0).any(), "and nowhere in an empty part"


def test_a_checkpoint_without_a_mask_channel(checkpoint: Path) -> None:
    model = make(checkpoint, mask="grey", widen=False, tokens=0)
    assert not model.has_mask and model.state == 4 and not [name for name, _ in model.named_parameters() if name.startswith("wide")]
    picture, region, ids = inputs()
    z = model.encode(picture, picture * region, 2 * region - 1)
    assert z.shape == (2, 2, 4, 8, 8)
    image, anomaly, mask = model.decode(z)
    assert image.shape == anomaly.shape == mask.shape == (2, 1, 32, 32) and mask.min() >= -1 and mask.max() <= 1


def test_what_is_missing_is_one_clear_error(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"no-such: there is no such folder.*GB; licence CreativeML Open RAIL-M, commercial use allowed"):
        load_backbone(str(tmp_path / "no-such"))
    with pytest.raises(WeightsError, match=r"nobody/nothing: is not in the hub's cache and could not be fetched"):
        load_backbone("nobody/nothing")
    with pytest.raises(WeightsError, match=r"gone\.safetensors: there is no such file"):
        load_backbone(str(tmp_path / "gone.safetensors"))
    assert KNOWN[1].name in str(missing(KNOWN[1].name, "is not there."))
    partial = shutil.copytree(checkpoint, tmp_path / "part")
    (partial / "vae/diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"vae: has no diffusion_pytorch_model\.safetensors"):
        load_backbone(str(partial))
    shutil.rmtree(partial / "tokenizer")
    with pytest.raises(WeightsError, match=r"part: has no folder 'tokenizer'; expected a diffusers checkpoint with unet, vae"):
        load_backbone(str(partial))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("unet/config.json", {"in_channels": 8}, r"cannot be loaded|takes 8 channels"),
        ("scheduler/scheduler_config.json", {"prediction_type": "sample"}, r"prediction_type is 'sample'; expected epsilon or"),
        ("text_encoder/config.json", {"hidden_size": 16}, r"text_encoder: cannot be loaded|text features of width 32"),
    ],
)
def test_another_kind_of_checkpoint_is_an_error(file: str, change: dict[str, Any], message: str, checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "sd")
    tree = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**tree, **change}))
    with pytest.raises(WeightsError, match=message):
        load_backbone(str(folder))


def test_the_digest_tells_networks_apart_in_any_precision(checkpoint: Path, tmp_path: Path) -> None:
    half = halve(shutil.copytree(checkpoint, tmp_path / "half"))
    other = write_checkpoint(tmp_path / "other", seed=1)
    digests = [load_backbone(str(folder)).digest for folder in (checkpoint, half, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_checkpoint_in_16_bits_works_in_32(checkpoint: Path, tmp_path: Path) -> None:
    half = halve(shutil.copytree(checkpoint, tmp_path / "half"))
    loaded = load_backbone(str(half))
    assert {p.dtype for module in (loaded.unet, loaded.vae, loaded.text) for p in module.parameters()} == {torch.float32}
    picture, region, ids = inputs()
    found = []
    for folder in (half, checkpoint):
        model = make(folder)
        state = torch.randn(2, 2, model.state, 8, 8, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            found.append(model(state, torch.tensor([0.2, 0.8]), model.condition(picture * (1 - region), region, ids)))
    torch.testing.assert_close(*found, atol=0.02, rtol=0.02)


def test_loading_writes_nothing_and_leaves_the_libraries_as_they_were(checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    def settings() -> list[Any]:
        return [f() for of in (of_diffusers, of_transformers) for f in (of.get_verbosity, of.is_progress_bar_enabled)]

    before = settings()
    capfd.readouterr()
    make(checkpoint).hold_frozen(torch.bfloat16)
    assert capfd.readouterr() == ("", "") and settings() == before


class Letters:
    """A tokenizer without a vocabulary."""

    model_max_length, bos_token_id, eos_token_id, pad_token_id = 77, 49406, 49407, 49407

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}


def millions(modules: Any) -> float:
    return round(sum(p.numel() for p in modules.parameters()) / 1e6, 2)


def test_on_stable_diffusion_1_5_there_are_as_many_weights_as_published() -> None:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        dual = DualUNet(unet, 2, "saim", 0, 64, "none", lora_rank=32)
        text = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12))
        prompts = PromptTable(text, Letters(), ("good", "crack"), [("a", "b")] * 4, 0, 32)
        low_rank = DualUNet(UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8), 2, "saim", 32, 64, "none", lora_rank=32)
    assert round(sum(p.numel() for p in unet.parameters()) / 1e6, 1) == 859.5
    assert (millions(dual.lora), millions(dual.exchange), millions(prompts.lora)) == (12.75, 124.08, 2.36)
    assert millions(low_rank.exchange) < 10, "the preset sd15's SAIM"


def extra_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return what published files hold beside the networks' weights: the average, the schedule, the positions."""
    extra = {f"model_ema.{key[6:].replace('.', '')}": w + 1 for key, w in load_file(path).items() if key.startswith("model.")}
    extra |= {name: torch.rand(1000) for name in ("betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod")}
    extra["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(40)[None]
    return extra | {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(1)}


@pytest.mark.parametrize("published", [False, True], ids=["plain", "as published"])
def test_one_file_is_the_same_backbone_as_its_folder(published: bool, checkpoint: Path, tmp_path: Path) -> None:
    path = write_single_file(checkpoint, tmp_path / "model.safetensors")
    if published:
        save_file({name: w.half() for name, w in {**load_file(path), **extra_weights(path)}.items()}, path)
    beside = tmp_path / "model"
    for name in ("model_index.json", "tokenizer", "scheduler", "unet/config.json", "vae/config.json", "text_encoder/config.json"):
        (beside / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (checkpoint / name).is_dir() else shutil.copy)(checkpoint / name, beside / name)
    found, expected = load_backbone(str(path)), load_backbone(str(checkpoint))
    assert found.digest == expected.digest
    for part in ("unet", "vae", "text"):
        ours, theirs = getattr(found, part).state_dict(), getattr(expected, part).state_dict()
        assert ours.keys() == theirs.keys() and all(w.dtype == torch.float32 for w in ours.values()), part
        assert all(torch.equal(w, theirs[key].half().float() if published else theirs[key]) for key, w in ours.items()), part
    assert found.scheduler["beta_end"] == expected.scheduler["beta_end"]
    assert found.tokenizer("a crack")["input_ids"] == expected.tokenizer("a crack")["input_ids"]


def test_one_file_takes_its_configuration_from_one_of_its_kind_in_the_cache(
    checkpoint: Path, inpainting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    here = {KNOWN[0].name: checkpoint, KNOWN[1].name: inpainting}
    monkeypatch.setattr(loading, "find_in_cache", here.get)
    for folder in (inpainting, checkpoint):
        found = load_backbone(str(write_single_file(folder, tmp_path / f"{folder.name}.safetensors")))
        assert found.digest == load_backbone(str(folder)).digest and found.tokenizer("a crack")["input_ids"]


def test_a_tokenizer_without_its_words_is_an_error(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "wordless")
    (folder / "tokenizer/tokenizer.json").unlink()
    with pytest.raises(
        WeightsError, match=r"wordless: its tokenizer knows 2 words, its text encoder 84; expected vocab\.json and merges\.txt"
    ):
        load_backbone(str(folder))
    assert find_checkpoint(str(folder)) is None


def test_where_a_checkpoint_lies(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    part = shutil.copytree(checkpoint, tmp_path / "part")
    (part / "vae/diffusion_pytorch_model.safetensors").unlink()
    assert find_checkpoint(str(checkpoint)) == checkpoint and find_checkpoint(str(part)) is None
    assert find_checkpoint(str(tmp_path / "no.safetensors")) is None and find_checkpoint("nobody/nothing") is None


def test_one_file_without_its_folder_says_what_is_missing(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    path = write_single_file(checkpoint, tmp_path / "alone.safetensors")
    with pytest.raises(WeightsError, match=r"alone\.safetensors: cannot be loaded .* put the small files of its diffusers folder .*alone"):
        load_backbone(str(path))
