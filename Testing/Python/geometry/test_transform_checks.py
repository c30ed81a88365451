"""Transforms in the wrong direction, unit or place are refused; odd ones are warned about."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transform_checks import require_plausible_transform
from RegQCLib.geometry.transforms import Affine, Composite, Transform, to_displacement

SHAPE = (20, 30, 40)


def grid_at(
    *corner: float, rotation: tuple[float, float, float] = (5, -10, 15), sign: float = 1.0
) -> Grid:
    affine = Affine.from_parameters(
        rotation_deg=rotation, scale=(sign * 2, 2.5, 4), translation_mm=corner
    )
    return Grid(SHAPE, affine.matrix)


HERE = grid_at(-40, -35, -40)
FAR = grid_at(160, -35, -40)  # 200 mm to the right: no overlap without a transform
TO_FAR = Affine.rigid((0, 0, 0), (200, 0, 0))


def waves(grid: Grid, amplitude_mm: float) -> DisplacementField:
    phase = grid.points() / 12
    array = np.stack([np.sin(phase[..., (c + 1) % 3]) for c in range(3)]) * amplitude_mm
    return DisplacementField(array, grid.affine)


@pytest.mark.parametrize(
    ("transform", "moving"),
    [
        (Affine.identity(), HERE),
        (Affine.rigid((10, 5, -8), (4, 5, 6)), HERE),
        (waves(HERE, 8), HERE),
        (TO_FAR, FAR),
        (Composite([waves(HERE, 8), TO_FAR]), FAR),
        (to_displacement(TO_FAR, HERE), FAR),
        (waves(HERE, 0.1), HERE),
        (Affine.rigid((0, 0, 0), (3000, 0, 0)), grid_at(2960, -35, -40)),
    ],
    ids=["identity", "rigid", "waves", "far", "composite", "far field", "small", "meters away"],
)
def test_right_transforms_pass_without_a_word(transform: Transform, moving: Grid) -> None:
    assert require_plausible_transform(transform, HERE, moving) == []


@pytest.mark.parametrize(
    ("transform", "moving", "reason"),
    [
        (TO_FAR.inverse(), FAR, "wrong direction"),
        (to_displacement(TO_FAR.inverse(), HERE), FAR, "wrong direction"),
        (TO_FAR, HERE, "no transform 100%"),
        (to_displacement(TO_FAR, FAR), HERE, "covers 0%"),
        (Composite([TO_FAR, waves(HERE, 5)]), FAR, "covers 0%"),
        (waves(HERE, 0.005), HERE, "meters"),
        (waves(HERE, 5000), HERE, "more than a meter"),
        (Affine.from_parameters(scale=(30, 30, 30)), HERE, "more than a meter"),
        (DisplacementField(-np.moveaxis(HERE.points(), -1, 0) * (1 - 1e-12), HERE.affine), HERE,
         "singular"),
    ],
    ids=["inverse", "inverse field", "other images", "moving's field", "field after move",
         "meters", "diverged", "scaled", "one point"],
)  # fmt: skip
def test_wrong_transforms_are_refused(transform: Transform, moving: Grid, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        require_plausible_transform(transform, HERE, moving)
    assert "\n" not in str(caught.value)


def test_points_that_are_not_finite_are_refused() -> None:
    class Broken:
        def apply(self, points: np.ndarray) -> np.ndarray:
            return np.full_like(points, np.nan)

        def inverse(self) -> Broken:
            return self

    with pytest.raises(InputError, match="not finite"):
        require_plausible_transform(Broken(), HERE, HERE)


@pytest.mark.parametrize(
    ("transform", "moving", "warning"),
    [
        (Affine.from_parameters(scale=(-1, 1, 1)), HERE, "mirrors"),
        (Affine.from_parameters(scale=(0.6, 0.6, 0.6)), HERE, "factor of 0.216"),
        (waves(HERE, 0), HERE, "zero everywhere"),
        (Affine.rigid((0, 0, 0), (-40, 0, 0)), grid_at(0, -35, -40), "its inverse would map"),
        (waves(Grid((13, *SHAPE[1:]), HERE.affine), 5), HERE, "covers 6"),
    ],
)
def test_odd_transforms_are_warned_about(transform: Transform, moving: Grid, warning: str) -> None:
    warnings = require_plausible_transform(transform, HERE, moving)
    assert len(warnings) == 1
    assert warning in warnings[0]


def test_left_handed_and_single_slice_grids() -> None:
    mirrored = grid_at(40, -35, -40, sign=-1)
    assert require_plausible_transform(Affine.identity(), mirrored, HERE) == []
    slice_grid = Grid((1, *SHAPE[1:]), HERE.affine)
    turn = Affine.rigid((3, 4, 5))
    assert require_plausible_transform(turn, slice_grid, HERE) == []
