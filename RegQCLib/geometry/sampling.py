"""Vectors on a voxel grid: linear sampling, and evaluating functions of points on a grid.

Arrays are (3, D, H, W) = (component, k, j, i); indices are continuous (i, j, k), points RAS mm.
A point counts as inside a grid while it lies within half a voxel of a voxel center, as in ITK.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid

FloatArray = NDArray[np.floating[Any]]

SLAB_VOXELS = 2**18
"""Voxels handled at once: their float64 points and temporaries stay within a few megabytes."""

MAX_THREADS = 8


def checked_vectors(array: ArrayLike) -> FloatArray:
    """Return ``array`` as a finite (3, D, H, W) floating array, or raise InputError."""
    vectors: FloatArray = np.asarray(array)
    if vectors.ndim != 4 or vectors.shape[0] != 3:
        raise InputError(f"vectors on a grid have shape (3, D, H, W), got {vectors.shape}")
    if np.iscomplexobj(vectors):
        raise InputError("vectors on a grid are real numbers, got complex values")
    if not np.issubdtype(vectors.dtype, np.floating):
        vectors = vectors.astype(np.float64)
    # A sum is finite only if every value is, and needs no temporary array of the same size.
    with np.errstate(invalid="ignore"):
        total = np.sum(vectors, dtype=np.float64)
    if not np.isfinite(total):
        raise InputError("the field has values that are not finite; mask or repair them first")
    return vectors


def inside(indices: FloatArray, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Which continuous (..., 3) indices (i, j, k) lie on a grid, half a voxel of border included.

    The border has a slack of 1e-6 voxels, so that rounding cannot empty the outermost voxels.
    """
    upper = np.array(shape[::-1]) - 0.5 + 1e-6
    on_axis = np.logical_and(indices >= -0.5 - 1e-6, indices <= upper)
    return np.asarray(on_axis.all(axis=-1))


def sample_vectors(
    array: FloatArray, indices: FloatArray, *, order: int = 1
) -> NDArray[np.float64]:
    """Evaluate (3, D, H, W) at (..., 3) indices (i, j, k), with edge values outside.

    order 1 interpolates linearly; 2 and 3 take the array as B-spline coefficients.
    """
    coordinates = indices.reshape(-1, 3).T[::-1]
    values = np.empty((coordinates.shape[1], 3))
    for component, vectors in enumerate(array):
        values[:, component] = map_coordinates(
            vectors, coordinates, np.float64, order=order, mode="nearest", prefilter=False
        )
    return values.reshape(indices.shape)


def on_grid(function: Callable[[FloatArray], FloatArray], grid: Grid) -> NDArray[np.float32]:
    """Evaluate a function of (..., 3) RAS points at the voxels of ``grid``: (3, D, H, W) float32.

    Works slab by slab: the points of a whole volume in float64 would need gigabytes.
    """
    result = np.empty((3, *grid.shape), dtype=np.float32)

    def fill(start: int, stop: int) -> None:
        points = slab_of(grid, start, stop).points()
        result[:, start:stop] = np.moveaxis(function(points), -1, 0)

    in_threads(fill, slabs(grid.shape))
    return result


def slabs(shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Cut axis k into (start, stop) pieces of about `SLAB_VOXELS`."""
    thickness = max(1, SLAB_VOXELS // (shape[1] * shape[2]))
    return [(start, min(start + thickness, shape[0])) for start in range(0, shape[0], thickness)]


def slab_of(grid: Grid, start: int, stop: int) -> Grid:
    """The slices ``start`` to ``stop`` of a grid along axis k."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world((0, 0, start))
    return Grid((stop - start, *grid.shape[1:]), affine)


def in_threads(work: Callable[[int, int], None], pieces: list[tuple[int, int]]) -> None:
    """Call ``work(start, stop)`` for every piece; NumPy and scipy release the interpreter lock."""
    with ThreadPoolExecutor(max_workers=min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda piece: work(*piece), pieces))
