"""The network on cells: what it draws, what it leaves alone, and what exemplars do; through the model, as it is used."""

from typing import Any

import pytest
import torch
from shaken import shake
from torch import Tensor

from flawsmith.config.resolve import from_dict
from flawsmith.diffusion.schedules import mix
from flawsmith.models.build import build_model
from flawsmith.models.cells_model import CellsModel
from flawsmith.models.dual_cells import ANOMALY, AROUND, EMPTY, IMAGE
from flawsmith.product.shape import ModelSpec

DEPTH = 2
SMALL = {"cells": 16, "width": 32, "depth": DEPTH, "head_dim": 16, "pixels": 4, "saim_rank": 4, "token_dim": 32}
SIDE = 64  # pixels; cells of 4
TIME = 0.6  # of the noisy state


def make(colours: int = 1, shaken: float = 0.1, **model: Any) -> CellsModel:
    """Return a small model; what begins at zero is `shaken`, so that it does something."""
    built = build_model(from_dict({"model": {**SMALL, **model}}).model, ModelSpec(("blob", "line"), colours, SIDE), seed=0)
    assert isinstance(built, CellsModel)
    shake(built, shaken)
    return built


def pictures(count: int, colours: int = 1, height: int = SIDE, width: int = SIDE) -> Tensor:
    return 2 * torch.rand(count, colours, height, width, generator=torch.Generator().manual_seed(2)) - 1


def regions(count: int, height: int = SIDE, width: int = SIDE) -> Tensor:
    """Return regions (B, 1, H, W), each a box at another place."""
    region = torch.zeros(count, 1, height, width)
    for i in range(count):
        region[i, :, 16 + 4 * i : 28 + 4 * i, 20 - 4 * i : 36] = 1
    return region


def exemplars(count: int, shown: int, colours: int = 1, seed: int = 3) -> Tensor:
    """Return windows with masks (B, K, C + 1, S, S), each a box."""
    found = 2 * torch.rand(count, shown, colours + 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) - 1
    found[:, :, -1] = 0
    for k in range(shown):
        found[:, k, -1, 8 + 2 * k : 20 + 2 * k, 12:30] = 1
    return found


def predict(model: CellsModel, image: Tensor, region: Tensor, shown: Tensor | None = None, **told: Tensor) -> Tensor:
    """Return the clean state (branches, B, C, h, w) as predicted from a noisy one, alike for every window."""
    count = len(image)
    condition = model.condition(image * (1 - region), region, torch.ones(count, dtype=torch.long), exemplars=shown, **told)
    clean = model.encode(image, image, -torch.ones_like(region))
    noise = torch.randn(clean[:, :1].shape, generator=torch.Generator().manual_seed(4)).expand_as(clean)
    y: Tensor = model(mix(clean, noise, TIME) * model.mask_of_state(clean), torch.full((count,), TIME), condition)
    return y


def grown(region: Tensor, factor: int, by: int) -> Tensor:
    """Return the cells (B, h, w) within `by` cells of those that a region (B, 1, H, W) touches."""
    cells = torch.nn.functional.max_pool2d(region, factor)
    return torch.nn.functional.max_pool2d(cells, 2 * by + 1, stride=1, padding=by)[:, 0] > 0


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 104), (200, 72)])
@torch.no_grad()
def test_away_from_the_region_a_window_of_any_size_is_its_background_to_the_bit(dual: bool, height: int, width: int) -> None:
    model = make(3, dual=dual)
    image, region = pictures(2, 3, height, width), regions(2, height, width)
    y = predict(model, image, region, exemplars(2, 1, 3))
    cell, planes = model.factor**2, model.codec.channels
    assert y.shape == (model.branches, 2, planes + cell, height // 4, width // 4) and y.isfinite().all()
    background = model.codec.encode(image * (1 - region))
    far, outside = ~grown(region, 4, AROUND[IMAGE]), ~grown(region, 4, AROUND[ANOMALY])
    assert far.any() and torch.equal(y[0, :, :planes].movedim(1, -1)[far], background.movedim(1, -1)[far])
    assert (y[0, :, :planes] - background).movedim(1, -1)[~far].abs().min(-1).values.max() > 0.01, "near it something is drawn"
    unmasked = outside if dual else far
    assert (y[-1, :, planes:].movedim(1, -1)[unmasked] == EMPTY).all(), "and no mask"
    if dual:
        assert (y[1, :, :planes].movedim(1, -1)[outside] == 0).all() and (y[0, :, planes:] == 0).all()


@torch.no_grad()
def test_grey_goes_in_as_equal_planes_and_comes_out_as_one() -> None:
    model = make(1)
    image, region = pictures(2), regions(2)
    planes = model.codec.encode(image).unflatten(1, (3, -1))
    assert torch.equal(planes[:, 0], planes[:, 1]) and torch.equal(planes[:, 0], planes[:, 2])
    drawn, anomaly, mask = model.decode(predict(model, image, region))
    assert drawn.shape == anomaly.shape == mask.shape == image.shape, "grey stays grey"
    far = ~grown(region, 1, 4 * AROUND[IMAGE] + 4)[:, None]
    assert torch.allclose(drawn[far], image[far], atol=1e-6), "the mean of three equal planes"


@torch.no_grad()
def test_one_network_serves_grey_and_colour() -> None:
    assert {n: w.shape for n, w in make(1).state_dict().items()} == {n: w.shape for n, w in make(3).state_dict().items()}


@pytest.mark.parametrize("dual", [True, False])
@torch.no_grad()
def test_an_exemplar_changes_what_is_drawn(dual: bool) -> None:
    model = make(dual=dual)
    image, region = pictures(1), regions(1)
    none, one, other = (predict(model, image, region, shown) for shown in (None, exemplars(1, 1), exemplars(1, 1, seed=5)))
    channels = model.codec.channels
    for a, b in ((none, one), (one, other)):
        assert (a - b)[-1, :, :channels].abs().max() > 1e-3 and (a - b)[-1, :, channels:].abs().max() > 1e-3
    elsewhere = exemplars(1, 1)
    elsewhere[..., -1, :, :] = exemplars(1, 1)[..., -1, :, :].mT
    assert (one - predict(model, image, region, elsewhere)).abs().max() > 1e-3, "its mask says what to look at"


@pytest.mark.parametrize("dual", [True, False])
@torch.no_grad()
def test_an_exemplar_with_an_empty_mask_says_nothing(dual: bool) -> None:
    model = make(dual=dual)
    image, region = pictures(1), regions(1)
    empty = exemplars(1, 2)
    empty[:, :, -1] = 0
    assert torch.equal(predict(model, image, region, empty), predict(model, image, region))
    assert torch.equal(predict(model, image, region, empty[:, :0]), predict(model, image, region)), "nor does none of them"
    one = exemplars(1, 1)
    assert torch.allclose(predict(model, image, region, torch.cat([one, empty], dim=1)), predict(model, image, region, one), atol=1e-5)


@pytest.mark.parametrize("dual", [True, False])
@torch.no_grad()
def test_a_window_does_not_depend_on_those_it_goes_through_with(dual: bool) -> None:
    model = make(dual=dual)
    image, region, shown = pictures(3), regions(3), exemplars(3, 2)
    region[2] = 1
    shown[1, 1, -1] = 0
    shown[2] = exemplars(1, 2, seed=6)[0]
    together = predict(model, image, region, shown)
    for i in range(3):
        row = slice(i, i + 1)
        assert torch.allclose(together[:, row], predict(model, image[row], region[row], shown[row]), atol=1e-4)


@pytest.mark.parametrize("count", range(1, 9))
@torch.no_grad()
def test_one_to_eight_exemplars_are_followed_whatever_their_order(count: int) -> None:
    model = make()
    image, region, shown = pictures(1), regions(1), exemplars(1, count)
    y = predict(model, image, region, shown)
    assert y.isfinite().all() and torch.allclose(y, predict(model, image, region, shown.flip(1)), atol=1e-4)
    for k in range(count if count > 1 else 0):
        fewer = torch.cat([shown[:, :k], shown[:, k + 1 :]], dim=1)
        assert (y - predict(model, image, region, fewer)).abs().max() > 1e-5, "each one counts"


@torch.no_grad()
def test_an_empty_region_leaves_the_picture() -> None:
    model = make()
    image, region = pictures(2), regions(2)
    region[1] = 0
    y = predict(model, image, region, exemplars(2, 1))
    assert y.isfinite().all() and torch.equal(y[0, 1, : model.codec.channels], model.codec.encode(image[1:])[0])
    nothing = predict(model, image, torch.zeros_like(region), torch.zeros_like(exemplars(2, 1)))
    assert torch.equal(nothing[0, :, : model.codec.channels], model.codec.encode(image))


@torch.no_grad()
def test_region_wanted_shape_known_normal_and_kind_are_all_told() -> None:
    model = make()
    image, region = pictures(1), regions(1)
    plain = predict(model, image, region)
    wanted = torch.where(regions(1) > 0, 1.0, -1.0)
    for told in ({"shape": wanted}, {"known": torch.ones(1)}):
        assert (plain - predict(model, image, region, **told)).abs().max() > 1e-3, told
    assert not torch.equal(plain, predict(model, image, region.mT))
    condition = model.condition(image * (1 - region), region, torch.tensor([2]))
    other = model.condition(image * (1 - region), region, torch.tensor([1]))
    state = model.encode(image, image, -torch.ones_like(region))
    assert (model(state, torch.ones(1), condition) - model(state, torch.ones(1), other)).abs().max() > 1e-3


@torch.no_grad()
def test_what_is_erased_is_not_seen_and_the_known_normal_is() -> None:
    model = make()
    image, region = pictures(1), regions(1)
    changed = torch.where(region > 0, -image, image)
    state = model.encode(image, image, -torch.ones_like(region))

    def seen(picture: Tensor, known: float) -> Tensor:
        condition = model.condition(picture, region, torch.ones(1, dtype=torch.long), known=torch.tensor([known]))
        y: Tensor = model(state, torch.ones(1), condition)
        return y

    assert torch.equal(seen(image, 0.0), seen(changed, 0.0))
    assert not torch.equal(seen(image, 1.0), seen(changed, 1.0))


@torch.no_grad()
def test_fresh_branches_exchange_nothing_and_saim_joins_them() -> None:
    """SAIM's last layer begins at zero: the network is then the one without it."""
    fresh, apart = make(shaken=0.0), make(shaken=0.0, interaction="none")
    g = torch.Generator().manual_seed(7)
    for name, p in apart.named_parameters():  # all but SAIM has the same weights, none of them zero
        p.copy_(torch.randn(p.shape, generator=g) * 0.1)
        fresh.get_parameter(name).copy_(p)
    image, region = pictures(1), regions(1)
    assert torch.equal(predict(fresh, image, region), predict(apart, image, region))
    assert fresh.net.exchange is not None
    for p in fresh.net.exchange.parameters():
        p.add_(0.5 * torch.randn(p.shape, generator=g))
    y, before = predict(fresh, image, region), predict(apart, image, region)
    assert all((y[branch] - before[branch]).abs().max() > 1e-3 for branch in range(2))


@pytest.mark.parametrize("settings", [{}, {"dual": False}, {"interaction": "none"}])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_reach_all_weights_and_checkpointing_changes_none(settings: dict[str, Any], checkpointing: bool) -> None:
    found = []
    for on in (False, checkpointing):
        model = make(**settings)
        model.net.checkpoint(on)
        image, region = pictures(2), regions(2)
        predict(model, image, region, exemplars(2, 2), shape=torch.ones_like(region)).square().mean().backward()
        found.append({name: p.grad for name, p in model.named_parameters()})
    for name, grad in found[0].items():
        if name == "tokens.branches" and not settings.get("dual", True):
            assert grad is not None and grad[0].abs().max() > 0
            continue
        unread = name.startswith(f"net.blocks.{DEPTH - 1}.") and "table" not in name  # by what the last block does to exemplars
        assert grad is not None and (grad.abs().max() > 0 or unread), name
        again = found[1][name]
        assert again is not None and torch.allclose(grad, again, atol=1e-6), name


def test_checkpointing_goes_through_the_blocks_again() -> None:
    model = make()
    calls: list[int] = []
    for i, block in enumerate(model.net.checkpointed()):
        block.register_forward_pre_hook(lambda *_, i=i: calls.append(i))
    for on, again in ((False, []), (True, [1, 0, 1, 0])):  # the blocks of the exemplars, too
        calls.clear()
        model.net.checkpoint(on)
        loss = predict(model, pictures(1), regions(1), exemplars(1, 1)).square().mean()
        before = len(calls)
        loss.backward()
        assert before == 4 and sorted(calls[before:]) == sorted(again)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("dual", [True, False])
def test_a_state_is_decoded_to_what_it_was_made_of(dual: bool, colours: int) -> None:
    model = make(colours, dual=dual)
    image, region = pictures(2, colours), regions(2)
    drawn, anomaly, mask = model.decode(model.encode(image, image * region, 2 * region - 1))
    assert torch.allclose(drawn, image, atol=1e-6) and torch.allclose(anomaly, image * region, atol=1e-6)
    assert torch.equal(mask, 2 * region - 1)


@pytest.mark.parametrize("dual", [True, False])
def test_at_time_one_the_noise_says_nothing(dual: bool) -> None:
    model, image, region = make(dual=dual), pictures(2), regions(2)
    condition = model.condition(image, region, torch.ones(2, dtype=torch.long), known=torch.ones(2), shape=2 * region - 1)
    clean = model.encode(image, image, 2 * region - 1)

    def drawn(t: float, seed: int) -> Tensor:
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
        return model(mix(clean, noise, t) * model.mask_of_state(clean), torch.full((2,), t), condition)

    assert torch.equal(drawn(1.0, 5), drawn(1.0, 6)) and not torch.equal(drawn(0.9, 5), drawn(0.9, 6))
    changes = [float((drawn(t, 5) - drawn(t, 6)).detach().abs().mean()) for t in (0.98, 0.6)]
    assert changes[0] < changes[1] / 2, "the less it says the less it changes"
