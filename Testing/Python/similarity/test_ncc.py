"""Correlation against NumPy's own."""

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.similarity.ncc import ncc


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    first = rng.normal(size=(5, 6, 7))
    return first, 0.4 * first + rng.normal(size=first.shape) + 1000


def test_it_is_pearsons_coefficient_inside_the_mask(images):
    first, second = images
    mask = np.zeros(first.shape, dtype=bool)
    mask[1:4, 2:, :5] = True
    expected = np.corrcoef(first[mask], second[mask])[0, 1]
    assert ncc(first, second, mask) == pytest.approx(expected, abs=1e-12)
    assert ncc(first, second) != pytest.approx(expected, abs=1e-3)


def test_scale_and_offset_change_nothing_but_the_sign(images):
    first, second = images
    assert ncc(first, -3 * first + 2) == pytest.approx(-1)
    assert ncc(first, 5 * second - 7) == pytest.approx(ncc(first, second))


def test_a_constant_image_correlates_with_nothing(images):
    assert ncc(images[0], np.full(images[0].shape, 4.0)) == 0


def test_values_outside_the_mask_may_be_anything(images):
    first, second = images
    mask = np.ones(first.shape, dtype=bool)
    mask[0, 0, 0] = False
    before = ncc(first, second, mask)
    first[0, 0, 0] = np.nan
    assert ncc(first, second, mask) == before


@pytest.mark.parametrize(
    ("second", "mask", "reason"),
    [
        (np.zeros((2, 3, 5)), None, "share one grid"),
        (np.zeros((2, 3, 4)), np.zeros((2, 3, 4), dtype=bool), "selects no voxel"),
        (np.zeros((2, 3, 4)), np.ones((2, 3, 3), dtype=bool), "the mask has shape"),
        (np.full((2, 3, 4), np.inf), None, "not finite"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(second, mask, reason):
    with pytest.raises(InputError, match=reason):
        ncc(np.zeros((2, 3, 4)), second, mask)
