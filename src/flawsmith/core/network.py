"""What goes over the network: nothing unless weights are asked for by name, and with `--offline` nothing at all."""

import os

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")  # the hub's libraries read these as they are imported
QUIET = ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")  # nobody is told what is used here


def go_offline() -> None:
    """Have this process and those it starts fetch nothing; to be called before the hub's libraries are imported."""
    os.environ.update(dict.fromkeys(OFFLINE, "1"))


def tell_nobody() -> None:
    """Have libraries report nothing of their use, whatever their defaults; to be called before they are imported."""
    os.environ.update(dict.fromkeys(QUIET, "1"))


def is_offline() -> bool:
    """Return whether nothing is to be fetched."""
    return os.environ.get(OFFLINE[0], "").upper() in ("1", "ON", "YES", "TRUE")
