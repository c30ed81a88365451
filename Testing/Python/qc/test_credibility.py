"""What is discounted: apparent scaling and the position of thick slices, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from qc.support import believed, turned

from RegQCLib.qc.credibility import (
    POSITION_SLACK,
    STRAIN_SLACK,
    credible_displacement,
    credible_motion,
)
from RegQCLib.qc.evidence import affine_displacement, empty_evidence
from RegQCLib.qc.planes import Frame

ROTATION = np.array([[0, -0.04, 0.02], [0.04, 0, -0.03], [-0.02, 0.03, 0]])
SHIFT = np.array([[2.0], [-1.0], [0.4]])


def test_rotation_and_translation_are_believed():
    motion = np.concatenate([ROTATION, SHIFT], axis=1)
    np.testing.assert_allclose(credible_motion(motion), motion, atol=1e-12)


@pytest.mark.parametrize("axes", [np.eye(3), turned(40)])
def test_principal_strains_lose_the_slack(axes):
    strains = np.array([0.05, -0.02, 0.01])
    wanted = np.array([0.05 - STRAIN_SLACK, -0.02 + STRAIN_SLACK, 0])
    motion = np.concatenate([ROTATION + axes @ np.diag(strains) @ axes.T, SHIFT], axis=1)
    found = credible_motion(motion)
    np.testing.assert_allclose(found[:, :3], ROTATION + axes @ np.diag(wanted) @ axes.T, atol=1e-12)
    np.testing.assert_array_equal(found[:, 3:], SHIFT)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 1.0, 0.8), (1.0, 1.2, 4.0)])
def test_thick_slices_hide_some_motion_across_them(spacing):
    frame = Frame((0, 0, 0), (20, 30, 24), spacing, 1.0)
    evidence = empty_evidence(frame)
    rng = np.random.default_rng(0)
    local = rng.normal(0, 2, (3, *evidence.shape))
    still = np.zeros((3, 4))
    found = credible_displacement(local, evidence, still, frame)
    np.testing.assert_allclose(found, believed(local, spacing), atol=1e-12)
    assert POSITION_SLACK == 0.1
    assert (np.abs(found) <= np.abs(local) + 1e-12).all()


def test_scaling_goes_and_local_motion_stays():
    frame = Frame((0, 0, 0), (40, 40, 40), (1.0, 1.0, 1.0), 1.0)
    evidence = empty_evidence(frame)
    motion = np.concatenate([0.01 * np.eye(3), SHIFT], axis=1)
    local = np.random.default_rng(1).normal(0, 1, (3, *evidence.shape))
    whole = affine_displacement(evidence, motion) + local
    found = credible_displacement(whole, evidence, motion, frame)
    np.testing.assert_allclose(found, SHIFT.reshape(3, 1, 1, 1) + local, atol=1e-12)
