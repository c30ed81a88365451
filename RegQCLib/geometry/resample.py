"""Resampling of volumes onto other grids, and which voxels that can fill.

What counts as inside is decided by `sampling.inside` alone: within half a voxel of a voxel center.
In that outer half voxel the value at the edge is used, as ITK does.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import MAX_THREADS, SLAB_VOXELS, inside
from RegQCLib.geometry.sitk import affine_to_sitk, field_to_sitk, place, to_sitk
from RegQCLib.geometry.transforms import Affine, Transform, simplified, to_displacement
from RegQCLib.geometry.volume import Volume

Interpolation = Literal["linear", "nearest", "cubic"]

INTERPOLATORS = {
    "linear": SimpleITK.sitkLinear,
    "nearest": SimpleITK.sitkNearestNeighbor,
    "cubic": SimpleITK.sitkBSpline,
}


def resample(
    moving: Volume,
    grid: Grid,
    transform: Transform | None = None,
    *,
    interpolation: Interpolation = "linear",
    outside: float = 0.0,
) -> Volume:
    """Values of ``moving`` at the voxels of ``grid``, each mapped through ``transform``.

    transform: maps points of ``grid``'s (fixed) space to moving space, RAS mm; None is identity.
    interpolation: "nearest" keeps the type of the values (labels); "linear" and "cubic" (B-spline
    of order 3, which may overshoot) give float32.
    outside: value where the mapped point lies outside ``moving``; see `coverage`.
    Raises InputError for an unknown interpolation.
    """
    if interpolation not in INTERPOLATORS:
        raise InputError(
            f"interpolation is one of {', '.join(INTERPOLATORS)}, got {interpolation!r}"
        )
    kind = moving.array.dtype if interpolation == "nearest" else np.dtype(np.float32)
    motion = _on_voxels(transform, grid)
    if motion is None and moving.grid.same_as(grid):
        return Volume(moving.array.astype(kind), grid.affine, moving.name)
    source = moving.with_array(moving.array.astype(kind, copy=False))

    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetInterpolator(INTERPOLATORS[interpolation])
    # ITK leaves out points at exactly half a voxel, by rounding; extrapolated, they have a value.
    resampler.UseNearestNeighborExtrapolatorOn()
    resampler.SetSize(list(grid.shape[::-1]))
    resampler.SetOutputPixelType(SimpleITK.sitkUnknown)
    reference = SimpleITK.Image([1, 1, 1], SimpleITK.sitkUInt8)
    place(reference, grid)
    resampler.SetOutputSpacing(reference.GetSpacing())
    resampler.SetOutputDirection(reference.GetDirection())
    resampler.SetOutputOrigin(reference.GetOrigin())
    if isinstance(motion, Affine):
        resampler.SetTransform(affine_to_sitk(motion))
    elif motion is not None:
        resampler.SetTransform(field_to_sitk(motion))
    values = SimpleITK.GetArrayFromImage(resampler.Execute(to_sitk(source))).astype(
        kind, copy=False
    )
    covered = _coverage(moving.grid, grid, motion)
    if not covered.all():
        values[~covered] = outside
    return Volume(values, grid.affine, moving.name)


def coverage(
    moving_grid: Grid, grid: Grid, transform: Transform | None = None
) -> NDArray[np.bool_]:
    """Which voxels of ``grid`` map into the field of view of ``moving_grid``; shape (D, H, W).

    Exactly the voxels that `resample` fills from the moving image.
    """
    return _coverage(moving_grid, grid, _on_voxels(transform, grid))


def _on_voxels(transform: Transform | None, grid: Grid) -> Affine | DisplacementField | None:
    """Reduce ``transform`` to an affine, or to displacements at the voxels of ``grid``."""
    if transform is None:
        return None
    simple = simplified(transform)
    if isinstance(simple, Affine):
        return None if np.array_equal(simple.matrix, np.eye(4)) else simple
    return to_displacement(simple, grid)


def _coverage(
    moving_grid: Grid, grid: Grid, motion: Affine | DisplacementField | None
) -> NDArray[np.bool_]:
    matrix = motion.matrix if isinstance(motion, Affine) else np.eye(4)
    to_moving = moving_grid.inverse_affine @ matrix @ grid.affine
    linear = moving_grid.inverse_affine[:3, :3]
    displacement: NDArray[np.floating[Any]] | None = None
    if isinstance(motion, DisplacementField):
        displacement = motion.array
    else:
        # Fields of view are convex: if the corners of the grid are inside, all of it is.
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape[::-1]])).reshape(3, -1).T
        indices = corners @ to_moving[:3, :3].T + to_moving[:3, 3]
        if inside(indices, moving_grid.shape).all():
            return np.ones(grid.shape, dtype=np.bool_)

    depth, height, width = grid.shape
    result = np.empty(grid.shape, dtype=np.bool_)
    j, i = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    plane = np.stack([i, j], axis=-1) @ to_moving[:3, :2].T + to_moving[:3, 3]
    thickness = max(1, SLAB_VOXELS // (height * width))

    def fill(start: int) -> None:
        stop = min(start + thickness, depth)
        indices = plane + np.arange(start, stop)[:, None, None, None] * to_moving[:3, 2]
        if displacement is not None:
            indices += np.moveaxis(displacement[:, start:stop], 0, -1) @ linear.T
        result[start:stop] = inside(indices, moving_grid.shape)

    with ThreadPoolExecutor(max_workers=min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, range(0, depth, thickness)))
    return result
