"""Pictures of slices as plain images, for programs that draw no SVG (Qt's rich text, for a PDF).

The same layers as in `RegQCLib.report.figures`, flattened, with orientation letters of pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.qc.alignment_report import AxisScores
from RegQCLib.report.colors import EDGE, ERROR, PROBABILITY, colored
from RegQCLib.report.figures import DIMMED, OPAQUE, Pair, edges
from RegQCLib.report.plane_view import PlaneView, square_pixels

PIXELS = 360  # along a side: 300 a inch where four stand side by side on A4
LETTER_SHARE = 0.06
GLYPHS = {
    "R": ("####.", "#...#", "####.", "#.#..", "#..##"),
    "L": ("#....", "#....", "#....", "#....", "#####"),
    "A": (".###.", "#...#", "#####", "#...#", "#...#"),
    "P": ("####.", "#...#", "####.", "#....", "#...."),
    "S": (".####", "#....", ".###.", "....#", "####."),
    "I": (".###.", "..#..", "..#..", "..#..", ".###."),
}
STRIP_HEIGHT, BAR_WIDTH, FLAG_HEIGHT = 120, 1400, 14
UNKNOWN_GRAY, TOLERANCE_GRAY = 217, 29

Image = NDArray[np.uint8]


def edge_image(pair: Pair, view: PlaneView, index: int) -> Image:
    """Edges of the moved slice over the fixed one, RGB."""
    moved = pair.gray(1, view, index, PIXELS)
    image = _gray(pair.gray(0, view, index, PIXELS))
    image[edges(moved, pair.extent_mm(view)[0] / moved.shape[1])] = EDGE
    return lettered(image, view)


def gray_image(pair: Pair, which: int, view: PlaneView, index: int) -> Image:
    """The fixed (0) or moved (1) slice, RGB."""
    return lettered(_gray(pair.gray(which, view, index, PIXELS)), view)


def color_image(pair: Pair, view: PlaneView, index: int) -> Image:
    """Fixed in green and moved in magenta, RGB."""
    fixed, moved = (
        _bytes(pair.gray(which, view, index, PIXELS) ** pair.gammas[which]) for which in (0, 1)
    )
    return lettered(np.stack([moved, fixed, moved], axis=-1), view)


def error_image(pair: Pair, view: PlaneView, index: int) -> Image:
    """Estimated error in color over the fixed slice, RGB; gray where nothing is known."""
    gray = _gray(pair.gray(0, view, index, PIXELS)) * DIMMED
    if pair.error_map is None:
        return lettered(_rounded(gray), view)
    values = pair.cut(pair.error_map.array, view, index)
    known = np.isfinite(values)
    weight = square_pixels(known, view.pixel_mm, most=PIXELS)
    lengths = square_pixels(np.where(known, values, 0), view.pixel_mm, most=PIXELS)
    share = np.clip(lengths / np.maximum(weight, 1e-6) / pair.error_limit, 0, 1)
    cover = np.where(weight > 0.5, OPAQUE * np.minimum(1, 0.2 + 1.5 * share), 0)[..., None]
    return lettered(_rounded(gray * (1 - cover) + colored(share, ERROR) * cover), view)


def strip_image(axis: AxisScores, *, error_limit: float, tolerance_mm: float | None) -> Image:
    """Bars of slice scores, RGB: height is the error, color the probability; flags above."""
    count = max(len(axis.slices), 1)
    step = max(1, BAR_WIDTH // count)
    image = np.full((STRIP_HEIGHT, step * count, 3), 255, dtype=np.uint8)
    bars = STRIP_HEIGHT - FLAG_HEIGHT
    for place, one in enumerate(axis.slices):
        left, right = place * step, (place + 1) * step - (step > 3)
        height = round(bars * min((one.error_mm or 0.0) / error_limit, 1.0))
        color = np.full(3, UNKNOWN_GRAY, dtype=np.uint8)
        if one.probability_misaligned is not None:
            color = colored(np.array(one.probability_misaligned), PROBABILITY)
        image[STRIP_HEIGHT - max(height, 3) :, left:right] = color
        if one.flagged:
            image[: FLAG_HEIGHT - 4, left:right] = TOLERANCE_GRAY
    if tolerance_mm is not None and tolerance_mm <= error_limit:
        row = STRIP_HEIGHT - 1 - round(bars * tolerance_mm / error_limit)
        image[row : row + 2, np.arange(image.shape[1]) % 12 < 7] = TOLERANCE_GRAY
    return image


def lettered(image: Image, view: PlaneView) -> Image:
    """Write the four orientation letters at the edges of a picture, white on black."""
    rows, columns = image.shape[:2]
    scale = max(1, round(LETTER_SHARE * max(rows, columns) / 5))
    size = 7 * scale
    if min(rows, columns) < 3 * size:
        return image
    left, right, top, bottom = view.letters
    middle_row, middle_column = (rows - size) // 2, (columns - size) // 2
    for letter, row, column in (
        (left, middle_row, 0),
        (right, middle_row, columns - size),
        (top, 0, middle_column),
        (bottom, rows - size, middle_column),
    ):
        image[row : row + size, column : column + size] = _glyph(letter, scale)[..., None]
    return image


def _glyph(letter: str, scale: int) -> Image:
    dots = np.array([[dot == "#" for dot in line] for line in GLYPHS[letter]])
    return np.kron(np.pad(dots, 1), np.full((scale, scale), 255)).astype(np.uint8)


def _bytes(image: NDArray[np.floating]) -> Image:
    return _rounded(255 * np.clip(image, 0, 1))


def _gray(image: NDArray[np.floating]) -> Image:
    return np.repeat(_bytes(image)[..., None], 3, axis=-1)


def _rounded(image: NDArray[np.floating]) -> Image:
    return np.rint(image).astype(np.uint8)
