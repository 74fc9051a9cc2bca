"""Fixtures that draw picture files and data folders."""

from drawn_files import chunk_fixture, mvtec, noise_fixture, png_fixture, tiff_fixture, turned  # noqa: F401
