"""The loss of a batch: what the network sees, what it is asked for, and when its tokens are dropped."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from shaken import shake
from small_checkpoint import write_checkpoint
from torch import Tensor

from flawsmith.config.schema import Config
from flawsmith.diffusion.parametrisation import PREDICTIONS
from flawsmith.models.build import build_model
from flawsmith.models.codecs import decode_mask
from flawsmith.models.dual_model import Condition, DualModel
from flawsmith.product.shape import ModelSpec
from flawsmith.training.objective import Loss, objective
from flawsmith.training.pool import Batch

SIDE = 32

ALL = 1 - 1e-9  # the largest share below 1: every token is dropped


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 4) -> Batch:
    g = generator(9)
    mask = torch.zeros(count, 1, SIDE, SIDE)
    region = torch.zeros(count, 1, SIDE, SIDE)
    mask[1:, :, 10:16, 12:20] = 1  # window 0 is a normal
    region[:, :, 7:20, 9:24] = 1
    image = torch.rand(count, 1, SIDE, SIDE, generator=g) * 2 - 1
    return Batch.erased(image, mask, region, torch.arange(count) % 3)


def model(config: Config) -> DualModel:
    return shake(build_model(config.model, ModelSpec(("blob", "line"), 1, SIDE), 0))


def right(config: Config, m: DualModel, b: Batch) -> Callable[..., Tensor]:
    """Return a network that knows the answer."""
    clean = m.encode(b.image, b.image * b.mask, 2 * b.mask - 1)

    def forward(noisy: Tensor, t: Tensor, _condition: Condition) -> Tensor:
        time = t[None, :, None, None, None]
        noise = (noisy - (1 - time) * clean) / time
        return {"x": clean, "v": noise - clean, "eps": noise}[config.diffusion.prediction]

    return forward


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_a_network_that_is_right_has_no_loss(
    prediction: str, dual: bool, tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(diffusion={"prediction": prediction}, model={"dual": dual})
    m, b = model(config), batch()
    monkeypatch.setattr(m, "forward", right(config, m, b))
    loss = objective(m, b, config.diffusion, generator())
    assert loss.total.item() == pytest.approx(0, abs=1e-5) and loss.align.item() == pytest.approx(0, abs=1e-5)
    monkeypatch.setattr(m, "forward", lambda *args: 0.5 * right(config, m, b)(*args) + 0.1)
    assert objective(m, b, config.diffusion, generator()).denoise > 0.01


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a checkpoint with an autoencoder, whose cells see well beyond themselves."""
    return str(write_checkpoint(tmp_path_factory.mktemp("sd") / "plain"))


def picture_gradient(tiny: Callable[..., Config], dual: bool, backbone: str, bend: Callable[[Tensor, int], Tensor]) -> tuple[Loss, Tensor]:
    """Return the loss where the network says `bend` of the true state, and its gradient on the pictures, (branches, B, C, h, w).

    backbone: whose latents the state is made of, "" for pixels.
    """
    config = tiny(model={"dual": dual, "backbone": backbone, "product": "part"}, diffusion={"prediction": "x", "align_weight": 1.0})
    m, b = model(config), batch()
    channels = m.codec.channels
    said = bend(m.encode(b.image, b.image * b.mask, 2 * b.mask - 1), channels).requires_grad_()
    m.forward = lambda *_: said  # type: ignore[method-assign]
    found = objective(m, b, config.diffusion, generator())
    found.total.backward()
    assert said.grad is not None
    return found, said.grad[:, :, :channels]


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("latents", [True, False])
def test_the_true_state_costs_nothing_and_pulls_the_picture_nowhere(
    latents: bool, dual: bool, tiny: Callable[..., Config], backbone: str
) -> None:
    loss, gradient = picture_gradient(tiny, dual, backbone if latents else "", lambda clean, _: clean)
    assert loss.align.item() == pytest.approx(0, abs=1e-6) and loss.total.item() == pytest.approx(0, abs=1e-6)
    assert (gradient == 0).all()


@pytest.mark.parametrize("latents", [True, False])
def test_a_mask_in_doubt_does_not_pull_a_single_branch_s_picture_to_grey(latents: bool, tiny: Callable[..., Config], backbone: str) -> None:
    def doubt(clean: Tensor, channels: int) -> Tensor:
        return torch.cat([clean[:, :, :channels], 0.3 * clean[:, :, channels:]], dim=2)

    loss, gradient = picture_gradient(tiny, False, backbone if latents else "", doubt)
    assert loss.align > 0.01 and (gradient == 0).all(), "the picture is right"


def test_the_loss_depends_on_the_generator_alone_and_reaches_every_weight(tiny: Callable[..., Config]) -> None:
    config, b = tiny(), batch()
    exemplars = torch.cat([b.image, b.mask], dim=1)[:, None]
    b = dataclasses.replace(b, exemplars=exemplars)
    m = model(config)
    losses = [objective(m, b, config.diffusion, generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(losses[0].total, losses[1].total) and not torch.equal(losses[0].total, losses[2].total)
    losses[0].total.backward()
    without = [name for name, p in m.named_parameters() if p.grad is None]
    assert without == []
    assert all(p.grad.isfinite().all() for p in m.parameters() if p.grad is not None)


def test_the_total_is_the_sum_of_its_parts(tiny: Callable[..., Config]) -> None:
    config, b = tiny(), batch()
    m = model(config)
    found: dict[float, Loss] = {}
    for weight in (0.0, 0.1, 2.0):
        found[weight] = objective(m, b, dataclasses.replace(config.diffusion, align_weight=weight), generator())
        expected = found[weight].denoise + weight * found[weight].align
        torch.testing.assert_close(found[weight].total.detach(), expected)
    assert found[0.0].align == 0 and found[0.1].align > 0 and found[0.1].align == found[2.0].align


def spied(m: DualModel, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return a list that fills with (background, region, ids) of every call of `tell`."""
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    tell = m.tell

    def spy(cells: Tensor, ids: Tensor, *rest: Any) -> Condition:
        channels, cell = m.codec.channels, m.factor**2
        seen.append((m.codec.decode(cells[:, :channels]), decode_mask(cells[:, channels : channels + cell], m.factor), ids))
        return tell(cells, ids, *rest)

    monkeypatch.setattr(m, "tell", spy)
    return seen


def test_dropped_tokens_are_the_empty_one(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config, b = tiny(), batch(12)
    m = model(config)
    seen = spied(m, monkeypatch)
    for share in (0.0, ALL, 0.4):
        settings = dataclasses.replace(config.diffusion, token_dropout=share)
        seen.clear()
        for seed in range(25 if share == 0.4 else 2):
            with torch.no_grad():
                objective(m, b, settings, generator(seed))
        ids = torch.stack([call[2] for call in seen])
        dropped = ids == m.tokens.empty
        assert (dropped | (ids == b.ids)).all(), "each pair keeps its own token or has the empty one"
        assert dropped.float().mean().item() == pytest.approx(share, abs=0.1)
    assert m.tokens.empty not in b.ids, "which no defect has"


def test_noise_is_put_on_the_tokens_and_its_strength_is_the_configured_one(
    tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, b = tiny(), batch(64)
    m = model(config)
    seen: list[Tensor] = []
    table: Any = m.tokens
    forward = table.forward

    def spy(ids: Tensor, branches: int, noise: Tensor) -> tuple[Tensor, Tensor | None]:
        seen.append(noise)
        return forward(ids, branches, noise)

    monkeypatch.setattr(m.tokens, "forward", spy)
    losses = []
    for noise in (0.0, 0.2, 0.2, 1.0):
        settings = dataclasses.replace(config.diffusion, token_noise=noise)
        with torch.no_grad():
            losses.append(objective(m, b, settings, generator()).total.item())
    assert [n.shape for n in seen] == [(64, *m.tokens.entries.shape[1:])] * 4, "each pair, token and number has its own"
    assert [n.std().item() for n in seen] == pytest.approx([0, 0.2, 0.2, 1], rel=0.05)
    assert torch.equal(seen[1], seen[2]) and losses[1] == losses[2], "from the generator alone"
    assert len(set(losses)) == 3, "and the network sees it"


def test_the_empty_token_is_trained_only_when_it_is_used(tiny: Callable[..., Config]) -> None:
    config, b = tiny(), batch()
    gradients = []
    for share in (0.0, ALL):
        m = model(config)
        objective(m, b, dataclasses.replace(config.diffusion, token_dropout=share), generator()).total.backward()
        assert m.tokens.entries.grad is not None
        gradients.append(m.tokens.entries.grad.abs().sum((1, 2)))
    empty = m.tokens.empty
    assert gradients[0][empty] == 0 and gradients[1][empty] > 0
    assert (gradients[0][:3] > 0).all() and (gradients[1][:3] == 0).all()


def test_the_network_sees_the_background_and_not_what_it_shall_draw(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config, b = tiny(), batch()
    m = model(config)
    seen = spied(m, monkeypatch)
    objective(m, b, config.diffusion, generator())
    background, region, _ = seen[0]
    assert torch.equal(region, b.region), "all of it is erased"
    assert torch.allclose(background[b.region == 0], b.image[b.region == 0], atol=1e-6)
    other = Batch.erased(torch.where(b.region > 0, -b.image, b.image), b.mask, b.region, b.ids)
    objective(m, other, config.diffusion, generator())
    assert torch.equal(seen[1][0], background)


def test_the_noisy_state_is_the_clean_one_and_noise_of_its_time(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config, b = tiny(diffusion={"rho": 0.8}), batch(16)
    m = model(config)
    clean = m.encode(b.image, b.image * b.mask, 2 * b.mask - 1)
    noises = []

    def forward(noisy: Tensor, t: Tensor, _condition: Condition) -> Tensor:
        time = t[None, :, None, None, None]
        noises.append((noisy - (1 - time) * clean) / time)
        return torch.zeros_like(noisy)

    monkeypatch.setattr(m, "forward", forward)
    objective(m, b, config.diffusion, generator())
    channels = m.codec.channels
    image, anomaly, cells = noises[0][0, :, :channels], noises[0][1, :, :channels], noises[0][1, :, channels:]
    assert image.std().item() == pytest.approx(1, abs=0.05) and cells.std().item() == pytest.approx(1, abs=0.05)
    assert torch.corrcoef(torch.stack([image.flatten(), anomaly.flatten()]))[0, 1].item() == pytest.approx(0.8, abs=0.05)
    assert (noises[0][0, :, channels:] == 0).all(), "branch 0 has no mask"


def test_errors_in_the_region_weigh_more_than_outside(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(diffusion={"outside_weight": 0.1, "align_weight": 0.0})
    m, b = model(config), batch()
    clean = m.encode(b.image, b.image * b.mask, 2 * b.mask - 1)

    def loss(where: Tensor) -> float:
        wrong = m.encode(b.image + 0.5 * where, b.image * b.mask, 2 * b.mask - 1)
        monkeypatch.setattr(m, "forward", lambda *_: wrong)
        return objective(m, b, dataclasses.replace(config.diffusion, prediction="x"), generator()).denoise.item() / where.sum().item()

    assert clean.shape[0] == 2
    assert loss(b.region) == pytest.approx(10 * loss(1 - b.region), rel=1e-3)


@pytest.mark.usefixtures("untouched_generators")
def test_the_loss_touches_no_global_generator(tiny: Callable[..., Config]) -> None:
    config = tiny()
    objective(model(config), batch(), config.diffusion, generator())
