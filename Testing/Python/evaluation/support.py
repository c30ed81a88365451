"""What the tests of the evaluation share: smooth shapes on an oblique, unequal grid."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume

SHAPE = (16, 21, 26)
SPACING = (2.5, 1.1, 0.8)  # mm along k, j, i
GRID = Grid(
    SHAPE,
    Affine.from_parameters(
        rotation_deg=(10, -20, 30), scale=SPACING[::-1], translation_mm=(-20, 7, 40)
    ).matrix,
)


def blobs(seed: int, count: int = 4, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Smooth regions with the labels 0 to count - 1 that fill the array."""
    noise = np.random.default_rng(seed).normal(size=(count, *shape))
    return gaussian_filter(noise, (0, 2, 2, 2)).argmax(axis=0).astype(np.uint8)


def labels(array: np.ndarray, name: str = "labels", grid: Grid = GRID) -> Volume:
    """A label image on the grid of this module."""
    return Volume(array, grid.affine, name)


def ball(radius: float, center: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Voxels within a radius in voxels."""
    axes = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return sum((x - c) ** 2 for x, c in zip(axes, center, strict=True)) <= radius**2
