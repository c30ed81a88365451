"""Scores of a prepared pair: the volume's error, every slice's error and probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCLib.progress import Progress, silent
from RegQCLib.qc.alignment_report import AxisScores, ErrorEstimate, SliceScore
from RegQCLib.qc.calibration import Calibration
from RegQCLib.qc.classification import (
    classified_axes,
    classifier_frame,
    classify_slices,
    with_narrow_planes,
)
from RegQCLib.qc.error_map import raw_length
from RegQCLib.qc.features import (
    ERROR_FEATURES,
    INSIDE,
    SliceFeatures,
    slice_features,
    volume_features,
)
from RegQCLib.qc.local_mismatch import local_mismatch
from RegQCLib.qc.look import look
from RegQCLib.qc.measure import Engine, Measurement, chosen_slices
from RegQCLib.qc.planes import acquisition_axis, plane_name
from RegQCLib.qc.prepare import PreparedPair
from RegQCLib.qc.stopwatch import Stopwatch

FloatArray = NDArray[np.float64]

CLEAR_SHIFT_MM = 1.0  # own motion of a slice that the error map shows
MATCHING_SHARE = 0.7  # of the time spent observing


@dataclass(frozen=True)
class Scored:
    """What was measured, before a verdict.

    features: VOLUME_FEATURES. slices: by array axis. error: calibrated mm. probability: of
    exceeding the tolerance. scale: from raw to calibrated mm. mismatch: see local_mismatch.
    moved_slices: see error_map.error_map.
    """

    measurement: Measurement
    features: FloatArray
    slices: dict[int, SliceFeatures]
    error: ErrorEstimate
    probability: float
    scale: float
    mismatch: FloatArray
    moved_slices: tuple[int, NDArray[np.intp], FloatArray] | None


def observe(
    pair: PreparedPair,
    engine: Engine,
    *,
    only: dict[int, NDArray[np.intp]] | None = None,
    watch: Stopwatch | None = None,
    progress: Progress = silent,
) -> tuple[Measurement, dict[int, SliceFeatures], FloatArray]:
    """Measurement, slice features by array axis, and volume features of a pair.

    only: slices of the region to look at, by array axis; all by default.
    """
    watch = watch or Stopwatch()
    grid, frame = pair.fixed.grid, pair.frame
    body = pair.body_box
    with watch.stage("matching"):
        measurement = look(
            pair,
            engine,
            only=only,
            progress=lambda stage, part: progress(stage, MATCHING_SHARE * part),
        )
    small = classifier_frame(frame)
    indices = {
        axis: chosen_slices(body, frame, axis, every=True)
        if only is None
        else only.get(axis, np.zeros(0, dtype=np.intp))
        for axis in range(3)
    }
    classified: dict[int, FloatArray] = {}
    for axis in classified_axes(small):
        with watch.stage(f"classification, {plane_name(grid, axis)}"):
            classified[axis] = classify_slices(
                pair.fixed_gray, pair.moved_gray, small, axis, indices[axis], engine
            )
        progress("scoring slices", MATCHING_SHARE + (1 - MATCHING_SHARE) * (axis + 1) / 3)
    with watch.stage("slice scores"):
        slices = {
            axis: slice_features(measurement, axis, indices[axis], answers)
            for axis, answers in with_narrow_planes(classified, indices).items()
        }
    return measurement, slices, volume_features(measurement, list(slices.values()))


def score(
    pair: PreparedPair,
    engine: Engine,
    calibration: Calibration,
    tolerance_mm: float,
    watch: Stopwatch,
    progress: Progress = silent,
) -> Scored:
    """Measure a pair and calibrate what was measured."""
    measurement, slices, features = observe(
        pair,
        engine,
        watch=watch,
        progress=lambda stage, part: progress(stage, 0.25 + 0.6 * part),
    )
    model = calibration.volume
    telling = features[: len(ERROR_FEATURES)]
    mean = float(model.error_mm(telling)[0])
    low, high = (float(bound[0]) for bound in model.interval_mm(telling))
    with watch.stage("local mismatch"):
        mismatch = local_mismatch(pair.fixed_gray, pair.moved_gray, pair.body_box, pair.frame)
    raw = raw_length(measurement.displacement, mismatch)[measurement.body > INSIDE]
    raw_mean = float(raw.mean()) if raw.size else 1.0
    scale = mean / max(raw_mean, 1e-3)
    p95 = float(np.percentile(raw, 95)) * scale if raw.size else mean
    return Scored(
        measurement,
        features,
        slices,
        ErrorEstimate(mean, max(p95, mean), (low, high)),
        float(model.probability_above(telling, tolerance_mm)[0]),
        scale,
        mismatch,
        _moved_slices(pair, slices),
    )


def axis_scores(
    pair: PreparedPair, scored: Scored | None, calibration: Calibration, tolerance_mm: float
) -> list[AxisScores]:
    """Scores of every slice of the fixed grid, sagittal, coronal and axial.

    Slices without enough body have no score.
    """
    grid = pair.fixed.grid
    stack = acquisition_axis(grid)
    result = []
    for axis in sorted(range(3), key=lambda a: grid.world_axes[2 - a]):
        seen: dict[int, tuple[float, float]] = {}
        if scored is not None and len(scored.slices[axis].indices):
            values = scored.slices[axis].values
            errors = calibration.slices.error_mm(values)
            probabilities = calibration.slices.probability_above(values, tolerance_mm)
            for index, p, mm in zip(
                scored.slices[axis].indices, probabilities, errors, strict=True
            ):
                seen[int(index) + pair.frame.start[axis]] = (float(p), float(mm))
        slices = []
        for index in range(grid.shape[axis]):
            p, mm = seen.get(index, (None, None))
            flagged = p is not None and p >= calibration.slice_flag
            slices.append(SliceScore(index, slice_position(grid, axis, index), p, mm, flagged))
        result.append(AxisScores(plane_name(grid, axis), axis == stack, slices))
    return result


def slice_position(grid: Grid, axis: int, index: int) -> float:
    """World coordinate (R, A or S) of the middle of a slice across an array axis, mm."""
    middle = (np.array(grid.shape[::-1]) - 1) / 2
    middle[2 - axis] = index
    return float(grid.to_world(middle)[grid.world_axes[2 - axis]])


def _moved_slices(
    pair: PreparedPair, slices: dict[int, SliceFeatures]
) -> tuple[int, NDArray[np.intp], FloatArray] | None:
    stack = acquisition_axis(pair.fixed.grid)
    if stack is None:
        return None
    own = slices[stack]
    clear = np.linalg.norm(own.shift_mm, axis=1) > CLEAR_SHIFT_MM
    if not clear.any():
        return None
    return stack, own.indices[clear], own.shift_mm[clear]
