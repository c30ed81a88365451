"""Gradient fields against the NumPy measure, and at the border of a mask."""

import numpy as np
import pytest
import torch

from RegQCLib.errors import InputError
from RegQCLib.similarity import ngf as arrays
from RegQCLib.similarity.losses.ngf import ngf, ngf_map

SPACING = (0.7, 1.3, 3.0)


@pytest.fixture
def pair():
    return np.random.default_rng(1).normal(size=(2, 5, 6, 7))


def tensors(*images):
    return [torch.from_numpy(image)[None, None] for image in images]


@pytest.mark.parametrize("epsilon", [None, (0.0, 0.0), (0.4, 2.0)])
def test_it_is_the_numpy_measure(pair, epsilon):
    result = ngf_map(*tensors(*pair), spacing=SPACING, epsilon=epsilon)[0, 0]
    expected = arrays.ngf_map(*pair, SPACING, epsilon=epsilon)
    assert result.numpy() == pytest.approx(expected, abs=1e-12)
    mean = ngf(*tensors(*pair), spacing=SPACING, epsilon=epsilon).item()
    assert mean == pytest.approx(expected.mean())


def test_one_slice_is_the_same_in_two_and_in_three_axes(pair):
    flat = pair[:, :1]
    in_plane = ngf(*tensors(*flat[:, 0]), spacing=SPACING[:2]).item()
    assert in_plane == pytest.approx(ngf(*tensors(*flat), spacing=SPACING).item())
    assert in_plane == pytest.approx(arrays.ngf_distance(*flat, SPACING))


def test_a_mask_cuts_as_the_border_of_a_smaller_image_does(pair):
    mask = np.zeros(pair[0].shape, dtype=bool)
    box = (slice(1, 4), slice(2, 6), slice(0, 5))
    mask[box] = True
    result = ngf(*tensors(*pair), weights=tensors(mask)[0], spacing=SPACING).item()
    assert result == pytest.approx(arrays.ngf_distance(*pair[(slice(None), *box)], SPACING))


def test_a_voxel_without_neighbors_has_no_edge(pair):
    mask = torch.zeros(1, 1, *pair[0].shape, dtype=torch.bool)
    mask[0, 0, 2, 3, 4] = True
    assert ngf(*tensors(*pair), weights=mask).item() == 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.0, 1.0)])
def test_spacings_that_do_not_fit_are_refused(pair, spacing):
    with pytest.raises(InputError, match="3 positive numbers"):
        ngf(*tensors(*pair), spacing=spacing)
