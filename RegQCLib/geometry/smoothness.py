"""How rough and how swirling a displacement field is, in world units.

Derivatives are taken along the voxel axes at full resolution; ``every`` thins the slices of array
axis k that are evaluated, because a mean over millions of voxels needs only some of them.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.jacobian import index_gradient
from RegQCLib.geometry.sampling import in_threads


def bending_energy(field: DisplacementField, mask: NDArray[np.bool_], *, every: int = 1) -> float:
    """Mean over ``mask`` of the squared second derivatives of u, in 1/mm^2.

    Sum over components c and axes a, b of (d2 u_c / dx_a dx_b)^2 (Rueckert et al., IEEE TMI 18,
    1999, eq. 3, per unit volume); mixed terms count twice. Affine motion has none. An orthonormal
    change of axes does not alter it, so voxel axes serve as well as R, A, S.
    mask: (D, H, W) bool. Returns 0 when no evaluated slice meets the mask.
    """
    spacing = field.grid.spacing
    slices = _chosen(mask, every)
    sums = np.zeros(len(slices))

    def add(start: int, stop: int) -> None:
        for n in range(start, stop):
            k = int(slices[n])
            energy = _slice_energy(field.array, k, spacing)
            sums[n] = energy[mask[k]].sum(dtype=np.float64)

    in_threads(add, [(n, n + 1) for n in range(len(slices))])
    count = int(mask[slices].sum())
    return float(sums.sum() / count) if count else 0.0


def local_rotation(
    field: DisplacementField, mask: NDArray[np.bool_], *, every: int = 1
) -> NDArray[np.float32]:
    """Rotation of each neighborhood relative to the whole, in degrees, at the voxels of ``mask``.

    Half the length of curl u, less the mean curl over the mask (a global rotation is no swirl);
    that is the sine of the angle for a pure rotation, so 90 degrees is the most it says.
    """
    to_world = field.grid.inverse_affine[:3, :3]
    slices = _chosen(mask, every)
    curls: list[NDArray[np.float32]] = [np.zeros((3, 0), np.float32)] * len(slices)

    def collect(start: int, stop: int) -> None:
        for n in range(start, stop):
            k = int(slices[n])
            gradient = np.stack(index_gradient(field.array, k, k + 1))[:, :, 0][:, :, mask[k]]
            d = np.tensordot(to_world.T, gradient, 1)  # d[a, c] = du_c / dx_a
            curls[n] = np.stack([d[1, 2] - d[2, 1], d[2, 0] - d[0, 2], d[0, 1] - d[1, 0]])

    in_threads(collect, [(n, n + 1) for n in range(len(slices))])
    curl = np.concatenate([*curls, np.zeros((3, 0), np.float32)], axis=1)
    if curl.shape[1] == 0:
        return np.zeros(0, np.float32)
    sine = np.linalg.norm(curl - curl.mean(axis=1, keepdims=True), axis=0) / 2
    return np.degrees(np.arcsin(np.minimum(sine, 1))).astype(np.float32)


def _chosen(mask: NDArray[np.bool_], every: int) -> NDArray[np.intp]:
    """Every n-th of the slices that meet the mask, from the first on."""
    return np.flatnonzero(mask.any(axis=(1, 2)))[::every]


def _slice_energy(
    array: NDArray[np.floating], k: int, spacing: NDArray[np.float64]
) -> NDArray[np.floating]:
    """Sum of squared second derivatives in slice k, (H, W); one-voxel axes contribute nothing."""
    depth = array.shape[1]
    center = min(max(k, 1), depth - 2) if depth > 2 else k
    block = array[:, max(center - 1, 0) : center + 2]
    middle = block.shape[1] // 2
    total = np.zeros(array.shape[2:], dtype=array.dtype)
    for axis in (1, 2, 3):
        if block.shape[axis] > 2:
            second = _second(block if axis == 1 else block[:, middle : middle + 1], axis)
            total += (second[:, 0] ** 2).sum(axis=0) / spacing[3 - axis] ** 4
    for a, b in combinations((1, 2, 3), 2):
        if min(block.shape[a], block.shape[b]) > 1:
            mixed = np.gradient(np.gradient(block, axis=a), axis=b)
            value = (mixed[:, middle] ** 2).sum(axis=0)
            total += 2 * value / (spacing[3 - a] * spacing[3 - b]) ** 2
    return total


def _second(block: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    """Second difference along one axis; the border repeats its neighbor's value."""
    moved = np.moveaxis(block, axis, 0)
    inner = moved[2:] - 2 * moved[1:-1] + moved[:-2]
    padded = inner if axis == 1 else np.concatenate([inner[:1], inner, inner[-1:]])
    return np.moveaxis(padded, 0, axis)
