"""Deformable registration of small phantoms whose warp is known."""

from __future__ import annotations

import numpy as np
import pytest
from registration.iterative.deformable_support import body_points, error, pair

from RegQCLib.registration.iterative.deformable import register_deformable


@pytest.mark.parametrize(
    ("inverted", "allowed_mm"), [(False, 0.5), (True, 1.0)], ids=["one contrast", "two contrasts"]
)
def test_a_smooth_warp_is_found(inverted, allowed_mm):
    fixed, moving, warp = pair(inverted=inverted)
    result = register_deformable(fixed, moving)
    assert error(result, warp, fixed) < allowed_mm
    points = body_points(fixed)
    back = result.inverse.apply(result.transform.apply(points))
    assert np.linalg.norm(back - points, axis=1).mean() < 0.1
    assert result.folded_fraction == 0


def test_two_slices_are_registered_in_their_plane():
    fixed, moving, warp = pair((1, 64, 64))
    result = register_deformable(fixed, moving)
    assert error(result, warp, fixed) < 0.5
    points = body_points(fixed)
    assert (result.transform.apply(points)[:, 2] == points[:, 2]).all()
