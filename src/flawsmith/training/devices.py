"""The device that a training runs on, through accelerate."""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from flawsmith.core.errors import ConfigError
from flawsmith.core.processes import processes
from flawsmith.core.team import leave_in_order


def open_accelerator(device: str, precision: str) -> tuple[Accelerator, torch.device]:
    """Return accelerate's view of this process, and the device where its model and windows go.

    device: "cpu", "cuda", "cuda:1" or "mps". accelerate knows no index: with one it places nothing, and the caller does. Raises
    ConfigError for an index where several processes train together, each on a device of its own.
    """
    named = torch.device(device)
    if processes() > 1:
        leave_in_order()
    AcceleratorState._reset_state()  # it holds a process to its first precision; another run may want another
    accelerator = Accelerator(
        cpu=named.type == "cpu", mixed_precision="bf16" if precision == "bf16" else "no", device_placement=named.index is None
    )
    if named.index is None:
        return accelerator, accelerator.device
    if accelerator.num_processes > 1:
        raise ConfigError(f"--device {device}: names one device, but {accelerator.num_processes} processes train together; use cuda.")
    torch.cuda.set_device(named)
    return accelerator, named
