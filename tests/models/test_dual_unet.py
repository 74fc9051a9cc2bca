"""The dual UNet: identity when fresh, BCM against a reference, and branches that are told apart."""

from typing import Any, cast

import pytest
import torch
from diffusers import UNet2DConditionModel

from flawsmith.models.bcm import BCM, KeyValueBCM
from flawsmith.models.dual_unet import DualUNet, attention_layers


def plain() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        cross_attention_dim=16,
        norm_num_groups=8,
    ).eval()


def inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    return torch.randn(2, batch, 4, 8, 8, generator=g), torch.rand(batch, generator=g) * 1000, torch.randn(2, batch, 3, 16, generator=g)


def fill(module: torch.nn.Module) -> None:
    g = torch.Generator().manual_seed(2)
    for p in module.parameters():
        p.data = p.data + 0.2 * torch.randn(p.shape, generator=g)


@pytest.mark.parametrize("interaction", ["saim", "joint", "none"])
@pytest.mark.parametrize("bcm", ["none", "output", "keys"])
def test_fresh_modules_are_the_plain_unet_bit_for_bit(interaction: str, bcm: str) -> None:
    unet = plain()
    x, t, context = inputs()
    expected = unet(x.flatten(0, 1), t.repeat(2), encoder_hidden_states=context.flatten(0, 1)).sample
    dual = DualUNet(unet, 2, interaction, 0, 16, bcm)
    features = dual.encode_background(x[0], context[0]) if bcm != "none" else None
    assert torch.equal(dual(x, t, context, features=features).flatten(0, 1), expected)


def test_every_attention_layer_has_an_exchange() -> None:
    unet = plain()
    dual = DualUNet(unet, 2, "saim", 0, 16, "output")
    layers = [name for name, _ in attention_layers(unet)]
    assert len(dual.exchange) == len(layers) == 8  # 4 transformer blocks with self- and cross-attention
    assert len(dual.background) == 4


@pytest.mark.parametrize("interaction", ["saim", "joint"])
def test_what_one_branch_sees_reaches_the_other(interaction: str) -> None:
    dual = DualUNet(plain(), 2, interaction, 0, 16, "none")
    fill(dual.exchange)
    x, t, context = inputs()
    other = x.clone()
    other[1, 0] += 1
    with torch.no_grad():
        change = (dual(other, t, context) - dual(x, t, context)).abs().flatten(2).amax(2)
    assert change[0, 0] > 1e-3, "branch 0 must notice a change in branch 1"
    assert change[0, 1] < 1e-5 and change[1, 1] < 1e-5, "other pictures of the batch must not"


def test_swapped_branches_are_noticed() -> None:
    dual = DualUNet(plain(), 2, "saim", 0, 16, "output")
    fill(dual.exchange)
    fill(dual.background)
    x, t, context = inputs()
    with torch.no_grad():
        features = dual.encode_background(x[0], context[0])
        straight = dual(x, t, context, features=features)
        swapped = dual(x.flip(0), t, context.flip(0), features=features).flip(0)
    assert (straight - swapped).abs().max() > 1e-3


def test_bcm_is_its_equation_and_spares_branch_one() -> None:
    module: Any = BCM(8)
    fill(module)
    y, background = torch.randn(4, 5, 8), torch.randn(2, 5, 8)
    expected = y.clone()
    for i in range(2):
        for p in range(5):
            h = module.mlp[0](background[i, p])
            h = module.mlp[2](torch.nn.functional.gelu(h))
            expected[i, p] = y[i, p] + module.gate * h
    torch.testing.assert_close(module(y, background), expected)
    assert torch.equal(module(y, background)[2:], y[2:])


def test_bcm_gate_starts_where_the_paper_says() -> None:
    assert BCM(8).gate.item() == pytest.approx(0.1)


def test_background_features_are_the_self_attention_outputs() -> None:
    unet = plain()
    dual = DualUNet(unet, 2, "saim", 0, 16, "output")
    seen: dict[str, torch.Tensor] = {}
    for name, layer in attention_layers(unet):
        layer.register_forward_hook(lambda _m, _i, y, name=name: seen.__setitem__(name.replace(".", "/"), y))
    x, _, context = inputs()
    with torch.no_grad():
        features = dual.encode_background(x[0], context[0])
    assert set(features) == {name for name in seen if name.endswith("attn1")}
    assert all(torch.equal(value, seen[name]) for name, value in features.items())


def test_bcm_without_features_says_so() -> None:
    dual = DualUNet(plain(), 2, "saim", 0, 16, "output")
    x, t, context = inputs()
    with pytest.raises(ValueError, match="encode_background"):
        dual(x, t, context)


def test_bcm_of_the_public_code_takes_keys_and_values_from_the_mixture() -> None:
    unet = plain()
    dual = DualUNet(unet, 2, "none", 0, 16, "keys")
    fill(dual.background)
    x, t, context = inputs()
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name, layer in attention_layers(unet):
        layer.register_forward_hook(lambda _m, i, y, name=name: seen.__setitem__(name.replace(".", "/"), (i[0], y)))
    with torch.no_grad():
        features = dual.encode_background(x[0], context[0])
        dual(x, t, context, features=features)
        for name, layer in attention_layers(unet):
            if not name.endswith("attn1"):
                continue
            key = name.replace(".", "/")
            (h, found), bcm = seen[key], cast(KeyValueBCM, dual.background[key])
            source = h.clone()
            source[:2] = (1 - bcm.gate) * h[:2] + bcm.gate * bcm.mlp(features[key])
            rows = h @ layer.to_q.weight.T, source @ layer.to_k.weight.T, source @ layer.to_v.weight.T  # without the hooks
            q, k, v = (row.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for row in rows)
            expected = layer.to_out[0]((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1).matmul(v).transpose(1, 2).flatten(2))
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert len(features) == 4 and all(cast(KeyValueBCM, m).gate.abs() > 1e-3 for m in dual.background.values())


def test_fresh_keys_are_mixed_with_nothing() -> None:
    assert KeyValueBCM(8).gate.item() == 0
