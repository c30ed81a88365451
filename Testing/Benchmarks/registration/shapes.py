"""Solids as functions of points: negative inside, about the distance to the surface in mm."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Ellipsoid:
    """center and half axes, RAS mm, along R, A and S."""

    center: Vector
    radii: Vector

    def __call__(self, points: FloatArray) -> FloatArray:
        """First-order distance of (N, 3) points, (N,)."""
        radii = np.asarray(self.radii, dtype=points.dtype)
        scaled = (points - np.asarray(self.center, dtype=points.dtype)) / radii
        length = np.sqrt(np.einsum("nc,nc->n", scaled, scaled))
        scaled /= radii
        slope = np.sqrt(np.einsum("nc,nc->n", scaled, scaled))
        return length * (length - 1) / np.maximum(slope, 1e-6)


@dataclass(frozen=True)
class Tube:
    """Round segments between nodes, (x, y, z, radius) in mm each; the radius changes linearly."""

    nodes: tuple[tuple[float, float, float, float], ...]

    def __call__(self, points: FloatArray) -> FloatArray:
        """Distance of (N, 3) points from the surface, (N,)."""
        result = np.full(len(points), np.inf, dtype=points.dtype)
        nodes = np.asarray(self.nodes, dtype=points.dtype)
        for start, stop in pairwise(nodes):
            along = stop[:3] - start[:3]
            arm = points - start[:3]
            part = np.clip(arm @ along / (along @ along), 0, 1)
            arm -= part[:, None] * along
            distance = np.sqrt(np.einsum("nc,nc->n", arm, arm))
            np.minimum(result, distance - (start[3] + part * (stop[3] - start[3])), out=result)
        return result


def moved(shape: Ellipsoid | Tube, rng: np.random.Generator) -> Ellipsoid | Tube:
    """The shape as another person has it: up to 1 mm elsewhere, up to 8 % thicker or thinner."""
    shift, size = rng.uniform(-1, 1, 3), float(rng.uniform(0.92, 1.08))
    if isinstance(shape, Ellipsoid):
        return Ellipsoid(_vector(shape.center + shift), _vector(np.multiply(shape.radii, size)))
    nodes = np.asarray(shape.nodes) + np.append(shift, 0)
    nodes[:, 3] *= size
    return Tube(tuple((x, y, z, r) for x, y, z, r in nodes.tolist()))


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
