"""A head that is a function of the place, so that pairs on any grid have an exact truth."""

from __future__ import annotations

import numpy as np

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume

# Ellipsoids, each painted over those before it: center, radii (RAS mm), brightness in T1 and T2.
ELLIPSOIDS = (
    ((0, 0, 0), (60, 76, 66), 0.85, 0.55),
    ((0, 0, 0), (55, 71, 61), 0.12, 0.08),
    ((0, 0, 0), (52, 68, 58), 0.15, 1.00),
    ((2, -2, 2), (49, 64, 54), 0.55, 0.60),
    ((0, 6, 9), (36, 46, 34), 0.85, 0.38),
    ((-10, 6, 12), (6, 24, 8), 0.15, 1.00),
    ((12, 2, 10), (7, 18, 10), 0.15, 1.00),
    ((0, -40, -36), (32, 22, 18), 0.63, 0.52),
    ((3, -15, -42), (10, 10, 26), 0.79, 0.43),
    ((26, 26, 16), (10, 9, 11), 0.40, 0.80),
    ((-30, 20, -14), (9, 14, 9), 0.30, 0.90),
    ((-22, -30, 24), (12, 9, 10), 0.50, 0.75),
)
T1, T2 = 2, 3
WAVES = np.random.default_rng(7).normal(0, 0.12, (12, 3))  # radians a mm
TEXTURE = {T1: 0.03, T2: -0.03}
EDGE_MM = 2.0
NOISE = 0.02


def grid(shape=(36, 44, 36), spacing=(4.0, 4.0, 4.0), angles=(0, 0, 0), center=(0, 0, 0)):
    """Voxels (k, j, i) about ``center``; spacing along (i, j, k), negative ones run backward."""
    affine = Affine.rigid(angles, (0, 0, 0)).matrix @ np.diag([*spacing, 1.0])
    middle = (np.array(shape[::-1]) - 1) / 2
    affine[:3, 3] = np.asarray(center, dtype=float) - affine[:3, :3] @ middle
    return Grid(shape, affine)


def head(where, look, truth=None, seed=0):
    """The head on a grid; with ``truth``, what the grid's points show is at truth(x)."""
    points = where.points().reshape(-1, 3)
    points = points if truth is None else truth.apply(points)
    values = np.zeros(len(points))
    for ellipsoid in ELLIPSOIDS:
        center, radii = np.array(ellipsoid[0]), np.array(ellipsoid[1], dtype=float)
        distance = (np.linalg.norm((points - center) / radii, axis=1) - 1) * radii.min()
        values += (0.5 - 0.5 * np.tanh(distance / EDGE_MM)) * (ellipsoid[look] - values)
    values *= 1 + TEXTURE[look] * np.cos(points @ WAVES.T + np.arange(len(WAVES))).sum(1)
    values += np.random.default_rng([seed, look]).normal(0, NOISE, len(values))
    array = (1000 * np.abs(values)).reshape(where.shape).astype(np.float32)
    return Volume(array, where.affine, "head")


def brain_points(truth):
    """Points of the fixed image that show the brain, (N, 3) RAS mm."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    places = directions * rng.uniform(size=(500, 1)) ** (1 / 3) * [49, 64, 54]
    return truth.inverse().apply(places)


def error_mm(found, truth, points=None):
    """Mean distance over the brain, or over given points."""
    points = brain_points(truth) if points is None else points
    return float(np.linalg.norm(found.apply(points) - truth.apply(points), axis=1).mean())
