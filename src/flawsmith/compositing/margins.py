"""How far a defect and its surroundings reach, and the least that counts: what compositing and checks have in common."""

NEAR = 8  # pixels: how far around a mask its surroundings reach
FEW = 12  # fewest pixels that a statistic is taken over
STEP = 1 / 255  # one grey level of 8 bits: smaller differences are not called structure
DARK = 0.02  # added to the brightness, 0 to 1, before a ratio is taken: of black nothing is a share
BLEED = 2  # pixels that a defect may show beyond its labelled mask
