"""Drawing windows: each depends on its own task alone, guidance is its formula, and the anchor holds the picture."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from drawing_tasks import SIDE, everywhere, gaussian, large, last, model, same, tasks

from flawsmith.config.schema import Config
from flawsmith.core.seeds import torch_generator
from flawsmith.diffusion.parametrisation import PREDICTIONS
from flawsmith.diffusion.samplers import Callback, Denoise, DrawNoise, registry, sampler, sampler_names
from flawsmith.diffusion.schedules import joint_noise
from flawsmith.diffusion.variance_preserving import VariancePreserving
from flawsmith.models.dual_model import Condition, DualModel
from flawsmith.synthesis import sampling
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.synthesis.tiles import cover


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize(
    "groups",
    [
        {},
        {"model": {"dual": False}},
        {"model": {"interaction": "none"}},
        {"diffusion": {"rho": 0.7}},
        {"generation": {"sampler": "renoise"}, "diffusion": {"rho": 0.7}},
    ],
)
def test_a_window_does_not_depend_on_its_neighbours(
    tiny: Callable[..., Config], groups: dict[str, dict[str, object]], colours: int
) -> None:
    config = tiny(**groups)
    m = model(config, colours)
    together = draw(m, tasks(colours), config, "fp32")
    for task, one in zip(tasks(colours), together, strict=True):
        assert same(one, draw(m, [task], config, "fp32")[0])
        assert one.image.shape == one.anomaly.shape == (colours, SIDE, SIDE) and one.mask.shape == (SIDE, SIDE)
        assert one.image.dtype == one.mask.dtype == np.float32 and np.isfinite(one.image).all()
        assert one.mask.min() >= 0 and one.mask.max() <= 1
    assert all(same(a, b) for a, b in zip(draw(m, tasks(colours)[::-1], config, "fp32"), together[::-1], strict=True))


@pytest.mark.parametrize("name", ["dpmpp", "renoise"])
def test_on_an_accelerator_windows_that_go_through_together_are_the_same_to_rounding(tiny: Callable[..., Config], name: str) -> None:
    config = tiny(generation={"sampler": name})
    m = model(config)
    for group in (tasks()[:3], [dataclasses.replace(tasks()[3], seed=seed) for seed in range(3)]):
        with torch.inference_mode():
            together = sampling._draw(m, group, config, torch.device("cpu"), None)
        for a, b in zip(together, draw(m, group, config, "fp32"), strict=True):
            for f in dataclasses.fields(Drawn):
                assert np.allclose(getattr(a, f.name), getattr(b, f.name), atol=1e-3)


def test_seed_defect_region_and_normal_all_matter(tiny: Callable[..., Config]) -> None:
    config = tiny(generation={"anchor": 0.0})
    m, first = model(config), tasks()[0]
    (plain,) = draw(m, [first], config, "fp32")
    assert first.normal is not None
    others = [
        dataclasses.replace(first, seed=101),
        dataclasses.replace(first, entry=2),
        dataclasses.replace(first, region=first.region.T),
        dataclasses.replace(first, normal=-first.normal),
    ]
    for other in others:
        assert np.abs(draw(m, [other], config, "fp32")[0].image - plain.image).max() > 1e-3


def test_what_lies_under_the_region_is_not_shown_to_the_model(tiny: Callable[..., Config]) -> None:
    config = tiny(generation={"anchor": 0.0})  # the start from pure noise: the normal enters as the background alone
    m, first = model(config), tasks()[0]
    assert first.normal is not None
    changed = np.where(first.region, 0.9, first.normal).astype(np.float32)
    assert same(*draw(m, [first, dataclasses.replace(first, normal=changed)], config, "fp32"))


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", sampler_names())
def test_guidance_goes_through_the_empty_and_the_conditional_prediction(tiny: Callable[..., Config], prediction: str, name: str) -> None:
    drawn = []
    for scale in (0.0, 1.0, 2.5):
        generation = {"steps": 1, "guidance": scale, "anchor": 0.0, "sampler": name, "start": 0.9}
        config = tiny(generation=generation, diffusion={"prediction": prediction})
        drawn.append(draw(model(config), tasks()[:1], config, "fp32")[0].image)
    assert np.abs(drawn[1] - drawn[0]).max() > 1e-3, "the defect's tokens say something"
    assert np.allclose(drawn[2], drawn[0] + 2.5 * (drawn[1] - drawn[0]), atol=1e-3), "one step is one prediction"


def test_without_guidance_the_defect_of_the_empty_half_is_not_seen(tiny: Callable[..., Config]) -> None:
    config = tiny(generation={"guidance": 0.0})
    m, first = model(config), tasks()[0]
    one, other = draw(m, [first, dataclasses.replace(first, entry=2)], config, "fp32")
    assert np.allclose(one.image, other.image, atol=1e-5)


def far_from(mask: np.ndarray, distance: int) -> np.ndarray:
    near = np.zeros_like(mask, bool)
    for row, column in np.argwhere(mask > 0):
        near[max(0, row - distance) : row + distance + 1, max(0, column - distance) : column + distance + 1] = True
    return ~near


def test_the_anchor_holds_the_picture_to_the_normal_where_there_is_no_defect(tiny: Callable[..., Config]) -> None:
    for anchor, held in ((1.0, True), (0.0, False)):
        config = tiny(generation={"steps": 1, "anchor": anchor, "guidance": 1.0})
        first = tasks()[0]
        (drawn,) = draw(model(config, empty=True), [first], config, "fp32")
        away = far_from(drawn.mask, 4)
        assert away.sum() > 30, "this model draws next to no mask"
        assert first.normal is not None
        assert np.allclose(drawn.image[0][away], first.normal[0][away], atol=1e-5) == held


def test_a_proposed_shape_is_held_to_as_long_as_asked(tiny: Callable[..., Config]) -> None:
    first = tasks()[0]
    shape = np.zeros((SIDE, SIDE), bool)
    shape[8:14, 9:20] = True
    given = dataclasses.replace(first, shape=shape)
    always, early, never = (tiny(generation={"steps": 4, "noise": 1.0, "anchor": 0.0, "shape_until": until}) for until in (0.0, 0.5, 1.0))
    assert np.array_equal(draw(model(always), [given], always, "fp32")[0].mask, shape.astype(np.float32))
    free = draw(model(never), [first], never, "fp32")[0]
    told = draw(model(never), [given], never, "fp32")[0]
    assert not np.array_equal(told.mask, shape.astype(np.float32)) and not same(told, free), "the network is told what is wanted"
    assert same(draw(model(always), [first], always, "fp32")[0], free), "without a shape the model invents its own"
    held = draw(model(early), [given], early, "fp32")[0]
    assert not np.array_equal(held.mask, shape.astype(np.float32)) and not same(held, free)


@pytest.mark.parametrize("dual", [True, False])
def test_from_noise_alone_there_is_no_picture_to_be_held_to(dual: bool, tiny: Callable[..., Config]) -> None:
    drawn = []
    for anchor in (0.0, 1.0):
        config = tiny(generation={"steps": 1, "anchor": anchor}, model={"dual": dual})
        drawn.append(draw(model(config, empty=dual), tasks()[3:], config, "fp32")[0])
    away = far_from(drawn[0].mask, 4) if dual else np.ones((SIDE, SIDE), bool)
    assert away.sum() > 30 and np.array_equal(drawn[0].image[0][away], drawn[1].image[0][away])
    assert np.array_equal(drawn[0].mask, drawn[1].mask)


@pytest.mark.parametrize("task", [0, 3])  # onto a normal, and from noise alone
def test_where_the_mask_is_sure_the_branches_draw_one_and_the_same_defect(task: int, tiny: Callable[..., Config]) -> None:
    gaps = []
    for anchor in (0.0, 1.0):
        config = tiny(generation={"steps": 1, "anchor": anchor})
        m = model(config)
        with torch.no_grad():
            last(m).bias.data[-1] = 3.0  # a mask in every pixel
        (drawn,) = draw(m, tasks()[task : task + 1], config, "fp32")
        assert (drawn.mask == 1).sum() > 100
        gaps.append(np.abs(drawn.image - drawn.anomaly)[0][drawn.mask == 1].max())
    assert gaps[1] < 1e-5 < 0.01 < gaps[0]


def test_from_noise_alone_there_is_no_late_start(tiny: Callable[..., Config]) -> None:
    drawn = [draw(model(c), tasks()[3:], c, "fp32")[0] for c in (tiny(generation={"start": s, "steps": 4}) for s in (1.0, 0.5))]
    assert same(*drawn)


def test_a_late_start_keeps_the_normal(tiny: Callable[..., Config]) -> None:
    # Little noise is left to take away: a network that predicts no velocity leaves the picture as it was, up to that noise.
    gaps = []
    for start in (0.02, 0.5, 1.0):
        config = tiny(generation={"start": start, "anchor": 0.0}, diffusion={"prediction": "v"})
        m, first = model(config), tasks()[0]
        with torch.no_grad():
            for p in last(m).parameters():
                p.zero_()
        assert first.normal is not None
        gaps.append(float(np.abs(draw(m, [first], config, "fp32")[0].image - first.normal).mean()))
    assert gaps[0] < 0.03 and gaps[0] < gaps[1] < gaps[2]


def test_a_single_branch_has_the_whole_inside_the_mask_as_its_part(tiny: Callable[..., Config]) -> None:
    config = tiny(model={"dual": False})
    (drawn,) = draw(model(config), tasks()[:1], config, "fp32")
    inside = drawn.mask > 0.5
    assert np.array_equal(drawn.anomaly[0][inside], drawn.image[0][inside]) and (drawn.anomaly[0][~inside] == 0).all()


@pytest.mark.parametrize("groups", [{}, {"model": {"dual": False}}, {"model": {"interaction": "none"}}, {"generation": {"guidance": 1.0}}])
@pytest.mark.parametrize("most", [0, sampling.MOST])  # in tiles, and as one
def test_a_canvas_may_be_larger_than_a_window(
    most: int, groups: dict[str, dict[str, object]], tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MOST", most)
    config = tiny(**groups)
    m, task = model(config), large()
    (drawn,) = draw(m, [task], config, "fp32")
    assert drawn.image.shape == drawn.anomaly.shape == (1, 48, 72) and drawn.mask.shape == (48, 72)
    assert np.isfinite(drawn.image).all() and 0 <= drawn.mask.min() <= drawn.mask.max() <= 1
    assert task.normal is not None
    assert np.abs(drawn.image - task.normal)[0][16:32, 16:56].mean() > 0.05, "something is drawn everywhere in it"
    assert same(drawn, draw(m, [task], config, "fp32")[0])


@pytest.mark.parametrize("most", [0, sampling.MOST])
def test_what_no_tile_sees_stays_the_normal(most: int, tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST", most)
    config = tiny(generation={"anchor": 0.0})
    task = large(96, 96)
    region = np.zeros_like(task.region)
    region[4:10, 4:10] = region[86:92, 86:92] = True
    (drawn,) = draw(model(config), [dataclasses.replace(task, region=region)], config, "fp32")
    assert task.normal is not None
    assert np.allclose(drawn.image[:, 40:56, 40:56], task.normal[:, 40:56, 40:56], atol=1e-5)
    assert (drawn.mask[40:56, 40:56] == 0).all() and (drawn.anomaly[:, 40:56, 40:56] == 0).all()


def test_tiles_see_their_own_part_of_the_canvas(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST", 0)  # cells that are drawn together
    config = tiny()
    m, task = model(config), large()
    seen: list[torch.Tensor] = []
    show = m.show

    def spy(background: torch.Tensor, region: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        seen.extend([m.codec.decode(background), region])
        return show(background, region, *more)

    monkeypatch.setattr(m, "show", spy)
    draw(m, [task], config, "fp32")
    assert task.normal is not None
    shown = np.where(task.region, 0, task.normal)
    tiles = cover(task.region, SIDE, m.factor)
    assert len(tiles) > 3 and len(seen) == 2 * len(tiles)
    for i, tile in enumerate(tiles):
        rows, columns = tile.pixels(m.factor)
        assert np.allclose(seen[2 * i][0].numpy(), shown[:, rows, columns], atol=1e-6)
        assert np.array_equal(seen[2 * i + 1][0, 0].numpy(), task.region[rows, columns])


def test_every_tile_denoises_its_own_part_of_the_state(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    # A network that takes what it sees for clean leaves the state as it was: the noise at every place of the canvas.
    config = tiny(generation={"anchor": 0.0, "guidance": 1.0, "sampler": "ddim"}, diffusion={"prediction": "x"})
    m, task = model(config), large()
    monkeypatch.setattr(m, "forward", lambda x, t, condition: x)
    (drawn,) = draw(m, [task], config, "fp32")
    noise = joint_noise((m.branches, m.state, 48 // m.factor, 72 // m.factor), config.diffusion.rho, torch_generator(task.seed, "noise"))
    image, anomaly, _ = m.decode(noise[:, None])
    assert np.allclose(drawn.image, image[0].numpy(), atol=1e-4) and np.allclose(drawn.anomaly, anomaly[0].numpy(), atol=1e-4)


def test_a_canvas_of_one_window_goes_through_the_network_as_it_is(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config, task = tiny(), tasks()[0]
    m = model(config)
    (plain,) = draw(m, [task], config, "fp32")
    calls: list[tuple[int, ...]] = []
    forward = m.forward

    def spy(x: torch.Tensor, t: torch.Tensor, condition: Condition) -> torch.Tensor:
        calls.append(tuple(x.shape))
        return forward(x, t, condition)

    monkeypatch.setattr(m, "forward", spy)
    monkeypatch.setattr(sampling, "merge", lambda parts, tiles, background: parts[0])
    assert same(plain, draw(m, [task], config, "fp32")[0]), "merging leaves its bits"
    assert len(calls) == 2 * config.generation.steps and all(shape[-2:] == (SIDE // m.factor,) * 2 for shape in calls)


def test_tasks_of_several_sizes_keep_their_order(tiny: Callable[..., Config]) -> None:
    config = tiny()
    m = model(config)
    mixed = [large(), tasks()[0], large(72, 48, 301), tasks()[3], large(48, 72, 302)]
    together = draw(m, mixed, config, "fp32")
    for task, one in zip(mixed, together, strict=True):
        assert one.mask.shape == task.region.shape and same(one, draw(m, [task], config, "fp32")[0])
    assert draw(m, [], config, "fp32") == []


def test_on_an_accelerator_only_tasks_of_one_kind_go_through_together(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST", 0)
    config = tiny(generation={"start": 0.6})
    m = model(config)
    corner = np.zeros((96, 96), bool)
    corner[:16, :16] = True
    mixed = [large(96, 96, 1), tasks()[0], dataclasses.replace(large(96, 96, 2), region=corner), tasks()[3], tasks()[1], large(96, 96, 3)]
    together: list[list[int]] = []
    batched = sampling._draw

    def spy(m: DualModel, group: list[Task], *rest: object) -> list[Drawn]:
        together.append([next(i for i, task in enumerate(mixed) if task is mine) for mine in group])
        return batched(m, group, config, torch.device("cpu"), None)

    class Elsewhere:
        """A parameter that says it lies on another device."""

        device = torch.device("meta")

    monkeypatch.setattr(sampling, "_draw", spy)
    alone = [draw(m, [task], config, "fp32")[0] for task in mixed]
    together.clear()
    monkeypatch.setattr(m, "parameters", lambda: iter([Elsewhere()]))
    monkeypatch.setattr(torch, "autocast", lambda *_args, **_more: contextlib.nullcontext())
    drawn = draw(m, mixed, config, "fp32")
    assert sorted(together) == [[0, 5], [1, 4], [2], [3]], "size, tiles, and with a normal or without"
    for a, b in zip(drawn, alone, strict=True):
        assert np.allclose(a.image, b.image, atol=1e-3) and np.allclose(a.mask, b.mask, atol=1e-3)


STABLE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("onto", [True, False])
def test_what_is_drawn_has_the_spread_of_what_was_learned(onto: bool, own: bool, tiny: Callable[..., Config]) -> None:
    settings: dict[str, object] = {"steps": 100, "sampler": "ddim", "anchor": 0.0, "guidance": 1.0}
    config = tiny(diffusion={"prediction": "x"}, generation=settings)
    m = model(config, colours=3)  # of grey ones the mean of three planes comes back
    m.forward = gaussian(m, 0.0, 1.0)  # type: ignore[method-assign]
    m.schedule = VariancePreserving(STABLE) if own else None  # its noisiest time is 0.936, and not 1
    drawn = np.stack([d.image for d in draw(m, everywhere(16, onto, 3), config, "fp32")])
    assert drawn.std() == pytest.approx(1, abs=0.02)


def test_a_sampler_of_one_s_own_draws_windows(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_SAMPLERS", dict(registry._SAMPLERS))

    @sampler("grey")
    def sample_grey(denoise: Denoise, x: torch.Tensor, times: Sequence[float], _: DrawNoise, callback: Callback) -> torch.Tensor:
        return 0 * denoise(x, times[0])

    config = tiny(generation={"sampler": "grey"})
    (drawn,) = draw(model(config), tasks()[:1], config, "fp32")
    assert (drawn.image == 0).all()


@pytest.mark.usefixtures("untouched_generators")
def test_drawing_touches_no_global_generator_and_leaves_the_model(tiny: Callable[..., Config]) -> None:
    config = tiny()
    m = model(config)
    before = {name: value.clone() for name, value in m.state_dict().items()}
    draw(m, tasks(), config, "fp32")
    assert all(torch.equal(value, before[name]) for name, value in m.state_dict().items())
