"""Which of several processes this one is that work on the same thing, as `accelerate launch` and torchrun say it."""

import os


def rank() -> int:
    """Return this process's number; the one with 0 writes and speaks."""
    return int(os.environ.get("RANK", 0))


def processes() -> int:
    """Return how many work together."""
    return int(os.environ.get("WORLD_SIZE", 1))


def processes_here() -> int:
    """Return how many of them share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def rank_here() -> int:
    """Return this process's number among those on this machine."""
    return int(os.environ.get("LOCAL_RANK", 0))
