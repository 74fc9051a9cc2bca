"""The dual model on cells of pixels, which follows exemplars."""

import torch
from torch import Tensor
from torch.nn import functional as F

from flawsmith.config.schema import ModelConfig
from flawsmith.models.codecs import Unshuffle, encode_mask
from flawsmith.models.conditioning import TokenTable
from flawsmith.models.dual_cells import PLANES, DualCells
from flawsmith.models.dual_model import Condition, DualModel
from flawsmith.models.filling import fill_smoothly
from flawsmith.product.shape import ModelSpec

SHOWN = 0.5  # what the region's cells say where the background is the normal; 1 where it is erased

SPREAD = 0.5  # deviation of clean states from what is shown, as far as noise is weighed against it


class CellsModel(DualModel):
    """`DualModel` with a network of our own that is shown exemplars, the wanted shape and, where it is known, the normal in the region."""

    codec: Unshuffle
    tokens: TokenTable
    net: DualCells
    follows = True

    def __init__(self, config: ModelConfig, shape: ModelSpec, names: tuple[str, ...]) -> None:
        """names: of the token table, good and the defects."""
        codec = Unshuffle(max(1, shape.window // config.cells), shape.colours, PLANES)
        tokens = TokenTable(names, config.tokens, config.token_dim, config.width)
        branches = 2 if config.dual else 1
        interaction = config.interaction if config.dual else "none"
        net = DualCells(codec.factor, config.width, config.depth, config.head_dim, branches, interaction, config.saim_rank, config.pixels)
        super().__init__(shape, branches, codec, tokens, net, codec.factor**2)

    def forward(self, state: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Return the network's prediction, of the state's shape (branches, B, C, h, w). t: (B,) in [0, 1]."""
        cells = condition.cells.expand(self.branches, -1, -1, -1, -1)
        x = torch.cat([self._estimated(state, t, condition.cells), cells], dim=2)
        assert condition.pooled is not None
        y = self.net(x, t, condition.pooled, condition.features)
        return y * self.mask_of_state(y)

    def _estimated(self, state: Tensor, t: Tensor, cells: Tensor) -> Tensor:
        """Return what a noisy state says by itself: what is shown, and of the difference to it the less the more noise there is.

        A network that is given raw noise never ignores it quite, even where it says nothing: it is seen in what is drawn. Were clean
        states about what is shown with a deviation of SPREAD, Wiener's filter would say which share of the difference belongs to their
        mean. Its root is given, for the share itself hides at times of 0.5 to 0.9 what many pixels say together. At time 1 this is the
        background and the wanted shape themselves, at time 0 the state.
        """
        background, wanted = cells[:, : self.codec.channels], cells[:, -(self.factor**2) :]
        without = torch.zeros_like(background), torch.zeros_like(wanted)
        shown = [(background, wanted)] if self.branches == 1 else [(background, without[1]), (without[0], wanted)]
        expected = torch.stack([torch.cat(both, dim=1) for both in shown])
        left = (1 - t)[:, None, None, None]
        share = left * SPREAD**2 / (left**2 * SPREAD**2 + (1 - left) ** 2)
        return expected + share.sqrt() * (state - left * expected)

    def show(self, background: Tensor, region: Tensor, known: Tensor | None = None, shape: Tensor | None = None) -> Tensor:
        """Return the cells (B, C, h, w): background (3 planes), region and shape; as in `DualModel`.

        What is erased of the background is filled smoothly from around it: the network draws what differs from that.
        """
        erased = region if known is None else region * (1 - known[:, None, None, None])
        told = SHOWN * region + (1 - SHOWN) * erased
        background = F.pixel_unshuffle(fill_smoothly(F.pixel_shuffle(background, self.factor), erased), self.factor)
        wanted = torch.zeros_like(region) if shape is None else shape
        return torch.cat([background, encode_mask(told, self.factor), encode_mask(wanted, self.factor)], dim=1)

    def tell(self, cells: Tensor, ids: Tensor, noise: Tensor | None = None, exemplars: Tensor | None = None) -> Condition:
        """Return what the network is told, with the cells (B, C, h, w) of `show`; else as `DualModel.condition`."""
        tokens, pooled = self.tokens(ids, self.branches, noise)
        region = cells[:, self.codec.channels : self.codec.channels + self.factor**2]
        clean = None
        if exemplars is not None and exemplars.shape[1]:
            flat = exemplars.flatten(0, 1)  # (B K, C + 1, S, S)
            clean = torch.cat([self.codec.encode(flat[:, :-1]), encode_mask(flat[:, -1:], self.factor)], dim=1)
            clean = clean.unflatten(0, exemplars.shape[:2])
        return Condition(cells, tokens, pooled, self.net.record(region, clean))
