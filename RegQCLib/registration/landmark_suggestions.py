"""Where to place landmarks: spots that can be found again in all three directions.

A flat region, a surface and an edge leave the position open in three, two and one directions. The
structure tensor tells: with it, 1 / trace of its inverse is large only where the gray values change
along every axis, and estimates how precisely a spot can be located (Foerstner and Guelch, ISPRS
1987; in registration Rohr, Landmark-based image analysis, 2001). Lengths are mm, so unequal voxels
do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial.distance import cdist

from RegQCLib.errors import InputError
from RegQCLib.geometry.validation import require_image_content, require_mask
from RegQCLib.geometry.volume import Volume

FloatArray = NDArray[np.float64]

SCALE_MM = 2.0
"""Structures smaller than this are taken as noise."""

NEIGHBORHOOD = 2.0
"""The structure tensor is averaged over this many times the scale."""

REACH = 2.0
"""A corner lies within this many widths of the average around the peak that it causes."""

MIN_DISTANCE_MM = 10.0
MARGIN_MM = 8.0

MIN_STRENGTH = 0.02
"""Of the strongest spot's; weaker ones are noise or nearly edges."""

MAX_CANDIDATES = 3000
"""The strongest spots that are compared in pairs."""

CLIPPED = (0.5, 99.5)
"""Percentiles between which gray values count; a bright vessel shall not outshine the rest."""

SAMPLE_VOXELS = 200_000


def suggest_landmarks(
    volume: Volume,
    count: int,
    mask: Volume | None = None,
    *,
    min_distance_mm: float = MIN_DISTANCE_MM,
    margin_mm: float = MARGIN_MM,
    scale_mm: float = SCALE_MM,
) -> FloatArray:
    """Propose up to ``count`` places, (M, 3) RAS mm, well spread, the most prominent first.

    mask: on any grid, nonzero where to look. min_distance_mm: between any two places.
    margin_mm: kept to the edges of the image, at least one voxel. scale_mm: of the structures.
    Spread follows Brown et al. (CVPR 2005): a place ranks by its distance to the next stronger one.
    Raises InputError when the image or the mask cannot be used, a number is out of range, or
    nothing has structure in three directions.
    """
    if count < 1 or min(min_distance_mm, margin_mm) < 0 or not scale_mm > 0:
        raise InputError(
            "suggestions need a count from 1, a scale above 0 mm, and distances from 0 mm; got "
            f"{count}, {scale_mm:g}, {min_distance_mm:g} and {margin_mm:g}"
        )
    require_image_content(volume)
    region = _away_from_edges(volume, mask, margin_mm)
    structure = _structure(volume, scale_mm)
    places = _peaks(np.where(region[structure.kept], structure.strength(), 0))
    index = structure.corners(places)
    seen = region[tuple(np.rint(index).astype(np.intp).T)]
    edge = np.minimum(index, np.array(volume.shape) - 1 - index) * volume.spacing[::-1]
    seen &= (edge >= margin_mm).all(axis=1)
    if not seen.any():
        raise InputError(
            f"{volume.name}: no place there has structure in all three directions; choose another "
            "region or a smaller scale"
        )
    points = volume.grid.to_world(index[seen][:, ::-1])
    return points[_well_spread(points, count, min_distance_mm)]


def _away_from_edges(volume: Volume, mask: Volume | None, margin_mm: float) -> NDArray[np.bool_]:
    """Where to look, (D, H, W)."""
    inner = np.zeros(volume.shape, np.bool_)
    widths = np.maximum(np.ceil(margin_mm / volume.spacing[::-1] - 1e-6), 1).astype(int)
    inner[tuple(slice(width, -width) for width in widths)] = True
    if mask is not None:
        inner &= require_mask(mask, volume.grid)
    if not inner.any():
        where = volume.name if mask is None else f"{volume.name}, {mask.name}"
        raise InputError(
            f"{where}: nothing is left {margin_mm:g} mm away from the image's edges; choose a "
            "smaller margin or another region"
        )
    return inner


@dataclass(frozen=True, eq=False)
class _Structure:
    """Gradients around every n-th voxel, averaged with Gaussian weights w.

    tensor: (3, 3, D, H, W), sum of w g g^T. moment: (3, D, H, W), sum of w g g^T x with x in mm
    along (k, j, i). width_mm: standard deviation of the weights. pitch_mm: between these voxels;
    steps: n along (k, j, i).
    """

    tensor: FloatArray
    moment: FloatArray
    width_mm: float
    pitch_mm: FloatArray
    steps: NDArray[np.intp]

    @property
    def kept(self) -> tuple[slice, ...]:
        """Slices that take every n-th voxel of the volume."""
        return tuple(slice(None, None, step) for step in self.steps)

    def strength(self) -> FloatArray:
        """1 / trace of the inverse of the tensor, (D, H, W); 0 where it has none."""
        (kk, kj, ki), (_, jj, ji), (_, _, ii) = self.tensor
        minors = (jj * ii - ji**2) + (kk * ii - ki**2) + (kk * jj - kj**2)
        determinant = kk * (jj * ii - ji**2) - kj * (kj * ii - ji * ki) + ki * (kj * ji - jj * ki)
        rounding = np.finfo(np.float64).eps * (kk + jj + ii) ** 2
        usable = minors > rounding
        return np.where(usable, determinant / np.where(usable, minors, 1), 0)

    def corners(self, places: NDArray[np.intp]) -> FloatArray:
        """Where the edges around each place meet: volume indices (N, 3) along (k, j, i).

        That is the point x nearest to all planes through the voxels around, across their gradients:
        the least-squares solution of sum w g g^T (x - x_voxel) = 0. The peak of the strength itself
        lies beside it, on the side of the smaller angle. Where edges meet too far away to be of
        this place, it stays.
        """
        at = tuple(places.T)
        tensors = np.moveaxis(self.tensor[(slice(None), slice(None), *at)], -1, 0)
        moments = self.moment[(slice(None), *at)].T
        found = np.linalg.solve(tensors, moments[..., None])[..., 0] / self.pitch_mm
        near = np.linalg.norm((found - places) * self.pitch_mm, axis=1) <= REACH * self.width_mm
        return np.where(near[:, None], found, places) * self.steps


def _structure(volume: Volume, scale_mm: float) -> _Structure:
    sizes = volume.spacing[::-1]
    smooth = gaussian_filter(_normalized(volume.array), scale_mm / sizes, mode="nearest")
    # Smoothed so, the image loses nothing by keeping one voxel a scale.
    most = np.maximum((np.array(volume.shape) - 1) // 2, 1)
    steps = np.clip(np.floor(scale_mm / sizes + 1e-6), 1, most).astype(np.intp)
    pitch = sizes * steps
    thinned = smooth[tuple(slice(None, None, step) for step in steps)].astype(np.float64)
    gradient = np.gradient(thinned, *pitch)
    axes = np.ogrid[tuple(slice(n) for n in thinned.shape)]
    along = sum(g * x * size for g, x, size in zip(gradient, axes, pitch, strict=True))

    width = NEIGHBORHOOD * scale_mm

    def averaged(values: FloatArray) -> FloatArray:
        return np.asarray(gaussian_filter(values, width / pitch, mode="constant"))

    tensor = np.empty((3, 3, *thinned.shape))
    for a in range(3):
        for b in range(a, 3):
            tensor[a, b] = tensor[b, a] = averaged(gradient[a] * gradient[b])
    moment = np.stack([averaged(one * along) for one in gradient])
    return _Structure(tensor, moment, width, pitch, steps)


def _normalized(array: NDArray[Any]) -> NDArray[np.float32]:
    """Gray values from 0 to 1, clipped."""
    sample = array.ravel()[:: max(1, array.size // SAMPLE_VOXELS)]
    low, high = np.percentile(sample, CLIPPED)
    if not low < high:
        low, high = float(array.min()), float(array.max())
    return ((np.clip(array, low, high) - low) / (high - low)).astype(np.float32)


def _peaks(strength: FloatArray) -> NDArray[np.intp]:
    """Local maxima, strongest first: indices (N, 3) along (k, j, i)."""
    highest = maximum_filter(strength, size=3, mode="nearest")
    places = np.argwhere((strength == highest) & (strength > MIN_STRENGTH * strength.max()))
    order = np.argsort(-strength[tuple(places.T)], kind="stable")
    return places[order[:MAX_CANDIDATES]]


def _well_spread(points: FloatArray, count: int, min_distance_mm: float) -> NDArray[np.intp]:
    """Choose by the distance to the next stronger one; ``points`` (N, 3) come strongest first."""
    distance = cdist(points, points)
    distance[np.triu_indices(len(points))] = np.inf  # only to those before
    radius = distance.min(axis=1)
    order = np.argsort(-radius, kind="stable")
    return order[radius[order] >= min_distance_mm][:count]
