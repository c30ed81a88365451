"""How gray a volume is: what to show black and white, and how strong its edges are.

Everything is estimated from the body, on at most a few hundred thousand voxels: a large CT must not
stop the views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray
from scipy import ndimage

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.qc.planes import gray_window, windowed

FloatArray = NDArray[np.float64]

SAMPLE_VOXELS = 300_000
MEDIAN_GRAY = 0.45
GAMMA_RANGE = (0.4, 2.5)

EDGE_SCALE_VOXELS = 1.5
"""Edges finer than this many in-plane voxels are taken for noise."""
SAMPLED_SLICES = 3
DARK = 0.1
"""Gray values below this share of the window show air: they have no edges worth counting."""


@dataclass(frozen=True)
class GrayLook:
    """Gray values of a volume.

    window: shown black and white, in the volume's unit. gamma: exponent that gives the median of
    the body the same gray in every volume. edgeScaleMm: standard deviation of the smoothing before
    edges are looked for. gradients: sorted sample inside the body, in the volume's unit per mm.
    """

    window: tuple[float, float]
    gamma: float
    edgeScaleMm: float
    gradients: FloatArray

    def edgeThreshold(self, percent: float) -> float:
        """Gradient, in the volume's unit per mm, that ``percent`` of the body stays below."""
        if not self.gradients.size:
            return float("inf")
        return float(self.gradients[round(percent / 100 * (self.gradients.size - 1))])


def grayLook(volume: Any) -> GrayLook:
    """Measure a scalar volume node."""
    array = slicer.util.arrayFromVolume(volume)
    spacing = np.array(volume.GetSpacing()[::-1])
    coarse, coarseSpacing = _coarse(array, spacing)
    body = body_mask(coarse, spacing=coarseSpacing[::-1].tolist())
    if not body.any():
        body = np.ones_like(body)
    window = _window(coarse, body)
    scale = EDGE_SCALE_VOXELS * float(np.sqrt(np.prod(np.sort(spacing)[:2])))
    return GrayLook(
        window, _gamma(coarse[body], window), scale, _gradients(array, spacing, scale, window)
    )


def _coarse(array: NDArray[Any], spacing: FloatArray) -> tuple[NDArray[np.float32], FloatArray]:
    """Leave out voxels, such that what stays is about isotropic."""
    target = float(np.prod(spacing) * array.size / SAMPLE_VOXELS) ** (1 / 3)
    steps = np.maximum(1, np.rint(target / spacing)).astype(int)
    steps = np.minimum(steps, array.shape)
    k, j, i = steps
    coarse = np.asarray(array[::k, ::j, ::i], dtype=np.float32)
    finite = np.isfinite(coarse)
    if not finite.all():
        darkest = coarse[finite].min() if finite.any() else 0.0
        coarse = np.where(finite, coarse, darkest)
    return coarse, spacing * steps


def _window(values: NDArray[Any], body: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the window of the body, but with black air: in color, dark gray is a tint."""
    low, high = gray_window(values, body)
    air = values[~body]
    if air.size:
        low = min(max(low, float(np.median(air))), float(np.percentile(values[body], 1)))
    return low, high if high > low else low + 1


def _gamma(values: NDArray[Any], window: tuple[float, float]) -> float:
    median = float(np.clip(np.median(windowed(values, window)), 0.01, 0.99))
    return float(np.clip(np.log(MEDIAN_GRAY) / np.log(median), *GAMMA_RANGE))


def _gradients(
    array: NDArray[Any], spacing: FloatArray, scaleMm: float, window: tuple[float, float]
) -> FloatArray:
    """Measure gradients in a few slices across the coarsest axis."""
    axis = int(np.argmax(spacing))
    others = [a for a in range(3) if a != axis]
    count = array.shape[axis]
    found = []
    for place in np.unique(np.linspace(0.3, 0.7, SAMPLED_SLICES) * (count - 1)).astype(int):
        image = np.nan_to_num(np.asarray(array.take(place, axis=axis), dtype=np.float32))
        sigma = [scaleMm / spacing[a] for a in others]
        down, right = (
            ndimage.gaussian_filter(image, sigma, order=order) / spacing[a]
            for order, a in (((1, 0), others[0]), ((0, 1), others[1]))
        )
        strength = np.hypot(down, right)[windowed(image, window) > DARK]
        found.append(strength[:: max(1, strength.size // 20_000)])
    return np.sort(np.concatenate(found).astype(np.float64))
