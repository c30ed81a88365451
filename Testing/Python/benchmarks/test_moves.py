"""Moves have the size they state, stay in plane where they should, and repeat."""

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.transforms import Affine
from Testing.Benchmarks.detection.moves import (
    KINDS,
    THROUGH,
    Body,
    displacement_mm,
    make_move,
    random_field,
)


def oblique_grid():
    affine = np.diag([1.5, 2.5, 4.0, 1.0])
    affine[:3, 3] = (-60, -70, 30)
    turned = Affine.rigid(rotation_deg=(12, -20, 33)).matrix @ affine
    return Grid((30, 56, 80), turned)


@pytest.fixture(scope="module")
def body():
    grid = oblique_grid()
    k, j, i = np.indices(grid.shape)
    mask = ((k - 15) / 12) ** 2 + ((j - 30) / 20) ** 2 + ((i - 35) / 30) ** 2 < 1
    return Body.from_mask(grid, mask, None)


@pytest.fixture(scope="module")
def stack(body):
    return Body(body.grid, body.points, body.grid.direction[:, 2])


@pytest.mark.parametrize("size", [0.5, 5.0])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_plane", [False, True])
def test_the_mean_displacement_over_the_body_is_the_stated_size(kind, size, in_plane, body, stack):
    chosen = stack if in_plane else body
    move = make_move(kind, size, chosen, np.random.default_rng(3))
    shift = move.transform.apply(chosen.points) - chosen.points
    assert np.linalg.norm(shift, axis=1).mean() == pytest.approx(size, rel=1e-5)
    across = np.abs(shift @ body.grid.direction[:, 2]).max()
    assert (across < 1e-6) == in_plane


def test_through_plane_moves_go_across_the_slices(stack):
    move = make_move(THROUGH, 4.0, stack, np.random.default_rng(4))
    shift = move.transform.apply(stack.points) - stack.points
    assert np.abs(shift @ stack.normal) == pytest.approx(4.0)


def test_rotation_is_rigid_and_leaves_the_center(body):
    move = make_move("rotation", 5.0, body, np.random.default_rng(5))
    assert move.transform.is_rigid()
    assert displacement_mm(move.transform, body.center[None]) == pytest.approx(0, abs=1e-9)


def test_scaling_is_the_same_along_every_axis(body):
    linear = make_move("scaling", 3.0, body, np.random.default_rng(6)).transform.matrix[:3, :3]
    assert linear == pytest.approx(np.eye(3) * linear[0, 0])
    assert linear[0, 0] != 1


def test_the_largest_deformation_does_not_fold(body):
    for seed in range(3):
        move = make_move("deformation", 8.0, body, np.random.default_rng(seed))
        assert jacobian_determinant(move.transform).min() > 0


def test_fields_reach_beyond_the_grid(body):
    field = random_field(body.grid, np.random.default_rng(7), smoothing_mm=25)
    far = np.array(body.grid.shape[::-1]) - 1
    corners = body.grid.to_world(np.array(np.meshgrid(*[(0, n) for n in far])).reshape(3, -1).T)
    assert (displacement_mm(field, corners) > 0).all()


def test_the_same_seed_gives_the_same_move_and_another_seed_another(body):
    first, again, other = (
        make_move("translation", 2.0, body, np.random.default_rng(seed)).transform.matrix
        for seed in (8, 8, 9)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_what_cannot_be_made_is_refused(body):
    rng = np.random.default_rng(10)
    small = Body(body.grid, body.points / 20)
    with pytest.raises(InputError, match="too small for a rotation"):
        make_move("rotation", 8.0, small, rng)
    with pytest.raises(InputError, match="too small for a scaling"):
        make_move("scaling", 8.0, small, rng)
    with pytest.raises(InputError, match="unknown move"):
        make_move("twist", 1.0, body, rng)
    with pytest.raises(InputError, match="direction across"):
        make_move(THROUGH, 1.0, body, rng)
    with pytest.raises(InputError, match="empty"):
        Body.from_mask(body.grid, np.zeros(body.grid.shape, dtype=bool), None)
