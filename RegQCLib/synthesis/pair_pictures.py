"""Pictures of synthetic pairs: both images, a checkerboard of them, and the displacement in mm.

Slices of volumes are turned as radiologists look at them (see report.plane_view), with letters for
the patient's sides. Gray outside the body means that no displacement is defined there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.resample import resample
from RegQCLib.report.colors import ERROR
from RegQCLib.report.plane_view import plane_view, position_text
from RegQCLib.synthesis.volume_pairs import VolumePair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS_PER_SHEET = 8
FIELDS = 8  # of a checkerboard, along the longer side
SIDE_INCHES = 2.4
DOTS_PER_INCH = 90
WINDOW_PERCENTILES = (0.5, 99.5)
SMALLEST_SCALE_MM = 1.0  # an aligned pair must not look alarming

Array = NDArray[Any]


@dataclass(frozen=True)
class PictureRow:
    """One row of a picture; arrays are (rows, columns).

    repaired: the moving image put right by the true displacement, where that is known.
    length_mm: length of the displacement, NaN where it is not defined. pixel_mm: (height, width).
    letters: sides of the patient at left, right, top and bottom, if any.
    """

    caption: str
    fixed: Array
    moving: Array
    repaired: Array | None
    length_mm: Array
    pixel_mm: tuple[float, float]
    letters: tuple[str, ...] = ()


def volume_rows(pair: VolumePair, name: str) -> list[PictureRow]:
    """Axial, coronal and sagittal slices through the middle of the body."""
    grid = pair.fixed.grid
    stored = resample(pair.moving, grid).array
    repaired = resample(pair.moving, grid, pair.truth).array
    length = np.linalg.norm(pair.truth.array, axis=0)
    length = np.where(pair.body, length, np.nan)
    inside = np.argwhere(pair.body)
    middle = inside.mean(axis=0).round() if len(inside) else np.array(grid.shape) // 2
    rows = []
    for plane in reversed(PLANE_NAMES):
        view = plane_view(grid, plane)
        index = int(middle[view.axis])
        position = grid.to_world(middle[::-1])[PLANE_NAMES.index(plane)]
        caption = f"{name}: mean {pair.mean_mm:.2f} mm\n{plane} {position_text(plane, position)}"
        fixed, moving, put_right, lengths = (
            view.cut(array, index) for array in (pair.fixed.array, stored, repaired, length)
        )
        rows.append(
            PictureRow(caption, fixed, moving, put_right, lengths, view.pixel_mm, view.letters)
        )
    return rows


def checkerboard(fixed: Array, moving: Array, pixel_mm: tuple[float, float]) -> Array:
    """Fields of both images in turn, the fixed one at the top left; square in mm."""
    extent = np.array(fixed.shape) * pixel_mm
    field = extent.max() / FIELDS
    row, column = (
        ((np.arange(n) + 0.5) * size // field).astype(int)
        for n, size in zip(fixed.shape, pixel_mm, strict=True)
    )
    board: Array = np.where((row[:, None] + column) % 2 == 0, fixed, moving)
    return board


def draw_rows(rows: Sequence[PictureRow], path: Path) -> None:
    """Draw the rows below each other as a PNG picture."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    stops = [(place, [c / 255 for c in rgb]) for place, rgb in ERROR]
    colors = LinearSegmentedColormap.from_list("error", stops).with_extremes(bad="0.55")
    with_repaired = rows[0].repaired is not None
    titles = ["fixed", "moving", *["moving put right"] * with_repaired, "checkerboard"]
    titles.append("displacement (mm)")
    figure = Figure(
        figsize=(SIDE_INCHES * (len(titles) + 0.5), SIDE_INCHES * len(rows) + 0.3),
        layout="constrained",
    )
    grid = figure.subplots(len(rows), len(titles), squeeze=False)
    finite = [row.length_mm[np.isfinite(row.length_mm)] for row in rows]
    limits = [max(SMALLEST_SCALE_MM, float(f.max()) if f.size else 0.0) for f in finite]
    if with_repaired:  # the rows show one volume: one scale
        limits = [max(limits)] * len(rows)
    for axes, row, limit in zip(grid, rows, limits, strict=True):
        fixed, moving = _windowed(row.fixed, row.fixed), _windowed(row.moving, row.moving)
        shown = [fixed, moving]
        if row.repaired is not None:
            shown.append(_windowed(row.repaired, row.moving))
        shown.append(checkerboard(fixed, moving, row.pixel_mm))
        aspect = row.pixel_mm[0] / row.pixel_mm[1]
        for axis, image in zip(axes, shown, strict=False):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1, aspect=aspect)
        map_ = axes[-1].imshow(row.length_mm, cmap=colors, vmin=0, vmax=limit, aspect=aspect)
        figure.colorbar(map_, ax=axes[-1], label="mm", shrink=0.85)
        axes[0].set_ylabel(row.caption, fontsize=8)
        _write_letters(axes[0], row.letters)
        for axis in axes:
            axis.set(xticks=[], yticks=[])
    for axis, title in zip(grid[0], titles, strict=True):
        axis.set_title(title, fontsize=10)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _windowed(image: Array, like: Array) -> Array:
    """Gray values in [0, 1], by the window of another image, so that both look alike."""
    low, high = np.percentile(like, WINDOW_PERCENTILES)
    return np.clip((image - low) / max(high - low, 1e-6), 0, 1)


def _write_letters(axis: Axes, letters: tuple[str, ...]) -> None:
    """Letters at the left, right, top and bottom of a picture."""
    places = ((0.03, 0.5), (0.97, 0.5), (0.5, 0.97), (0.5, 0.03))
    sides = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, (x, y), (horizontal, vertical) in zip(letters, places, sides, strict=False):
        axis.text(
            x,
            y,
            letter,
            transform=axis.transAxes,
            color="white",
            fontsize=8,
            bbox={"facecolor": "black", "edgecolor": "none", "pad": 1.0, "alpha": 0.7},
            ha=horizontal,
            va=vertical,
        )
