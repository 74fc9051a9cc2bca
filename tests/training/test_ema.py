"""The moving average of the weights."""

import torch
from torch import nn

from flawsmith.training.ema import MovingAverage


class Net(nn.Module):
    """Trained weights, a buffer, and frozen weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1)
        self.last.requires_grad_(False)


def model() -> Net:
    return Net()


def test_the_average_is_its_recursion() -> None:
    net, g = model(), torch.Generator().manual_seed(0)
    average = MovingAverage(net, 0.9)
    expected = {name: p.detach().clone().double() for name, p in net.named_parameters()}
    for step in range(1, 200):
        for p in net.parameters():
            p.data += 0.1 * torch.randn(p.shape, generator=g)
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, p in net.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach().double()
    for name, value in average.weights.items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-5)


def test_it_forgets_the_start_quickly_and_ends_at_weights_that_stand_still() -> None:
    net = model()
    average = MovingAverage(net, 0.999)
    start = net.first.weight.detach().clone()
    net.first.weight.data += 1
    average.update(net, 1)
    assert (average.weights["first.weight"] - start).min() > 0.5, "the decay grows from near zero"
    for step in range(2, 20000):
        average.update(net, step)
    torch.testing.assert_close(average.weights["first.weight"], net.first.weight.detach(), rtol=1e-4, atol=1e-4)


def test_the_average_is_a_copy_of_the_trainable_weights_alone() -> None:
    net = model()
    average = MovingAverage(net, 0.5)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    assert set(average.weights) == {"first.weight", "first.bias", "norm.weight", "norm.bias"}
    net.first.weight.data += 1
    assert torch.equal(average.weights["first.weight"], before["first.weight"])
    average.update(net, 5)
    assert torch.equal(net.first.weight, before["first.weight"] + 1), "the model itself is left alone"


def test_the_state_is_the_models_with_the_averaged_weights() -> None:
    net = model()
    average = MovingAverage(net, 0.5)
    net.first.weight.data += 1
    state = average.state(net)
    assert set(state) == set(net.state_dict()) - {"last.weight", "last.bias"}, "what is frozen is not kept with a run"
    assert torch.equal(state["first.weight"], average.weights["first.weight"]) and not torch.equal(state["first.weight"], net.first.weight)
    assert "norm.running_mean" in state
