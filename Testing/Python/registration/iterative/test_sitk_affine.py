"""The refinement by SimpleITK: against exact truths, and against the torch engine."""

from __future__ import annotations

import numpy as np
import pytest
from registration.iterative.affine_support import T1, T2, error_mm, grid, head

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine import register_affine
from RegQCLib.registration.iterative.affine_pair import prepare
from RegQCLib.registration.iterative.affine_parameters import KINDS
from RegQCLib.registration.iterative.sitk_affine import ItkRefinement

TRUTHS = {
    "rigid": Affine.rigid((5, -6, 8), (6, -5, 4)),
    "similarity": Affine.from_parameters(
        rotation_deg=(5, -6, 8), translation_mm=(6, -5, 4), scale=(1.05, 1.05, 1.05)
    ),
    "affine": Affine.from_parameters(
        rotation_deg=(5, -6, 8), translation_mm=(6, -5, 4), scale=(1.05, 0.96, 1.02)
    ),
}
CLOSE_MM = 0.8  # a fifth of a voxel


def images(truth, look=T2):
    fixed = head(grid(center=truth.inverse().apply((0, 0, 0))), T1, truth)
    return fixed, head(grid(angles=(0, 10, 0)), look, seed=1)


@pytest.mark.parametrize("kind", KINDS)
def test_both_engines_agree(kind):
    pair, truth = images(TRUTHS[kind]), TRUTHS[kind]
    torch, itk = (
        register_affine(*pair, kind=kind, init=Affine.identity(), engine=engine)
        for engine in ("torch", "SimpleITK")
    )
    assert itk.engine == "SimpleITK"
    assert itk.note == ""
    assert itk.converged
    assert error_mm(itk.transform, truth) < CLOSE_MM
    assert error_mm(itk.transform, torch.transform) < CLOSE_MM
    assert itk.value_end < itk.value_start
    assert itk.overlap == pytest.approx(torch.overlap, abs=0.02)


def test_one_contrast_has_a_simpler_measure():
    truth = TRUTHS["rigid"]
    found = register_affine(
        *images(truth, T1),
        kind="rigid",
        init=Affine.identity(),
        engine="SimpleITK",
        measure="ncc",
    )
    assert error_mm(found.transform, truth) < CLOSE_MM


def test_slices_move_within_their_plane():
    truth = Affine.rigid((0, 0, 12), (8, -6, 0))
    flat = grid((1, 70, 70), (2.5, 2.5, 2.5))
    found = register_affine(
        head(flat, T1, truth), head(flat, T2, seed=1), kind="rigid", engine="SimpleITK"
    )
    points = np.random.default_rng(0).uniform(-40, 40, (200, 3)) * [1, 1, 0]
    assert error_mm(found.transform, truth, points) < 0.5
    np.testing.assert_allclose(found.transform.apply(points)[:, 2], 0, atol=1e-9)


def refinement(measure="mi", moving_mask=None):
    fixed, moving = images(TRUTHS["rigid"])
    mask = None if moving_mask is None else Volume(moving_mask(moving), moving.affine)
    pair = prepare(fixed, moving, kind="rigid", fixed_mask=None, moving_mask=mask, seed=0)
    return ItkRefinement(pair, measure, "")


def test_images_apart_have_no_value():
    itk = refinement()
    size = itk.pair.sizes_mm[0]
    near, away = np.zeros(6), np.array([900.0, 0, 0, 0, 0, 0])
    assert itk.value(size, 5000, near) < 0
    assert itk.value(size, 5000, away) is None
    stayed, level = itk.refine(size, 5000, away)
    np.testing.assert_array_equal(stayed, away)
    assert level.overlap == 0


def test_a_moving_mask_leaves_points_without_partner():
    def upper(moving):
        return (moving.grid.points()[..., 2] > 0).astype(np.uint8)

    start = np.zeros(6)
    whole, half = refinement(), refinement(moving_mask=upper)
    size = whole.pair.sizes_mm[0]
    shares = [itk.refine(size, 5000, start)[1].overlap for itk in (whole, half)]
    assert shares[0] > 0.9
    assert 0.3 < shares[1] < 0.6


def test_the_measure_has_to_be_one_of_its_own():
    with pytest.raises(InputError, match="without torch there is no measure 'nmi'"):
        refinement("nmi")
