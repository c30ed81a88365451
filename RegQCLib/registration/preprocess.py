"""What is done to a pair before it is registered; only the engines see it, never the result.

Everything is optional, and the record of what was done goes into the provenance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.validation import require_mask
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine_images import block_factors, block_means, blocks_grid

CROP_MARGIN_MM = 15.0
"""Kept around the body: its outline is worth comparing, too."""


@dataclass(frozen=True)
class Preprocessing:
    """What to do to both images.

    clip: percentiles (low, high) of an image beyond which its intensities are cut off. resample_mm:
    finer voxels are averaged up to this size. crop: to the box around the body, or around the mask.
    Raises InputError for values that make no sense.
    """

    clip: tuple[float, float] | None = None
    resample_mm: float | None = None
    crop: bool = False

    def __post_init__(self) -> None:
        if self.clip is not None and not 0 <= self.clip[0] < self.clip[1] <= 100:
            low, high = self.clip
            raise InputError(
                f"clipping from {low:g} to {high:g}: give two percentiles, 0 to 100, low and high"
            )
        if self.resample_mm is not None and not 0 < self.resample_mm < float("inf"):
            raise InputError(f"a voxel size is a positive number of mm, got {self.resample_mm:g}")

    def apply(self, image: Volume, mask: Volume | None = None) -> tuple[Volume, dict[str, Any]]:
        """Return the image to register, and what was done in plain values."""
        shown: dict[str, Any] = {"mask": None if mask is None else mask.name}
        if self.crop:
            image = _cropped(image, mask)
            shown["cropped_to_voxels"] = list(image.shape[::-1])
        if self.clip is not None:
            low, high = np.percentile(image.array, self.clip).tolist()
            if low < high:  # else nearly all of it is one value, and clipping would empty it
                clipped = np.clip(image.array, low, high).astype(image.array.dtype)
                image = image.with_array(clipped)
                shown["clipped_to"] = [low, high]
        if self.resample_mm is not None:
            factors = block_factors(image.grid, self.resample_mm)
            grid = blocks_grid(image.grid, factors)
            image = Volume(block_means(image.array, factors), grid.affine, image.name)
            shown["resampled_to_mm"] = [round(float(step), 4) for step in image.spacing]
        return image, shown


def as_weights(mask: Volume | None, image: Volume) -> Volume | None:
    """1 where a mask is set, on the grid of its image, else 0; None where there is no mask.

    Raises InputError as `require_mask`.
    """
    if mask is None:
        return None
    inside = require_mask(mask, image.grid).astype(np.float32)
    return Volume(inside, image.affine, mask.name)


def _cropped(image: Volume, mask: Volume | None) -> Volume:
    inside = body_mask(image) if mask is None else require_mask(mask, image.grid)
    box: list[tuple[int, int]] = []
    for axis, step in enumerate(image.spacing[::-1]):
        used = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(CROP_MARGIN_MM / step))
        low, high = (used[0], used[-1] + 1) if used.size else (0, image.shape[axis])
        box.append((max(int(low) - margin, 0), min(int(high) + margin, image.shape[axis])))
    array = image.array[tuple(slice(low, high) for low, high in box)]
    affine = image.affine.copy()
    affine[:3, 3] = image.grid.to_world([low for low, _ in reversed(box)])
    return Volume(array, affine, image.name)
