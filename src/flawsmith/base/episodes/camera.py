"""Light and camera: from a scene to pixels."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from flawsmith.base.episodes.fields import blurred, grey, grid, log_uniform
from flawsmith.base.episodes.scene import Scene

HALF = 0.5  # level at which binary cameras tell black from white


@dataclass(frozen=True)
class Camera:
    """How one unit is lit and recorded. Units of one product differ a little, products much."""

    azimuth: float  # of the light, radians
    elevation: float  # of the light, radians: low for raking light
    diffuse: float  # share of the light that comes from there; the rest comes from all around
    exposure: float  # factor on the light
    slope: tuple[float, float]  # change of brightness across the window, down and right, as shares
    vignette: float  # loss of light in the corners of the picture, as a share
    blur: float  # of the lens, sigma in pixels
    sharpen: float  # unsharp mask of the camera's own processing, 0 none
    gamma: float  # of the recorded values
    black: float  # recorded value of darkness
    white: float  # recorded value of full light
    levels: int  # steps of the recorded range before it is stretched, as in dark pictures that were brightened
    read_noise: float  # standard deviation, as a share of the range
    shot_noise: float  # standard deviation at white
    jpeg: int  # quality; 0 = none
    grey: bool  # one channel
    binary: bool  # black and white alone: thresholded pictures


def draw_camera(g: np.random.Generator, one_channel: bool, binary: bool) -> Camera:
    """Return the camera and light of a product."""
    black, white = 0.0, 1.0
    if g.random() < 0.3:  # low contrast
        white = g.uniform(0.2, 0.6)
        black = g.uniform(0, 1 - white)
    raking, steep = g.random() < 0.5, 0.2 if g.random() < 0.25 else 0.05
    return Camera(
        azimuth=float(g.uniform(0, 2 * np.pi)),
        elevation=float(g.uniform(0.2, 0.7) if raking else g.uniform(0.7, 1.4)),
        diffuse=float(g.uniform(0.1, 0.9)),
        exposure=float(np.exp(g.normal(0, 0.3))),
        slope=(float(g.normal(0, steep)), float(g.normal(0, steep))),
        vignette=float(g.uniform(0, 0.3)) * (g.random() < 0.4),
        blur=float(g.choice([0.0, 0.4, 0.6, 0.9, 1.4])),
        sharpen=float(g.uniform(0, 1)) * (g.random() < 0.3),
        gamma=log_uniform(g, 0.5, 2.0),
        black=float(black),
        white=float(black + white if white < 1 else 1.0),
        levels=int(g.integers(30, 256)) if g.random() < 0.15 else 0,
        read_noise=float(10 ** g.uniform(-3.3, -1.6)),
        shot_noise=float(10 ** g.uniform(-3.3, -1.5)),
        jpeg=int(g.integers(45, 97)) if g.random() < 0.25 else 0,
        grey=one_channel,
        binary=binary,
    )


def vary_camera(camera: Camera, g: np.random.Generator, spread: float) -> Camera:
    """Return the camera for another unit; spread: 0 the same, 1 as far as units of one product go."""
    return replace(
        camera,
        exposure=camera.exposure * float(np.exp(0.12 * spread * g.normal())),
        slope=(camera.slope[0] + 0.05 * spread * float(g.normal()), camera.slope[1] + 0.05 * spread * float(g.normal())),
        azimuth=camera.azimuth + 0.15 * spread * float(g.normal()),
    )


def draw_noise(camera: Camera, side: int, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the noise of one exposure for pictures of `side` pixels: of reading and of photons, (S, S, C) float32 of spread 1."""
    channels = 1 if camera.grey else 3
    return g.standard_normal((side, side, channels), dtype=np.float32), g.standard_normal((side, side, channels), dtype=np.float32)


def record(scene: Scene, camera: Camera, noise: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return the picture (S, S, 3) uint8 of a scene. Two scenes with the same noise give pictures that are equal where the scenes are,
    but for what lens, sharpening and JPEG carry over.
    """
    if camera.binary:
        white = blurred(grey(scene.albedo), 0.6) > HALF
        return np.repeat((255 * white).astype(np.uint8)[..., None], 3, -1)
    return _coded(_exposed(_shaded(scene, camera), camera, *noise), camera)


def _shaded(scene: Scene, camera: Camera) -> np.ndarray:
    """Return the light (S, S, 3) that comes back: Lambert's law and a highlight of Blinn's, seen from straight above."""
    gx, gy = cv2.Sobel(scene.height, -1, 1, 0, ksize=1, scale=0.5), cv2.Sobel(scene.height, -1, 0, 1, ksize=1, scale=0.5)
    ly, lx = (np.float32(f(camera.azimuth) * np.cos(camera.elevation)) for f in (np.sin, np.cos))
    lz = np.float32(np.sin(camera.elevation))
    length = 1 / np.sqrt(gx * gx + gy * gy + 1)
    facing = np.maximum((lz - gx * lx - gy * ly) * length, 0) / lz  # 1 on a flat surface
    light = np.float32(1 - camera.diffuse) + np.float32(camera.diffuse) * facing
    shown = scene.albedo * light[..., None]
    if not scene.gloss.any():
        return shown
    half = np.array([lx, ly, lz + 1], np.float32) / np.sqrt(2 + 2 * lz)
    power = 8 + 60 * scene.gloss
    shine = np.maximum((half[2] - gx * half[0] - gy * half[1]) * length, 0) ** power - half[2] ** power
    return shown + (0.5 * scene.gloss * shine)[..., None]


def _exposed(light: np.ndarray, camera: Camera, read: np.ndarray, shot: np.ndarray) -> np.ndarray:
    """Return the recorded values (S, S, C) float32, 0 to 1."""
    side = light.shape[0]
    y, x = (2 * v / (side - 1) - 1 for v in grid(side))
    fall = 1 + camera.slope[0] * y + camera.slope[1] * x - camera.vignette * (y * y + x * x) / 2
    image = grey(light)[..., None] if camera.grey else light
    image = np.maximum(image * (camera.exposure * fall)[..., None], 0).astype(np.float32)
    image = blurred(image, camera.blur)
    if camera.sharpen > 0:
        image = image + np.float32(camera.sharpen) * (image - blurred(image, 1.0))
    image = np.clip(image, 0, 1) ** np.float32(camera.gamma)
    image = image + np.float32(camera.read_noise) * read + np.float32(camera.shot_noise) * np.sqrt(image) * shot
    if camera.levels:
        image = np.rint(camera.levels * image) / np.float32(camera.levels)
    return camera.black + np.float32(camera.white - camera.black) * np.clip(image, 0, 1)


def _coded(image: np.ndarray, camera: Camera) -> np.ndarray:
    """Return recorded values as pixels (S, S, 3) uint8, through JPEG if the camera stores that."""
    pixels = np.rint(255 * image).astype(np.uint8)
    if camera.jpeg:
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])[1]
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE if camera.grey else cv2.IMREAD_COLOR))
    return np.repeat(pixels.reshape(*image.shape[:2], 1), 3, -1) if camera.grey else pixels
