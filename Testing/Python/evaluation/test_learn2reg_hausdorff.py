"""Area-weighted HD95: closed forms, and that areas, not counts, decide."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.support import ball

from RegQCLib.evaluation import learn2reg_hausdorff
from RegQCLib.evaluation.learn2reg_hausdorff import WEIGHTS, cube_areas, hausdorff_95

SHAPE = (24, 26, 28)


def total_area(mask: np.ndarray) -> float:
    """By adding up the cubes of eight voxels one by one."""
    padded = np.pad(mask, 1)
    return sum(
        cube_areas()[int(WEIGHTS[padded[tuple(slice(n, n + 2) for n in place)]].sum())]
        for place in np.ndindex(*(n + 1 for n in mask.shape))
    )


def test_area_of_a_box():
    # Faces are cut back by half a voxel along each edge, edges and corners are chamfered.
    a, b, c = 4, 5, 6
    box = np.ones((a, b, c), bool)
    faces = 2 * ((a - 1) * (b - 1) + (b - 1) * (c - 1) + (a - 1) * (c - 1))
    edges = 4 * ((a - 1) + (b - 1) + (c - 1)) * np.sqrt(0.5)
    corners = 8 * np.sqrt(3) / 8
    assert total_area(box) == pytest.approx(faces + edges + corners)


def test_area_of_a_ball_and_of_a_hole():
    inside = ball(9, (12, 12, 12), (25, 25, 25))
    sphere = 4 * np.pi * 9**2
    assert total_area(inside) == pytest.approx(sphere, rel=0.1)
    walls = total_area(np.ones_like(inside))
    assert total_area(~inside) == pytest.approx(walls + total_area(inside), rel=1e-9)


@pytest.mark.parametrize("axis", range(3))
def test_shifted_boxes(axis):
    a, b = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    box = [slice(4, 14)] * 3
    a[tuple(box)] = True
    box[axis] = slice(9, 19)
    b[tuple(box)] = True
    assert hausdorff_95(a, b) == hausdorff_95(b, a) == 5


def test_the_worse_direction_counts():
    a = ball(4, (6, 6, 6), SHAPE)
    b = a | ball(4, (17, 19, 21), SHAPE)  # a lies on b, half of b is far from a
    assert hausdorff_95(a, a) == 0
    assert hausdorff_95(a, b) == hausdorff_95(b, a) > 10


def test_areas_and_not_counts_decide(monkeypatch):
    a = ball(8, (11, 12, 13), SHAPE)
    dust = np.zeros(SHAPE, bool)
    dust[0:4:2, 0:14:2, 0] = True  # single voxels: eight corners each, but little area
    b = a | dust
    weighted = hausdorff_95(a, b)
    monkeypatch.setattr(learn2reg_hausdorff, "cube_areas", lambda: np.r_[0.0, np.ones(254), 0.0])
    assert weighted == 0
    assert hausdorff_95(a, b) > 5


def test_the_edge_of_the_array_is_no_wall():
    full = np.ones((5, 6, 7), bool)
    inner = full.copy()
    inner[0] = False
    assert hausdorff_95(full, inner) == 1


def test_an_empty_mask_is_infinitely_far():
    full, empty = np.ones((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    assert hausdorff_95(full, empty) == hausdorff_95(empty, full) == np.inf
