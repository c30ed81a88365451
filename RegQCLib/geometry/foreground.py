"""The body in an image: skull-stripped, MR with noisy air, CT in HU, thick-slice stacks.

Found on blocks of about 3 mm, then refined at the surface voxel by voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from RegQCLib.geometry.volume import Volume

BLOCK_MM = 3.0
CT_AIR_HU = -700.0
"""No MR image has many values below this."""
CT_BODY_HU = -300.0
"""Between lung or air (below -400) and fat (about -100)."""

CLIP_FRACTION = 0.3
"""Tissue is brighter than this share of the typical bright tissue."""

DIM_FRACTION = 0.1
"""The same share where the noise of the air allows it."""
NOISE_FACTOR = 2.6
"""99 % of Rayleigh noise lies below this multiple of its median (sqrt(ln 100 / ln 2))."""
THICK_RATIO = 1.5

CLIP_ITERATIONS = 20
CT_AIR_SHARE = 0.01
SAMPLE_VOXELS = 200_000

FLAT_BORDER = 0.9
"""Share of the six faces that has one value in a masked image."""
FULL_BOX = 0.9
"""A masked body fills less than this share of the box around it."""

CLOSE_BLOCKS = 2

MIN_COMPONENT = 0.1
"""Parts smaller than this share of the largest one (noise, table, earphones) are dropped."""


def body_mask(
    image: Volume | NDArray[Any], *, spacing: Sequence[float] | None = None
) -> NDArray[np.bool_]:
    """Which voxels belong to the body; holes (air ways, lungs, dark bone) are filled.

    image: a volume, or an array (D, H, W) with its ``spacing`` (i, j, k) in mm, 1 mm by default.
    Returns (D, H, W). Never empty unless the image is constant or holds no finite value.
    """
    if isinstance(image, Volume):
        array, sizes = image.array, image.spacing[::-1]
    else:
        array, sizes = image, np.array((1.0, 1.0, 1.0) if spacing is None else spacing)[::-1]
    array = array if array.dtype.kind in "biu" else np.nan_to_num(array, posinf=0, neginf=0)
    background = _flat_background(array)
    if background is not None:
        return _refine(array != background, sizes)
    return _refine(array > _threshold(array), sizes)


def _flat_background(array: NDArray[Any]) -> Any:
    """Return the one value outside a masked (skull-stripped) image, or None.

    A zero-padded scan has a flat border too, but there the rest fills a box.
    """
    faces = np.concatenate([np.take(array, (0, -1), axis=a).ravel() for a in range(3)])
    value = np.median(faces).astype(array.dtype)
    if np.mean(faces == value) < FLAT_BORDER:
        return None
    inside = array != value
    boxes = ndimage.find_objects(inside.view(np.uint8))
    if not boxes or np.mean(inside[boxes[0]]) > FULL_BOX:
        return None
    return value


def _threshold(array: NDArray[Any]) -> float:
    """Return the value between air and tissue.

    CT in HU has a fixed one. Else a share of the typical bright value, found by iteration as in
    AFNI's 3dClipLevel (Cox, Comput. Biomed. Res. 29, 1996): robust to how much air there is.
    """
    step = max(1, round((array.size / SAMPLE_VOXELS) ** (1 / 3)))
    sample = np.sort(array[::step, ::step, ::step].ravel().astype(np.float64))
    if np.mean(sample < CT_AIR_HU) > CT_AIR_SHARE:
        return CT_BODY_HU
    low, high = np.quantile(sample, (0.005, 0.98))
    clip = low + CLIP_FRACTION * (high - low)
    for _ in range(CLIP_ITERATIONS):
        bright = sample[np.searchsorted(sample, clip) :]
        if bright.size == 0:
            break
        clip = low + CLIP_FRACTION * (float(bright[bright.size // 2]) - low)
    # Where air is dark, dim tissue (fat-suppressed scalp) is still far above its noise.
    dark = sample[: np.searchsorted(sample, clip)]
    noise = NOISE_FACTOR * (float(np.median(dark)) - low) if dark.size else 0.0
    dimmest = (clip - low) * DIM_FRACTION / CLIP_FRACTION
    return float(low + min(max(noise, dimmest), clip - low))


def _refine(tissue: NDArray[np.bool_], sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Clean voxels above the threshold by morphology on blocks, then restore the exact surface."""
    factors = [int(max(1, round(BLOCK_MM / s))) for s in sizes]
    coarse = _block_share(tissue, factors) > 0.5
    # Structure reaches equally far along all axes; across thick slices, not at all.
    blocks = sizes * factors
    flat = blocks > THICK_RATIO * blocks.min()
    cross = ndimage.generate_binary_structure(3, 1)
    for axis in np.flatnonzero(flat):
        cross = cross & (np.indices(cross.shape)[axis] == 1)
    # border_value 1: the body goes on beyond the field of view.
    opened = ndimage.binary_dilation(
        ndimage.binary_erosion(coarse, cross, border_value=1), cross, mask=coarse
    )
    body = _main_parts(opened if opened.any() else coarse)
    body = _closed(body, cross)
    core = ndimage.binary_erosion(body, cross, border_value=1)
    shell = ndimage.binary_dilation(body, cross)
    return _blown_up(core, factors, tissue.shape) | (
        _blown_up(shell, factors, tissue.shape) & tissue
    )


def _block_share(tissue: NDArray[np.bool_], factors: Sequence[int]) -> NDArray[np.float32]:
    """Share of set voxels in each block; blocks at the far border may be smaller."""
    total: NDArray[Any] = tissue.view(np.uint8)
    count = np.ones((1, 1, 1))
    for axis, factor in enumerate(factors):
        starts = np.arange(0, tissue.shape[axis], factor)
        total = np.add.reduceat(total, starts, axis=axis, dtype=np.uint16)
        length = np.diff(np.append(starts, tissue.shape[axis]))
        count = count * length.reshape([-1 if a == axis else 1 for a in range(3)])
    return (total / count).astype(np.float32)


def _main_parts(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, number = ndimage.label(mask)
    if number < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= MIN_COMPONENT * sizes.max())[labels])


def _closed(mask: NDArray[np.bool_], cross: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close gaps of two blocks and fill holes, also those closed only within one slice."""
    wide = np.pad(mask, CLOSE_BLOCKS)
    wide = ndimage.binary_closing(wide, cross, iterations=CLOSE_BLOCKS)
    closed = wide[(slice(CLOSE_BLOCKS, -CLOSE_BLOCKS),) * 3]
    filled = ndimage.binary_fill_holes(closed)
    neighbors = ndimage.generate_binary_structure(3, 1)
    for axis in range(3):
        in_plane = neighbors & (np.indices(neighbors.shape)[axis] == 1)
        filled = filled | ndimage.binary_fill_holes(closed, in_plane)
    return np.asarray(filled)


def _blown_up(
    coarse: NDArray[np.bool_], factors: Sequence[int], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    for axis, factor in enumerate(factors):
        if factor > 1:
            coarse = np.repeat(coarse, factor, axis=axis)
    return coarse[tuple(slice(n) for n in shape)]
