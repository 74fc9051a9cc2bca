"""Classifier-free guidance."""

import pytest
import torch

from flawsmith.diffusion.guidance import guided


@pytest.mark.parametrize(("scale", "expected"), [(0.0, [2.0, 2.0]), (1.0, [3.0, -1.0]), (2.5, [4.5, -5.5])])
def test_guidance_goes_from_the_empty_prediction_through_the_conditional_one(scale: float, expected: list[float]) -> None:
    conditional, empty = torch.tensor([3.0, -1.0]), torch.tensor([2.0, 2.0])
    assert guided(conditional, empty, scale).tolist() == expected
