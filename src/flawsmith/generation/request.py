"""What a run of `generate` is asked for, checked as a whole before anything is drawn."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.folders import check_output
from flawsmith.generation.following import USUAL, Following
from flawsmith.generation.liked import Name, named_pictures
from flawsmith.generation.plan import Plan, PlanFile, SamplingPlan, choose_defects, list_pictures, parse_per_image, parse_severity
from flawsmith.images.files import bit_depth
from flawsmith.pairs.folder import PAIRS
from flawsmith.pairs.forms import EXACT, check_form
from flawsmith.placement.inputs import PlacementInputs
from flawsmith.placement.regions import Foregrounds, PlaceMap, Regions, parse_box
from flawsmith.placement.shapes import parse_size
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product


@dataclass(frozen=True)
class Request:
    """The wishes for a run; each is an option of `flawsmith generate` of the same name."""

    count: int | None = None  # accepted pairs to make; not with `plan`
    defect: str | Sequence[str] | None = None  # these kinds only
    onto: Name | None = None  # folder of normals, or a list of them; None = those learned from
    free: bool = False  # the whole picture from noise
    region: Name | None = None  # mask, folder of masks, or rect:X,Y,W,H or ellipse:X,Y,W,H
    place_map: Name | None = None  # grey picture, or a folder of them: where defects are likely
    foreground: Name | None = None  # folder of masks of the object
    size: str | float | None = None  # of the longer side: 40px, 20-60px, 0.5x, 0.5-2x
    severity: str | float | tuple[float, float] = 1.0  # 1 as learned, or a range
    per_image: str | int | tuple[int, int] = 1  # defects in one picture, or a range
    mix: bool = False  # kinds of defect in one picture may differ
    plan: Name | None = None  # JSON lines, a row for each wanted pair
    pick_from: int = 0  # make this many accepted pairs and keep the `count` most different ones; 0 = off
    seed: int = 0
    start: int = 0  # number of the first pair
    like: Name | Sequence[Name] | None = None  # pictures, folders, lists: defects to follow instead of those learned from
    strength: float = USUAL  # 0: the kind alone, no exemplar; USUAL: several exemplars; 1: one exemplar, in its own shape
    mask: str = EXACT  # or LABELLED: which form of the masks is written into ground_truth; the pictures are the same

    @property
    def bounded(self) -> bool:
        """Whether it says where defects may lie, or there are no normals that they lie in."""
        return self.free or any(path is not None for path in (self.region, self.place_map, self.foreground, self.plan))

    def inputs(self) -> list[Path]:
        """Return the files and folders it names, which no output may overwrite."""
        given = (self.onto, self.region, self.place_map, self.foreground, self.plan)
        return [Path(str(path)) for path in given if path is not None and parse_box(str(path)) is None]


@dataclass(frozen=True)
class PreparedRequest:
    """A request that has been checked."""

    plan: Plan
    indexes: range  # numbers of the pairs
    placement: PlacementInputs
    normals: list[Path]
    inputs: list[Path]  # the files and folders it names
    following: Following
    mask: str  # form of the masks

    def check_output(self, out: Path, overwrite: bool) -> None:
        """Raise OutputExistsError unless `out` may be written to, and holds none of what the request names."""
        masks = [Path(text) for text in self.placement.regions if parse_box(text) is None]
        check_output(out, PAIRS, overwrite, [*self.normals, *self.inputs, *masks])


def prepare_request(
    request: Request,
    product: Product,
    own_normals: Callable[[], list[Path]],
    read: Callable[[list[Path], list[Path]], list[Exemplar]] | None = None,
) -> PreparedRequest:
    """Return the job of a request; raises FlawsmithError for the first thing in it that cannot be done.

    own_normals: returns those learned from; read: returns the defects in pictures to follow, given with the normals that are drawn onto;
    None where the network follows no exemplars.
    """
    check_together(request)
    if read is None and (request.like is not None or request.strength != USUAL):
        told = "--like" if request.like is not None else "--strength"
        raise ConfigError(f"{told}: this model is on a model.backbone, which follows no exemplars; leave it out, or fit without one.")
    defects = choose_defects(product.shape.defects, request.defect)
    normals = [] if request.free else list_pictures(Path(request.onto)) if request.onto else own_normals()
    pictures = [] if request.like is None else named_pictures(request.like)
    liked: dict[str, list[Exemplar]] = {}
    for exemplar in read(pictures, normals) if read is not None and pictures else []:
        if exemplar.defect in defects:
            liked.setdefault(exemplar.defect, []).append(exemplar)
    if pictures and not liked:
        raise ConfigError(f"--like {request.like}: shows none of the defects that --defect names, {', '.join(defects)}.")
    if request.defect is None and request.plan is None and liked:
        defects = [name for name in defects if name in liked]
    plan: Plan
    if request.plan is not None:
        plan = rows = PlanFile(Path(request.plan), defects, normals, request.seed)
        indexes = range(len(rows))
        normals = rows.normals
        regions = rows.regions()
    else:
        region = None if request.region is None else str(request.region)
        size = None if request.size is None else parse_size(request.size)
        severity, per_image = parse_severity(request.severity), parse_per_image(request.per_image)
        plan = SamplingPlan(defects, normals, request.seed, region, size, severity, per_image, request.mix)
        indexes = range(request.start, request.start + max(request.count or 0, request.pick_from))
        regions = {region: Regions(region, normals)} if region else {}
    _check_depth(normals, product)
    _check_sizes(plan, indexes if request.plan is not None else range(len(defects)), product)
    places = PlaceMap(Path(request.place_map), normals) if request.place_map else None
    folder = Path(request.foreground) if request.foreground else None
    placement = PlacementInputs(regions, places, Foregrounds(folder, product.background, product.scale, normals))
    following = Following(request.strength, liked)
    return PreparedRequest(plan, indexes, placement, normals, [*request.inputs(), *pictures], following, request.mask)


def check_together(request: Request) -> None:
    """Raise ConfigError for options that do not go together."""
    graded = parse_severity(request.severity) != (1, 1)
    several = parse_per_image(request.per_image)
    check_form(request.mask)
    if not 0 <= request.strength <= 1:
        raise ConfigError(f"--strength {request.strength}: expected a number from 0 (the kind alone) to 1 (close to one exemplar).")
    where = {"--region": request.region, "--place-map": request.place_map, "--foreground": request.foreground, "--size": request.size}
    if request.free:
        given = [name for name, value in where.items() if value is not None]
        given += ["--onto"] * (request.onto is not None)
        given += ["--severity"] * graded + ["--per-image"] * (several != (1, 1)) + ["--mix"] * request.mix
        given += ["--like"] * (request.like is not None) + ["--strength"] * (request.strength != USUAL)
        if given:
            raise ConfigError(f"{given[0]}: is about defects on a normal; it does not go with --free, which makes the whole from noise.")
    if request.plan is None:
        if request.count is None:
            raise ConfigError("--count: is missing; say how many accepted pairs are wanted, or give a --plan.")
        if request.count < 1:
            raise ConfigError(f"--count {request.count}: expected at least 1.")
        if request.pick_from and request.pick_from < request.count:
            raise ConfigError(f"--pick-from {request.pick_from}: is less than --count {request.count}; expected more to choose from.")
        if request.start < 0:
            raise ConfigError(f"--start {request.start}: expected 0 or more.")
        if request.mix and several[1] == 1:
            raise ConfigError("--mix: is about several defects in one picture; add --per-image 2, or a range such as 1-3.")
        return
    given = ["--count"] * (request.count is not None) + ["--pick-from"] * bool(request.pick_from) + ["--mix"] * request.mix
    given += [name for name in ("--region", "--size") if where[name] is not None] + ["--start"] * bool(request.start)
    given += ["--severity"] * graded + ["--per-image"] * (several != (1, 1))
    if given:
        raise ConfigError(f"{given[0]}: does not go with --plan, whose rows say how many pairs are wanted and what each is like.")


def _check_sizes(plan: Plan, indexes: Iterable[int], product: Product) -> None:
    """Raise ConfigError for the first size that comes to less than a pixel of what real defects of its kind are."""
    for defect, size in dict.fromkeys((spec.defect, spec.size) for index in indexes for spec in plan(index, 0).defects):
        if size is not None and defect in product.sides:
            size.check(defect, product.sides[defect])


def _check_depth(normals: Sequence[Path], product: Product) -> None:
    """Raise DataError for the first normal of another bit depth than the pictures learned from."""
    expected = int(product.scale.dtype.removeprefix("uint"))
    for normal in normals:
        if (found := bit_depth(normal)) != expected:
            raise DataError(
                f"{normal}: has {found} bits per channel, but the model learned from {expected}; "
                "use pictures of the same camera, or fit again with these."
            )
