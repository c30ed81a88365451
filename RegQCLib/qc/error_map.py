"""The error map: millimeters of residual displacement at every voxel of the fixed grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.qc.features import layers_at
from RegQCLib.qc.measure import Measurement

FloatArray = NDArray[np.float64]


def error_map(
    measurement: Measurement,
    body: NDArray[np.bool_],
    scale: float,
    mismatch: FloatArray | None = None,
    slice_shifts: tuple[int, NDArray[np.intp], FloatArray] | None = None,
) -> NDArray[np.float32]:
    """(D, H, W) float32 mm on the fixed grid, NaN outside ``body``.

    scale: from raw lengths to calibrated millimeters. mismatch: see `local_mismatch`.
    slice_shifts: array axis, slices of the region, and their own (N, 3) motion in mm on top of the
    smooth field, for stacks whose slices moved one by one.
    """
    frame = measurement.frame
    if slice_shifts is None:
        length = raw_length(measurement.displacement, mismatch)
        region = _interpolated(length, measurement, skip=None)
    else:
        axis, indices, shifts = slice_shifts
        every = np.arange(frame.shape[axis])
        factor = 1.0 if mismatch is None else mismatch
        field = layers_at(measurement, axis, every, measurement.displacement * factor)
        field[:, indices] += shifts.T[:, :, None, None]
        length = np.moveaxis(np.sqrt((field**2).sum(axis=0)), 0, axis)
        region = _interpolated(length, measurement, skip=axis)
    result = np.full(body.shape, np.nan, dtype=np.float32)
    result[frame.box] = region * np.float32(scale)
    result[~body] = np.nan
    return result


def raw_length(displacement: FloatArray, mismatch: FloatArray | None) -> FloatArray:
    """(K, J, I) mm before calibration: length of (3, K, J, I), times the mismatch if given."""
    length = np.sqrt((displacement**2).sum(axis=0))
    return np.asarray(length if mismatch is None else length * mismatch)


def _interpolated(
    values: FloatArray, measurement: Measurement, skip: int | None
) -> NDArray[np.float32]:
    """Linear interpolation from the lattice to the region's voxels along all axes but ``skip``."""
    result = values.astype(np.float32)
    frame = measurement.frame
    for axis in range(3):
        if axis == skip:
            continue
        count = result.shape[axis]
        place = np.arange(frame.shape[axis]) * frame.spacing[axis] / measurement.evidence.spacing
        place = np.clip(place, 0, count - 1)
        weight = np.clip(1 - np.abs(place[:, None] - np.arange(count)), 0, None)
        result = np.moveaxis(
            np.tensordot(weight.astype(np.float32), result, axes=(1, axis)), 0, axis
        )
    return result
