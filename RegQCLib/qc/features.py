"""Numbers that summarize a measurement: calibration turns them into millimeters and probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from RegQCLib.qc.evidence import multiply_in_plane
from RegQCLib.qc.measure import Measurement, PlaneResult
from RegQCLib.qc.planes import in_plane_axes, stack_axis

FloatArray = NDArray[np.float64]

CORRELATION = 0.05  # share of a slice's answers that count as independent of each other
SHIFT_SD_MM = 1.5  # expected motion of single slices
INSIDE = 0.4  # share of body that makes a lattice point count
FLOOR_MM = 0.3  # added before taking logarithms of millimeters

VOLUME_FEATURES = ("log_error", "log_approach", "logit", "log_network", "log_evidence")
ERROR_FEATURES = VOLUME_FEATURES[:4]
"""What the volume's error is predicted from. The amount of evidence, and how far single answers
scatter, are left out: on synthetic volumes they betray large errors, on real stacks of thick
slices mostly the contrast, and aligned pairs were taken for misaligned."""
SLICE_FEATURES = ("log_error", "log_approach", "log_shift", "logit", "log_network")
"""log_approach: the error over what is left of it once the images were brought nearer. The more
there was to take off and the less is left, the surer the size; it is 0 after a single look."""


@dataclass(frozen=True)
class SliceFeatures:
    """One row a slice of a plane.

    values: (N, len(SLICE_FEATURES)). shift_mm: (N, 3) own motion along (k, j, i) beyond the field.
    """

    axis: int
    indices: NDArray[np.intp]
    values: FloatArray
    shift_mm: FloatArray


def slice_features(
    measurement: Measurement, axis: int, indices: NDArray[np.intp], classified: FloatArray
) -> SliceFeatures:
    """Features of the slices ``indices`` (of the region) across an array axis.

    Slices of a stack also tell their own motion; others have the volume's field alone.
    """
    field = layers_at(measurement, axis, indices, measurement.displacement)
    body = layers_at(measurement, axis, indices, measurement.body[None])[0] > INSIDE
    shift = np.zeros((len(indices), 3))
    if axis == stack_axis(measurement.frame.spacing):  # other slices were not acquired one by one
        shift = _own_shift(measurement.planes[axis], indices, measurement, field, body)
    count = np.maximum(body.sum(axis=(1, 2)), 1)
    length = np.sqrt(((field + shift.T[:, :, None, None]) ** 2).sum(axis=0))
    error = (length * body).sum(axis=(1, 2)) / count
    left = layers_at(measurement, axis, indices, measurement.left())
    left_length = np.sqrt(((left + shift.T[:, :, None, None]) ** 2).sum(axis=0))
    error_left = (left_length * body).sum(axis=(1, 2)) / count
    values = np.stack(
        [
            np.log(error + FLOOR_MM),
            np.log((error + FLOOR_MM) / (error_left + FLOOR_MM)),
            np.log(np.linalg.norm(shift, axis=1) + FLOOR_MM),
            classified[:, 0],
            np.log(classified[:, 1] + FLOOR_MM),
        ],
        axis=1,
    )
    return SliceFeatures(axis, indices, values, shift)


def volume_features(measurement: Measurement, slices: list[SliceFeatures]) -> FloatArray:
    """The VOLUME_FEATURES of a measurement."""
    inside = measurement.body > INSIDE
    if not inside.any():
        inside = measurement.body >= measurement.body.max()
    error, error_left = (
        np.sqrt((field**2).sum(axis=0))[inside].mean() + FLOOR_MM
        for field in (measurement.displacement, measurement.left())
    )
    evidence = measurement.precision[:3].sum(axis=0)
    stacked = np.concatenate([s.values for s in slices])
    logit, network = stacked[:, 3:].mean(axis=0) if len(stacked) else (0.0, 0.0)
    return np.array(
        [
            np.log(error),
            np.log(error / error_left),
            logit,
            network,
            np.log(evidence[inside].mean() + 1e-2),
        ]
    )


def layers_at(
    measurement: Measurement, axis: int, indices: NDArray[np.intp], values: FloatArray
) -> FloatArray:
    """Lattice values (C, K, J, I) interpolated at slices: (C, N, rows, columns)."""
    stack = np.moveaxis(values, axis + 1, 1)
    depth = indices * measurement.frame.spacing[axis] / measurement.evidence.spacing
    depth = np.clip(depth, 0, stack.shape[1] - 1)
    low = np.minimum(depth.astype(int), max(stack.shape[1] - 2, 0))
    high = np.minimum(low + 1, stack.shape[1] - 1)
    part = (depth - low)[None, :, None, None]
    result: FloatArray = stack[:, low] * (1 - part) + stack[:, high] * part
    return result


def _own_shift(
    plane: PlaneResult,
    indices: NDArray[np.intp],
    measurement: Measurement,
    field: FloatArray,
    body: NDArray[np.bool_],
) -> FloatArray:
    """(N, 3) mm: in-plane motion of each matched slice beyond the volume's field, shrunk to 0.

    Least squares over the slice's own answers, with a prior of 1.5 mm; two rounds of reweighting
    keep false matches from counting.
    """
    shift = np.zeros((len(indices), 3))
    place = {int(index): n for n, index in enumerate(plane.indices)}
    rows = [n for n, index in enumerate(indices) if int(index) in place]
    if not rows:
        return shift
    from_plane = [place[int(indices[n])] for n in rows]
    precision, vector = plane.answers(measurement.frame.pixel_mm, from_plane)
    axes = in_plane_axes(plane.axis)
    p_rows, p_columns, mixed = precision = precision * body[rows] * CORRELATION
    expected = field[list(axes)][:, rows]
    # what remains when the volume's field is taken off, and where each answer alone would put it
    remainder = vector * body[rows] * CORRELATION - multiply_in_plane(precision, expected)
    residual = remainder / np.maximum(precision[:2], 1e-6)
    weight = np.ones(p_rows.shape)
    own = np.zeros((2, len(rows), 1, 1))
    for _ in range(3):
        a, d, b = ((weight * p).sum(axis=(1, 2)) for p in (p_rows, p_columns, mixed))
        a, d = a + SHIFT_SD_MM**-2, d + SHIFT_SD_MM**-2
        y0, y1 = (weight * remainder).sum(axis=(2, 3))
        determinant = a * d - b * b
        own = (
            np.stack([d * y0 - b * y1, a * y1 - b * y0])[..., None, None]
            / determinant[:, None, None]
        )
        distance = (precision[:2] * (residual - own) ** 2).sum(axis=0)
        weight = 1 / np.maximum(1.0, np.sqrt(np.maximum(distance, 0) / CORRELATION) / 2.0)
    for component, axis in enumerate(axes):
        shift[rows, axis] = own[component, :, 0, 0]
    return shift
