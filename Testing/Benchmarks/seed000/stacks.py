"""Real pairs, resampled once and kept ready for drawing slices with any affine move.

Both images lie on lattices of 1.27 mm in the planes that are cut (thick stacks and slabs keep their
own spacing across), both smoothed a little before, so that this first resampling loses equally
much at every part of a voxel. The moving image's lattice is **turned** by 6 degrees against the
fixed one's and wider: reading it at the fixed voxels, moved or not, meets every phase of the
interpolation alike, so that neither blur nor the pattern of interpolation tells aligned from moved.

Positions are (k, j, i) indices of the fixed lattice, or mm along its axes from its first voxel.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from torch import Tensor

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Transform
from RegQCLib.geometry.warp_torch import identity, warp
from RegQCLib.qc.planes import gray_window, in_plane_axes, windowed
from Testing.Benchmarks.detection.cases import MIN_SLICE_AREA, Prepared, prepare
from Testing.Benchmarks.detection.pairs import Pair
from Testing.Benchmarks.seed000.affine_moves import AffineMove

PIXEL_MM = 1.27  # no usual voxel size, so that lattice points drift through the voxels
TURN_DEG = 6.0
SMOOTHING_MM = 0.6  # standard deviation
REACH_MM = 16.0  # of the moving lattice beyond the fixed one; farther moves repeat the border
NARROWEST = 48  # pixels; planes with a shorter side are not cut
POINTS_KEPT = 4000  # body points on which the size of a move is measured

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Stack:
    """A real pair of one subject.

    fixed: (D, H, W) in [0, 1] and body: (D, H, W) bool, on the fixed lattice ``grid``.
    moving: (d, h, w) in [0, 1] on its own lattice; to_moving: (3, 4), from (k, j, i) of the fixed
    lattice to (k, j, i) of the moving one, as truly aligned.
    across: the array axis of thick slices, or None where slices may be cut in every plane.
    """

    name: str
    subject: str
    fixed: Tensor
    body: Tensor
    moving: Tensor
    grid: Grid
    to_moving: FloatArray
    across: int | None

    @cached_property
    def spacing(self) -> FloatArray:
        """Mm along (k, j, i)."""
        return np.asarray(self.grid.spacing[::-1])

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Array axes along which moves happen."""
        return np.arange(3) != (-1 if self.across is None else self.across)

    @cached_property
    def slices(self) -> dict[int, list[int]]:
        """For each plane that is cut: the slices with at least a tenth of its largest body area.

        Volumes thinner than NARROWEST along one axis are cut across that axis only.
        """
        axes = [
            axis
            for axis in ((0, 1, 2) if self.across is None else (self.across,))
            if self.across is not None
            or min(self.fixed.shape[a] for a in in_plane_axes(axis)) >= NARROWEST
        ]
        found = {}
        for axis in axes:
            area = self.body.movedim(axis, 0).flatten(1).sum(1)
            found[axis] = torch.nonzero(area >= MIN_SLICE_AREA * area.max())[:, 0].tolist()
        return found

    @cached_property
    def points(self) -> FloatArray:
        """(N, 3) mm: some of the body's voxels."""
        voxels = torch.nonzero(self.body).numpy()
        return np.asarray(voxels[:: max(1, len(voxels) // POINTS_KEPT)] * self.spacing)

    def slice_points(self, axis: int, index: int) -> FloatArray:
        """(N, 3) mm: every fourth body voxel of a slice."""
        inside = torch.nonzero(self.body.select(axis, index)).numpy()[::4]
        return np.asarray(np.insert(inside, axis, index, axis=1) * self.spacing)

    def cut(self, axis: int, index: int, move: AffineMove, size: int, at: FloatArray) -> Tensor:
        """One slice of both images, (2, size, size); ``move`` displaces what the second shows.

        at: two numbers in [0, 1], where the window lies on a slice larger than it (0.5: centered).
        Smaller slices are centered on black.
        """
        rows, columns = in_plane_axes(axis)
        counts = (self.fixed.shape[rows], self.fixed.shape[columns])
        start = [round((n - size) * a) if n > size else 0 for n, a in zip(counts, at, strict=True)]
        stop = [min(s + size, n) for s, n in zip(start, counts, strict=True)]
        shape = (stop[0] - start[0], stop[1] - start[1])
        window = (slice(start[0], stop[0]), slice(start[1], stop[1]))
        moved = self._moved(axis, index, move, start, shape)
        result = torch.zeros(2, size, size)
        top, left = ((size - n) // 2 for n in shape)
        place = (slice(top, top + shape[0]), slice(left, left + shape[1]))
        result[0][place] = self.fixed.select(axis, index)[window]
        result[1][place] = moved
        return result

    def _moved(
        self, axis: int, index: int, move: AffineMove, start: list[int], shape: tuple[int, int]
    ) -> Tensor:
        rows, columns = in_plane_axes(axis)
        # lattice index = linear @ (index on the slice) + shift, all at once
        linear = move.linear * self.spacing / self.spacing[:, None] + np.eye(3)
        linear = self.to_moving[:, :3] @ linear
        corner = np.zeros(3)
        corner[axis], corner[rows], corner[columns] = index, start[0], start[1]
        shift = self.to_moving[:, :3] @ (move.shift / self.spacing) + self.to_moving[:, 3]
        first = torch.as_tensor(linear @ corner + shift, dtype=torch.float32)
        turn = torch.as_tensor(linear[:, [rows, columns]], dtype=torch.float32)
        lattice = identity((1, *shape), self.moving)
        points = torch.einsum("ca,bakji->bckji", turn, lattice[:, 1:])
        points += first[None, :, None, None, None]
        return warp(self.moving[None, None], points - lattice)[0, 0, 0]


def load_stack(pair: Pair, cache: Path) -> Stack:
    """The stack of a pair, from ``cache`` where an earlier run left it."""
    settings = [pair.name, PIXEL_MM, SMOOTHING_MM, TURN_DEG, REACH_MM, pair.spacing_class]
    digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]
    path = cache / f"stack-{pair.name}-{digest}.npz"
    if not path.exists():
        made = build_stack(prepare(pair, spacing_mm=PIXEL_MM))
        cache.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".partial.npz")
        np.savez(
            temporary,
            fixed=made.fixed.half().numpy(),
            body=made.body.numpy(),
            moving=made.moving.half().numpy(),
            affine=made.grid.affine,
            to_moving=made.to_moving,
            across=-1 if made.across is None else made.across,
        )
        temporary.replace(path)
    with np.load(path) as stored:
        fixed = torch.from_numpy(stored["fixed"]).float()
        across = int(stored["across"])
        return Stack(
            pair.name,
            pair.subject,
            fixed,
            torch.from_numpy(stored["body"]),
            torch.from_numpy(stored["moving"]).float(),
            Grid(tuple(fixed.shape), stored["affine"]),
            stored["to_moving"],
            None if across < 0 else across,
        )


def build_stack(prepared: Prepared) -> Stack:
    """Resample a prepared pair, each image once, by cubic B-splines."""
    across = _across(prepared)
    grid = _fixed_lattice(prepared, across)
    moving_grid = _moving_lattice(grid, across)
    to_moving = moving_grid.inverse_affine @ grid.affine
    to_moving = np.concatenate([to_moving[2::-1, 2::-1], to_moving[2::-1, 3:]], axis=1)
    return Stack(
        prepared.pair.name,
        prepared.pair.subject,
        _values(prepared, "fixed", grid, Affine.identity()),
        _body(prepared, grid),
        _values(prepared, "moving", moving_grid, prepared.gold),
        grid,
        to_moving,
        across,
    )


def _across(prepared: Prepared) -> int | None:
    """Array axis of the fixed image that keeps its own spacing: across thick slices or a slab."""
    fixed, moving = prepared.fixed, prepared.moving
    if prepared.normal is None:
        return None
    if prepared.pair.spacing_class == "thick" and fixed.spacing.max() >= moving.spacing.max():
        return 2 - int(np.argmax(fixed.spacing))
    return 2 - int(np.argmax(np.abs(fixed.grid.direction.T @ prepared.normal)))


def _fixed_lattice(prepared: Prepared, across: int | None) -> Grid:
    """The box around the visible body, along the fixed image's axes."""
    voxels = np.argwhere(prepared.visible)[:, ::-1]
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    own = prepared.fixed.spacing
    spacing = np.where(np.arange(3) == (-1 if across is None else 2 - across), own, PIXEL_MM)
    count = np.floor((high - low) * own / spacing + 1e-6).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3] = prepared.fixed.grid.direction * spacing
    affine[:3, 3] = prepared.fixed.grid.to_world(low)
    return Grid((int(count[2]), int(count[1]), int(count[0])), affine)


def _moving_lattice(grid: Grid, across: int | None) -> Grid:
    """``grid`` turned about its center, and wider; slices across stay where they are."""
    axis = np.ones(3) / np.sqrt(3) if across is None else np.eye(3)[2 - across]
    turn = Affine.rigid(rotation_deg=tuple(TURN_DEG * axis), center=np.zeros(3)).matrix[:3, :3]
    half = (np.array(grid.shape[::-1]) - 1) / 2 * grid.spacing
    corners = np.array(np.meshgrid(*[(-h, h) for h in half])).reshape(3, -1).T @ turn
    wider = np.full(3, REACH_MM) if across is None else REACH_MM * (axis == 0)
    reach = np.ceil((np.abs(corners).max(axis=0) + wider) / grid.spacing - 1e-6)
    steps = np.where(wider > 0, 2 * reach, np.array(grid.shape[::-1]) - 1)
    affine = np.eye(4)
    affine[:3, :3] = grid.direction @ turn * grid.spacing
    affine[:3, 3] = grid.center - affine[:3, :3] @ (steps / 2)
    return Grid(tuple(int(n) + 1 for n in steps[::-1]), affine)


def _values(prepared: Prepared, side: str, grid: Grid, transform: Transform) -> Tensor:
    """Gray values in [0, 1] at the transformed points of ``grid``; beyond the image, its border.

    side: "fixed" or "moving".
    """
    volume, body = getattr(prepared, side), getattr(prepared, f"{side}_body")
    spread = SMOOTHING_MM / volume.spacing
    if prepared.normal is not None:  # nothing moves across these slices: keep them sharp
        spread[np.argmax(np.abs(volume.grid.direction.T @ prepared.normal))] = 0.0
    smooth = gaussian_filter(np.asarray(volume.array, dtype=np.float64), spread[::-1])
    coefficients = spline_filter(smooth, order=3)
    index = volume.grid.to_index(transform.apply(grid.points()))
    index = index.clip(0, np.array(volume.shape[::-1]) - 1)
    where = np.moveaxis(index[..., ::-1], -1, 0)
    array = map_coordinates(
        coefficients.astype(np.float32), where, np.float32, mode="mirror", prefilter=False
    )
    return torch.from_numpy(windowed(array, gray_window(volume.array, body)))


def _body(prepared: Prepared, grid: Grid) -> Tensor:
    index = np.rint(prepared.fixed.grid.to_index(grid.points())).astype(int)
    index = index.clip(0, np.array(prepared.fixed.shape[::-1]) - 1)
    return torch.from_numpy(prepared.visible[index[..., 2], index[..., 1], index[..., 0]])
