"""What a deformable registration is given: refused where it makes no sense, else in its frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import ndimage

from RegQCLib.errors import InputError
from RegQCLib.evaluation.landmark_error import checked_pairs
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.validation import require_image_content, require_mask
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine_images import blocks_grid
from RegQCLib.registration.iterative.deformable_pair import Pair
from RegQCLib.registration.iterative.deformable_terms import Labels, Landmarks
from RegQCLib.registration.iterative.label_features import label_codes

BLEND_MM = 10.0
"""Around a region of interest the deformation fades out over this length."""


def check_choice(what: str, given: str, known: Sequence[str]) -> None:
    """Raise InputError unless ``given`` is one of the known names."""
    if given not in known:
        raise InputError(f"the {what} is one of {', '.join(known)}, got {given!r}")


def check_images(fixed: Volume, moving: Volume) -> None:
    """Raise InputError unless both are volumes, or both slices, with finite values that differ."""
    thin = [[axis for axis, count in enumerate(v.shape) if count == 1] for v in (fixed, moving)]
    for volume, axes in zip((fixed, moving), thin, strict=True):
        if len(axes) > 1:
            shown = " x ".join(str(n) for n in volume.shape[::-1])
            raise InputError(
                f"{volume.name}: {shown} voxels are a line, not an image; give a slice or a volume"
            )
        # The check of contents refuses single slices; doubled, one has the same contents.
        array = np.repeat(volume.array, 2, axis=axes[0]) if axes else volume.array
        require_image_content(Volume(array, volume.affine, volume.name))
    if bool(thin[0]) != bool(thin[1]):
        flat, full = (fixed, moving) if thin[0] else (moving, fixed)
        raise InputError(
            f"{flat.name} is one slice and {full.name} a volume; give two slices or two volumes"
        )


def check_weights(volume: Volume | None) -> None:
    """Raise InputError unless a map of confidence is finite, 0 or more, and not 0 everywhere."""
    if volume is None:
        return
    low, high = float(volume.array.min()), float(volume.array.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high == 0:
        raise InputError(
            f"{volume.name}: weights from {low:g} to {high:g}; give numbers from 0, some above it"
        )


def check_stiffness(volume: Volume | None) -> None:
    """Raise InputError unless a map of stiffness is finite and above 0."""
    if volume is None:
        return
    low, high = float(volume.array.min()), float(volume.array.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low <= 0:
        raise InputError(
            f"{volume.name}: stiffness from {low:g} to {high:g}; give numbers above 0, 1 as usual"
        )


def check_between_slices(weight: float) -> None:
    """Raise InputError unless voxels between slices count, and no more than those on them."""
    if not 0 < weight <= 1:
        raise InputError(f"between_slices must be above 0 and at most 1, got {weight:g}")


def blending(region: Volume, grid: Grid, factors: tuple[int, int, int]) -> Volume:
    """1 inside the region, falling smoothly to 0 within `BLEND_MM` around; on blocks of voxels.

    Raises InputError as `require_mask`.
    """
    blocks = blocks_grid(grid, factors)
    inside = require_mask(region, blocks)
    distance = ndimage.distance_transform_edt(~inside, sampling=blocks.spacing[::-1])
    ramp = 0.5 + 0.5 * np.cos(np.pi * np.minimum(distance / BLEND_MM, 1))
    return Volume(ramp.astype(np.float32), blocks.affine, region.name)


def landmark_pairs(
    landmarks: tuple[ArrayLike, ArrayLike] | None, pair: Pair, init: Transform | None
) -> Landmarks | None:
    """Landmarks in the frame. Raises InputError as `checked_pairs`."""
    if landmarks is None:
        return None
    start, goal = checked_pairs(*landmarks)
    if init is not None:
        goal = init.inverse().apply(goal)
    return Landmarks(start, pair.to_frame(start), pair.to_frame(goal))


def label_maps(
    fixed: Volume | None, moving: Volume | None, pair: Pair, init: Transform | None, seed: int
) -> Labels | None:
    """Label maps in the frame. Raises InputError for one map alone, or values between numbers."""
    if fixed is None and moving is None:
        return None
    if fixed is None or moving is None:
        raise InputError("labels were given for one image only; give both label maps or none")
    arrays = []
    for volume, grid, transform in ((fixed, pair.grid, None), (moving, pair.moving_grid, init)):
        if not np.array_equal(volume.array, np.rint(volume.array)):
            raise InputError(f"{volume.name}: labels are whole numbers; give a label map")
        whole = volume.with_array(volume.array.astype(np.int32))
        arrays.append(resample(whole, grid, transform, interpolation="nearest").array)
    codes = label_codes(*arrays, seed=seed)
    device = pair.whole.fixed.device
    tensors = []
    for array in arrays:
        shape = [n for axis, n in enumerate(array.shape) if axis in pair.axes]
        flat = torch.as_tensor(array.astype(np.int64), device=device)
        tensors.append(flat.reshape(1, 1, *shape))
    return Labels(tensors[0], tensors[1], codes)
