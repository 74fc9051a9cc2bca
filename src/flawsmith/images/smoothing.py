"""Pictures through a Gaussian, whole or inside of a mask alone."""

import cv2
import numpy as np


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Return a picture (H, W, C) through a Gaussian of `sigma` pixels, mirrored at its border."""
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT).reshape(picture.shape)


def mean_inside(picture: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Return the mean of a picture (H, W, C) inside a mask (H, W) bool about each pixel, by the weights of a Gaussian; 0 far from the mask.

    Normalised convolution (Knutsson and Westin 1993): what lies outside of the mask has no weight.
    """
    inside = mask[..., None].astype(np.float32)
    return np.asarray(blurred((inside * picture).astype(np.float32), sigma) / np.maximum(blurred(inside, sigma), 1e-6))
