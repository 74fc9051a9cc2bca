"""Randomness as an argument: same names, same stream; other names, another; and nothing global is touched."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flawsmith.core import seeds

KEYS = st.lists(st.one_of(st.integers(), st.text(alphabet="abc 0123", max_size=5)), max_size=3)


def test_derive_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert seeds.derive(0) == 3456079177858693020
    assert seeds.derive(0, "pair", 17) == 2635448045322014820


@given(st.integers(), KEYS, KEYS)
def test_other_keys_give_another_seed(seed: int, first: list[int | str], second: list[int | str]) -> None:
    same = [(type(k), k) for k in first] == [(type(k), k) for k in second]
    assert (seeds.derive(seed, *first) == seeds.derive(seed, *second)) == same


@given(st.integers(), KEYS)
def test_a_seed_fits_every_generator(seed: int, keys: list[int | str]) -> None:
    assert 0 <= seeds.derive(seed, *keys) < 2**63


def test_a_number_and_its_text_are_different_keys() -> None:
    assert seeds.derive(0, 1) != seeds.derive(0, "1")
    assert seeds.derive(0, 1, 2) != seeds.derive(0, 12)


@pytest.mark.parametrize("key", ["noise", 17])
def test_generators_repeat_for_the_same_keys_only(key: int | str) -> None:
    numbers = [seeds.numpy_generator(3, key).random(4) for _ in range(2)]
    assert np.array_equal(numbers[0], numbers[1])
    assert not np.array_equal(numbers[0], seeds.numpy_generator(4, key).random(4))
    tensors = [torch.randn(4, generator=seeds.torch_generator(3, key)) for _ in range(2)]
    assert torch.equal(tensors[0], tensors[1])
    assert not torch.equal(tensors[0], torch.randn(4, generator=seeds.torch_generator(3, key, "other")))


def test_no_global_generator_is_touched() -> None:
    before = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()  # type: ignore[index, union-attr]
    seeds.numpy_generator(0, "a").random(10)
    torch.randn(10, generator=seeds.torch_generator(0, "a"))
    after = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()  # type: ignore[index, union-attr]
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


def test_first_weights_depend_on_the_seed_alone_and_leave_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    drawn = []
    for seed in (3, 3, 4):
        with seeds.first_weights(seed):
            drawn.append(torch.nn.Linear(4, 4).weight.detach())
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert torch.equal(torch.random.get_rng_state(), before)
