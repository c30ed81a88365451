"""The part of a transform that lies in the body, as a dense field with its mask.

A field is looked at on its own voxels, where nothing is interpolated; masks are carried there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField, affine_part
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Composite, Transform, to_displacement

AFFINE_RESIDUAL_MM = 1e-2
"""A field this close to its affine fit holds an affine motion and nothing else."""

SAMPLE_POINTS = 100_000
"""Body points at which inverse consistency and affine displacements are taken."""


def dense_in_body(
    transform: Transform, grid: Grid, body_mask: NDArray[np.bool_]
) -> tuple[DisplacementField, NDArray[np.bool_]]:
    """Return the displacements around the body, and the body's mask on their voxels.

    On the grid of the dense field that ``transform`` starts with, or else on ``grid``; cut to the
    body and two voxels around it. body_mask: (D, H, W) bool on ``grid``.
    Raises InputError when the field misses the body.
    """
    first = first_field(transform)
    field = to_displacement(transform, grid if first is None else first.grid)
    mask = _mask_on(field.grid, grid, body_mask)
    if not mask.any():
        raise InputError("the displacement field does not reach the body; is it for this image?")
    return _cropped(field, mask)


def body_points(grid: Grid, body_mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """RAS mm of body voxels, evenly thinned to about `SAMPLE_POINTS`."""
    flat = np.flatnonzero(body_mask)
    flat = flat[:: max(1, flat.size // SAMPLE_POINTS)]
    return grid.to_world(np.stack(np.unravel_index(flat, grid.shape)[::-1], axis=-1))


def first_field(transform: Transform) -> DisplacementField | None:
    """Return the dense field that meets a point first, if one does."""
    if isinstance(transform, Composite):
        transform = transform.transforms[0]
    return transform if isinstance(transform, DisplacementField) else None


def stored_affine(field: DisplacementField) -> Affine | None:
    """Return the affine motion that a field holds, if it holds nothing else."""
    matrix, offset = affine_part(field)
    thinned = field.array[:, ::4, ::4, ::4]
    affine = field.affine.copy()
    affine[:3, :3] *= 4
    points = Grid(np.shape(thinned)[1:], affine).points()  # type: ignore[arg-type]
    expected = np.moveaxis(points @ (matrix - np.eye(3)).T + offset, -1, 0)
    if np.abs(thinned - expected).max() > AFFINE_RESIDUAL_MM:
        return None
    return Affine(np.vstack([np.column_stack([matrix, offset]), (0, 0, 0, 1)]))


def _mask_on(target: Grid, grid: Grid, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Carry a mask on ``grid`` to the voxels of ``target``, by nearest neighbor."""
    if target.same_as(grid):
        return mask
    to_source = grid.inverse_affine @ target.affine  # (i, j, k); scipy wants (k, j, i)
    carried = affine_transform(
        mask.astype(np.uint8),
        to_source[:3, :3][::-1, ::-1],
        to_source[:3, 3][::-1],
        output_shape=target.shape,
        order=0,
    )
    return np.asarray(carried > 0)


def _cropped(
    field: DisplacementField, mask: NDArray[np.bool_]
) -> tuple[DisplacementField, NDArray[np.bool_]]:
    """Cut to the mask and two voxels around it, which the derivatives need."""
    bounds = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        bounds.append(slice(max(int(used[0]) - 2, 0), int(used[-1]) + 3))
    k, j, i = bounds
    affine = field.affine.copy()
    affine[:3, 3] = field.grid.to_world((i.start, j.start, k.start))
    return DisplacementField(field.array[:, k, j, i], affine), mask[k, j, i]
