"""The dense transform that coefficients stand for, its inverse, and its folds."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from RegQCLib.geometry.fields import DisplacementField, invert
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.sampling import slabs
from RegQCLib.geometry.warp_torch import warp
from RegQCLib.registration.iterative.affine_images import blocks_grid
from RegQCLib.registration.iterative.control_grid import ControlGrid, separable
from RegQCLib.registration.iterative.deformable_pair import Pair
from RegQCLib.registration.iterative.motion import Model

DENSER = 2
"""Flows are computed on control points this much closer in the end, which follows them better."""

POLISHING = 3


def dense_field(
    coefficients: Tensor, control: ControlGrid, model: Model, grid: Grid, *, backward: bool = False
) -> DisplacementField:
    """Displacements in RAS mm at the voxels of ``grid``, whose axes are those of the frame.

    Beyond the frame the field keeps the value it has there. ``backward``: of the inverse, from
    moving to fixed points: the flow back in time, or found by iteration at the control points.
    """
    shift, finer = displacement_spline(coefficients, control, model, backward=backward)
    matrices = finer.matrices(frame_positions(model.pair, grid), shift)
    array = _to_world(separable(matrices, shift), model.pair)
    if model.ramp is not None:
        array[:, resample(model.ramp, grid).array <= 0] = 0
    return DisplacementField(array, grid.affine)


def polished(
    back: DisplacementField,
    field: DisplacementField,
    device: torch.device,
    *,
    steps: int = POLISHING,
) -> DisplacementField:
    """Bring ``back`` nearer to the inverse of ``field``, both on one grid.

    ``steps`` times v(y) <- v(y) - (v(y) + u(y + v(y))) (Chen et al., Med. Phys. 35, 2008), each
    only where it shortens what is left; splines of control points miss what the voxels show.
    """
    forward, inverse = (torch.as_tensor(f.array, device=device) for f in (field, back))
    to_voxels = forward.new_tensor(field.grid.inverse_affine[:3, :3]).flip(0)
    result = np.empty_like(back.array)
    for start, stop in slabs(field.grid.shape):
        result[:, start:stop] = _polished(inverse[:, start:stop], forward, to_voxels, start, steps)
    return DisplacementField(result, back.affine)


def _polished(
    inverse: Tensor, forward: Tensor, to_voxels: Tensor, start: int, steps: int
) -> NDArray[np.float32]:
    """Slices from ``start`` on; see `polished`. to_voxels: RAS mm to voxels along (k, j, i)."""
    origin = forward.new_tensor([start, 0, 0]).view(3, 1, 1, 1)

    def left(shift: Tensor) -> Tensor:
        moved = torch.tensordot(to_voxels, shift, 1) + origin
        return warp(forward[None], moved[None])[0].add_(shift)

    error = left(inverse)
    for _ in range(steps):
        trial = inverse - error
        other = left(trial)
        better = other.square().sum(0) < error.square().sum(0)
        inverse = torch.where(better, trial, inverse)
        error = torch.where(better, other, error)
    return inverse.cpu().numpy()


def covering_grid(grid: Grid, factors: tuple[int, int, int]) -> Grid:
    """Grid of blocks of (k, j, i) voxels that cover all of ``grid``."""
    k, j, i = (-(-n // f) for n, f in zip(grid.shape, factors, strict=True))
    return Grid((k, j, i), blocks_grid(grid, factors).affine)


def displacement_spline(
    coefficients: Tensor, control: ControlGrid, model: Model, *, backward: bool
) -> tuple[Tensor, ControlGrid]:
    """Coefficients of the displacement (mm along the frame's axes), and their control grid."""
    if model.velocity:
        finer = ControlGrid(control.extent, tuple(step / DENSER for step in control.spacing))
        fine = control.refined(coefficients, finer)
        return model.motion(finer).displacement(fine, backward=backward), finer
    shift = model.motion(control).displacement(coefficients)
    if not backward:
        return shift, control
    values = separable(control.matrices(control.inner, shift), shift)
    nodes = model.pair.nodes(control)
    field = DisplacementField(_to_world(values, model.pair), nodes.affine)
    back = _to_frame(invert(field).field.array, model.pair, values)
    return separable(control.interpolating(back), back), control


def frame_positions(pair: Pair, grid: Grid) -> list[NDArray[np.float64]]:
    """Mm in the frame of the voxels of ``grid``, along each of the frame's axes."""
    result = []
    for axis, step in zip(pair.axes, pair.whole.spacing, strict=True):
        index = np.zeros((grid.shape[axis], 3))
        index[:, 2 - axis] = np.arange(grid.shape[axis])
        result.append(pair.grid.to_index(grid.to_world(index))[:, 2 - axis] * step)
    return result


def _to_world(values: Tensor, pair: Pair) -> NDArray[np.float32]:
    """Mm along the frame's axes (axes, *n) to RAS mm (3, D, H, W)."""
    columns = pair.grid.direction[:, [2 - axis for axis in pair.axes]]
    world = torch.tensordot(values.new_tensor(columns), values, 1).cpu().numpy()
    for axis in range(3):
        if axis not in pair.axes:
            world = np.expand_dims(world, 1 + axis)
    return np.ascontiguousarray(world, dtype=np.float32)


def _to_frame(array: NDArray[np.floating], pair: Pair, like: Tensor) -> Tensor:
    """RAS mm (3, D, H, W) to mm along the frame's axes, the shape of ``like``."""
    columns = pair.grid.direction[:, [2 - axis for axis in pair.axes]]
    values = np.tensordot(columns.T, array, 1)
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).reshape(like.shape)
