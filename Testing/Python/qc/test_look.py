"""Looking again: far moves are measured after the moved image was brought nearer."""

from __future__ import annotations

import numpy as np
import pytest
from qc.support import BlockMatchingEngine, grid_around_origin, picture, turned

from RegQCLib.geometry.transforms import Affine
from RegQCLib.qc.evidence import affine_at, lattice_middle
from RegQCLib.qc.look import look, motion_transform
from RegQCLib.qc.prepare import prepare_pair

GRIDS = {
    "oblique": grid_around_origin((60, 66, 70), (1.2, 1.3, 1.1), direction=turned(mirrored=True)),
    "stack": grid_around_origin((18, 80, 72), (1.0, 1.0, 4.0)),
}
MATRIX = np.array([[0.99, 0.02, 0, 3.0], [-0.02, 1.0, 0.01, -4.0], [0, 0, 1.01, 1.0], [0, 0, 0, 1]])


@pytest.mark.parametrize("name", GRIDS)
def test_motion_of_the_frame_is_the_motion_of_world_points(name):
    fixed = picture(GRIDS[name])
    pair = prepare_pair(fixed, fixed)
    frame = pair.frame
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(3, 4)) * (0.02, 0.02, 0.02, 3.0)
    transform = motion_transform(motion, frame, pair)
    indices = rng.uniform(0, 40, (50, 3))  # (k, j, i)
    along = (indices - frame.start) * frame.spacing - lattice_middle(frame)
    moved = indices + affine_at(motion, along.T).T / frame.spacing
    found = transform.apply(fixed.grid.to_world(indices[:, ::-1]))
    np.testing.assert_allclose(found, fixed.grid.to_world(moved[:, ::-1]), atol=1e-9)


@pytest.mark.parametrize("name", GRIDS)
def test_the_moved_image_is_brought_back(name):
    fixed = picture(GRIDS[name])
    transform = Affine(MATRIX)
    pair = prepare_pair(fixed, fixed, transform)
    back = pair.moved_gray_after(transform.inverse())
    inside = pair.body_box
    still = prepare_pair(fixed, fixed)
    whole = np.zeros(fixed.shape, dtype=np.float32)
    whole[still.frame.box] = still.moved_gray
    gap = np.abs(back - whole[pair.frame.box])[inside]
    assert np.median(gap) < 0.02


@pytest.mark.parametrize(("shift_mm", "again"), [(1.0, False), (7.0, True)])
def test_far_moves_are_looked_at_again(shift_mm, again):
    fixed = picture(grid_around_origin((60, 66, 70), (1.0, 1.0, 1.0)))
    matrix = np.eye(4)
    matrix[1, 3] = shift_mm
    pair = prepare_pair(fixed, fixed, Affine(matrix))
    heard: list[float] = []
    seen = look(pair, BlockMatchingEngine(), progress=lambda _, share: heard.append(share))
    assert heard == sorted(heard)
    assert seen.came_nearer == again
    length = np.linalg.norm(seen.displacement, axis=0)[seen.body > 0.4]
    assert length.mean() == pytest.approx(shift_mm, abs=0.4)
    # the moved image has to go back, along the array axis of A
    assert seen.motion[1, 3] == pytest.approx(-shift_mm, abs=0.4)
