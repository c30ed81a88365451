"""How unlike a fixed image's points are to the moving image where a matrix takes them, in torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from RegQCLib.registration.iterative.affine_images import Array
from RegQCLib.registration.iterative.affine_pair import LevelPair
from RegQCLib.similarity.losses.registry import loss_named

BINS = 32


class SampledMeasure:
    """A loss of `RegQCLib.similarity.losses` at points, and its derivative by the matrix.

    `hold` chooses the points that have a partner in the moving image. They stay the same until it
    is called again, so that the loss neither gains nor suffers from points that leave the image:
    these see its border.
    """

    def __init__(self, pair: LevelPair, measure: str, device: torch.device) -> None:
        """measure: "mi", "nmi", "ncc", "ssd" or "cr"."""
        self._device = device
        self._center = pair.points.mean(0)
        self._points = self._tensor(pair.points - self._center)  # small numbers for float32
        self._values = self._tensor(pair.values)
        self._held = torch.ones_like(self._values, dtype=torch.bool)
        self._held_points, self._held_values = self._points, self._values
        self._image = self._tensor(pair.moving.array)[None, None]
        self._seen = None
        if pair.moving.seen is not None:
            self._seen = torch.as_tensor(pair.moving.seen, device=device)
        last = np.array(pair.moving.array.shape[::-1]) - 1
        self._last = self._tensor(last)
        # To grid_sample's coordinates, -1 to 1 between the centers of the outer voxels.
        scale = np.diag([*(2 / np.maximum(last, 1)), 1.0])
        scale[:3, 3] = -1
        self._left = scale @ pair.moving.grid.inverse_affine
        self._right = np.eye(4)
        self._right[:3, 3] = self._center
        self._loss = loss_named(measure)
        self._options: dict[str, object] = {}
        if measure in {"mi", "nmi"}:
            self._options = {
                "bins": BINS,
                "fixed_range": pair.fixed_range,
                "moving_range": pair.moving_range,
            }
        elif measure == "cr":
            self._options = {"bins": BINS, "fixed_range": pair.fixed_range}

    def hold(self, matrix: Array) -> float:
        """Compare the points that ``matrix`` (4, 4) takes into the moving image; their share."""
        self._held = self._meeting(matrix)
        self._held_points, self._held_values = self._points[self._held], self._values[self._held]
        return self._held.float().mean().item()

    def drift(self, matrix: Array) -> float:
        """Share of the points that `hold` would exchange at a (4, 4) matrix; 1 if none meet."""
        meeting = self._meeting(matrix)
        return (meeting != self._held).float().mean().item() if meeting.any() else 1.0

    def __call__(self, matrix: Array) -> tuple[float, Array]:
        """Loss at a (4, 4) matrix from fixed to moving points, and its (4, 4) derivative."""
        unit = self._unit(matrix).requires_grad_()
        loss = self._loss(
            self._held_values[None, None, None],
            self._sampled(self._places(unit, self._held_points)),
            **self._options,
        )
        (gradient,) = torch.autograd.grad(loss, unit)
        whole = np.zeros((4, 4))
        whole[:3] = gradient.double().cpu().numpy()
        return loss.item(), self._left.T @ whole @ self._right.T

    def metric(self, matrix: Array, derivatives: Array) -> Array:
        """Mean square change of the moving intensities by parameters, (n, n).

        derivatives: (n, 4, 4) of the matrix. The Gauss-Newton matrix of squared differences; that
        of other measures is much the same up to a factor.
        """
        places = self._places(self._unit(matrix), self._held_points).requires_grad_()
        (slopes,) = torch.autograd.grad(self._sampled(places).sum(), places)
        inner = (self._left @ derivatives @ self._right)[:, :3]
        chain = self._tensor(inner)
        # (points, n): slope along the way that every parameter moves the point.
        moves = slopes @ chain[:, :, 3].T
        for axis in range(3):
            moves += self._held_points[:, axis, None] * (slopes @ chain[:, :, axis].T)
        product = moves.T @ moves / max(len(moves), 1)
        return np.asarray(product.double().cpu().numpy())

    def _meeting(self, matrix: Array) -> Tensor:
        """Which points have a partner in the moving image, (N,) bool."""
        index = (self._places(self._unit(matrix), self._points) + 1) / 2 * self._last
        inside = ((index >= -0.5) & (index <= self._last + 0.5)).all(1)
        if self._seen is not None:
            i, j, k = torch.minimum(index.round().clamp_min(0), self._last).long().unbind(1)
            inside &= self._seen[k, j, i]
        return inside

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self._device)

    def _unit(self, matrix: Array) -> Tensor:
        return self._tensor((self._left @ matrix @ self._right)[:3])

    def _places(self, unit: Tensor, points: Tensor) -> Tensor:
        return torch.addmm(unit[:, 3], points, unit[:, :3].T)

    def _sampled(self, places: Tensor) -> Tensor:
        sampled = functional.grid_sample(
            self._image, places[None, None, None], padding_mode="border", align_corners=True
        )
        return sampled[:, :, 0]
