"""Adapters against weights with the adapter merged into them, branch by branch."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel

from flawsmith.models.adapters import LoRA, attach
from flawsmith.models.dual_unet import DualUNet, attention_layers


@pytest.fixture
def unet() -> UNet2DConditionModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=2,
            cross_attention_dim=16,
            norm_num_groups=8,
        ).eval()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 4, 8, 8, generator=g), torch.rand(3, generator=g) * 1000, torch.randn(2, 3, 5, 16, generator=g)


def filled(dual: DualUNet) -> DualUNet:
    g = torch.Generator().manual_seed(2)
    for p in dual.lora.parameters():
        p.data = 0.3 * torch.randn(p.shape, generator=g)
    return dual


def merged(unet: UNet2DConditionModel, dual: DualUNet, branch: int) -> UNet2DConditionModel:
    """Return a plain network whose attention weights hold one branch's adapters."""
    plain = copy.deepcopy(unet)
    for module in plain.modules():
        module._forward_hooks.clear()
    for name, layer in attention_layers(plain):
        for part, linear in {"q": layer.to_q, "k": layer.to_k, "v": layer.to_v, "out": layer.to_out[0]}.items():
            lora = dual.lora[f"{name.replace('.', '/')}/{part}"]
            assert isinstance(lora, LoRA)
            linear.weight.data += (lora.down[branch] @ lora.up[branch]).T
    return plain


def test_fresh_adapters_are_the_plain_unet_bit_for_bit(unet: UNet2DConditionModel) -> None:
    x, t, context = inputs()
    expected = unet(x.flatten(0, 1), t.repeat(2), encoder_hidden_states=context.flatten(0, 1)).sample
    assert torch.equal(DualUNet(unet, 2, "saim", 0, 16, "none", lora_rank=4)(x, t, context).flatten(0, 1), expected)


def test_each_branch_is_the_network_with_its_own_adapters_merged(unet: UNet2DConditionModel) -> None:
    x, t, context = inputs()
    dual = filled(DualUNet(unet, 2, "none", 0, 16, "none", lora_rank=4))
    found = dual(x, t, context)
    for branch in range(2):
        expected = merged(unet, dual, branch)(x[branch], t, encoder_hidden_states=context[branch]).sample
        torch.testing.assert_close(found[branch], expected, atol=2e-5, rtol=1e-4)
    assert not torch.allclose(found[0], merged(unet, dual, 1)(x[0], t, encoder_hidden_states=context[0]).sample, atol=1e-3)


def test_the_background_picture_goes_through_the_whole_branch_s_adapters(unet: UNet2DConditionModel) -> None:
    x, _, context = inputs()
    dual = filled(DualUNet(unet, 2, "none", 0, 16, "output", lora_rank=4))
    found = dual.encode_background(x[0], context[0])
    plain = merged(unet, dual, 0)
    expected: dict[str, torch.Tensor] = {}
    for name, layer in attention_layers(plain):
        if name.endswith("attn1"):
            key = name.replace(".", "/")
            layer.register_forward_hook(lambda _m, _i, y, key=key: expected.__setitem__(key, y))
    plain(x[0], torch.zeros(3), encoder_hidden_states=context[0])
    assert found.keys() == expected.keys() and len(found) == 4
    for key, value in found.items():
        torch.testing.assert_close(value, expected[key], atol=2e-5, rtol=1e-4)
    assert dual(x, torch.zeros(3), context, features=found).shape == x.shape, "and both branches are there again afterwards"


def test_only_the_adapters_of_a_frozen_network_learn(unet: UNet2DConditionModel) -> None:
    unet.requires_grad_(False)
    dual = filled(DualUNet(unet, 2, "none", 0, 16, "none", lora_rank=4))
    x, t, context = inputs()
    dual(x, t, context)[0].square().sum().backward()
    down = [parameter.grad for name, parameter in dual.lora.named_parameters() if name.endswith("down")]
    assert all(g is not None and g[0].abs().sum() > 0 and g[1].abs().sum() == 0 for g in down), "branch 1 had no part in it"
    assert all(p.grad is None for p in unet.parameters())


def test_an_adapter_works_in_the_precision_of_its_layer() -> None:
    layer, lora = torch.nn.Linear(6, 5).bfloat16(), LoRA(6, 5, 2, 1)
    lora.up.data.fill_(0.5)
    x = torch.randn(2, 3, 6).bfloat16()
    plain = layer(x)
    handle = attach(layer, lora, lambda: 1)
    y = layer(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close((y - plain).float(), x.float() @ lora.down[0] @ lora.up[0], atol=0.1, rtol=0.1)
    handle.remove()
    assert torch.equal(layer(x), plain)
