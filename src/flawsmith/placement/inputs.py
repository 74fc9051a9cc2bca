"""What the user says of where defects may go."""

from dataclasses import dataclass, field

from flawsmith.placement.regions import Foregrounds, PlaceMap, Regions


@dataclass(frozen=True)
class PlacementInputs:
    """The user's regions, place maps and masks of the object, each checked for every normal."""

    regions: dict[str, Regions] = field(default_factory=dict)  # by the text given
    places: PlaceMap | None = None
    foregrounds: Foregrounds | None = None
