"""The distance inside clusters against loops, and what it says of copies and of varied pictures."""

import numpy as np
import pytest
import torch

from flawsmith.metrics import ic_distance
from flawsmith.metrics.ic_distance import MapDistance, distance_matrix, diversity, intra_cluster, nearest


def points(g: np.random.Generator, count: int, spread: float = 1.0) -> np.ndarray:
    return g.normal(0, spread, (count, 3))


def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a[:, None] - b[None]) ** 2).sum(-1)


def test_clusters_are_the_definition_written_out() -> None:
    g = np.random.default_rng(0)
    made, real = points(g, 14), points(g, 5)
    labels = nearest(squared(made, real))
    found = intra_cluster(squared(made, made), labels)
    clusters: dict[int, list[np.ndarray]] = {}
    for one in made:
        clusters.setdefault(min(range(5), key=lambda k: ((one - real[k]) ** 2).sum()), []).append(one)
    means = []
    for members in clusters.values():
        pairs = [((a - b) ** 2).sum() for i, a in enumerate(members) for b in members[:i]]
        means += [sum(pairs) / len(pairs)] if pairs else []
    assert found.value == pytest.approx(np.mean(means))
    assert found.clusters == len(means) and found.alone == sum(len(members) == 1 for members in clusters.values())


def test_clusters_of_one_say_nothing() -> None:
    assert intra_cluster(np.ones((2, 2)), np.array([0, 1])) == ic_distance.Clusters(None, 0, 2)


def test_the_distance_is_that_of_features_of_length_1(small) -> None:  # type: ignore[no-untyped-def]
    g = torch.Generator().manual_seed(0)
    pictures = [torch.rand(1, 3, 8, 8, generator=g) for _ in range(3)]
    perceptual = MapDistance(small)
    matrix = distance_matrix(pictures, perceptual)
    for i in range(3):
        for j in range(3):
            expected = 0.0
            for one, other in list(zip(small.maps(pictures[i]), small.maps(pictures[j]), strict=True))[1:]:
                places = []
                for row in range(one.shape[2]):
                    for column in range(one.shape[3]):
                        x, y = one[0, :, row, column], other[0, :, row, column]
                        places.append(float(((x / x.norm() - y / y.norm()) ** 2).sum()))
                expected += sum(places) / len(places)
            assert matrix[i, j] == pytest.approx(expected, abs=1e-5)
    assert perceptual.name == "LPIPS-like distance on Small" and perceptual.digest == small.digest


def test_the_matrix_does_not_depend_on_what_fits_in_memory(small, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    pictures = list(torch.rand(7, 1, 3, 8, 8, generator=torch.Generator().manual_seed(1)))
    expected = distance_matrix(pictures, MapDistance(small))
    monkeypatch.setattr(ic_distance, "BUDGET", 2 * 2 * MapDistance(small).vector(pictures[0]).nbytes)  # two at a time
    found = distance_matrix(pictures, MapDistance(small))
    assert found == pytest.approx(expected, abs=1e-6) and (found == found.T).all()
    assert distance_matrix([], MapDistance(small)).shape == (0, 0)


@pytest.mark.parametrize("count", [12, 30, 80])
def test_as_varied_is_1_however_many_there_are(count: int) -> None:
    ratios = []
    for seed in range(20):
        g = np.random.default_rng(seed)
        every = g.normal(0, 1, (40 + count, 10))
        found = diversity(squared(every, every), range(40))
        assert found is not None
        ratios.append(found.made / found.real)
    assert np.mean(ratios) == pytest.approx(1, abs=0.08)


def test_more_generated_ones_are_not_more_varied() -> None:
    """Most pictures nearly alike and some far off: among many the far ones share clusters, among few they are alone."""
    logs = []
    for seed in range(20):
        g = np.random.default_rng(seed)
        spread = np.where(g.random(264) < 0.3, 1.0, 0.05)[:, None]
        every = g.normal(0, 1, (264, 4)) * spread
        found = diversity(squared(every, every), range(24))
        assert found is not None
        logs.append(np.log(found.made / found.real))
    assert np.exp(np.mean(logs)) < 1.5


def test_a_narrow_set_and_copies_are_less_varied() -> None:
    g = np.random.default_rng(3)
    real = points(g, 40)
    for made, most in ((points(g, 60, 0.3), 0.3), (np.repeat(real[:3], 20, 0), 0.25)):
        every = np.concatenate([real, made])
        found = diversity(squared(every, every), range(40))
        assert found is not None and found.made / found.real < most


def test_diversity_is_seeded_and_needs_two_on_both_sides() -> None:
    g = np.random.default_rng(4)
    every = points(g, 30)
    matrix = squared(every, every)
    assert diversity(matrix, range(12), seed=1) == diversity(matrix, range(12), seed=1) != diversity(matrix, range(12), seed=2)
    assert diversity(matrix[:13, :13], range(12)) is None and diversity(matrix[1:, 1:], range(1)) is None


def test_pictures_of_one_part_do_not_make_the_real_ones_less_varied() -> None:
    g = np.random.default_rng(5)
    real, made = g.normal(0, 1, (40, 10)), g.normal(0, 1, (40, 10))
    once, repeated = np.concatenate([real, made]), np.concatenate([np.repeat(real, 5, 0), made])
    expected = diversity(squared(once, once), range(40))
    found = diversity(squared(repeated, repeated), [i // 5 for i in range(200)])
    blind = diversity(squared(repeated, repeated), range(200))
    assert expected is not None and found is not None and blind is not None
    assert found.real == pytest.approx(expected.real, rel=0.1) and blind.real < 0.7 * expected.real
