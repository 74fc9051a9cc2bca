"""What the values in VisA's masks stand for: its authors number the kinds of each product's anomalies from 1.

The names are those of image_anno.csv, in small letters.
"""

CLASSES: dict[str, tuple[str, ...]] = {
    "candle": (
        "chunk of wax missing",
        "damaged corner of packaging",
        "weird candle wick",
        "different colour spot",
        "extra wax in candle",
        "foreign particals on candle",
        "wax melded out of the candle",
        "other",
    ),
    "capsules": ("bubble", "discolor", "scratch", "leak", "misshape"),
    "cashew": (
        "burnt",
        "corner or edge breakage",
        "different colour spot",
        "middle breakage",
        "small holes",
        "small scratches",
        "stuck together",
        "same colour spot",
        "other",
    ),
    "chewinggum": ("chunk of gum missing", "corner missing", "scratches", "similar colour spot", "small cracks", "other"),
    "fryum": (
        "burnt",
        "corner or edge breakage",
        "different colour spot",
        "fryum stuck together",
        "middle breakage",
        "similar colour spot",
        "small scratches",
        "other",
    ),
    "macaroni1": (
        "chip around edge and corner",
        "different colour spot",
        "middle breakage",
        "similar colour spot",
        "small cracks",
        "small scratches",
        "other",
    ),
    "macaroni2": (
        "breakage down the middle",
        "color spot similar to the object",
        "different color spot",
        "small chip around edge",
        "small cracks",
        "small scratches",
        "other",
    ),
    **dict.fromkeys(("pcb1", "pcb2", "pcb3"), ("bent", "melt", "scratch", "missing")),
    "pcb4": ("burnt", "scratch", "missing", "damage", "extra", "wrong place", "dirt"),
    "pipe_fryum": (
        "burnt",
        "corner and edge breakage",
        "different colour spot",
        "middle breakage",
        "similar colour spot",
        "small scratches",
        "stuck together",
        "small cracks",
        "other",
    ),
}


def class_names(product: str) -> dict[str, str]:
    """Return the kinds of a product's anomalies by the text of their number; none for what is no product of VisA."""
    return {str(number): name for number, name in enumerate(CLASSES.get(product.casefold(), ()), start=1)}
