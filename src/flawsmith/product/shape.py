"""What of the product decides the shapes of a network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSpec:
    """What a model was built for."""

    defects: tuple[str, ...]  # names without "good"
    colours: int  # 1 or 3
    window: int  # side in pixels of the square it sees
