"""Known moves of a given size. Size = mean displacement in mm over a body mask.

A move maps fixed points to where a misaligned result would look for them, RAS mm; it is applied
before the transform that truly aligns the pair. Sizes are exact, not approximate: a rotation by
the angle a moves a point at distance r from its axis by 2 r sin(a / 2), scaling moves it by
|s - 1| times its distance from the center, and a translation or a deformation is scaled linearly.

Given ``normal`` (unit vector, RAS), moves stay in the plane across it, as slices of a stack do;
``through`` moves along it. Everything is drawn from the generator passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Transform

SIZES_MM = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
KINDS = ("translation", "rotation", "scaling", "deformation")
THROUGH = "through"

FIELD_SPACING_MM = 6.0
FIELD_MARGIN_MM = 30.0  # beyond the grid, because a field is zero where it ends
SMOOTHING_MM = (25.0, 40.0)  # standard deviation; keeps 8 mm on average free of folds
MAX_ROTATION_DEG = 30.0
MAX_SCALING = 0.25

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Move:
    """A known misalignment. size_mm: its mean displacement over the body it was made for."""

    kind: str
    size_mm: float
    transform: Transform


@dataclass(frozen=True)
class Body:
    """What moves are measured on: body voxels of the fixed grid.

    points: (N, 3) RAS mm. normal: unit vector across the slices, or None where moves are 3-D.
    """

    grid: Grid
    points: FloatArray
    normal: FloatArray | None = None

    @property
    def center(self) -> FloatArray:
        """(3,) mean of the body's points."""
        return np.asarray(self.points.mean(axis=0))

    @classmethod
    def from_mask(cls, grid: Grid, mask: NDArray[np.bool_], normal: FloatArray | None) -> Body:
        """The body voxels of ``mask``, (D, H, W) on ``grid``; InputError when there are none."""
        voxels = np.argwhere(mask)
        if not len(voxels):
            raise InputError("the body mask is empty, so no move has a size")
        return cls(grid, grid.to_world(voxels[:, ::-1]), normal)


def make_move(kind: str, size_mm: float, body: Body, rng: np.random.Generator) -> Move:
    """Draw a move of ``kind`` whose mean displacement over the body is ``size_mm``.

    Raises InputError for an unknown kind, ``through`` without a normal, or a size that a body this
    small reaches only by more than 30 degrees or 25 % of scaling.
    """
    makers: dict[str, Callable[[float, Body, np.random.Generator], Transform]] = {
        "translation": _translation,
        "rotation": _rotation,
        "scaling": _scaling,
        "deformation": _deformation,
        THROUGH: _through,
    }
    if kind not in makers:
        raise InputError(f"unknown move {kind!r}; choose one of {', '.join(makers)}")
    return Move(kind, size_mm, makers[kind](size_mm, body, rng))


def displacement_mm(transform: Transform, points: FloatArray) -> FloatArray:
    """How far each of (N, 3) RAS points moves, (N,) mm."""
    return np.asarray(np.linalg.norm(transform.apply(points) - points, axis=-1))


def _translation(size: float, body: Body, rng: np.random.Generator) -> Transform:
    return Affine.rigid(translation_mm=size * _direction(rng, body.normal))


def _through(size: float, body: Body, rng: np.random.Generator) -> Transform:
    if body.normal is None:
        raise InputError("a through-plane move needs the direction across the slices")
    return Affine.rigid(translation_mm=size * rng.choice((-1.0, 1.0)) * body.normal)


def _rotation(size: float, body: Body, rng: np.random.Generator) -> Transform:
    axis = _direction(rng, None) if body.normal is None else body.normal * rng.choice((-1.0, 1.0))
    arms = body.points - body.center
    radius = np.linalg.norm(arms - np.outer(arms @ axis, axis), axis=1).mean()
    half_sine = size / (2 * radius)
    if half_sine > np.sin(np.radians(MAX_ROTATION_DEG) / 2):
        raise InputError(f"the body is too small for a rotation of {size:g} mm on average")
    return Affine(_about(_axis_angle(axis, 2 * np.arcsin(half_sine)), body.center))


def _scaling(size: float, body: Body, rng: np.random.Generator) -> Transform:
    stretched = np.eye(3)
    if body.normal is not None:
        stretched -= np.outer(body.normal, body.normal)
    radius = np.linalg.norm((body.points - body.center) @ stretched, axis=1).mean()
    if size / radius > MAX_SCALING:
        raise InputError(f"the body is too small for a scaling of {size:g} mm on average")
    factor = rng.choice((-1.0, 1.0)) * size / radius
    return Affine(_about(np.eye(3) + factor * stretched, body.center))


def _deformation(size: float, body: Body, rng: np.random.Generator) -> Transform:
    field = random_field(body.grid, rng, smoothing_mm=rng.uniform(*SMOOTHING_MM))
    if body.normal is not None:
        along = np.einsum("ckji,c->kji", field.array, body.normal)
        field = DisplacementField(
            field.array - body.normal[:, None, None, None] * along, field.affine
        )
    mean = displacement_mm(field, body.points).mean()
    return DisplacementField(field.array * (size / mean), field.affine)


def random_field(grid: Grid, rng: np.random.Generator, *, smoothing_mm: float) -> DisplacementField:
    """White noise smoothed by a Gaussian of SD ``smoothing_mm``, on a coarse grid around ``grid``.

    Magnitudes have no meaning yet: the caller scales them.
    """
    coarse = coarse_grid(grid, FIELD_SPACING_MM, margin_mm=FIELD_MARGIN_MM)
    sigma = smoothing_mm / FIELD_SPACING_MM
    array = np.stack([gaussian_filter(rng.standard_normal(coarse.shape), sigma) for _ in range(3)])
    return DisplacementField(array / array.std(), coarse.affine)


def coarse_grid(grid: Grid, spacing_mm: float, *, margin_mm: float = 0.0) -> Grid:
    """Isotropic voxels along the axes of ``grid``, which they cover with a margin on every side."""
    extent = (np.array(grid.shape[::-1]) - 1) * grid.spacing + 2 * margin_mm
    count = np.ceil(extent / spacing_mm).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3] = grid.direction * spacing_mm
    affine[:3, 3] = grid.center - affine[:3, :3] @ ((count - 1) / 2)
    return Grid((int(count[2]), int(count[1]), int(count[0])), affine)


def _direction(rng: np.random.Generator, normal: FloatArray | None) -> FloatArray:
    vector = rng.standard_normal(3)
    if normal is not None:
        vector -= (vector @ normal) * normal
    return np.asarray(vector / np.linalg.norm(vector))


def _axis_angle(axis: FloatArray, angle: float) -> FloatArray:
    """Rodrigues' formula: right-handed rotation about a unit axis, radians."""
    cross = np.cross(np.eye(3), -axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def _about(linear: FloatArray, center: FloatArray) -> FloatArray:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = center - linear @ center
    return matrix
