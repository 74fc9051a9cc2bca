"""Classical ways to make defects, for comparison: copy-paste, Poisson-blended paste, Perlin textures, CutPaste."""
