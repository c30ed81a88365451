"""Pictures of slices as inline SVG, drawn in mm, so that aspect ratios are those of the body.

Gray values and colors are PNG images; letters and lines are SVG and stay sharp in print.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy import ndimage

from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.planes import windowed
from RegQCLib.report.colors import EDGE, ERROR, colored
from RegQCLib.report.plane_view import FloatArray, PlaneView, plane_view, square_pixels
from RegQCLib.report.png import png_uri

Box = tuple[slice, slice, slice]

MOST_PIXELS = 256  # along a side: sharp at the width a page gives a picture
EDGE_SCALE_MM = 1.0
EDGE_SHARE = 88.0  # percentile of the gradient inside the body above which an edge is shown
WINDOW_PERCENTILES = (1.0, 98.5)
SAMPLE_VOXELS = 200_000
MEDIAN_GRAY = 0.45
GAMMA_RANGE = (0.4, 2.5)
OPAQUE = 0.8
DIMMED = 0.7  # brightness of the slice under colors


@dataclass
class Pair:
    """The two images of a report with what all their pictures share.

    body: (D, H, W) of the fixed image. box: voxels (k, j, i) worth showing. error_limit: mm at the
    end of the color scale. known: ids of images that the page already holds.
    """

    fixed: Volume
    moved: Volume
    body: NDArray[np.bool_]
    box: Box
    error_map: Volume | None
    error_limit: float
    windows: tuple[tuple[float, float], tuple[float, float]] = field(init=False)
    gammas: tuple[float, float] = field(init=False)
    known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        fixed, moved = (_sample(volume.array, self.body) for volume in (self.fixed, self.moved))
        self.windows = display_window(fixed), display_window(moved)
        self.gammas = _gamma(fixed, self.windows[0]), _gamma(moved, self.windows[1])

    def view(self, plane: str) -> PlaneView:
        """Return how to look at a plane."""
        return plane_view(self.fixed.grid, plane)

    def cut(self, array: NDArray[Any], view: PlaneView, index: int) -> NDArray[Any]:
        """Slice ``index`` of a (D, H, W) array on the fixed grid, the box only."""
        return view.cut(array[view.box(self.box)], index)

    def gray(self, which: int, view: PlaneView, index: int, most: int = MOST_PIXELS) -> FloatArray:
        """Return a fixed (0) or moved (1) slice in [0, 1], square pixels."""
        array = (self.fixed, self.moved)[which].array
        slice_ = windowed(np.nan_to_num(self.cut(array, view, index)), self.windows[which])
        return square_pixels(slice_, view.pixel_mm, most=most)

    def extent_mm(self, view: PlaneView) -> tuple[float, float]:
        """Width and height of pictures of a plane."""
        size = [s.stop - s.start for s in self.box]
        return size[view.columns] * view.pixel_mm[1], size[view.rows] * view.pixel_mm[0]


def fixed_picture(pair: Pair, view: PlaneView, index: int) -> Markup:
    """Gray fixed slice."""
    return picture(pair, view, [fixed_layer(pair, view, index)], f"fixed, {view.plane} {index}")


def moved_picture(pair: Pair, view: PlaneView, index: int) -> Markup:
    """Gray moved slice."""
    layer = raster(pair, view, _to_byte(pair.gray(1, view, index)))
    return picture(pair, view, [layer], f"moved, {view.plane} {index}")


def edge_picture(pair: Pair, view: PlaneView, index: int) -> Markup:
    """Edges of the moved slice over the fixed one."""
    moved = pair.gray(1, view, index)
    pixel_mm = pair.extent_mm(view)[0] / moved.shape[1]
    layer = raster(pair, view, _with_alpha(EDGE, 255 * edges(moved, pixel_mm)))
    layers = [fixed_layer(pair, view, index), layer]
    return picture(pair, view, layers, f"edges of moved over fixed, {view.plane} {index}")


def color_picture(pair: Pair, view: PlaneView, index: int) -> Markup:
    """Show fixed in green and moved in magenta: gray where both are alike.

    Contrasts differ in what is bright: a gamma gives the body of both the same median first.
    """
    fixed, moved = (
        _to_byte(pair.gray(which, view, index) ** pair.gammas[which]) for which in (0, 1)
    )
    layer = raster(pair, view, np.stack([moved, fixed, moved], axis=-1))
    return picture(pair, view, [layer], f"fixed green, moved magenta, {view.plane} {index}")


def error_picture(pair: Pair, view: PlaneView, index: int, *, most: int = MOST_PIXELS) -> Markup:
    """Error map in color over the fixed slice; where nothing is known the slice stays gray."""
    layers = [dimmed(fixed_layer(pair, view, index, most))]
    if pair.error_map is not None:
        values = pair.cut(pair.error_map.array, view, index)
        layers.append(length_layer(pair, view, values, pair.error_limit))
    return picture(pair, view, layers, f"estimated error, {view.plane} {index}")


def length_layer(pair: Pair, view: PlaneView, values: NDArray[Any], limit_mm: float) -> Markup:
    """Lengths in mm as colors that cover more the larger they are; NaN is clear."""
    finite = np.isfinite(values)
    weight = square_pixels(finite, view.pixel_mm, most=MOST_PIXELS // 2)
    sums = square_pixels(np.where(finite, values, 0), view.pixel_mm, most=MOST_PIXELS // 2)
    share = np.clip(sums / np.maximum(weight, 1e-6) / limit_mm, 0, 1)
    share = np.rint(share * 32) / 32  # steps that no eye sees, and a third of the bytes
    cover = np.where(weight > 0.5, OPAQUE * np.minimum(1, 0.2 + 1.5 * share), 0)
    color = colored(share, ERROR)
    return raster(pair, view, np.dstack([color, np.rint(255 * cover).astype(np.uint8)]))


def picture(pair: Pair, view: PlaneView, layers: list[Markup], title: str) -> Markup:
    """Put layers on top of each other, with orientation letters; the unit of the drawing is mm."""
    width, height = pair.extent_mm(view)
    size = 0.06 * max(width, height)
    left, right, top, bottom = view.letters
    places = (
        (left, 0.25 * size, height / 2 + 0.35 * size, "start"),
        (right, width - 0.25 * size, height / 2 + 0.35 * size, "end"),
        (top, width / 2, 0.95 * size, "middle"),
        (bottom, width / 2, height - 0.3 * size, "middle"),
    )
    letters = Markup("").join(
        Markup('<text x="{:.4g}" y="{:.4g}" text-anchor="{}">{}</text>').format(x, y, anchor, text)
        for text, x, y, anchor in places
    )
    return Markup(
        '<svg class="pic" viewBox="0 0 {w:.4g} {h:.4g}" role="img" aria-label="{title}">'
        '<rect width="{w:.4g}" height="{h:.4g}" fill="#000"/>{layers}'
        '<g class="letters" font-size="{size:.3g}">{letters}</g></svg>'
    ).format(
        w=width, h=height, title=title, layers=Markup("").join(layers), size=size, letters=letters
    )


def raster(
    pair: Pair, view: PlaneView, image: NDArray[np.uint8], *, name: str | None = None
) -> Markup:
    """Stretch an image over the whole picture; a name lets later pictures use it again."""
    if name is not None and name in pair.known:
        return Markup('<use href="#{}"/>').format(name)
    width, height = pair.extent_mm(view)
    identity = Markup("")
    if name is not None:
        pair.known.add(name)
        identity = Markup('id="{}" ').format(name)
    return Markup(
        '<image {}width="{:.4g}" height="{:.4g}" preserveAspectRatio="none" href="{}"/>'
    ).format(identity, width, height, png_uri(image))


def dimmed(layer: Markup) -> Markup:
    """Darken a layer, so that colors above it show."""
    return Markup('<g opacity="{}">{}</g>').format(DIMMED, layer)


def display_window(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the gray values shown black and white: percentiles of the body's ``values``."""
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, WINDOW_PERCENTILES))
    return low, high if high > low else low + 1.0


def edges(image: FloatArray, pixel_mm: float) -> NDArray[np.bool_]:
    """Thin edges of a picture (Canny, IEEE PAMI 8, 1986), the strongest by share of the body."""
    sigma = max(1.0, EDGE_SCALE_MM / pixel_mm)
    down, right = (ndimage.gaussian_filter(image, sigma, order=o) for o in ((1, 0), (0, 1)))
    strength = np.hypot(down, right)
    inside = strength[image > 0.1]
    if not inside.size or not strength.max() > 0:
        return np.zeros(image.shape, dtype=np.bool_)
    high = max(float(np.percentile(inside, EDGE_SHARE)), 1e-6)
    # a maximum along the gradient: compare with both neighbors in the nearest of four directions
    sector = np.rint(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(strength, 1)
    rows, columns = image.shape
    ridge = np.zeros(image.shape, dtype=np.bool_)
    for which, (dr, dc) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + dr : 1 + dr + rows, 1 + dc : 1 + dc + columns]
        behind = padded[1 - dr : 1 - dr + rows, 1 - dc : 1 - dc + columns]
        ridge |= (sector == which) & (strength >= ahead) & (strength > behind)
    weak = ridge & (strength > 0.5 * high)
    parts, count = ndimage.label(weak, structure=np.ones((3, 3)))
    strong = np.zeros(count + 1, dtype=np.bool_)
    strong[np.unique(parts[weak & (strength > high)])] = True
    strong[0] = False
    kept: NDArray[np.bool_] = strong[parts]
    return kept


def fixed_layer(pair: Pair, view: PlaneView, index: int, most: int = MOST_PIXELS) -> Markup:
    """Gray fixed slice to draw on; the page holds each only once."""
    name = f"fixed-{view.plane}-{index}-{most}"
    if name in pair.known:
        return raster(pair, view, np.zeros((1, 1), np.uint8), name=name)
    return raster(pair, view, _to_byte(pair.gray(0, view, index, most)), name=name)


def _sample(array: NDArray[Any], body: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = array[body]
    values = values[:: max(1, values.size // SAMPLE_VOXELS)].astype(np.float64)
    return values[np.isfinite(values)]


def _gamma(values: NDArray[np.float64], window: tuple[float, float]) -> float:
    """Return the exponent that makes the median `MEDIAN_GRAY`, within reason."""
    if not values.size:
        return 1.0
    median = float(np.clip(np.median(windowed(values, window)), 0.01, 0.99))
    return float(np.clip(np.log(MEDIAN_GRAY) / np.log(median), *GAMMA_RANGE))


def _to_byte(image: FloatArray) -> NDArray[np.uint8]:
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _with_alpha(color: tuple[int, int, int], alpha: NDArray[Any]) -> NDArray[np.uint8]:
    result = np.empty((*alpha.shape, 4), dtype=np.uint8)
    result[..., :3] = color
    result[..., 3] = alpha
    return result
