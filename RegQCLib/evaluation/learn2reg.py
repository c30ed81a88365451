"""The measures of the Learn2Reg challenge, to the letter, beside RegQC's plain ones.

Hering et al., IEEE TMI 42 (2023); the challenge's evaluation code is MDL-UzL/L2R. Its figures can
be compared with published tables; they differ from the plain definitions in this package:

- displacements are in voxels: voxel x of the fixed image lies at x + u(x) in the moving array;
- labels are warped by nearest neighbor and become 0 beyond the outermost voxel centers;
- a label missing in the fixed or the moving image is no number and leaves the mean; one that the
  transform carries away has Dice 0 and an infinite HD95, and then so has the mean;
- HD95 is in voxels, weighted by surface area: `learn2reg_hausdorff`;
- SD of log J is that of log(J + 3), clipped to [1e-9, 1e9], two voxels away from every border;
- folded voxels are counted after the 3 is added and the clipping, so there are never any;
- the displacement at a landmark is interpolated by cubic splines, and is zero outside the image;
  landmark errors are measured in voxels of the moving image and scaled by its spacing.

Arrays have any one order of axes, as long as displacements, landmarks and spacings share it; RegQC
passes (k, j, i).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import correlate1d, map_coordinates

from RegQCLib.errors import InputError
from RegQCLib.evaluation.learn2reg_hausdorff import hausdorff_95
from RegQCLib.evaluation.overlap import dice
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import on_grid
from RegQCLib.geometry.transforms import Transform

FloatArray = NDArray[np.floating[Any]]
LabelArray = NDArray[Any]

JACOBIAN_OFFSET = 3.0
JACOBIAN_RANGE = (1e-9, 1e9)
BORDER = 2
"""Voxels that are cut off every side before the spread of the Jacobian is taken."""


@dataclass(frozen=True)
class LabelMeasure:
    """One number a label, NaN where the label is missing in an image, and their mean without it."""

    by_label: dict[int, float]

    @property
    def mean(self) -> float:
        """Mean over the labels that are in both images; NaN without one."""
        values = np.array(list(self.by_label.values()))
        found = values[~np.isnan(values)]
        return float(found.mean()) if found.size else float("nan")


def warp_labels(moving: LabelArray, displacement: FloatArray) -> LabelArray:
    """Labels at x + u(x) by nearest neighbor, 0 outside.

    moving: (D', H', W'). displacement: (D, H, W, 3) voxels, one component an axis of the array.
    Raises InputError for another shape.
    """
    shape = _checked(displacement)
    identity = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    warped: LabelArray = map_coordinates(
        moving, identity + np.moveaxis(displacement, -1, 0), order=0
    )
    return warped


def label_dice(
    fixed: LabelArray, moving: LabelArray, warped: LabelArray, labels: Sequence[int]
) -> LabelMeasure:
    """Dice of each label. fixed, warped: (D, H, W); moving: before it was warped."""
    return LabelMeasure(
        {
            label: dice(fixed == label, warped == label)
            if (fixed == label).any() and (moving == label).any()
            else float("nan")
            for label in labels
        }
    )


def label_hausdorff_95(
    fixed: LabelArray, moving: LabelArray, warped: LabelArray, labels: Sequence[int]
) -> LabelMeasure:
    """HD95 of each label in voxels. fixed, warped: (D, H, W); moving: before it was warped."""
    return LabelMeasure(
        {
            label: hausdorff_95(fixed == label, warped == label)
            if (fixed == label).any() and (moving == label).any()
            else float("nan")
            for label in labels
        }
    )


def sd_log_jacobian(displacement: FloatArray, mask: NDArray[np.bool_] | None = None) -> float:
    """Standard deviation of log(J + 3), by central differences, borders left out.

    displacement: (D, H, W, 3) voxels. mask: (D, H, W), where to measure; everywhere without it.
    Raises InputError for other shapes, fewer than 5 voxels along an axis, or an empty mask.
    """
    shape = _checked(displacement)
    if min(shape) <= 2 * BORDER:
        raise InputError(
            f"Learn2Reg leaves out {BORDER} voxels at every border: at least {2 * BORDER + 1} are "
            f"needed along each axis, got shape {shape}"
        )
    middle = (slice(BORDER, -BORDER),) * 3
    rows = []
    for axis in range(3):
        # Zeros lie beyond the border; what they falsify is cut off.
        slope = correlate1d(displacement, (-0.5, 0.0, 0.5), axis=axis, mode="constant")
        rows.append(slope[middle] + np.eye(3)[axis])
    determinant = np.sum(rows[0] * np.cross(rows[1], rows[2]), axis=-1)
    log = np.log((determinant + JACOBIAN_OFFSET).clip(*JACOBIAN_RANGE))
    if mask is None:
        return float(log.std())
    if mask.shape != shape:
        raise InputError(f"the mask has shape {mask.shape}, the displacements {shape}")
    if not mask[middle].any():
        raise InputError(f"the mask is empty {BORDER} voxels away from the borders; draw it again")
    return float(log[mask[middle]].std())


def target_registration_error(
    fixed: FloatArray, moving: FloatArray, displacement: FloatArray, moving_spacing: ArrayLike
) -> NDArray[np.float64]:
    """Landmark errors in mm, (N,).

    fixed, moving: (N, 3) continuous indices in the fixed and the moving array. displacement:
    (D, H, W, 3) voxels. moving_spacing: mm along the axes of the moving array.
    """
    _checked(displacement)
    shift = np.stack(
        [map_coordinates(displacement[..., axis], fixed.T) for axis in range(3)], axis=-1
    )
    return np.asarray(np.linalg.norm((fixed + shift - moving) * moving_spacing, axis=1))


def to_voxels(
    transform: Transform | None, fixed_grid: Grid, moving_grid: Grid
) -> NDArray[np.float32]:
    """Displacements (D, H, W, 3) in voxels along (k, j, i), as Learn2Reg stores them.

    transform: fixed to moving points, RAS mm; None compares the world positions as they are.
    """

    def shift(points: FloatArray) -> NDArray[np.float64]:
        moved = points if transform is None else transform.apply(points)
        return moving_grid.to_index(moved) - fixed_grid.to_index(points)

    return np.moveaxis(on_grid(shift, fixed_grid)[::-1], 0, -1)


def from_voxels(displacement: FloatArray, fixed_grid: Grid, moving_grid: Grid) -> DisplacementField:
    """Return the transform in RAS mm for displacements of `to_voxels`.

    Arrays that nibabel read from a Learn2Reg file, (i, j, k, 3), need their axes and components
    turned around first: ``array.transpose(2, 1, 0, 3)[..., ::-1]``.
    Raises InputError when the shape is not that of the fixed grid.
    """
    if _checked(displacement) != fixed_grid.shape:
        raise InputError(
            f"the displacements have shape {displacement.shape[:3]}, the fixed image "
            f"{fixed_grid.shape}; pass the field of this pair"
        )
    points = fixed_grid.points()
    moved = moving_grid.to_world(fixed_grid.to_index(points) + displacement[..., ::-1])
    return DisplacementField(np.moveaxis(moved - points, -1, 0), fixed_grid.affine)


def _checked(displacement: FloatArray) -> tuple[int, int, int]:
    """The shape of the grid. Raises InputError for what is no field of 3-vectors."""
    if displacement.ndim != 4 or displacement.shape[-1] != 3:
        raise InputError(
            f"Learn2Reg displacements have shape (D, H, W, 3), got {displacement.shape}"
        )
    depth, height, width = displacement.shape[:3]
    return depth, height, width
