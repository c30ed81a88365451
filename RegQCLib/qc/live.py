"""Scores of the three visible slices while a person drags an image: see `SliceProbe`.

Positions follow the check (`qc.planes`): the frame's region of the fixed grid, millimeters along
(k, j, i). Of the moving image only three slices are computed, straight from its voxels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, maximum_filter

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.transforms import Affine, Transform, simplified
from RegQCLib.geometry.validation import require_image_content
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.alignment_report import AxisScores, SliceScore
from RegQCLib.qc.calibration import load_calibration
from RegQCLib.qc.classification import (
    classified_axes,
    classifier_frame,
    classify_slices,
    with_narrow_planes,
)
from RegQCLib.qc.evidence import empty_evidence
from RegQCLib.qc.features import slice_features
from RegQCLib.qc.inference import WEIGHTS, choose_engine
from RegQCLib.qc.measure import (
    MIN_BODY_PIXELS,
    Engine,
    Measurement,
    PlaneResult,
    body_on_lattice,
    match_slices,
    put_together,
)
from RegQCLib.qc.planes import (
    Frame,
    acquisition_axis,
    frame_around,
    gray_window,
    in_plane_axes,
    plane_name,
    windowed,
)
from RegQCLib.qc.prepare import CONTENT_MARGIN_MM, acquired_grid
from RegQCLib.qc.scoring import slice_position

FloatArray = NDArray[np.float64]
Slices = dict[int, NDArray[np.intp]]

LONGEST_SIDE = 96  # pixels of a slice: keeps three slices of a head at about 50 ms on two cores


class SliceProbe:
    """Judges the slices through one voxel of the fixed image under any transform, quickly.

    Built once for a pair; keeps bodies, gray values and networks ready. What a slice shares with
    its surroundings comes from the three slices alone, so scores are less certain than those of
    `check`, which sees the whole volume.
    """

    def __init__(
        self,
        fixed: Volume,
        moving: Volume,
        transform: Transform | None = None,
        *,
        device: str = "cpu",
        tolerance_mm: float | None = None,
        engine: Engine | None = None,
    ) -> None:
        """Prepare a pair.

        transform: fixed to moving points, RAS mm; used where `score` is given none.
        device, tolerance_mm: as in `check`. engine: runs the networks, instead of ``device``.
        Raises InputError for images that cannot be judged.
        """
        for volume in (fixed, moving):
            require_image_content(volume)
        self._calibration = load_calibration(WEIGHTS / "calibration.json")
        self._tolerance = self._calibration.tolerance(tolerance_mm)
        self._engine = choose_engine(device) if engine is None else engine
        self._fixed, self._moving, self._transform = fixed, moving, transform
        body = body_mask(fixed)
        self._frame = frame = _quick_frame(body, fixed)
        self._classifier_frame = classifier_frame(frame)
        self._body = body[frame.box]
        self._lattice_body = body_on_lattice(self._body, frame)
        self._lattice_mm = empty_evidence(frame).spacing
        self._fixed_gray = windowed(fixed.array[frame.box], gray_window(fixed.array, body))
        moving_body = body_mask(moving)
        self._window = gray_window(moving.array, moving_body)
        self._values = np.ascontiguousarray(moving.array, dtype=np.float32)
        self._darkest = float(self._values.min())
        reach = [2 * round(CONTENT_MARGIN_MM / float(s)) + 1 for s in moving.spacing[::-1]]
        self._content = maximum_filter(moving_body, reach) & _acquired(moving)
        # only the slices that are asked for are ever written and read
        self._moved_gray = np.zeros(frame.shape, dtype=np.float32)

    def score(
        self, index: tuple[int, int, int], transform: Transform | None = None
    ) -> list[AxisScores]:
        """Scores of the slices through the fixed voxel ``index`` (k, j, i).

        transform: fixed to moving points; by default the one given at construction.
        Returns the sagittal, coronal and axial plane with one slice each; it has no score where
        too little of the body is seen in both images. Raises InputError outside the fixed image.
        """
        self._require_inside(index)
        if transform is None:
            transform = self._transform
        chosen = self._slices(index)
        for axis, indices in chosen.items():
            self._resample(axis, int(indices[0]), transform)
        measurement = self._measure(chosen, transform)
        classified = self._classify(chosen)
        grid = self._fixed.grid
        stack = acquisition_axis(grid)
        result = []
        for axis in sorted(range(3), key=lambda a: grid.world_axes[2 - a]):
            values = None
            if axis in chosen and self._enough_body(measurement, axis, chosen[axis]):
                values = slice_features(measurement, axis, chosen[axis], classified[axis]).values
            score = self._slice_score(axis, index[axis], values)
            result.append(AxisScores(plane_name(grid, axis), axis == stack, [score]))
        return result

    def _require_inside(self, index: tuple[int, int, int]) -> None:
        shape = self._fixed.shape
        if not all(0 <= place < count for place, count in zip(index, shape, strict=True)):
            raise InputError(f"voxel (k, j, i) = {index} lies outside the fixed image, {shape}")

    def _slices(self, index: tuple[int, int, int]) -> Slices:
        """Slices of the region by array axis, without those that show too little body."""
        frame = self._frame
        result: Slices = {}
        for axis in range(3):
            place = index[axis] - frame.start[axis]
            if not 0 <= place < frame.shape[axis]:
                continue
            rows, columns = in_plane_axes(axis)
            area = self._body.take(place, axis=axis).sum()
            area = area * frame.spacing[rows] * frame.spacing[columns]
            if area >= MIN_BODY_PIXELS * frame.pixel_mm**2:
                result[axis] = np.array([place], dtype=np.intp)
        return result

    def _resample(self, axis: int, place: int, transform: Transform | None) -> None:
        """Write one slice of the moved image into the region, as `resample` computes it."""
        steps = [np.arange(count, dtype=np.float64) for count in self._frame.shape]
        steps[axis] = np.array([float(place)])
        indices, seen = self._in_moving(steps, transform)
        values = map_coordinates(
            self._values, indices.reshape(-1, 3).T[::-1], order=1, mode="nearest"
        ).reshape(seen.shape)
        values[~seen] = self._darkest
        box = [slice(None)] * 3
        box[axis] = slice(place, place + 1)
        self._moved_gray[tuple(box)] = windowed(values, self._window)

    def _in_moving(
        self, steps: list[FloatArray], transform: Transform | None
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Moving voxel indices (i, j, k) of the region's points at ``steps`` (k, j, i) voxels.

        Returns (..., 3) indices, and which of them lie in the field of view.
        """
        places = [s + start for s, start in zip(steps, self._frame.start, strict=True)]
        k, j, i = np.meshgrid(*places, indexing="ij", sparse=True)
        moving, fixed = self._moving.grid, self._fixed.grid
        motion = Affine.identity() if transform is None else simplified(transform)
        if isinstance(motion, Affine):  # one matrix takes voxels to voxels
            to_moving = moving.inverse_affine @ motion.matrix @ fixed.affine
            indices = np.stack([i * x + j * y + k * z + one for x, y, z, one in to_moving[:3]], -1)
        else:
            voxels = np.stack(np.broadcast_arrays(i, j, k), axis=-1)
            indices = moving.to_index(motion.apply(fixed.to_world(voxels)))
        return indices, inside(indices, self._moving.shape)

    def _measure(self, chosen: Slices, transform: Transform | None) -> Measurement:
        planes = {}
        for axis in range(3):
            indices = chosen.get(axis, np.zeros(0, dtype=np.intp))
            moments = match_slices(
                self._fixed_gray, self._moved_gray, self._frame, axis, indices, self._engine
            )
            planes[axis] = PlaneResult(axis, indices, moments)
        return put_together(planes, self._frame, self._seen_body(chosen, transform))

    def _seen_body(self, chosen: Slices, transform: Transform | None) -> FloatArray:
        """(K, J, I) share of body on the lattice; around the slices only what both images show."""
        result = self._lattice_body.copy()
        to_voxels = [self._lattice_mm / s for s in self._frame.spacing]
        for axis, indices in chosen.items():
            low = int(indices[0] * self._frame.spacing[axis] / self._lattice_mm)
            layers = slice(low, min(low + 2, result.shape[axis]))
            steps = [np.arange(n) * v for n, v in zip(result.shape, to_voxels, strict=True)]
            steps[axis] = steps[axis][layers]
            places, seen = self._in_moving(steps, transform)
            nearest = np.rint(places).astype(int)
            nearest = np.clip(nearest, 0, np.array(self._content.shape[::-1]) - 1)
            i, j, k = np.moveaxis(nearest, -1, 0)
            box = [slice(None)] * 3
            box[axis] = layers
            result[tuple(box)] *= seen & self._content[k, j, i]
        return result

    def _enough_body(self, measurement: Measurement, axis: int, indices: NDArray[np.intp]) -> bool:
        depth = indices[0] * self._frame.spacing[axis] / self._lattice_mm
        layer = min(round(float(depth)), measurement.body.shape[axis] - 1)
        area = measurement.body.take(layer, axis=axis).sum() * self._lattice_mm**2
        return bool(area >= MIN_BODY_PIXELS * self._frame.pixel_mm**2)

    def _classify(self, chosen: Slices) -> dict[int, FloatArray]:
        """(1, 2) of the slice classifier for every chosen slice."""
        frame, engine = self._classifier_frame, self._engine
        asked = {
            axis: classify_slices(
                self._fixed_gray, self._moved_gray, frame, axis, chosen[axis], engine
            )
            for axis in classified_axes(frame)
            if axis in chosen
        }
        return with_narrow_planes(asked, chosen) if asked else {}

    def _slice_score(self, axis: int, index: int, values: FloatArray | None) -> SliceScore:
        position = slice_position(self._fixed.grid, axis, index)
        if values is None:
            return SliceScore(index, position, None, None, False)
        model = self._calibration.slices
        probability = float(model.probability_above(values, self._tolerance)[0])
        flagged = probability >= self._calibration.slice_flag
        return SliceScore(index, position, probability, float(model.error_mm(values)[0]), flagged)


def _acquired(volume: Volume) -> NDArray[np.bool_]:
    """(D, H, W) bool: the voxels that are no padding, see `prepare.acquired_grid`."""
    grid = acquired_grid(volume)
    i, j, k = np.rint(volume.grid.to_index(grid.origin)).astype(int)
    result = np.zeros(volume.shape, dtype=np.bool_)
    depth, height, width = grid.shape
    result[k : k + depth, j : j + height, i : i + width] = True
    return result


def _quick_frame(body: NDArray[np.bool_], fixed: Volume) -> Frame:
    """The check's frame around a body, on larger pixels where its slices are large."""
    frame = frame_around(body, fixed.grid)
    pixel_mm = max(frame.pixel_mm, float(frame.extent_mm.max()) / LONGEST_SIDE)
    return replace(frame, pixel_mm=pixel_mm)
