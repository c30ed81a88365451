"""From two volumes to what the networks look at: moved image, body, overlap, frame, gray values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Affine, Composite, Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.planes import Frame, frame_around, gray_window, windowed

NO_OVERLAP = 0.02  # share of the fixed body covered by the moving image, below which it is an error
SMALL_OVERLAP = 0.2  # below which nobody can tell
CONTENT_MARGIN_MM = 4.0  # around the moving image's body
EDGE_MM = 6.0  # inside the edges of a field of view
FILLED_FACE = 0.5
PADDED_SHARE = 0.01
MIN_EXTENT_MM = 15.0  # of the common region, along every axis


@dataclass(frozen=True)
class PreparedPair:
    """Two volumes ready to be measured.

    moved: the moving image on the fixed grid. body: (D, H, W) bool, fixed body seen by both.
    fixed_gray, moved_gray, body_box: the frame's region; gray values in [0, 1].
    overlap: fractions and lengths for the report. obstacle: why nothing can be told, or "".
    moving, transform: as given. window: gray values of the moving image shown as 0 and 1.
    """

    fixed: Volume
    moved: Volume
    body: NDArray[np.bool_]
    frame: Frame
    fixed_gray: NDArray[np.float32]
    moved_gray: NDArray[np.float32]
    overlap: dict[str, Any]
    obstacle: str
    moving: Volume
    transform: Transform | None
    window: tuple[float, float]

    @property
    def body_box(self) -> NDArray[np.bool_]:
        """The body inside the frame."""
        return self.body[self.frame.box]

    def moved_gray_after(self, motion: Affine) -> NDArray[np.float32]:
        """The frame's region of the moved image when fixed points first go through ``motion``."""
        transform = motion if self.transform is None else Composite([motion, self.transform])
        moved = moved_image(self.moving, self.fixed.grid, transform)
        return windowed(moved.array[self.frame.box], self.window)


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
    seen = coverage(acquired_grid(moving), fixed.grid, transform)
    seen &= coverage(acquired_grid(fixed), fixed.grid)
    covered = float((wanted & seen).sum() / max(1, wanted.sum()))
    if covered < NO_OVERLAP:
        raise InputError(
            f"{moving.name}: its field of view covers {covered:.1%} of {fixed.name}'s body; "
            "check that both belong together and that the transform has the right direction"
        )
    moved = moved_image(moving, fixed.grid, transform)
    body = wanted & _away_from_edges(seen, fixed) & _content(moving, moving_body, fixed, transform)
    if not body.any():
        raise InputError(
            f"{moving.name}: nothing of its body lies on the body of {fixed.name}; "
            "check that both belong together and that the transform has the right direction"
        )
    frame = frame_around(body, fixed.grid)
    window = gray_window(moving.array, moving_body)
    extent = [float(x) for x in frame.extent_mm[::-1]]
    overlap = {
        "fixed_body_covered": covered,
        "fixed_grid_covered": float(seen.mean()),
        "fixed_body_compared": float(body.sum() / max(1, wanted.sum())),
        "body_volume_ml": float(body.sum() * np.prod(fixed.spacing) / 1000),
        "extent_mm": extent,
    }
    return PreparedPair(
        fixed,
        moved,
        body,
        frame,
        windowed(fixed.array[frame.box], gray_window(fixed.array, fixed_body)),
        windowed(moved.array[frame.box], window),
        overlap,
        _obstacle(covered, extent),
        moving,
        transform,
        window,
    )


def moved_image(moving: Volume, grid: Grid, transform: Transform | None) -> Volume:
    """The moving image on a grid; its darkest value where it was not acquired (air, also in CT)."""
    return resample(moving, grid, transform, outside=float(moving.array.min()))


def acquired_grid(volume: Volume) -> Grid:
    """The part of a grid that was acquired, without padding of one exact value.

    A face of the content's bounding box is an edge of the field of view when content fills more
    than half of it; a body's outline touches its box at a few voxels only.
    """
    array = volume.array
    content = array != _padding_value(array)
    box = []
    for axis in range(3):
        used = np.flatnonzero(content.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append((int(used[0]), int(used[-1]) + 1) if used.size else (0, array.shape[axis]))
    inner = content[tuple(slice(*b) for b in box)]
    for axis in range(3):
        faces = np.moveaxis(inner, axis, 0)
        low, high = box[axis]
        low = low if faces[0].mean() > FILLED_FACE else 0
        high = high if faces[-1].mean() > FILLED_FACE else array.shape[axis]
        box[axis] = (low, high)
    affine = volume.affine.copy()
    affine[:3, 3] = volume.grid.to_world([low for low, _ in box[::-1]])
    k, j, i = (high - low for low, high in box)
    return Grid((k, j, i), affine)


def _padding_value(array: NDArray[Any]) -> Any:
    """The value that most voxels have exactly, if a hundredth of them do; else the smallest.

    Interpolation may leave values below the padding.
    """
    values, counts = np.unique(array[::2, ::2, ::2], return_counts=True)
    most = int(np.argmax(counts))
    return values[most] if counts[most] >= PADDED_SHARE * counts.sum() else array.min()


def _away_from_edges(seen: NDArray[np.bool_], fixed: Volume) -> NDArray[np.bool_]:
    """Drop 6 mm inside the edges of the common field of view, which look like structure.

    Edges of the fixed grid itself do not show. Where nearly nothing would remain, all is kept.
    """
    if seen.all():
        return seen
    inner = seen
    for axis, steps in enumerate(_voxels(EDGE_MM, fixed)):
        if steps:
            inner = minimum_filter1d(inner, 2 * steps + 1, axis=axis, mode="nearest")
    return np.asarray(inner) if inner.sum() > 0.3 * seen.sum() else seen


def _voxels(length_mm: float, volume: Volume) -> list[int]:
    """A length in voxels along (k, j, i), rounded."""
    return [round(length_mm / float(s)) for s in volume.spacing[::-1]]


def _content(
    moving: Volume,
    moving_body: NDArray[np.bool_],
    fixed: Volume,
    transform: Transform | None,
) -> NDArray[np.bool_]:
    """(D, H, W) bool on the fixed grid: near the moving image's body.

    Padding that fills a field of view holds nothing to compare, but its edges look like structure.
    The margin keeps the outline of a misaligned body in sight.
    """
    source = moving.with_array(moving_body.astype(np.uint8))
    body = resample(source, fixed.grid, transform, interpolation="nearest").array > 0
    reach = [round(float(CONTENT_MARGIN_MM / s)) for s in fixed.spacing[::-1]]
    for axis, steps in enumerate(reach):
        body = maximum_filter1d(body, 2 * steps + 1, axis=axis) if steps else body
    return np.asarray(body)


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
