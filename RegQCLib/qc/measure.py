"""Measuring misalignment: the slice networks look at both volumes; their answers are joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCLib.progress import Progress, silent
from RegQCLib.qc.credibility import credible_displacement, credible_motion
from RegQCLib.qc.evidence import (
    QUERY_PIXELS,
    Evidence,
    add_slices,
    affine_at,
    affine_motion,
    displacement_field,
    empty_evidence,
    information,
    lattice_middle,
    lattice_shape,
    multiply_in_plane,
)
from RegQCLib.qc.planes import MATCH_EVERY_MM, Frame, acquisition_axis, in_plane_axes, slice_images

FloatArray = NDArray[np.float64]

MIN_BODY_PIXELS = 200.0  # of body in a slice, below which it is not looked at
BATCH = 8
RIGIDITY = 20.0  # see evidence.displacement_field


class Engine(Protocol):
    """Runs the slice networks; see qc.inference."""

    def match(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 2, H, W) to displacement moments (N, 5, H / 4, W / 4), pixels."""

    def classify(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 2, 128, 128) to (N, 2): logit of misaligned, log(1 + mean displacement in pixels)."""


@dataclass
class PlaneResult:
    """What the matcher saw in slices across one array axis.

    indices: (N,) slices of the region that were matched. moments: (N, 5, rows, columns), pixels.
    taken_off: (2, N, rows, columns) mm along rows and columns, by which the moved image had been
    brought nearer before.
    """

    axis: int
    indices: NDArray[np.intp]
    moments: NDArray[np.float32]
    taken_off: FloatArray | None = None

    def answers(self, pixel_mm: float, rows: list[int] | slice) -> tuple[FloatArray, FloatArray]:
        """Precision (3, n, ...) and vector (2, n, ...) of some slices, see evidence.information."""
        precision, vector = information(np.moveaxis(self.moments[rows], 1, 0), pixel_mm)
        if self.taken_off is not None:
            vector = vector + multiply_in_plane(precision, self.taken_off[:, rows])
        return precision, vector


@dataclass
class Measurement:
    """Residual displacement of a pair.

    displacement: (3, K, J, I) mm along (k, j, i) on the lattice; precision: (6, K, J, I) 1/mm^2.
    motion: (3, 4) its affine part. body: (K, J, I) share of body around each lattice point.
    taken_off: (3, K, J, I) mm, the part of it by which the moved image had been brought nearer.
    """

    frame: Frame
    evidence: Evidence
    motion: FloatArray
    displacement: FloatArray
    precision: FloatArray
    body: FloatArray
    planes: dict[int, PlaneResult]
    taken_off: FloatArray | None = None

    @property
    def came_nearer(self) -> bool:
        """Whether the moved image had been brought nearer before this look."""
        return self.taken_off is not None

    def left(self) -> FloatArray:
        """(3, K, J, I) mm: the displacement that this look saw, without what was taken off."""
        if self.taken_off is None:
            return self.displacement
        return self.displacement - self.taken_off


def chosen_slices(
    body: NDArray[np.bool_], frame: Frame, axis: int, *, every: bool
) -> NDArray[np.intp]:
    """Slices of the region across ``axis`` worth matching: enough body, every few millimeters."""
    others = in_plane_axes(axis)
    area = body.sum(axis=others) * frame.spacing[others[0]] * frame.spacing[others[1]]
    enough = np.flatnonzero(area >= MIN_BODY_PIXELS * frame.pixel_mm**2)
    if every or not len(enough):
        return enough
    step = max(1, round(MATCH_EVERY_MM / frame.spacing[axis]))
    return enough[(len(enough) % step) // 2 :: step]


def measure(
    fixed: NDArray[np.float32],
    moved: NDArray[np.float32],
    body: NDArray[np.bool_],
    grid: Grid,
    frame: Frame,
    engine: Engine,
    *,
    only: dict[int, NDArray[np.intp]] | None = None,
    nearer_by: FloatArray | None = None,
    progress: Progress = silent,
) -> Measurement:
    """Residual displacement between two arrays of the frame's region, already in [0, 1].

    body: region's voxels that lie in the body and in both fields of view. only: slices of the
    region to look at, by array axis; by default every slice of a thick stack, else every 4 mm.
    nearer_by: affine motion (3, 4) by which ``moved`` was already brought nearer; it is part of
    the result.
    """
    planes: dict[int, PlaneResult] = {}
    stack = acquisition_axis(grid)
    for axis in range(3):
        if only is None:
            indices = chosen_slices(body, frame, axis, every=axis == stack)
        else:
            indices = only.get(axis, np.zeros(0, dtype=np.intp))
        moments = match_slices(fixed, moved, frame, axis, indices, engine)
        taken_off = None if nearer_by is None else _in_slices(nearer_by, frame, axis, indices)
        planes[axis] = PlaneResult(axis, indices, moments, taken_off)
        progress("matching slices", (axis + 1) / 3)
    seen = put_together(planes, frame, body_on_lattice(body, frame))
    if nearer_by is None:
        return seen
    return replace(seen, taken_off=affine_at(nearer_by, seen.evidence.from_middle()))


def put_together(
    planes: dict[int, PlaneResult], frame: Frame, lattice_body: FloatArray
) -> Measurement:
    """One displacement field from what the matcher saw in the slices of all planes.

    lattice_body: (K, J, I) share of body around each lattice point, see `body_on_lattice`.
    """
    evidence = empty_evidence(frame)
    for plane in planes.values():
        _collect(evidence, plane, frame, lattice_body)
    motion = affine_motion(evidence)
    displacement, precision = displacement_field(evidence, motion, rigidity=RIGIDITY)
    displacement = credible_displacement(displacement, evidence, motion, frame)
    motion = credible_motion(motion)
    return Measurement(frame, evidence, motion, displacement, precision, lattice_body, planes)


def body_on_lattice(body: NDArray[np.bool_], frame: Frame) -> FloatArray:
    """Share of body, 0 to 1, around every lattice point."""
    result = body.astype(np.float32)
    for axis in range(3):
        weights = frame.weights(axis)[::QUERY_PIXELS]
        result = np.moveaxis(np.tensordot(weights, result, axes=(1, axis)), 0, axis)
    return result.astype(np.float64)


def match_slices(
    fixed: NDArray[np.float32],
    moved: NDArray[np.float32],
    frame: Frame,
    axis: int,
    indices: NDArray[np.intp],
    engine: Engine,
) -> NDArray[np.float32]:
    """Moments (N, 5, rows, columns) that the matcher sees in slices of the region, in batches."""
    parts = []
    for start in range(0, len(indices), BATCH):
        images = slice_images(fixed, moved, frame, axis, indices[start : start + BATCH])
        parts.append(engine.match(images))
    if parts:
        return np.concatenate(parts)
    row, column = (frame.pixels(a) // 4 for a in in_plane_axes(axis))
    return np.zeros((0, 5, row, column), dtype=np.float32)


def _in_slices(
    motion: FloatArray, frame: Frame, axis: int, indices: NDArray[np.intp]
) -> FloatArray:
    """(2, N, rows, columns) mm: an affine motion along rows and columns where slices answer."""
    steps = [QUERY_PIXELS * frame.pixel_mm * np.arange(n) for n in lattice_shape(frame)]
    steps[axis] = indices * frame.spacing[axis]
    middle = lattice_middle(frame)
    points = np.stack(
        np.meshgrid(*(s - m for s, m in zip(steps, middle, strict=True)), indexing="ij")
    )
    motion_there = affine_at(motion, points)[list(in_plane_axes(axis))]
    return np.moveaxis(motion_there, axis + 1, 1)


def _collect(evidence: Evidence, plane: PlaneResult, frame: Frame, body: FloatArray) -> None:
    """Add a plane's answers to the evidence, where there is body."""
    if not len(plane.indices):
        return
    precision, vector = plane.answers(frame.pixel_mm, slice(None))
    depth = plane.indices.astype(np.float64) * frame.spacing[plane.axis]
    layers = np.clip(np.rint(depth / evidence.spacing).astype(int), 0, body.shape[plane.axis] - 1)
    inside = np.moveaxis(body, plane.axis, 0)[layers] > 0.3
    counts = np.bincount(layers)
    add_slices(
        evidence,
        plane.axis,
        depth,
        precision * inside,
        vector * inside,
        weight=1.0 / max(1.0, float(counts[counts > 0].mean())),
    )
