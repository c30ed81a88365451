"""A ball of blobs and a known smooth warp of it, for the deformable tests."""

from __future__ import annotations

import numpy as np

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.volume import Volume

SPACING = 2.0


def grid(shape: tuple[int, int, int]) -> Grid:
    affine = np.diag([SPACING] * 3 + [1.0])
    affine[:3, 3] = -SPACING * (np.array(shape[::-1]) - 1) / 2
    return Grid(shape, affine)


class Warp:
    """A sum of a few sine waves, ``peak`` mm at most along each axis; fixed to moving points."""

    def __init__(self, peak: float, *, flat: bool = False, wavelength: float = 60.0) -> None:
        self.peak, self.flat, self.turns = peak, flat, 2 * np.pi / wavelength

    def apply(self, points):
        x = np.asarray(points, dtype=np.float64)
        shift = self.peak * np.stack(
            [
                np.sin(self.turns * x[..., 1] + 0.3),
                np.cos(self.turns * x[..., 0]) * (1 if self.flat else np.cos(x[..., 2] / 15)),
                0 * x[..., 0] if self.flat else np.sin(self.turns * x[..., 0] - 1.0),
            ],
            axis=-1,
        )
        return x + shift


def anatomy(points, *, inverted: bool = False):
    """A ball with random soft structures inside, evaluated at RAS points."""
    x = np.asarray(points, dtype=np.float64)
    rng = np.random.default_rng(3)
    inside = np.zeros(x.shape[:-1])
    for _ in range(40):
        center = rng.uniform(-20, 20, 3)
        center[2] *= 1 if np.ptp(x[..., 2]) > 0 else 0.2  # more of them meet a single slice
        radii = rng.uniform(4, 9)
        far = np.linalg.norm(x - center, axis=-1) / radii
        inside = np.where(far < 1, rng.uniform(0.2, 1.0), inside)
    shell = 1 / (1 + np.exp(np.linalg.norm(x, axis=-1) - 24))
    tissue = 0.35 + 0.65 * inside
    return shell * (1.3 - tissue if inverted else tissue)


def pair(shape=(28, 30, 32), *, peak=3.0, inverted=False, seed=0):
    """Fixed and moving volume, and the truth."""
    flat = shape[0] == 1
    there = grid(shape)
    warp = Warp(peak, flat=flat)
    rng = np.random.default_rng(seed)
    images = []
    for name, points, other in (
        ("fixed", warp.apply(there.points()), False),
        ("moving", there.points(), inverted),
    ):
        values = smooth(points, other) + 0.01 * rng.standard_normal(shape)
        images.append(Volume((500 * values).astype(np.float32), there.affine, name))
    return images[0], images[1], warp


def smooth(points, inverted):
    """Average over eight (or four) places in a voxel, as a scanner does."""
    flat = points.shape[0] == 1
    total = 0.0
    shifts = [-0.25, 0.25]
    offsets = [(a, b, c) for a in shifts for b in shifts for c in ([0] if flat else shifts)]
    for offset in offsets:
        total = total + anatomy(points + np.array(offset) * SPACING, inverted=inverted)
    return total / len(offsets)


def body_points(fixed, *, radius=21.0):
    points = fixed.grid.points().reshape(-1, 3)
    return points[np.linalg.norm(points, axis=1) < radius]


def error(result, warp, fixed):
    """Mean TRE in mm over the ball."""
    points = body_points(fixed)
    return np.linalg.norm(result.transform.apply(points) - warp.apply(points), axis=1).mean()
