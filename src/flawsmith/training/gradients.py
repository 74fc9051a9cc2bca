"""The gradients of a batch, in as many pieces as fit into memory."""

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from flawsmith.config.schema import TrainingConfig
from flawsmith.core.errors import RunError
from flawsmith.training.latents import Encoded
from flawsmith.training.pool import Batch

# what plain errors say, the last that of convolutions on a CPU
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED", "could not create a primitive")


class Gradients:
    """Fills the gradients of a batch's loss, whose windows go through the network in pieces of equal size, one after the other.

    Several processes have a share of the batch each. Where memory does not suffice, the batch goes through in half as large pieces from
    then on: the step and the batch stay the same.
    """

    def __init__(
        self, loss_of: nn.Module, accelerator: Accelerator, optimiser: Any, config: TrainingConfig, smaller: Callable[[int], None]
    ) -> None:
        """loss_of: gives the `Loss` of a batch; smaller: is told how many pieces there are now."""
        self.pieces = config.pieces
        self._loss_of, self._accelerator, self._optimiser, self._smaller = loss_of, accelerator, optimiser, smaller
        self._batch, share = config.batch, config.batch // accelerator.num_processes
        self._first, self._share = share * accelerator.process_index, share  # of the batch: this process's windows

    def fill(self, batch: Batch | Encoded, generator: Callable[[], torch.Generator]) -> dict[str, float]:
        """Return the loss and its terms by name; the gradients are those of the whole batch.

        batch: this process's windows of it; generator: returns that of the step, the same at each call. Raises RunError where one window is
        too much, and every other error as it is, also where several processes train together, which would have to agree.
        """
        while (found := self._filled(batch, generator)) is None:
            self._optimiser.zero_grad()  # those of the first pieces
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.pieces = next(n for n in range(min(2 * self.pieces, self._share), self._share + 1) if self._share % n == 0)
            self._smaller(self.pieces)
        names = ("loss", "denoise", "align")
        means = self._accelerator.reduce(torch.stack([torch.stack(values) for values in found]), "mean")  # over the processes
        return {name: sum(float(value) for value in means[:, i]) / self.pieces for i, name in enumerate(names)}

    def _filled(self, batch: Batch | Encoded, generator: Callable[[], torch.Generator]) -> list[tuple[Tensor, ...]] | None:
        """Return what each piece measured; None where there was too little memory."""
        size = self._share // self.pieces
        found: list[tuple[Tensor, ...]] = []
        try:
            for first in range(0, self._share, size):
                part = batch[first : first + size]
                # prepared by accelerate: under its autocast
                loss = self._loss_of(part, generator(), self._first + first, self._batch)
                self._accelerator.backward(loss.total / self.pieces)
                found.append((loss.total.detach(), loss.denoise, loss.align))
            return found
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or self._accelerator.num_processes > 1:
                raise
            if self.pieces == self._share:
                raise RunError(
                    f"training: one window at a time does not fit into memory ({str(error).splitlines()[0][:120]}). End what else uses it, "
                    "or fit with --set training.checkpointing=true, --memory GB or a smaller data.window."
                ) from error
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a device or the machine has too little memory."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(text in str(error) for text in _NO_MEMORY)
