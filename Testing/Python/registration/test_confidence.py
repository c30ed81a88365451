"""Confidence in resampled slices, against numbers worked out by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.confidence import leaves_gaps, slice_confidence, voxel_along


def test_confidence_falls_linearly_from_acquired_slices():
    thick = Grid((4, 6, 6), np.diag([1.0, 1.0, 5.0, 1.0]))
    fine = Grid((19, 6, 6), np.diag([1.0, 1.0, 1.0, 1.0]))
    found = slice_confidence(thick, fine)
    expected = np.zeros(19)
    expected[[0, 5, 10, 15]] = 1
    np.testing.assert_allclose(found[:, 2, 3], expected, atol=1e-6)
    shifted = np.eye(4)
    shifted[2, 3] = 0.25
    found = slice_confidence(thick, fine, Affine(shifted))
    np.testing.assert_allclose(found[4:7, 2, 3], [0.25, 0.75, 0], atol=1e-6)
    assert (slice_confidence(fine, fine) == 1).all()
    assert (slice_confidence(fine, Grid((4, 6, 9), np.eye(4)))[..., 6:] == 0).all()


def test_parallel_stacks_leave_no_gaps_and_crossing_ones_do():
    axial = Grid((6, 20, 20), np.diag([1.0, 1.0, 5.0, 1.0]))
    affine = axial.affine.copy()
    affine[2, 3] = 2.5
    shifted = Grid((6, 20, 20), affine)
    sagittal = Grid((20, 20, 6), np.diag([5.0, 1.0, 1.0, 1.0]))
    assert not leaves_gaps(shifted, axial)
    assert slice_confidence(shifted, axial)[1:].min() == 1
    assert leaves_gaps(sagittal, axial)
    found = slice_confidence(sagittal, axial)[2, 3]
    np.testing.assert_allclose(found, [1, 0, 0, 0, 0] * 4, atol=1e-6)
    assert not leaves_gaps(Grid((1, 20, 20), axial.affine), sagittal)


@given(st.floats(-180, 180), st.floats(0.5, 3))
def test_a_voxel_reaches_along_a_direction_as_its_corners_do(angle, thick):
    turn = np.deg2rad(angle)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([1, thick, 2])
    corners = np.array(list(product((0, 1), repeat=3))) @ affine[:3, :3].T
    direction = np.array([0.6, 0.0, 0.8])
    found = voxel_along(Grid((2, 2, 2), affine), direction)
    assert found == pytest.approx(np.ptp(corners @ direction))
