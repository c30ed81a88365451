"""Rigid, similarity and affine motions as a few numbers of equal weight.

A motion takes x to ``pivot + shift + exp([w]) exp(S) (x - center)``: a rotation vector w after a
symmetric stretch S, whose diagonal holds logarithms of scales and whose other entries hold shears
(the polar decomposition). Every parameter is in millimeters: angles, logarithms and shears count by
how far they move a point at ``radius`` from the center, so that one step size suits them all.

2-D pairs move within their planes: one angle, two shifts, and a stretch of the plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine

Kind = Literal["rigid", "similarity", "affine"]
KINDS: tuple[Kind, ...] = ("rigid", "similarity", "affine")

Array = NDArray[np.float64]

SMALL_ANGLE = 1e-6  # radians below which series replace quotients of small numbers


@dataclass(frozen=True, eq=False)
class Motions:
    """A family of motions, from fixed to moving points, RAS mm.

    center: (3,) of the body in the fixed image. pivot: (3,) where the center goes when nothing
    moves. radius: mm. fixed_axes, moving_axes: None for 3-D pairs; for 2-D pairs (3, 3) orthonormal
    columns, the third normal to the image's plane.
    """

    kind: Kind
    center: Array
    pivot: Array
    radius: float
    fixed_axes: Array | None = None
    moving_axes: Array | None = None

    @property
    def axes(self) -> int:
        """2 for motion within a plane, else 3."""
        return 3 if self.fixed_axes is None else 2

    @property
    def rotations(self) -> int:
        """Number of angles."""
        return 3 if self.axes == 3 else 1

    @property
    def size(self) -> int:
        """Number of parameters: shifts, then angles, then stretches."""
        return self.axes + self.rotations + len(self._stretches)

    @property
    def scaling(self) -> Array:
        """(size,) direction along which everything grows evenly; zeros for rigid motions."""
        stretches = np.trace(self._stretches, axis1=1, axis2=2) > 0
        return np.concatenate([np.zeros(self.axes + self.rotations), stretches])

    def matrices(self, parameters: ArrayLike) -> Array:
        """(..., size) parameters in mm to (..., 4, 4) matrices."""
        values = np.asarray(parameters, dtype=np.float64)
        return self.placed(values[..., : self.axes], self.linear(values))

    def linear(self, parameters: ArrayLike) -> Array:
        """(..., size) parameters in mm to linear parts (..., axes, axes), within a plane in 2-D."""
        values = np.asarray(parameters, dtype=np.float64)
        return np.asarray(self._rotation(values)[0] @ self._stretch(values)[0])

    def transform(self, parameters: ArrayLike) -> Affine:
        """(size,) parameters in mm to a transform."""
        return Affine(self.matrices(parameters))

    def derivatives(self, parameters: ArrayLike) -> Array:
        """(size, 4, 4) derivatives of the matrix by the (size,) parameters."""
        values = np.asarray(parameters, dtype=np.float64)
        rotation, turning = self._rotation(values)
        stretch, stretching = self._stretch(values)
        linear = np.concatenate(
            [np.zeros((self.axes, self.axes, self.axes)), turning @ stretch, rotation @ stretching]
        )
        shift = np.zeros((self.size, self.axes))
        shift[: self.axes] = np.eye(self.axes)
        at_rest = self.placed(np.zeros(self.axes), np.zeros((self.axes, self.axes)))
        return self.placed(shift, linear) - at_rest

    def shift_to(self, place: ArrayLike) -> Array:
        """Parameters of the shift, (axes,) mm, that takes the center to ``place`` (3,) RAS mm."""
        shift = np.asarray(place, dtype=np.float64) - self.pivot
        return shift if self.moving_axes is None else shift @ self.moving_axes[:, :2]

    def parameters(self, transform: Affine) -> Array:
        """(size,) parameters in mm of the motion that comes closest to ``transform``.

        The center goes where the transform takes it; a stretch that the family lacks is left out.
        Raises InputError when the transform mirrors.
        """
        linear = transform.matrix[:3, :3]
        if self.fixed_axes is not None and self.moving_axes is not None:
            linear = (self.moving_axes.T @ linear @ self.fixed_axes)[:2, :2]
        if np.linalg.det(linear) <= 0:
            raise InputError(
                "the initial transform mirrors the image; give one that keeps left and right"
            )
        left, scales, right = np.linalg.svd(linear)
        symmetric = right.T @ np.diag(np.log(scales)) @ right
        basis = self._stretches
        # The basis is orthogonal, so that a projection leaves the other entries alone.
        stretch = np.einsum("nij,ij->n", basis, symmetric) / np.einsum("nij,nij->n", basis, basis)
        angles = _rotation_vector(left @ right)
        return np.concatenate(
            [
                self.shift_to(transform.apply(self.center)),
                angles * self.radius,
                stretch * self.radius,
            ]
        )

    def placed(self, shift: Array, linear: Array) -> Array:
        """(..., 4, 4) matrices from shifts (..., axes) and linear parts (..., axes, axes)."""
        if self.fixed_axes is not None and self.moving_axes is not None:
            plane = linear
            linear = np.zeros((*plane.shape[:-2], 3, 3))
            linear[..., :2, :2] = plane
            linear[..., 2, 2] = 1
            linear = self.moving_axes @ linear @ self.fixed_axes.T
            shift = shift @ self.moving_axes[:, :2].T
        result = np.zeros((*linear.shape[:-2], 4, 4))
        result[..., :3, :3] = linear
        result[..., :3, 3] = self.pivot + shift - linear @ self.center
        result[..., 3, 3] = 1
        return result

    def _rotation(self, values: Array) -> tuple[Array, Array]:
        """Rotations (..., n, n), and derivatives by every angle in mm, (..., angles, n, n)."""
        angles = values[..., self.axes : self.axes + self.rotations] / self.radius
        if self.axes == 2:
            cosine, sine = np.cos(angles[..., 0]), np.sin(angles[..., 0])
            rotation = np.stack([cosine, -sine, sine, cosine], -1)
            turning = np.stack([-sine, -cosine, cosine, -sine], -1)
            shape = (*angles.shape[:-1], 2, 2)
            return rotation.reshape(shape), turning.reshape(shape)[..., None, :, :] / self.radius
        return _rotation(angles, self.radius)

    def _stretch(self, values: Array) -> tuple[Array, Array]:
        """Stretches (..., n, n), and derivatives by every parameter in mm, (..., count, n, n).

        The derivative of a matrix exponential is exact in its eigenbasis (Daleckii and Krein).
        """
        basis = self._stretches / self.radius
        symmetric = np.tensordot(values[..., self.axes + self.rotations :], basis, 1)
        logs, vectors = np.linalg.eigh(symmetric)
        transposed = np.swapaxes(vectors, -1, -2)
        stretch = (vectors * np.exp(logs)[..., None, :]) @ transposed
        gap = logs[..., :, None] - logs[..., None, :]
        middle = np.exp((logs[..., :, None] + logs[..., None, :]) / 2)
        near = np.abs(gap) < SMALL_ANGLE
        quotient = middle * np.where(near, 1, 2 * np.sinh(gap / 2) / np.where(near, 1, gap))
        vectors, transposed = vectors[..., None, :, :], transposed[..., None, :, :]
        inner = (transposed @ basis @ vectors) * quotient[..., None, :, :]
        return stretch, vectors @ inner @ transposed

    @cached_property
    def _stretches(self) -> Array:
        """(count, n, n) symmetric matrices that span the stretches."""
        n = self.axes
        if self.kind == "rigid":
            return np.zeros((0, n, n))
        if self.kind == "similarity":
            return np.eye(n)[None]
        rows, columns = np.tril_indices(n)
        result = np.zeros((len(rows), n, n))
        result[np.arange(len(rows)), rows, columns] = 1
        result[np.arange(len(rows)), columns, rows] = 1
        return result


def plane_axes(direction: Array, normal: int, like: Array | None = None) -> Array:
    """Axes of a plane, (3, 3) orthonormal columns of which the third is the normal.

    direction: (3, 3) columns of the grid; normal: the column to stack slices along. like: axes of
    another plane; the result turns away from these as little as the two planes allow, and shows the
    same side.
    """
    third = direction[:, normal]
    first = direction[:, 0 if normal else 1]
    if like is not None:
        third = third if third @ like[:, 2] >= 0 else -third
        # Of the other plane's axes, the one that lies better in this plane.
        better = int(np.argmin(np.abs(third @ like[:, :2])))
        first = like[:, better] - (like[:, better] @ third) * third
        first /= np.linalg.norm(first)
        if better == 1:
            first = np.cross(first, third)
    return np.stack([first, np.cross(third, first), third], axis=1)


def _rotation(vectors: Array, radius: float) -> tuple[Array, Array]:
    """Rodrigues' formula, (..., 3) radians to (..., 3, 3), and derivatives by radius * vector.

    With a = sin(t)/t, b = (1 - cos t)/t^2 and K = [w]: R = I + a K + b K^2.
    """
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    safe = np.where(angle < SMALL_ANGLE, 1, angle)
    small = angle < SMALL_ANGLE
    a = np.where(small, 1, np.sin(safe) / safe)
    b = np.where(small, 0.5, (1 - np.cos(safe)) / safe**2)
    # Derivatives of a and b by t, over t.
    c = np.where(small, -1 / 3, (np.cos(safe) - a) / safe**2)
    d = np.where(small, -1 / 12, (a - 2 * b) / safe**2)
    cross = np.einsum("kij,...k->...ij", GENERATORS, vectors)
    square = cross @ cross
    rotation = np.eye(3) + a * cross + b * square
    cross, square = cross[..., None, :, :], square[..., None, :, :]
    a, b, c, d = (x[..., None, :, :] for x in (a, b, c, d))
    component = vectors[..., None, None]
    mixed = GENERATORS @ cross + cross @ GENERATORS
    turning = component * (c * cross + d * square) + a * GENERATORS + b * mixed
    return rotation, turning / radius


GENERATORS = np.array(
    [
        [[0, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],
    ],
    dtype=np.float64,
)
"""[e_k], the cross products with the three axes."""


def _rotation_vector(rotation: Array) -> Array:
    """Angles of a rotation: (1,) of a (2, 2) matrix, (3,) of a (3, 3) one, radians."""
    if len(rotation) == 2:
        return np.array([np.arctan2(rotation[1, 0], rotation[0, 0])])
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(rotation).as_rotvec(), dtype=np.float64)
