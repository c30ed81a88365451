"""Dense fields of coefficients, their inverses, and folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from registration.iterative.deformable_support import pair

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.deformable_field import covering_grid, dense_field, polished
from RegQCLib.registration.iterative.deformable_pair import prepare
from RegQCLib.registration.iterative.folding import unfolded
from RegQCLib.registration.iterative.motion import Model

TURN = Affine.rigid((20, -10, 35), (5, 0, -8))


@pytest.fixture(scope="module")
def frame():
    """An oblique pair in its frame."""
    images = [Volume(v.array, TURN.matrix @ v.affine, v.name) for v in pair((20, 22, 24))[:2]]
    return images[0].grid, prepare(
        *images,
        None,
        finest_mm=2.0,
        fixed_weights=None,
        moving_weights=None,
        reach=False,
        device=torch.device("cpu"),
    )


def coefficients(frame, size, seed=0):
    control = ControlGrid(frame.extent, (8.0, 8.0, 8.0))
    rng = np.random.default_rng(seed)
    return control, torch.tensor(size * rng.standard_normal((3, *control.counts))).float()


def test_a_shift_along_the_axes_is_one_in_space(frame):
    grid, images = frame
    control, _ = coefficients(images, 1)
    shift = torch.zeros(3, *control.counts)
    shift[0], shift[2] = 3.0, -1.0  # along k and i
    field = dense_field(shift, control, Model(images, False, None), grid)
    expected = 3 * grid.direction[:, 2] - grid.direction[:, 0]
    np.testing.assert_allclose(
        field.array, np.broadcast_to(expected[:, None, None, None], field.array.shape), atol=1e-5
    )


@pytest.mark.parametrize("velocity", [False, True])
def test_the_inverse_leads_back(frame, velocity):
    grid, images = frame
    control, found = coefficients(images, 2.5)
    model = Model(images, velocity, None)
    forth = dense_field(found, control, model, grid)
    back = polished(
        dense_field(found, control, model, grid, backward=True), forth, images.whole.fixed.device
    )
    points = grid.points()[5:-5, 5:-5, 5:-5]
    left = np.linalg.norm(back.apply(forth.apply(points)) - points, axis=-1)
    assert np.abs(forth.array).max() > 2.5
    assert left.mean() < 0.1  # what linear interpolation between voxels leaves


def test_polishing_brings_an_inverse_nearer(frame):
    grid, images = frame
    control, found = coefficients(images, 2.5)
    forth = dense_field(found, control, Model(images, False, None), grid)
    rough = DisplacementField(-forth.array, grid.affine)
    points = grid.points()[5:-5, 5:-5, 5:-5]

    def left(back):
        return np.linalg.norm(back.apply(forth.apply(points)) - points, axis=-1).mean()

    assert left(polished(rough, forth, images.whole.fixed.device)) < 0.3 * left(rough)


def test_folds_are_averaged_away(frame):
    grid, images = frame
    control, wild = coefficients(images, 10.0)
    model = Model(images, False, None)
    before = jacobian_determinant(dense_field(wild, control, model, grid))
    calm, field, share, left = unfolded(wild, control, model, grid)
    assert share == pytest.approx(float((before <= 0).mean()))
    assert share > 0.01
    assert left == 0
    assert jacobian_determinant(field).min() > 0
    assert not torch.equal(calm, wild)


def test_what_does_not_fold_stays(frame):
    grid, images = frame
    control, tame = coefficients(images, 0.3)
    kept, _, before, after = unfolded(tame, control, Model(images, False, None), grid)
    assert torch.equal(kept, tame)
    assert (before, after) == (0, 0)


def test_blocks_cover_the_whole_grid():
    grid = Grid((7, 8, 9), TURN.matrix @ np.diag([1.0, 2, 3, 1]))
    blocks = covering_grid(grid, (2, 4, 1))
    assert blocks.shape == (4, 2, 9)
    corners = np.array([[-0.5, -0.5, -0.5], [8.5, 7.5, 6.5]])
    low, high = blocks.to_index(grid.to_world(corners))
    np.testing.assert_allclose(low, -0.5, atol=1e-9)
    assert (high >= np.array([8, 1, 3]) + 0.5 - 1e-9 - np.array([0, 0, 0.51])).all()
