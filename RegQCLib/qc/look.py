"""Looking at a pair, again when it lies far off.

The matcher searches 14 pixels, and what it answers falls short of what is there. Where its answers
say that the images are pixels apart, the moved image is brought nearer by their affine part, with a
few of the slices, until little is left; then all slices are matched again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.transforms import Affine
from RegQCLib.progress import Progress, part, silent
from RegQCLib.qc.evidence import affine_at, lattice_middle
from RegQCLib.qc.measure import Engine, Measurement, measure
from RegQCLib.qc.planes import Frame
from RegQCLib.qc.prepare import PreparedPair

FloatArray = NDArray[np.float64]

FAR_PIXELS = 2.0  # mean affine motion from which the moved image is brought nearer
NEAR_PIXELS = 1.0  # mean affine motion left, below which it is near enough
APPROACHES = 5  # at most
FEW = 4  # one slice of so many is looked at on the way
FIRST_SHARE = 0.4  # of the time, where a first look is not the last


def look(
    pair: PreparedPair,
    engine: Engine,
    *,
    only: dict[int, NDArray[np.intp]] | None = None,
    progress: Progress = silent,
) -> Measurement:
    """Measure a pair; when it lies far off, measure again what remains after coming nearer.

    only: slices of the region to look at, by array axis, see `measure.measure`.
    """

    def look_once(
        chosen: dict[int, NDArray[np.intp]] | None,
        nearer_by: FloatArray | None,
        progress: Progress = silent,
    ) -> Measurement:
        moved = pair.moved_gray
        if nearer_by is not None:
            moved = pair.moved_gray_after(motion_transform(nearer_by, pair.frame, pair))
        return measure(
            pair.fixed_gray,
            moved,
            pair.body_box,
            pair.fixed.grid,
            pair.frame,
            engine,
            only=chosen,
            nearer_by=nearer_by,
            progress=progress,
        )

    seen = look_once(only, None, part(progress, 0, FIRST_SHARE))
    pixel_mm = pair.frame.pixel_mm
    if _gain(seen, None) < FAR_PIXELS * pixel_mm:
        return seen
    few = {axis: plane.indices[::FEW] for axis, plane in seen.planes.items()}
    nearer_by = seen.motion
    for _ in range(APPROACHES):
        progress("matching slices", FIRST_SHARE)  # lets a person cancel on the way
        glance = look_once(few, nearer_by)
        left = _gain(glance, nearer_by)
        nearer_by = glance.motion
        if left < NEAR_PIXELS * pixel_mm:
            break
    return look_once(only, nearer_by, part(progress, FIRST_SHARE, 1))


def motion_transform(motion: FloatArray, frame: Frame, pair: PreparedPair) -> Affine:
    """An affine motion (3, 4) of the frame as a transform of RAS points, mm."""
    spacing = np.array(frame.spacing)
    to_frame = np.eye(4)  # voxels (i, j, k) to millimeters (k, j, i) from the lattice's middle
    to_frame[:3, :3] = np.diag(spacing)[:, ::-1]
    to_frame[:3, 3] = -np.array(frame.start) * spacing - lattice_middle(frame)
    moved = np.eye(4)
    moved[:3] += motion
    world = pair.fixed.affine @ np.linalg.inv(to_frame)
    return Affine(world @ moved @ np.linalg.inv(world))


def _gain(seen: Measurement, nearer_by: FloatArray | None) -> float:
    """Mean length over the body, mm, of the affine motion that was not taken off before."""
    new = seen.motion if nearer_by is None else seen.motion - nearer_by
    length = np.linalg.norm(affine_at(new, seen.evidence.from_middle()), axis=0)
    return float(np.average(length, weights=seen.body)) if seen.body.any() else 0.0
