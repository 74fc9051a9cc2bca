"""Light and camera: from a scene to pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes.fields import blurred, grid
from flawsmith.base.episodes.scene import Scene


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
    read_noise: float  # standard deviation, as a share of the range
    shot_noise: float  # standard deviation at white
    jpeg: int  # quality; 0 = none
    grey: bool  # one channel


def draw_camera(g: np.random.Generator, grey: bool) -> Camera:
    """Return the camera and light of a product."""
    return Camera(
        azimuth=float(g.uniform(0, 2 * np.pi)),
        elevation=float(g.uniform(0.25, 1.4)),
        diffuse=float(g.uniform(0.1, 0.8)),
        exposure=float(np.exp(g.normal(0, 0.2))),
        slope=(float(g.normal(0, 0.05)), float(g.normal(0, 0.05))),
        vignette=float(g.uniform(0, 0.2)) * (g.random() < 0.4),
        blur=float(g.choice([0.0, 0.4, 0.6, 0.9, 1.4])),
        sharpen=float(g.uniform(0, 1)) * (g.random() < 0.3),
        gamma=float(g.uniform(0.7, 1.5)),
        read_noise=float(10 ** g.uniform(-3, -1.7)),
        shot_noise=float(10 ** g.uniform(-3, -1.6)),
        jpeg=int(g.integers(60, 96)) if g.random() < 0.2 else 0,
        grey=grey,
    )


def vary_camera(camera: Camera, g: np.random.Generator, spread: float) -> Camera:
    """Return the camera for another unit; spread: 0 the same, 1 as far as units of one product go."""
    values = dict(camera.__dict__)
    values["exposure"] = camera.exposure * float(np.exp(0.12 * spread * g.normal()))
    values["slope"] = (camera.slope[0] + 0.05 * spread * float(g.normal()), camera.slope[1] + 0.05 * spread * float(g.normal()))
    values["azimuth"] = camera.azimuth + 0.15 * spread * float(g.normal())
    return Camera(**values)


def record(scenes: tuple[Scene, Scene], camera: Camera, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures (S, S, 3) uint8 of the same place without and with its defect, with the same noise in both.

    Where the scenes are alike the pictures are equal, but for what lens, sharpening and JPEG carry over from the defect.
    """
    side = scenes[0].height.shape[0]
    read = g.standard_normal((side, side, 1 if camera.grey else 3), dtype=np.float32)
    shot = g.standard_normal((side, side, 1 if camera.grey else 3), dtype=np.float32)
    pictures = [_expose(_shade(scene, camera), camera, read, shot) for scene in scenes]
    return pictures[0], pictures[1]


def _shade(scene: Scene, camera: Camera) -> np.ndarray:
    """Return the light (S, S, 3) that comes back: Lambert's law and a highlight of Blinn's, seen from straight above."""
    gy, gx = np.gradient(scene.height)
    length = np.sqrt(gx * gx + gy * gy + 1)
    ly, lx = np.sin(camera.azimuth) * np.cos(camera.elevation), np.cos(camera.azimuth) * np.cos(camera.elevation)
    lz = np.sin(camera.elevation)
    facing = np.maximum((-gx * lx - gy * ly + lz) / length, 0) / lz  # 1 on a flat surface
    half = np.array([lx, ly, lz + 1])
    half /= np.linalg.norm(half)
    shine = np.maximum((-gx * half[0] - gy * half[1] + half[2]) / length, 0) ** (8 + 60 * scene.gloss)
    flat = half[2] ** (8 + 60 * scene.gloss)
    light = 1 - camera.diffuse + camera.diffuse * facing
    return scene.albedo * light[..., None] + (0.5 * scene.gloss * (shine - flat))[..., None]


def _expose(light: np.ndarray, camera: Camera, read: np.ndarray, shot: np.ndarray) -> np.ndarray:
    side = light.shape[0]
    y, x = (2 * v / (side - 1) - 1 for v in grid(side))
    fall = 1 + camera.slope[0] * y + camera.slope[1] * x - camera.vignette * (y * y + x * x) / 2
    image = np.clip(light * (camera.exposure * fall)[..., None], 0, None).astype(np.float32)
    if camera.grey:
        image = image.mean(-1, keepdims=True)
    image = blurred(image, camera.blur)
    if camera.sharpen > 0:
        image = image + camera.sharpen * (image - blurred(image, 1.0))
    image = np.clip(image, 0, 1) ** camera.gamma
    image = image + camera.read_noise * read + camera.shot_noise * np.sqrt(image) * shot
    pixels = np.clip(np.rint(255 * image), 0, 255).astype(np.uint8)
    pixels = np.repeat(pixels, 3, -1) if camera.grey else pixels
    if camera.jpeg:
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])[1]
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
        if camera.grey:
            pixels = np.repeat(pixels[..., :1], 3, -1)
    return pixels
