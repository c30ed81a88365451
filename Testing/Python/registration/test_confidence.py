"""Confidence in resampled slices, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.confidence import slice_confidence


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
