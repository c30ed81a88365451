"""Looking at a pair, again when it lies far off.

The matcher searches 14 pixels. Where its answers say that the images are many pixels apart, the
moved image is brought nearer by the affine part of the answer, and the slices are matched again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.transforms import Affine
from RegQCLib.progress import Progress, silent
from RegQCLib.qc.evidence import affine_at, lattice_middle
from RegQCLib.qc.measure import Engine, Measurement, measure
from RegQCLib.qc.planes import Frame
from RegQCLib.qc.prepare import PreparedPair

FloatArray = NDArray[np.float64]

FAR_PIXELS = 4.0  # mean motion beyond what was taken off, from which a further look is worth it
LOOKS = 3


def look(
    pair: PreparedPair,
    engine: Engine,
    *,
    only: dict[int, NDArray[np.intp]] | None = None,
    progress: Progress = silent,
) -> Measurement:
    """Measure a pair, up to three times.

    only: slices of the region to look at, by array axis, see `measure.measure`.
    """
    frame = pair.frame
    moved, nearer_by = pair.moved_gray, None
    for number in range(LOOKS):
        seen = measure(
            pair.fixed_gray,
            moved,
            pair.body_box,
            pair.fixed.grid,
            frame,
            engine,
            only=only,
            nearer_by=nearer_by,
            progress=progress,
        )
        if number == LOOKS - 1 or _gain(seen, nearer_by) < FAR_PIXELS * frame.pixel_mm:
            break
        nearer_by = seen.motion
        moved = pair.moved_gray_after(motion_transform(seen.motion, frame, pair))
    return seen


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
