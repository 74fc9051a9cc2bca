"""A critic that tells drawn windows from those of the drawn world, so that what the network draws at time 1 is as crisp as they are.

The least mean square error is reached by the mean of all that could be there: lines that may lie a little here or there become bands, and
broken glass a dull area. A second network that learns to tell the two apart says so (Goodfellow et al. 2014); it judges cell by cell, as in
Isola et al. 2017, what is drawn beside the surface, the mask and the region.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from flawsmith.core.errors import RunError
from flawsmith.core.seeds import first_weights
from flawsmith.core.tensors import read_safetensors, write_safetensors
from flawsmith.models.dual_model import DualModel
from flawsmith.training.checkpoints import fill_optimiser, optimiser_tensors
from flawsmith.training.objective import Loss
from flawsmith.training.pool import Batch

WIDTH = 48  # channels of its first layer
HALVINGS = 2  # after so many layers the picture is halved
CELL = 2**HALVINGS  # pixels of a side that one answer is about
LEARNING_RATE, BETAS = 5e-4, (0.5, 0.99)
ALONE, RISE = 500, 300  # steps in which it learns without being heard, and in which it is heard more and more
ALIKE = 0.6  # what windows look like in the critic's own layers counts so much beside its answer (Wang et al. 2018)
PENALTY, PENALTY_EVERY = 4e-4, 8  # on the slope of its answers at real windows (Mescheder et al. 2018), every so many steps
SLOWLY = 0.02  # by how much of a step's balance the kept one changes


class Critic(nn.Module):
    """Convolutions that see a window: picture, its difference to the surface, the surface's tone, mask and region.

    No convolution takes steps: where kernels that overlap meet a pixel more often than its neighbours its gradients are steeper, and the
    network draws a grid of such pixels (Odena et al. 2016). Between layers the mean of 2 x 2 pixels is taken instead.
    """

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in ((9, w), (w, 2 * w), (2 * w, 3 * w), (3 * w, 3 * w))
        )
        self.out = nn.Conv2d(3 * w, 1, 3, padding=1)

    def forward(self, picture: Tensor, surface: Tensor, mask: Tensor, region: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return answers (B, 1, H / CELL, W / CELL), above 0 for real, and the features of every layer.

        picture, surface: (B, 3, H, W) in [-1, 1]; mask, region: (B, 1, H, W), 0 or 1.
        """
        x = torch.cat([picture, picture - surface, surface.mean(1, keepdim=True), mask, region], dim=1)
        features = []
        for number, layer in enumerate(self.layers):
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
            if number < HALVINGS:
                x = F.avg_pool2d(x, 2)
        return self.out(x), features


class Opponent:
    """A critic in training, and how much the network heeds it."""

    def __init__(self, share: float, seed: int, device: torch.device) -> None:
        """share: the critic's gradient at the drawn pictures, as a share of that of their error."""
        self.share = share
        with first_weights(seed):
            self.critic = Critic().to(device)
        self.optimiser = torch.optim.AdamW(self.critic.parameters(), lr=LEARNING_RATE, betas=BETAS, weight_decay=1e-4)
        self.steps = 0
        self._balance = 0.0

    def oppose(self, model: DualModel, batch: Batch, loss: Loss, precision: str) -> Tensor:
        """Let the critic learn from the windows of a batch; return what it adds to the loss of the network, a scalar.

        loss: of the batch, with its graph; only windows at time 1 are shown as drawn ones.
        """
        at_start = loss.times == 1
        if not at_start.any():
            return loss.total.new_zeros(())
        where = F.avg_pool2d(batch.region, CELL)
        surface = _surface(model, batch)
        with torch.autocast(batch.image.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            drawn = model.codec.decode(loss.clean[0, :, : model.codec.channels])
            drawn = (batch.region * drawn + (1 - batch.region) * batch.image)[at_start]
            beside = surface[at_start], batch.mask[at_start], batch.region[at_start]
            self._learn(batch, surface, where, drawn.detach(), beside, where[at_start])
            with _held(self.critic):
                answers, features = self.critic(drawn, *beside)
                with torch.no_grad():
                    _, real = self.critic(batch.image[at_start], *beside)
            against = -_mean(answers, where[at_start])
            apart = torch.stack([(a.float() - b.float()).abs().mean() for a, b in zip(features, real, strict=True)]).mean()
        self._weigh(loss, against, at_start)
        heard = min(max((self.steps - ALONE) / RISE, 0.0), 1.0)
        self.steps += 1
        return heard * self.share * self._balance * (against + ALIKE * apart)

    def _learn(
        self, batch: Batch, surface: Tensor, where: Tensor, drawn: Tensor, beside: tuple[Tensor, Tensor, Tensor], where_drawn: Tensor
    ) -> None:
        """Take one step of the critic with the hinge loss (Lim and Ye 2017)."""
        picture = batch.image.clone().requires_grad_(self.steps % PENALTY_EVERY == 0)
        real, _ = self.critic(picture, surface, batch.mask, batch.region)
        made, _ = self.critic(drawn, *beside)
        loss = _mean(F.relu(1 - real.float()), where) + _mean(F.relu(1 + made.float()), where_drawn)
        if picture.requires_grad:
            (slope,) = torch.autograd.grad((real * (where > 0)).sum(), picture, create_graph=True)
            loss = loss + PENALTY * slope.square().sum((1, 2, 3)).mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def _weigh(self, loss: Loss, against: Tensor, at_start: Tensor) -> None:
        """Follow how much larger the error's gradient at the drawn pictures is than the critic's (Esser et al. 2021, eq. 7)."""
        own, other = (torch.autograd.grad(x, loss.clean, retain_graph=True)[0][0, at_start].norm() for x in (loss.total, against))
        now = float(own / other.clamp(min=1e-8))
        self._balance = now if not self._balance else (1 - SLOWLY) * self._balance + SLOWLY * min(now, 4 * self._balance)

    def save(self, path: Path) -> None:
        """Write all of it."""
        tensors = {f"critic.{name}": w for name, w in self.critic.state_dict().items()}
        tensors |= optimiser_tensors(self.optimiser)
        content = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        metadata = {"share": repr(self.share), "steps": str(self.steps), "balance": repr(self._balance)}
        write_safetensors(path, save(content, metadata=metadata))

    def load(self, path: Path) -> None:
        """Become what `save` wrote. Raises RunError for a file that cannot be read."""
        try:
            tensors, metadata = read_safetensors(path)
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: cannot be read ({error}); delete it and the checkpoint of its step, and resume.") from error
        self.critic.load_state_dict({name[7:]: t for name, t in tensors.items() if name.startswith("critic.")})
        fill_optimiser(self.optimiser, tensors)
        self.share, self.steps, self._balance = float(metadata["share"]), int(metadata["steps"]), float(metadata["balance"])


def _surface(model: DualModel, batch: Batch) -> Tensor:
    """Return what the network is shown of the surfaces (B, C, H, W): the normal, or what is around the region, filled in."""
    cells = model.show(model.codec.encode(batch.background), batch.region, batch.known, batch.shape)
    return model.codec.decode(cells[:, : model.codec.channels])


def _mean(answers: Tensor, where: Tensor) -> Tensor:
    return (answers.float() * where).sum() / where.sum().clamp(min=1)


@contextmanager
def _held(critic: Critic) -> Iterator[None]:
    """Keep the critic's weights out of the graph during the block."""
    for p in critic.parameters():
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in critic.parameters():
            p.requires_grad_(True)
