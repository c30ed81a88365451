"""From two volumes to what the networks look at: moved image, body, overlap, frame, gray values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.planes import Frame, frame_around, gray_window, windowed

NO_OVERLAP = 0.02  # share of the fixed body that the moving image covers, below which it is an error
SMALL_OVERLAP = 0.2  # below which nobody can tell
MIN_EXTENT_MM = 15.0  # of the common region, along every axis


@dataclass(frozen=True)
class PreparedPair:
    """Two volumes ready to be measured.

    moved: the moving image on the fixed grid. body: (D, H, W) bool, fixed body seen by both.
    fixed_gray, moved_gray, body_box: the frame's region; gray values in [0, 1].
    overlap: fractions and lengths for the report. obstacle: why nothing can be told, or "".
    """

    fixed: Volume
    moved: Volume
    body: NDArray[np.bool_]
    frame: Frame
    fixed_gray: NDArray[np.float32]
    moved_gray: NDArray[np.float32]
    overlap: dict[str, Any]
    obstacle: str

    @property
    def body_box(self) -> NDArray[np.bool_]:
        """The body inside the frame."""
        return self.body[self.frame.box]


def prepare_pair(
    fixed: Volume,
    moving: Volume,
    transform: Transform | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> PreparedPair:
    """Bring both images onto the fixed grid and find where they can be compared.

    mask: (D, H, W) on the fixed grid, where to judge. Raises InputError when there is nothing in
    common to compare.
    """
    fixed_body = body_mask(fixed)
    moving_body = body_mask(moving)
    wanted = fixed_body if mask is None else mask
    seen = coverage(moving.grid, fixed.grid, transform)
    body = wanted & seen
    covered = float(body.sum() / max(1, wanted.sum()))
    if covered < NO_OVERLAP:
        raise InputError(
            f"{moving.name}: its field of view covers {covered:.1%} of {fixed.name}'s body; "
            "check that both belong together and that the transform has the right direction"
        )
    moved = resample(moving, fixed.grid, transform)
    frame = frame_around(body, fixed.grid)
    extent = [float(x) for x in frame.extent_mm[::-1]]
    overlap = {
        "fixed_body_covered": covered,
        "fixed_grid_covered": float(seen.mean()),
        "body_volume_ml": float(body.sum() * np.prod(fixed.spacing) / 1000),
        "extent_mm": extent,
    }
    return PreparedPair(
        fixed,
        moved,
        body,
        frame,
        windowed(fixed.array[frame.box], gray_window(fixed.array, fixed_body)),
        windowed(moved.array[frame.box], gray_window(moving.array, moving_body)),
        overlap,
        _obstacle(covered, extent),
    )


def _obstacle(covered: float, extent_mm: list[float]) -> str:
    if covered < SMALL_OVERLAP:
        return (
            f"the moving image covers only {covered:.0%} of the body in the fixed image; "
            f"at least {SMALL_OVERLAP:.0%} is needed"
        )
    if min(extent_mm) < MIN_EXTENT_MM:
        size = " x ".join(f"{e:.0f}" for e in extent_mm)
        return f"the common region is only {size} mm; at least {MIN_EXTENT_MM:.0f} mm is needed"
    return ""
