"""Which defect is it: a classifier of labelled defects, trained on real and made ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flawsmith.benchmark.classifiers.resnet import RESNET34, load_resnet34
from flawsmith.benchmark.classifiers.views import poses, view
from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.dataset.sample import Sample
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.learn import learn_range

NETWORKS = ("auto", "efficientnet-lite0", "resnet34")
PROTOCOLS = ("default", "paper")
SIDE = {"default": 128, "paper": 224}  # pixels of what the network sees
VIEWS = 16  # random views of each real defect that are embedded, and of a made one at most
MADE_VIEWS = 1500  # of all made defects together, about
BATCH = 64  # views per step of the head
DECAY = 1.0  # half the squared weights of the head, times this, are added to its loss
TUNED_BATCH = 32  # pictures per step where the whole network is trained
CHUNK = 16  # views at a time; memory, and no part of any result


@dataclass(frozen=True)
class Network:
    """A network that was trained on ImageNet, for pictures (B, 3, S, S) in [0, 1]."""

    name: str
    module: nn.Module
    levels: Callable[[Tensor], list[Tensor]]  # maps (B, C_l, h_l, w_l) at 1/8, 1/16 and 1/32 of the size
    last: Callable[[Tensor], Tensor]  # the last map (B, C, h, w)


@dataclass(frozen=True)
class Classifier:
    """A trained classifier of one product's defects."""

    names: tuple[str, ...]  # (K,) of the defects, sorted
    name: str  # of the network
    protocol: str
    turns: bool
    values: PixelRange
    answer: Callable[[Sequence[np.ndarray]], np.ndarray]  # views (S, S, 3) to logits (N, K)

    def probabilities(self, samples: Sequence[Sample]) -> np.ndarray:
        """Return (N, K) float64, the probability of each of `names`; in the default protocol the mean over the square's poses."""
        rows = []
        for sample in samples:
            seen = view(sample, SIDE[self.protocol], self.values, self.protocol == "paper")
            logits = self.answer([seen] if self.protocol == "paper" else poses(seen, self.turns)).astype(np.float64)
            shares = np.exp(logits - logits.max(1, keepdims=True))
            rows.append((shares / shares.sum(1, keepdims=True)).mean(0))
        return np.stack(rows) if rows else np.zeros((0, len(self.names)))

    def predict(self, samples: Sequence[Sample]) -> list[str]:
        """Return the most probable defect's name for each sample."""
        return [self.names[int(k)] for k in self.probabilities(samples).argmax(1)]


def train_classifier(
    samples: Sequence[Sample],
    synthetic: Sequence[Sample],
    seed: int,
    share: float = 0.5,
    steps: int = 300,
    network: str = "auto",
    protocol: str = "default",
    turns: bool = True,
    device: str = "cpu",
) -> Classifier:
    """Return a classifier of defects, trained on real `samples` and `synthetic` ones; either may be empty.

    Every batch holds about `share` made defects where there are both kinds, and as many of each defect.
    default: a linear layer on ImageNet features of a native window around the labelled defect, twice its size, so that it is a test of
    what the defect looks like and not of finding it: in a whole picture of 224 pixels tiny defects are gone. The windows at the test
    come from the labels, too. paper: whole pictures squeezed to 224 x 224, the whole network trained, as published classifiers are.
    network: "efficientnet-lite0", "resnet34", or "auto": ResNet-34 where its weights are at hand, else the other. turns: whether the
    product may be turned by quarters. The result does not depend on the samples' order.
    Raises DataError for fewer than two defects, ConfigError for unknown names, FlawsmithError where a network is not at hand.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(f"classification protocol {protocol!r}: expected one of {', '.join(PROTOCOLS)}.")
    pools = Pools(_sorted(samples), _sorted(synthetic), share)
    if len(pools.names) < 2:
        raise DataError(f"got the defects {list(pools.names)}; expected at least two to tell apart.")
    whole, side = protocol == "paper", SIDE[protocol]
    values = learn_range(pools.real or pools.made)
    found = load_network(network, device)
    looks = Looks(pools, side, values, whole, turns, seed)
    train = _train_whole if whole else _train_head
    return Classifier(pools.names, found.name, protocol, turns, values, train(found, looks, steps, device))


def load_network(name: str, device: str = "cpu") -> Network:
    """Return the network of that name with its ImageNet weights. Raises ConfigError or FlawsmithError as `train_classifier` does."""
    if name not in NETWORKS:
        raise ConfigError(f"classification network {name!r}: expected one of {', '.join(NETWORKS)}.")
    if name == "resnet34" or (name == "auto" and RESNET34.path.is_file()):
        resnet = load_resnet34().to(device)
        return Network("ResNet-34 (ImageNet)", resnet, lambda x: resnet.levels(x)[1:], lambda x: resnet.levels(x)[-1])
    from flawsmith.metrics.features import MEAN, STD, Offline

    offline = Offline(device)
    net = offline.network
    return Network(offline.name, net, lambda x: offline.maps(x)[2:], lambda x: net.extract_features((x * 255 - MEAN) / STD))


def accuracy(truth: Sequence[str], answers: Sequence[str]) -> tuple[float, float]:
    """Return (share of right answers, mean over defects of each one's share), 0 to 1. Raises DataError for nothing to count."""
    if not truth or len(truth) != len(answers):
        raise DataError(f"got {len(answers)} answers to {len(truth)} pictures; expected one each, and at least one.")
    names, counts = confusion(truth, answers)
    present = counts.sum(1) > 0
    return float(np.trace(counts) / counts.sum()), float((np.diag(counts)[present] / counts.sum(1)[present]).mean())


def confusion(truth: Sequence[str], answers: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return (names, counts): counts[i, j] pictures of defect i were called j."""
    names = tuple(sorted({*truth, *answers}))
    counts = np.zeros((len(names), len(names)), int)
    for true, answer in zip(truth, answers, strict=True):
        counts[names.index(true), names.index(answer)] += 1
    return names, counts


class Pools:
    """The pictures to learn from, real and made, by defect."""

    def __init__(self, real: list[Sample], made: list[Sample], share: float) -> None:
        self.real, self.made = real, made
        self.names = tuple(sorted({sample.defect for sample in real + made}))
        self._share = 0.0 if not made else 1.0 if not real else share
        self._of = {
            kind: {name: [i for i, sample in enumerate(pool) if sample.defect == name] for name in self.names}
            for kind, pool in (("real", real), ("made", made))
        }

    def draw(self, g: np.random.Generator) -> tuple[str, int, int]:
        """Return (kind, index in that pool, label) of a random picture: first of a defect, then of a kind that has it."""
        label = int(g.integers(len(self.names)))
        kind = "made" if g.random() < self._share else "real"
        if not self._of[kind][self.names[label]]:
            kind = "real" if kind == "made" else "made"
        members = self._of[kind][self.names[label]]
        return kind, members[int(g.integers(len(members)))], label


@dataclass(frozen=True)
class Looks:
    """Random views of the pictures to learn from; each depends on the seed, the picture's place in its pool and a number."""

    pools: Pools
    side: int
    values: PixelRange
    whole: bool
    turns: bool
    seed: int

    def look(self, kind: str, index: int, number: int) -> np.ndarray:
        """Return view `number` of a picture, (S, S, 3) float32 in [0, 1]."""
        sample = (self.pools.real if kind == "real" else self.pools.made)[index]
        g = numpy_generator(self.seed, "classifier view", kind, index, number)
        return view(sample, self.side, self.values, self.whole, self.turns, g)


def _train_head(network: Network, looks: Looks, steps: int, device: str) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """Train a linear layer on features of views that are embedded once."""
    pools = looks.pools
    views = {"real": VIEWS, "made": int(np.clip(MADE_VIEWS // max(1, len(pools.made)), 2, VIEWS))}
    features = {
        kind: torch.stack([embed(network, [looks.look(kind, i, v) for v in range(views[kind])], device) for i in range(len(pool))])
        for kind, pool in (("real", pools.real), ("made", pools.made))
        if pool
    }  # (pictures, views, D)
    base = features["real" if pools.real else "made"].flatten(0, 1)
    centre, spread = base.mean(0), base.std(0) + 1e-6
    weight = torch.zeros(base.shape[1], len(pools.names), requires_grad=True)
    bias = torch.zeros(len(pools.names), requires_grad=True)
    optimiser = torch.optim.Adam([weight, bias], lr=3e-3)
    for step in range(steps):
        g = numpy_generator(looks.seed, "classifier batch", step)
        drawn = [pools.draw(g) for _ in range(BATCH)]
        x = torch.stack([features[kind][index, int(g.integers(views[kind]))] for kind, index, _ in drawn])
        logits = (x - centre) / spread @ weight + bias
        loss = F.cross_entropy(logits, torch.tensor([label for *_, label in drawn])) + DECAY / 2 * weight.square().sum()
        optimiser.zero_grad()
        loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * (1 - step / steps)
        optimiser.step()
    weight, bias = weight.detach(), bias.detach()
    return lambda seen: ((embed(network, seen, device) - centre) / spread @ weight + bias).numpy()


@torch.no_grad()
def embed(network: Network, seen: Sequence[np.ndarray], device: str = "cpu") -> Tensor:
    """Return (N, D) float32 features of views (S, S, 3): of three levels the mean over the view, and over its middle half each way,
    where the defect lies."""
    rows = []
    for start in range(0, len(seen), CHUNK):
        pooled = []
        for level in network.levels(_tensor(seen[start : start + CHUNK], device)):
            top, left = level.shape[-2] // 4, level.shape[-1] // 4
            middle = level[..., top : level.shape[-2] - top, left : level.shape[-1] - left]
            pooled += [level.mean((2, 3)), middle.mean((2, 3))]
        rows.append(torch.cat(pooled, 1).float().cpu())
    return torch.cat(rows)


def _train_whole(network: Network, looks: Looks, steps: int, device: str) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """Train the whole network with a new last layer."""
    cuda = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda):  # the first weights, and what the network drops while it learns
        seed = derive(looks.seed, "classifier")
        torch.random.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(cuda[0]):  # its state, too, is given back by the fork
                torch.cuda.manual_seed(seed)
        width = network.last(torch.zeros(1, 3, looks.side, looks.side, device=device)).shape[1]
        head = nn.Linear(width, len(looks.pools.names)).to(device)
        parameters = [*network.module.requires_grad_().parameters(), *head.parameters()]
        optimiser = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
        network.module.train()
        for step in range(steps):
            g = numpy_generator(looks.seed, "classifier batch", step)
            drawn = [looks.pools.draw(g) for _ in range(TUNED_BATCH)]
            x = _tensor([looks.look(kind, index, step * TUNED_BATCH + i) for i, (kind, index, _) in enumerate(drawn)], device)
            labels = torch.tensor([label for *_, label in drawn], device=device)
            loss = F.cross_entropy(head(network.last(x).mean((2, 3))), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        network.module.eval().requires_grad_(False)

    @torch.no_grad()
    def answer(seen: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(head(network.last(_tensor(seen, device)).mean((2, 3))).float().cpu())

    return answer


def _tensor(seen: Sequence[np.ndarray], device: str) -> Tensor:
    return torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2).to(device)  # (B, 3, S, S)


def _sorted(samples: Sequence[Sample]) -> list[Sample]:
    return sorted(samples, key=lambda sample: (sample.defect, sample.source.as_posix()))
