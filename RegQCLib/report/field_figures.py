"""Pictures of the transform that was applied: how far, how the grid bends, where volume changes."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.report.colors import FOLDED, VOLUME_CHANGE, colored
from RegQCLib.report.figures import (
    MOST_PIXELS,
    Pair,
    dimmed,
    fixed_layer,
    length_layer,
    picture,
    raster,
)
from RegQCLib.report.plane_view import PlaneView, square_pixels

LINES = 18  # grid lines across the longer side
POINTS = 90  # along a line


def magnitude_picture(
    pair: Pair, view: PlaneView, index: int, field: DisplacementField, limit_mm: float
) -> Markup:
    """Length of the displacement over the fixed slice, clear outside the body."""
    vectors = _vectors(pair, view, index, field)
    lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=0))
    lengths[~pair.cut(pair.body, view, index)] = np.nan
    layers = [dimmed(fixed_layer(pair, view, index)), length_layer(pair, view, lengths, limit_mm)]
    return picture(pair, view, layers, f"displacement, {view.plane} {index}")


def grid_picture(pair: Pair, view: PlaneView, index: int, field: DisplacementField) -> Markup:
    """Straight lines of fixed space where they end up in moving space, within the plane."""
    vectors = _vectors(pair, view, index, field)
    down, right = view.in_plane(vectors, pair.fixed.grid)
    rows, columns = down.shape
    height_mm, width_mm = view.pixel_mm
    y = (np.arange(rows) + 0.5)[:, None] * height_mm + down
    x = (np.arange(columns) + 0.5)[None, :] * width_mm + right
    apart = max(rows * height_mm, columns * width_mm) / LINES
    paths = [_path(x[row], y[row]) for row in _lines(rows, apart / height_mm)]
    paths += [_path(x[:, column], y[:, column]) for column in _lines(columns, apart / width_mm)]
    lines = Markup('<path class="bent" stroke-width="{:.3g}" d="{}"/>').format(
        apart / 12, "".join(paths)
    )
    layers = [fixed_layer(pair, view, index), lines]
    return picture(pair, view, layers, f"deformed grid, {view.plane} {index}")


def jacobian_picture(pair: Pair, view: PlaneView, index: int, field: DisplacementField) -> Markup:
    """Show log2 of the Jacobian determinant from -1 to 1 in the body; folded voxels magenta."""
    # three slices are enough for central differences in the middle one
    first = max(index - 1, 0)
    slab = [slice(None)] * 3
    slab[view.axis] = slice(first, index + 2)
    # the slab's place does not matter for derivatives
    part = DisplacementField(field.array[(slice(None), *slab)], field.affine)
    determinant = pair.cut(jacobian_determinant(part), view, index - first)
    body = pair.cut(pair.body, view, index)
    change = np.log2(np.maximum(determinant, 1e-3))
    shown = square_pixels(change, view.pixel_mm, most=MOST_PIXELS)
    color = colored(np.clip((shown + 1) / 2, 0, 1), VOLUME_CHANGE)
    folded = square_pixels((determinant <= 0) & body, view.pixel_mm, most=MOST_PIXELS) > 0.2
    color[folded] = FOLDED
    cover = square_pixels(body, view.pixel_mm, most=MOST_PIXELS) > 0.5
    alpha = np.where(cover | folded, 255, 0).astype(np.uint8)
    layer = raster(pair, view, np.dstack([color, alpha]))
    return picture(pair, view, [layer], f"Jacobian determinant, {view.plane} {index}")


def _vectors(
    pair: Pair, view: PlaneView, index: int, field: DisplacementField
) -> NDArray[np.floating]:
    return np.stack([pair.cut(component, view, index) for component in field.array])


def _lines(count: int, apart: float) -> NDArray[np.intp]:
    number = max(2, round(count / max(apart, 1.0)))
    return np.unique(np.linspace(0, count - 1, number).astype(np.intp))


def _path(x: NDArray[np.floating], y: NDArray[np.floating]) -> str:
    keep = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(np.intp))
    places = [f"{a:.1f} {b:.1f}" for a, b in zip(x[keep], y[keep], strict=True)]
    return "M" + "L".join(places)
